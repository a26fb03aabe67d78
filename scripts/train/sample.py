"""Sample images autoregressively and put them on a contact sheet.

python scripts/train/sample.py --checkpoint training/finetuned/ema.pt --out sheet.png \\
    --each 4 "a red apple" "a blue car"
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw

from dataset import Prompts
from model import Cache, Config, Transformer
from tokenize_pictures import load_tokenizer

PROMPTS = [
    "a red apple",
    "a blue car",
    "a smiling face",
    "a cat",
    "a slice of pizza",
    "a green tree",
    "a yellow star",
    "a house",
    "a rocket",
    "a red heart",
]


def load_model(path):
    state = torch.load(path, weights_only=True)
    model = Transformer(Config(**state["config"]))
    model.load_state_dict(state["model"])
    return model.eval()


def draw(logits, temperature, top_k, generator):
    """Logits [B, V] to tokens [B] after temperature and top-k."""
    if temperature == 0:
        return logits.argmax(-1)
    values, indices = (logits / temperature).topk(top_k)
    choice = values.softmax(-1).multinomial(1, generator=generator)
    return indices.gather(1, choice)[:, 0]


@torch.no_grad()
def sample(model, prompts, unconditional, guidance, temperature=1.0, top_k=200, seed=1):
    """Prompt ids [B, P + 1] to tokens [B, N]; guidance 1 runs the conditional rows alone."""
    guided = guidance != 1
    generator = torch.Generator().manual_seed(seed * 1_000_003 + 17)
    cache, count = Cache(), model.config.rows * model.config.columns
    rows = torch.cat([prompts, unconditional.expand_as(prompts)]) if guided else prompts
    embeds = model.prompt_embeds(rows)
    tokens = []
    while True:
        logits = model(embeds, embeds.shape[1] - 1, cache)[:, -1].float()
        if guided:
            conditional, free = logits.chunk(2)
            logits = free + guidance * (conditional - free)
        tokens.append(draw(logits, temperature, top_k, generator))
        if len(tokens) == count:
            return torch.stack(tokens, 1)
        inputs = tokens[-1].repeat(2) if guided else tokens[-1]
        embeds = model.image_embedding(inputs)[:, None]


def contact_sheet(images, labels, each, size=96):
    """Images [n * each, 3, H, W] in [-1, 1], one row per label."""
    pixels = ((images + 1) * 127.5).round().byte().permute(0, 2, 3, 1).numpy()
    sheet = Image.new("RGB", (130 + each * (size + 4), len(labels) * (size + 4)), "white")
    pen = ImageDraw.Draw(sheet)
    for row, label in enumerate(labels):
        pen.text((4, row * (size + 4) + size // 2), label, fill="black")
        for column in range(each):
            picture = Image.fromarray(np.ascontiguousarray(pixels[row * each + column]))
            picture = picture.resize((size, size), Image.Resampling.NEAREST)
            sheet.paste(picture, (130 + column * (size + 4), row * (size + 4)))
    return sheet


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("prompts", nargs="*", default=PROMPTS)
    parser.add_argument("--checkpoint", type=Path, default=Path("training/finetuned/ema.pt"))
    parser.add_argument("--tokenizer", type=Path, default=Path("training/image_tokenizer"))
    parser.add_argument("--data", type=Path, default=Path("training/data"))
    parser.add_argument("--out", type=Path, default=Path("training/sheet.png"))
    parser.add_argument("--each", type=int, default=6)
    parser.add_argument("--guidance", type=float, default=3)
    parser.add_argument("--temperature", type=float, default=1)
    parser.add_argument("--top-k", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    model = load_model(options.checkpoint)
    prompts = Prompts(options.data / "tokenizer.json", model.config.prompt)
    texts = [text for text in options.prompts for _ in range(options.each)]
    tokens = sample(
        model,
        prompts.encode(texts),
        prompts.encode([None]),
        options.guidance,
        options.temperature,
        options.top_k,
        options.seed,
    )
    with torch.no_grad():
        images = load_tokenizer(options.tokenizer).image(tokens)
    contact_sheet(images, options.prompts, options.each).save(options.out)
    print(options.out)


if __name__ == "__main__":
    main()
