"""Colours of the drawings: name them, and paint the same drawings in others.

python scripts/data/recolour.py --data training/data

Cars are red and rockets grey in every emoji set, so a model never learns what "blue" means in "a blue
car". Where one hue dominates a drawing, its colour gets a name for the captions, and copies are
painted with that hue turned to each of the others. Reads pictures.bin and pictures.jsonl, writes
coloured.bin and coloured.jsonl: the same pictures first, then the copies.
"""

import argparse
import json
from pathlib import Path

import numpy as np

# Hue in degrees, factor on saturation, factor on value.
PAINTS = {
    "red": (0, 1.1, 0.95),
    "orange": (28, 1.1, 1.0),
    "yellow": (48, 1.0, 1.1),
    "green": (120, 0.9, 0.85),
    "blue": (212, 1.0, 1.0),
    "purple": (272, 0.85, 0.95),
    "pink": (330, 0.65, 1.1),
}
WINDOW = 32  # degrees on either side that count as one hue
# emojibase groups: hearts exist in all colours; faces, people and signs keep theirs.
GROUPS_PAINTED = {3, 4, 5, 6, 7}


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path("training/data"))
    return parser.parse_args()


def to_hsv(rgb):
    """uint8 [H, W, 3] to hue in degrees, saturation and value in [0, 1]."""
    rgb = rgb.astype(np.float32) / 255
    value, low = rgb.max(-1), rgb.min(-1)
    chroma = value - low
    safe = np.where(chroma == 0, 1, chroma)
    red, green, blue = rgb[..., 0], rgb[..., 1], rgb[..., 2]
    hue = np.where(
        value == red,
        (green - blue) / safe % 6,
        np.where(value == green, (blue - red) / safe + 2, (red - green) / safe + 4),
    )
    return hue * 60, chroma / np.where(value == 0, 1, value), value


def to_rgb(hue, saturation, value):
    def channel(n):
        k = (n + hue / 60) % 6
        return value - value * saturation * np.clip(np.minimum(k, 4 - k), 0, 1)

    rgb = np.stack([channel(5), channel(3), channel(1)], -1)
    return np.clip(rgb * 255 + 0.5, 0, 255).astype(np.uint8)


def distance(hue, centre):
    return np.abs((hue - centre + 180) % 360 - 180)


def dominant_hue(hue, saturation, value):
    """(hue, share of the drawing it covers, mean saturation, mean value), or None."""
    drawn = (saturation > 0.06) | (value < 0.92)
    strong = (saturation > 0.3) & (value > 0.2)
    if strong.sum() < 150:
        return None
    histogram = np.bincount((hue[strong] / 6).astype(int) % 60, minlength=60)
    smooth = sum(np.roll(histogram, shift) for shift in range(-3, 4))
    centre = smooth.argmax() * 6 + 3
    near = strong & (distance(hue, centre) < WINDOW)
    if near.sum() < 0.6 * strong.sum():
        return None
    offset = (hue[near] - centre + 180) % 360 - 180
    centre = (centre + offset.mean()) % 360
    return centre, near.sum() / drawn.sum(), saturation[near].mean(), value[near].mean()


def name_of(hue, saturation, value):
    if hue < 13 or hue >= 346:
        return "pink" if saturation < 0.5 and value > 0.8 else "red" if value > 0.5 else "brown"
    if hue < 40:
        return "brown" if value < 0.72 else "orange"
    for limit, name in ((66, "yellow"), (168, "green"), (250, "blue"), (292, "purple")):
        if hue < limit:
            return name
    return "pink"


def colour_word(rgb):
    """The colour a person would name, or None where there is no single one."""
    hue, saturation, value = to_hsv(rgb)
    dominant = dominant_hue(hue, saturation, value)
    if dominant and dominant[1] > 0.45:
        return name_of(dominant[0], dominant[2], dominant[3])
    drawn = (saturation > 0.06) | (value < 0.92)
    dull = drawn & (saturation < 0.25)
    if drawn.sum() > 150 and dull.sum() > 0.75 * drawn.sum():
        brightness = np.median(value[dull])
        return "black" if brightness < 0.35 else "grey" if brightness < 0.8 else "white"
    return None


def paint(rgb, colour):
    """The picture with its dominant hue turned to `colour`; None where no hue dominates."""
    hue, saturation, value = to_hsv(rgb)
    dominant = dominant_hue(hue, saturation, value)
    if dominant is None or dominant[1] < 0.35:
        return None
    target, saturation_factor, value_factor = PAINTS[colour]
    near = (distance(hue, dominant[0]) < WINDOW + 10) & (saturation > 0.08)
    turned = np.where(near, hue + target - dominant[0], hue) % 360
    saturation = np.where(near, saturation * saturation_factor, saturation).clip(0, 1)
    value = np.where(near, value * value_factor, value).clip(0, 1)
    return to_rgb(turned, saturation, value)


def main():
    options = parse()
    pictures = np.fromfile(options.data / "pictures.bin", np.uint8).reshape(-1, 64, 64, 3)
    meta = [json.loads(line) for line in open(options.data / "pictures.jsonl")]
    groups = {c["id"]: c["group"] for c in json.load(open(options.data / "concepts.json"))}
    copies, copies_meta = [], []
    for picture, entry in zip(pictures, meta):
        entry["colour"] = colour_word(picture)
        if entry["version"] != "plain" or groups[entry["concept"]] not in GROUPS_PAINTED:
            continue
        for colour in PAINTS:
            painted = paint(picture, colour) if colour != entry["colour"] else None
            if painted is not None:
                copies.append(painted)
                copies_meta.append({**entry, "version": "painted", "colour": colour})
    with open(options.data / "coloured.bin", "wb") as file:
        file.write(pictures.tobytes())
        for copy in copies:
            file.write(copy.tobytes())
    with open(options.data / "coloured.jsonl", "w") as file:
        for entry in meta + copies_meta:
            file.write(json.dumps(entry) + "\n")
    named = sum(entry["colour"] is not None for entry in meta)
    print(f"{len(meta)} pictures, {named} with a colour word, {len(copies)} painted copies")


if __name__ == "__main__":
    main()
