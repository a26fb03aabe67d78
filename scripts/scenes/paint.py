"""Name the colours of the drawings and paint copies in every other colour.

python scripts/scenes/paint.py --data DIR

Reads what sprites.mjs wrote, writes `sprites_S.bin` (uint8 RGBA, [sprites, S, S, 4]) for each size S and
`sprites.json`: {object, style, variant, colour, painted} of each. What has one dominant hue gets it turned;
what is grey gets tinted; what is gaudy stays as it is.
"""

import argparse
import json
import multiprocessing
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "data"))

from recolour import PAINTS, WINDOW, distance, dominant_hue, name_of, to_hsv, to_rgb

SIZES = [40, 56, 72, 104]
# Hue turned to, factor on saturation, and value v to offset + slope * v.
COLOURS = {name: (hue, s, 0.0, v) for name, (hue, s, v) in PAINTS.items()}
COLOURS |= {
    "brown": (24, 0.8, 0.08, 0.55),
    "black": (220, 0.12, 0.04, 0.26),
    "white": (220, 0.06, 0.76, 0.24),
    "grey": (220, 0.06, 0.3, 0.36),
}
KEPT = set("rainbow,earth,baby,boy,girl,man,woman,puzzle,clown,palette".split(","))


def straight(rgba):
    """resvg's colours are multiplied by their alpha; these are not."""
    alpha = rgba[..., 3:].astype(np.float32)
    rgb = rgba[..., :3] * (255 / np.maximum(alpha, 1))
    return np.concatenate([rgb.clip(0, 255).astype(np.uint8), rgba[..., 3:]], -1)


def hue_of(rgb):
    """(kind, hue, colour word) of opaque pixels [n, 3]; kind is hue, dull or None for gaudy."""
    hue, saturation, value = to_hsv(rgb)
    found = dominant_hue(hue, saturation, value)
    if found and found[1] > 0.35:
        word = name_of(found[0], found[2], found[3]) if found[1] > 0.45 else None
        return "hue", found[0], word
    dull = saturation < 0.3
    if dull.mean() > 0.6:
        brightness = np.median(value[dull])
        return "dull", 0, "black" if brightness < 0.35 else "grey" if brightness < 0.82 else "white"
    return None, 0, None


def paint(rgba, kind, hue, colour):
    """RGBA [S, S, 4] in another colour."""
    target, factor, offset, slope = COLOURS[colour]
    own, saturation, value = to_hsv(rgba[..., :3])
    if kind == "hue":
        near = (distance(own, hue) < WINDOW + 10) & (saturation > 0.08)
        turned = (own + target - hue) % 360
        new_saturation = saturation * factor
    else:
        near = (saturation < 0.3) & (value > 0.12)
        turned = np.full_like(own, target)
        new_saturation = np.full_like(own, min(1, 0.68 * factor))
    if colour in ("brown", "black", "white", "grey"):
        turned = np.full_like(own, target)
    if kind == "dull" and colour == "black":
        value = value * 0.8
    turned = np.where(near, turned, own)
    saturation = np.where(near, new_saturation, saturation).clip(0, 1)
    value = np.where(near, offset + slope * value, value).clip(0, 1)
    return np.concatenate([to_rgb(turned, saturation, value), rgba[..., 3:]], -1)


def painted(job):
    """The bytes of a sprite, in another colour if it has a kind."""
    sprite, kind, hue, colour = job
    return (paint(sprite, kind, hue, colour) if kind else sprite).tobytes()


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    options = parser.parse_args()
    objects = json.load(open(options.data / "objects.json"))
    drawings = [json.loads(line) for line in open(options.data / "drawings.jsonl")]
    pixels = {
        size: straight(
            np.fromfile(options.data / f"drawings_{size}.bin", np.uint8).reshape(-1, size, size, 4)
        )
        for size in SIZES
    }
    sprites, jobs = [], []
    for index, drawing in enumerate(drawings):
        middle = pixels[72][index]
        kind, hue, word = hue_of(middle[middle[..., 3] > 200][:, :3])
        facts = {key: drawing[key] for key in ("object", "style", "variant")}
        sprites.append({**facts, "colour": word, "painted": False})
        jobs.append((index, None, 0, None))
        if kind is None or objects[drawing["object"]]["name"] in KEPT:
            continue
        for colour in COLOURS:
            if colour != word and not (kind == "dull" and colour in ("white", "grey")):
                sprites.append({**facts, "colour": colour, "painted": True})
                jobs.append((index, kind, hue, colour))
    for size in SIZES:
        sprites_of_size = [(pixels[size][index], *how) for index, *how in jobs]
        with (
            multiprocessing.Pool() as pool,
            open(options.data / f"sprites_{size}.bin", "wb") as file,
        ):
            for sprite in pool.imap(painted, sprites_of_size, chunksize=64):
                file.write(sprite)
    (options.data / "sprites.json").write_text(json.dumps(sprites))
    named = sum(s["colour"] is not None and not s["painted"] for s in sprites)
    print(f"{len(drawings)} drawings, {named} with a colour word, {len(sprites)} sprites")


if __name__ == "__main__":
    main()
