"""The sprites of a folder, and which combinations training may draw."""

import json
from pathlib import Path

import numpy as np

SIZES = [40, 56, 72, 104]
CELL = 8  # pixels; sprites stand on this grid, that of the image tokens
HELD_OUT = Path(__file__).resolve().parent / "held_out.json"


class Catalogue:
    def __init__(self, folder):
        self.objects = json.load(open(folder / "objects.json"))
        self.sprites = json.load(open(folder / "sprites.json"))
        self.pixels = {
            size: np.memmap(folder / f"sprites_{size}.bin", np.uint8, "r").reshape(
                -1, size, size, 4
            )
            for size in SIZES
        }
        self.index = {thing["name"]: i for i, thing in enumerate(self.objects)}
        weights = np.array([6.0 if thing["common"] else 1.0 for thing in self.objects])
        self.weights = weights / weights.sum()
        # (object, style) to {colour: sprites}; None: as it was drawn.
        self.choices = {}
        for i, sprite in enumerate(self.sprites):
            colour = sprite["colour"] if sprite["painted"] else None
            key = sprite["object"], sprite["style"]
            self.choices.setdefault(key, {}).setdefault(colour, []).append(i)
        held = json.load(open(HELD_OUT))
        known = self.index
        self.held_pairs = {
            tuple(sorted((known[a], known[b])))
            for a, b in held["pairs"]
            if a in known and b in known
        }
        self.held_colours = {(known[a], colour) for a, colour in held["colours"] if a in known}

    def is_held(self, a, b):
        return tuple(sorted((a, b))) in self.held_pairs

    def top_gap(self, sprite, size):
        """Pixels of the box above the drawing, which stands on the box's bottom."""
        rows = (self.pixels[size][sprite][..., 3] > 40).any(1)
        return int(rows.argmax())
