"""Does the model listen? Validation loss, and how often the true caption explains an image best.

python scripts/train/evaluate.py --checkpoint training/finetuned/ema.pt

For images of a validation split, the log-likelihood under the true caption is compared with that under
captions of other images of the split. Guessing gives 1 / captions.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import torch

import precision
from dataset import RESTYLED, UNSEEN, Drawings, Prompts
from objective import sequence_loss
from sample import load_model


@torch.no_grad()
def losses(model, prompts, tokens):
    """Mean loss [B] of images given prompts."""
    found = []
    for part, target in zip(prompts.split(32), tokens.split(32)):
        with precision.mixed():
            inputs = model.image_embedding(target[:, :-1])
            found.append(sequence_loss(model, model, part, inputs, target)[0].mean(1))
    return torch.cat(found)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--checkpoint", type=Path, default=Path("training/finetuned/ema.pt"))
    parser.add_argument("--data", type=Path, default=Path("training/data"))
    parser.add_argument("--images", type=int, default=64, help="images per split")
    parser.add_argument("--captions", type=int, default=8, help="captions to choose from")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    model = load_model(options.checkpoint)
    prompts = Prompts(options.data / "tokenizer.json", model.config.prompt)
    data = Drawings(options.data, prompts)
    rng = np.random.default_rng(1)
    for name, split in (("restyled", RESTYLED), ("unseen", UNSEEN)):
        texts, tokens = data.validation(split, options.images)
        true = losses(model, texts, tokens)
        nothing = losses(model, prompts.encode([None] * len(texts)), tokens)
        best = torch.full_like(true, torch.inf)
        for _ in range(options.captions - 1):
            shift = int(rng.integers(1, len(texts)))
            best = torch.minimum(best, losses(model, texts.roll(shift, 0), tokens))
        result = {
            "split": name,
            "images": len(texts),
            "loss": round(true.mean().item(), 4),
            "loss_no_caption": round(nothing.mean().item(), 4),
            "nats_saved_per_image": round((nothing - true).mean().item() * tokens.shape[1], 2),
            "caption_found": round((true < best).float().mean().item(), 3),
            "by_chance": round(1 / options.captions, 3),
        }
        print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main()
