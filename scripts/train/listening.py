"""Does the model listen? What its caption is worth to a drawing it was trained on.

python scripts/train/listening.py --checkpoint training/finetuned/ema.pt

Prints the negative log-likelihood, in nats per image, of ten training drawings of the default style
with their caption, without one, and with another's; with the tokens so far as inputs, and blind
(every input pure noise), where the caption is all there is.
"""

import argparse
from pathlib import Path

import numpy as np
import torch

from captions import STYLES
from dataset import TRAIN, Drawings, Prompts
from noise import Levels, noisy_inputs
from objective import sequence_loss
from sample import load_model
from tokenize_pictures import VERSIONS

CAPTIONS = {
    "star": "yellow star",
    "house": "house",
    "pizza": "slice pizza",
    "red apple": "red apple",
    "cat face": "cat",
    "automobile": "red car",
    "rocket": "rocket",
    "deciduous tree": "green tree",
    "red heart": "red heart",
    "slightly smiling face": "smiling face",
}


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--checkpoint", type=Path, default=Path("training/finetuned/ema.pt"))
    parser.add_argument("--data", type=Path, default=Path("training/data"))
    return parser.parse_args()


def drawings_of(data, style):
    """(caption, index) of the plain drawing of every concept above that is in the training split."""
    ids = {concept["label"]: key for key, concept in data.concepts.items()}
    of_style = (data.style == STYLES.index(style)) & (data.version == VERSIONS.index("plain"))
    for label, caption in CAPTIONS.items():
        found = np.flatnonzero(of_style & (data.concept == ids[label]) & (data.split == TRAIN))
        if len(found):
            yield caption, found[0]


@torch.no_grad()
def main():
    options = parse()
    torch.manual_seed(7)
    model, levels = load_model(options.checkpoint), Levels()
    prompts = Prompts(options.data / "tokenizer.json", model.config.prompt)
    data = Drawings(options.data, prompts)
    captions, indices = zip(*drawings_of(data, "twemoji"))
    tokens = torch.from_numpy(data.tokens[list(indices)].astype(np.int64))
    asked = {
        "own caption": captions,
        "no caption": [None] * len(captions),
        "another's": captions[1:] + captions[:1],
    }
    print(f"{len(captions)} drawings; nats per image")
    for name, texts in asked.items():
        means = []
        for level in (0, levels.count):
            inputs = noisy_inputs(
                model, tokens[:, :-1], torch.full_like(tokens[:, 1:], level), levels
            )
            loss, _, _ = sequence_loss(model, model, prompts.encode(texts), inputs, tokens)
            means.append(loss.sum(1).mean().item())
        print(f"{name:12s} seeing {means[0]:5.0f}   blind {means[1]:5.0f}")


if __name__ == "__main__":
    main()
