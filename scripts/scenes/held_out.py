"""Choose what training never sees together: pairs of objects, and an object in a colour.

python scripts/scenes/held_out.py --data DIR      writes held_out.json, once

Both halves of a combination are common on their own, so a model that composes draws it all the same.
"""

import argparse
import itertools
import json
from pathlib import Path

import numpy as np

PAIRS = 240
COLOURS = "red orange yellow green blue purple pink black white".split()


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    options = parser.parse_args()
    rng = np.random.default_rng(2510)
    objects = json.load(open(options.data / "objects.json"))
    sprites = json.load(open(options.data / "sprites.json"))
    common = [i for i, thing in enumerate(objects) if thing["common"]]
    pairs = list(itertools.combinations(common, 2))
    chosen = sorted(rng.choice(len(pairs), PAIRS, replace=False).tolist())
    names = [[objects[a]["name"], objects[b]["name"]] for a, b in (pairs[i] for i in chosen)]
    colours = []
    for i in common:
        painted = {s["colour"] for s in sprites if s["object"] == i and s["painted"]}
        natural = {s["colour"] for s in sprites if s["object"] == i and not s["painted"]}
        possible = [c for c in COLOURS if c in painted and c not in natural]
        if possible:
            colours.append([objects[i]["name"], possible[rng.integers(len(possible))]])
    path = Path(__file__).resolve().parent / "held_out.json"
    lines = lambda rows: ",\n".join(f"    {json.dumps(row)}" for row in rows)
    path.write_text(
        f'{{\n  "pairs": [\n{lines(names)}\n  ],\n  "colours": [\n{lines(colours)}\n  ]\n}}\n'
    )
    print(f"{len(names)} pairs, {len(colours)} colours")


if __name__ == "__main__":
    main()
