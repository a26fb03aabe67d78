"""Turn every picture into image tokens and choose the two validation splits.

python scripts/train/tokenize_pictures.py --data training/data --tokenizer training/image_tokenizer

`unseen` holds concepts left out in all styles: it tells how new compositions will fare. `restyled`
holds (concept, style) pairs of concepts that are known in other styles: training stops by it,
because what people ask for is mostly known concepts.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import torch

from captions import NAMES, STYLES
from image_tokenizer import ImageTokenizer

VERSIONS = ["plain", "moved", "mirrored", "moved2", "painted"]


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path("training/data"))
    parser.add_argument("--tokenizer", type=Path, default=Path("training/image_tokenizer"))
    parser.add_argument("--unseen", type=int, default=30, help="concepts left out")
    parser.add_argument("--restyled", type=int, default=120, help="(concept, style) pairs left out")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


def load_tokenizer(folder):
    state = torch.load(folder / "tokenizer.pt", weights_only=True)
    config = state["config"]
    # Tokenizers of before have two widths under names of their own.
    widths = config.get("widths", [config.get("coarse", 96), config.get("fine", 48)])
    model = ImageTokenizer(config["codes"], config["code_width"], widths)
    model.load_state_dict(state["model"])
    return model.eval()


def choose_splits(meta, concepts, options):
    """0 = training, 1 = unseen concept, 2 = known concept in a style held out."""
    rng = np.random.default_rng(options.seed)
    by_id = {concept["id"]: concept for concept in concepts}
    # Concepts with hand-written names are what people ask for; those stay in.
    candidates = sorted(i for i, c in by_id.items() if c["label"] not in NAMES and c["group"] > 1)
    count = min(options.unseen, len(candidates) // 8)
    unseen = set(rng.choice(candidates, count, replace=False).tolist())
    pairs = sorted({(e["concept"], e["style"]) for e in meta if e["concept"] not in unseen})
    count = min(options.restyled, len(pairs) // 8)
    restyled = {pairs[i] for i in rng.choice(len(pairs), count, replace=False)}
    return np.array(
        [
            1 if e["concept"] in unseen else 2 if (e["concept"], e["style"]) in restyled else 0
            for e in meta
        ],
        np.uint8,
    )


@torch.no_grad()
def main():
    options = parse()
    torch.set_num_threads(options.threads)
    model = load_tokenizer(options.tokenizer)
    concepts = json.load(open(options.data / "concepts.json"))
    meta = [json.loads(line) for line in open(options.data / "coloured.jsonl")]
    pictures = np.memmap(options.data / "coloured.bin", np.uint8, "r").reshape(-1, 64, 64, 3)
    tokens = np.empty((len(pictures), 256), np.uint16)
    for start in range(0, len(pictures), 256):
        chunk = torch.from_numpy(pictures[start : start + 256]).permute(0, 3, 1, 2).float()
        tokens[start : start + 256] = model.tokenize(chunk / 127.5 - 1).numpy()
        if start % 5120 == 0:
            print(f"{start} of {len(pictures)}", flush=True)
    colours = sorted({e["colour"] for e in meta if e["colour"]})
    split = choose_splits(meta, concepts, options)
    np.savez_compressed(
        options.data / "tokens.npz",
        tokens=tokens,
        concept=np.array([e["concept"] for e in meta], np.int32),
        style=np.array([STYLES.index(e["style"]) for e in meta], np.uint8),
        version=np.array([VERSIONS.index(e["version"]) for e in meta], np.uint8),
        colour=np.array([colours.index(e["colour"]) if e["colour"] else -1 for e in meta], np.int8),
        colours=np.array(colours),
        split=split,
    )
    frequency = np.bincount(tokens.ravel(), minlength=512) / tokens.size
    entropy = -(frequency * np.log2(frequency + 1e-12)).sum()
    print(f"{len(tokens)} sequences, {np.bincount(split)} per split, unigram {entropy:.2f} bits")


if __name__ == "__main__":
    main()
