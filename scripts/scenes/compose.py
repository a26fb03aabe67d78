"""Scenes to pixels.

python scripts/scenes/compose.py --data DIR --out sheet.png      a sheet of random scenes
"""

import argparse
from pathlib import Path

import numpy as np

from catalogue import CELL, SIZES, Catalogue
from scene import KINDS, Sampler
from words import BACKGROUNDS, PLACES

SIDE = 128


def blend(canvas, sprite, x, y):
    """Lay RGBA [S, S, 4] over a canvas [H, W, 3] of uint8, cut off at its edges."""
    height, width = canvas.shape[:2]
    top, left = max(0, y), max(0, x)
    bottom, right = min(height, y + len(sprite)), min(width, x + len(sprite))
    if bottom <= top or right <= left:
        return
    part = sprite[top - y : bottom - y, left - x : right - x]
    alpha = part[..., 3:].astype(np.uint16)
    under = canvas[top:bottom, left:right]
    mixed = part[..., :3] * alpha + under * (255 - alpha) + 127
    canvas[top:bottom, left:right] = mixed // 255


def background(scene):
    canvas = np.full((SIDE, SIDE, 3), 255, np.uint8)
    if scene.background in BACKGROUNDS:
        canvas[:] = BACKGROUNDS[scene.background]
    elif scene.background in PLACES:
        canvas[: scene.horizon], canvas[scene.horizon :] = PLACES[scene.background]
    return canvas


def picture(scene, catalogue):
    """uint8 [128, 128, 3]. What stands on something is drawn after it."""
    canvas = background(scene)
    for thing in reversed(scene.things):
        blend(canvas, catalogue.pixels[thing.size][thing.sprite], thing.x, thing.y)
    return canvas


def collage(catalogue, rng, side=64):
    """uint8 [side, side, 3] full of drawings: what the image tokenizer has to learn from, without the
    empty ground that makes up most of a scene. On the grid, as in scenes."""
    colours = [(255, 255, 255)] * len(BACKGROUNDS) + list(BACKGROUNDS.values())
    colours += [colour for place in PLACES.values() for colour in place]
    canvas = np.empty((side, side, 3), np.uint8)
    canvas[:] = colours[rng.integers(len(colours))]
    for _ in range(int(rng.integers(1, 4))):
        size = SIZES[rng.choice(len(SIZES), p=[0.35, 0.3, 0.2, 0.15])]
        x, y = (
            int(rng.integers(-size // CELL // 2, side // CELL - size // CELL // 2 + 1)) * CELL
            for _ in "xy"
        )
        blend(canvas, catalogue.pixels[size][rng.integers(len(catalogue.sprites))], x, y)
    return canvas


def main():
    from PIL import Image, ImageDraw

    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--each", type=int, default=6)
    parser.add_argument("--held", action="store_true")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    catalogue = Catalogue(options.data)
    kinds = list(KINDS)
    sheet = Image.new("RGB", (options.each * 210, len(kinds) * 150), "white")
    pen = ImageDraw.Draw(sheet)
    for row, kind in enumerate(kinds):
        sampler = Sampler(catalogue, [options.seed, row], options.held, {kind: 1.0})
        for column in range(options.each):
            scene = sampler.sample()
            at = column * 210, row * 150
            sheet.paste(Image.fromarray(picture(scene, catalogue)), at)
            pen.text((at[0], at[1] + 129), scene.caption[:38], fill="black")
    sheet.save(options.out)


if __name__ == "__main__":
    main()
