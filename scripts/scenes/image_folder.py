"""Single drawings with captions, as an image folder that finetune.py (and Hugging Face's imagefolder) reads.

python scripts/scenes/image_folder.py --data ~/.cache/sjd2/training/scenes --out FOLDER

24 objects by one hand in up to five colours, 32x32 pixels on white: OUT/train and OUT/validation, each with
metadata.jsonl. Validation shows (object, colour) pairs that training does not.
"""

import argparse
import json
from pathlib import Path

import numpy as np
from PIL import Image

from catalogue import SIZES, Catalogue
from compose import blend

SIDE, SPRITE, STEP = 32, 28, 4
OBJECTS = """apple banana strawberry cherry watermelon carrot mushroom pizza car bus airplane house
tree cactus flower sun moon star umbrella heart hat fish cat butterfly""".split()
COLOURS = ["red", "yellow", "green", "blue"]


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="sprites of sprites.mjs, paint.py")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--colours", nargs="*", default=COLOURS, help="besides a thing's own")
    parser.add_argument("--held-out", type=int, default=8, help="(object, colour) pairs")
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


def phrase(name, colour):
    words = name if colour is None else f"{colour} {name}"
    return f"{'an' if words[0] in 'aeiou' else 'a'} {words}"


def drawings(catalogue, colours):
    """(caption, pair, sprite): every colour by its name, and what was not painted also without one."""
    for name in OBJECTS:
        thing = catalogue.index[name]
        for index, sprite in enumerate(catalogue.sprites):
            if (sprite["object"], sprite["style"], sprite["variant"]) != (thing, "twemoji", 0):
                continue
            if sprite["painted"] and sprite["colour"] not in colours:
                continue
            pair = name, sprite["colour"]
            if sprite["colour"]:
                yield phrase(*pair), pair, index
            if not sprite["painted"]:
                yield phrase(name, None), (name, None), index


def scaled(sprite):
    """RGBA [S, S, 4] at the size of a picture here."""
    image = Image.fromarray(np.ascontiguousarray(sprite), "RGBA")
    return np.asarray(image.resize((SPRITE, SPRITE), Image.Resampling.LANCZOS))


def main():
    options = parse()
    catalogue = Catalogue(options.data)
    found = list(drawings(catalogue, options.colours))
    rng = np.random.default_rng(options.seed)
    painted = sorted({pair for _, pair, i in found if catalogue.sprites[i]["painted"]})
    held = {painted[i] for i in rng.choice(len(painted), options.held_out, replace=False)}
    shifts = range(0, SIDE - SPRITE + 1, STEP)
    lines = {"train": [], "validation": []}
    for split in lines:
        (options.out / split).mkdir(parents=True, exist_ok=True)
    for caption, pair, sprite in found:
        split = "validation" if pair in held else "train"
        small = scaled(catalogue.pixels[min(SIZES)][sprite])
        for x in shifts:
            for y in shifts:
                canvas = np.full((SIDE, SIDE, 3), 255, np.uint8)
                blend(canvas, small, x, y)
                name = f"{len(lines[split]):05}.png"
                Image.fromarray(canvas).save(options.out / split / name)
                lines[split].append({"file_name": name, "text": caption})
    for split, entries in lines.items():
        text = "".join(json.dumps(entry) + "\n" for entry in entries)
        (options.out / split / "metadata.jsonl").write_text(text, encoding="utf8")
        print(f"{len(entries)} pictures in {options.out / split}")


if __name__ == "__main__":
    main()
