"""Check the package against PyTorch and write the fixture that the engine's tests compare with.

python scripts/export/parity.py --package models/emoji --fixture test/fixtures/parity.json

The PyTorch side is the fp32 model with its weights rounded to fp16, as the package stores them.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import torch

from onnx_decoder import OnnxDecoder, session
from package import exported_weights, load_checkpoint
from dataset import Prompts
from model import Cache
from tokenize_pictures import load_tokenizer

PROMPTS = ["a red apple", "a smiling face", "a blue car"]
PROBES = [0, 1, 17, 100, 255]  # image positions whose logits go into the fixture
SHOWN = 16  # logits per probe: the first ones


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--package", type=Path, default=Path("models/emoji"))
    parser.add_argument("--checkpoint", type=Path, default=Path("training/finetuned/ema.pt"))
    parser.add_argument("--tokenizer", type=Path, default=Path("training/image_tokenizer"))
    parser.add_argument("--fixture", type=Path, default=Path("test/fixtures/parity.json"))
    return parser.parse_args()


def round_weights(model):
    """Replace the decoder's weights by their fp16 values; the embedding tables stay fp32."""
    positions = torch.from_numpy(exported_weights(model).positions())
    for module in [*model.layers, model.norm, model.head]:
        for parameter in module.parameters():
            parameter.data = parameter.data.half().float()
    model.positions = lambda: positions
    return model


def round_image_decoder(tokenizer):
    tokenizer.codebook.codes = tokenizer.codebook.codes.half().float()
    for parameter in tokenizer.decoder.parameters():
        parameter.data = parameter.data.half().float()
    return tokenizer


def greedy(model, prompt, unconditional, guidance):
    """256 greedy tokens and at each step the margin between the best and the second logit."""
    rows = torch.stack([prompt, unconditional]) if guidance != 1 else prompt[None]
    cache, embeds, tokens, margins = Cache(), model.prompt_embeds(rows), [], []
    for _ in range(model.config.rows * model.config.columns):
        logits = model(embeds, embeds.shape[1] - 1, cache)[:, -1]
        mixed = logits[1] + guidance * (logits[0] - logits[1]) if guidance != 1 else logits[0]
        best = mixed.topk(2)
        tokens.append(best.indices[0].item())
        margins.append((best.values[0] - best.values[1]).item())
        embeds = model.image_embedding.weight[tokens[-1]].expand(len(rows), 1, -1)
    return tokens, margins


def teacher_forced(decoder, prompts, tokens, width):
    """Logits [R, N, V] for given tokens, the image fed in passes of `width` positions.

    After every pass of more than one position, garbage is written behind it and taken back by naming
    the shorter past: rollback must leave no trace.
    """
    tables = decoder.tables
    prompt = tables["text_embedding"][prompts]
    length = prompt.shape[1]
    found = [decoder.run(prompt, [0] * len(prompts), length - 1)]
    image = np.repeat(tables["image_embedding"][tokens[:-1]][None], len(prompts), 0)
    for start in range(0, image.shape[1], width):
        part = image[:, start : start + width]
        past = [length + start] * len(prompts)
        if width > 1:
            decoder.run(np.random.default_rng(start).normal(size=part.shape), past)
        found.append(decoder.run(part, past))
    return np.concatenate(found, 1)


def ragged(decoder, prompts, tokens):
    """Largest difference when the second row is 5 positions ahead of the first."""
    tables = decoder.tables
    prompt = tables["text_embedding"][prompts]
    length = prompt.shape[1]
    decoder.run(prompt, [0, 0], length - 1)
    image = np.repeat(tables["image_embedding"][tokens[:-1]][None], 2, 0)
    whole = decoder.run(image[:, :20], [length, length])
    pasts = np.array([length + 3, length + 8])
    part = np.stack([image[0, 3:7], image[1, 8:12]])
    moved = decoder.run(part, pasts)
    return max(np.abs(moved[0] - whole[0, 3:7]).max(), np.abs(moved[1] - whole[1, 8:12]).max())


@torch.no_grad()
def main():
    options = parse()
    torch.manual_seed(1)
    model = round_weights(load_checkpoint(options.checkpoint)[0])
    manifest = json.load(open(options.package / "model.json"))
    prompts = Prompts(options.package / "tokenizer.json", manifest["prompt"]["length"])
    tokenizer = round_image_decoder(load_tokenizer(options.tokenizer))
    image_decoder = session(options.package / "image_decoder.onnx")
    guided, single = OnnxDecoder(options.package, 2), OnnxDecoder(options.package, 1)
    unconditional = prompts.encode([None])[0]
    errors = {"image": 0.0}
    cases = []
    for text in PROMPTS:
        prompt = prompts.encode([text])[0]
        tokens, margins = greedy(model, prompt, unconditional, 3.0)
        plain, plain_margins = greedy(model, prompt, unconditional, 1.0)
        rows = torch.stack([prompt, unconditional])
        inputs = model.image_embedding(torch.tensor(tokens[:-1])).expand(2, -1, -1)
        logits = model(torch.cat([model.prompt_embeds(rows), inputs], 1), len(prompt) - 1).numpy()
        for decoder, ids in ((single, rows[:1]), (guided, rows)):
            for width in (1, 8, 64):
                found = teacher_forced(decoder, ids.numpy(), tokens, width)
                error = np.abs(found - logits[: len(ids)]).max().item()
                name = f"rows {len(ids)}, width {width}"
                errors[name] = max(errors.get(name, 0), error)
        errors["ragged rows"] = max(
            errors.get("ragged rows", 0), ragged(guided, rows.numpy(), tokens).item()
        )
        image = tokenizer.image(torch.tensor([tokens]))[0].numpy()
        onnx_image = image_decoder.run(None, {"tokens": np.array([tokens], np.int64)})[0][0]
        errors["image"] = max(errors["image"], np.abs(image - onnx_image).max().item())
        cases.append(
            {
                "prompt": text,
                "ids": prompt.tolist(),
                "greedyGuided": tokens,
                "greedyGuidedMargins": [round(value, 4) for value in margins],
                "greedy": plain,
                "greedyMargins": [round(value, 4) for value in plain_margins],
                "logits": [
                    {
                        "position": position,
                        "conditional": logits[0, position, :SHOWN].round(5).tolist(),
                        "unconditional": logits[1, position, :SHOWN].round(5).tolist(),
                    }
                    for position in PROBES
                ],
                # Every 8th row and column of each channel.
                "pixels": image[:, 4::8, 4::8].round(4).tolist(),
            }
        )
    spread = logits.std().item()
    for name, error in errors.items():
        print(f"{name}: largest error {error:.2e}")
    print(f"standard deviation of the logits {spread:.2f}")
    assert max(errors.values()) < 2e-3, "the package does not compute what PyTorch computes"
    fixture = {
        "about": "made by scripts/export/parity.py; logits are for greedyGuided, teacher-forced",
        "decoderSha256": manifest["files"]["weights"]["sha256"],
        "unconditionalIds": unconditional.tolist(),
        "guidance": 3,
        "errors": {name: float(f"{error:.3g}") for name, error in errors.items()},
        "cases": cases,
    }
    options.fixture.parent.mkdir(parents=True, exist_ok=True)
    options.fixture.write_text(json.dumps(fixture) + "\n")
    print(f"{options.fixture}: {options.fixture.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
