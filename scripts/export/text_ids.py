"""Ids of many prompts, to compare with what @huggingface/tokenizers gives in JavaScript.

python scripts/export/text_ids.py --package models/emoji | node scripts/export/check_tokenizer.mjs
"""

import argparse
import json
import sys
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "train"))

from captions import STYLES, caption, plain_caption

ODD = [
    "",
    "  ",
    "A red  Apple!",
    "piñata",
    "café ☕",
    "rock'n'roll",
    "<uncond>",
    "the the",
    "T-Shirt",
]
ODD += ["cat\tand\ndog", "über-cool 3D car", "a slice of pizza", "日本", "İstanbul", "e\u0301clair"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--package", type=Path, default=Path("models/emoji"))
    parser.add_argument("--data", type=Path, default=Path("training/data"))
    options = parser.parse_args()
    path = options.package / "tokenizer.json"
    tokenizer = Tokenizer.from_file(str(path))
    rng = np.random.default_rng(1)
    texts = list(ODD)
    for concept in json.load(open(options.data / "concepts.json")):
        style = STYLES[rng.integers(len(STYLES))]
        texts += [plain_caption(concept, style), concept["label"]]
        texts.append(caption(concept, style, "red", rng))
    ids = [tokenizer.encode(text, add_special_tokens=False).ids for text in texts]
    json.dump({"tokenizer": str(path), "texts": texts, "ids": ids}, sys.stdout)


if __name__ == "__main__":
    main()
