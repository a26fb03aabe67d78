"""Are the captions true, and is what is held out never drawn?

python scripts/scenes/check.py --data DIR [--scenes 4000]
"""

import argparse
from pathlib import Path

from catalogue import Catalogue
from compose import SIDE, picture
from scene import Sampler
from words import NUMBERS, SYNONYMS


def centre(thing):
    return thing.x + thing.size / 2, thing.y + thing.size / 2


def related(first, second, relation):
    """Whether the first thing stands in the relation to the second."""
    (x, y), (u, v) = centre(first), centre(second)
    sideways, upright = abs(x - u), abs(y - v)
    if relation == "on":
        touching = first.y + first.size >= second.y
        over = second.x - first.size / 2 <= first.x <= second.x + second.size - first.size / 2
        return y < v and touching and over
    if relation in ("left", "right"):
        return sideways > upright and (x < u) == (relation == "left")
    return upright > sideways and (y < v) == (relation == "above")


def overlap(a, b):
    return abs(a.x - b.x) < (a.size if a.x < b.x else b.size) and abs(a.y - b.y) < (
        a.size if a.y < b.y else b.size
    )


def faults(scene, catalogue):
    """What is wrong with a scene of training, in words."""
    things = scene.things
    found = []
    for index, thing in enumerate(things):
        if thing.x < 0 or thing.y < 0 or max(thing.x, thing.y) + thing.size > SIDE:
            found.append("a thing leaves the picture")
        if (thing.object, thing.colour) in catalogue.held_colours:
            found.append("a colour that is held out")
        sprite = catalogue.sprites[thing.sprite]
        if sprite["object"] != thing.object or sprite["style"] != scene.style:
            found.append("a sprite of something else")
        if thing.said and sprite["colour"] != thing.colour:
            found.append("a wrong colour")
        for other in things[index + 1 :]:
            if catalogue.is_held(thing.object, other.object):
                found.append("a pair that is held out")
            if scene.relation != "on" and overlap(thing, other):
                found.append("things overlap")
    if scene.relation and not related(*things, scene.relation):
        found.append(f"not {scene.relation}")
    if scene.kind == "counting":
        number = NUMBERS[len(things) - 1]
        if not {number, *SYNONYMS[number]} & set(scene.caption.split()):
            found.append("a wrong number")
    return found


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--scenes", type=int, default=4000)
    options = parser.parse_args()
    catalogue = Catalogue(options.data)
    training = Sampler(catalogue, [11])
    for _ in range(options.scenes):
        scene = training.sample()
        assert picture(scene, catalogue).shape == (SIDE, SIDE, 3)
        found = faults(scene, catalogue)
        assert not found, f"{scene.caption}: {', '.join(found)}"
    # The check itself can fail: held-out scenes have the faults of their kind.
    if catalogue.held_pairs:
        held = Sampler(catalogue, [12], held=True, kinds={"two": 1.0})
        assert "a pair that is held out" in faults(held.sample(), catalogue)
    held = Sampler(catalogue, [13], held=True, kinds={"colours": 1.0})
    assert "a colour that is held out" in faults(held.sample(), catalogue)
    print(f"{options.scenes} scenes are what their captions say")


if __name__ == "__main__":
    main()
