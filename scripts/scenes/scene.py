"""Scenes: what stands where, and a caption that is true of it.

A scene is one of six kinds, those of GenEval (Ghosh et al. 2023, arXiv 2310.11513) and groups:
one object, two objects, counting, colours, position, colour attribution. Combinations that
held_out.json lists are never drawn unless they are asked for.
"""

from dataclasses import dataclass, field

import numpy as np

import layout
from catalogue import CELL, Catalogue
from words import (
    BACKGROUNDS,
    BESIDE,
    COLOURS,
    FILLERS,
    NUMBERS,
    PLACES,
    RELATIONS,
    STYLES,
    SYNONYMS,
)

# A drawing is learnt from a few hundred looks at it, in each size: what is asked for most is shown most.
KINDS = {
    "one": 0.24,
    "two": 0.16,
    "counting": 0.13,
    "colours": 0.17,
    "position": 0.15,
    "attribution": 0.12,
    "group": 0.03,
}
STYLE_ODDS = {"twemoji": 0.84, "noto": 0.08, "flat": 0.08}
FIRST_DRAWING = 0.8  # of an object's drawings the first, its default
WHITE = 0.6  # backgrounds; of the others two thirds are a colour, and one a place


@dataclass
class Thing:
    object: int
    sprite: int
    colour: str | None  # that of the sprite, if it has one name
    said: bool = False  # whether the caption says the colour
    size: int = 56  # pixels
    size_word: str | None = None
    x: int = 0  # pixels, left edge of the box
    y: int = 0


@dataclass
class Scene:
    kind: str
    style: str
    things: list = field(default_factory=list)
    background: str | None = None  # a colour, a place, or None: white
    horizon: int = 80
    relation: str | None = None  # of the first thing to the second
    caption: str = ""


class Sampler:
    """Random scenes. With `held`, every scene shows a combination that training never sees."""

    def __init__(
        self, catalogue: Catalogue, seed, held=False, kinds=None, style=None, natural=False
    ):
        self.catalogue, self.held = catalogue, held
        self.rng = np.random.default_rng(seed)
        self.kinds = kinds or KINDS
        self.style = style
        self.natural = natural  # plain backgrounds only, for measuring

    def sample(self):
        """A scene; some choices have no place for what was chosen, and are made again."""
        while True:
            scene = self._try()
            if scene:
                scene.caption = caption(scene, self.catalogue, self.rng)
                return scene

    def _try(self):
        rng = self.rng
        kind = str(
            rng.choice(
                list(self.kinds), p=np.array(list(self.kinds.values())) / sum(self.kinds.values())
            )
        )
        style = self.style or str(rng.choice(list(STYLE_ODDS), p=list(STYLE_ODDS.values())))
        scene = Scene(kind, style)
        make = {
            "one": self._one,
            "colours": self._one,
            "counting": self._counting,
            "group": self._group,
        }
        if not make.get(kind, self._two)(scene):
            return None
        for thing in scene.things:
            if thing.x < 0 or thing.y < 0 or max(thing.x, thing.y) + thing.size > 128:
                return None
        self._background(scene)
        return scene

    def _object(self):
        return int(self.rng.choice(len(self.catalogue.objects), p=self.catalogue.weights))

    def _objects(self, count):
        """Distinct objects of which no pair is held out; a held-out pair if that is asked for."""
        c = self.catalogue
        if self.held and count == 2 and c.held_pairs:
            pairs = sorted(c.held_pairs)
            return [int(i) for i in self.rng.permutation(pairs[self.rng.integers(len(pairs))])]
        while True:
            chosen = [self._object() for _ in range(count)]
            pairs = [(a, b) for i, a in enumerate(chosen) for b in chosen[i + 1 :]]
            if len(set(chosen)) == count and not any(c.is_held(a, b) for a, b in pairs):
                return chosen

    def _thing(self, object, style, odds, held=False):
        """A drawing of an object, painted with probability `odds`."""
        rng, c = self.rng, self.catalogue
        choices = c.choices.get((object, style), {})
        if held:
            colours = [k for k in choices if k and (object, k) in c.held_colours]
        else:
            colours = [k for k in choices if k and (object, k) not in c.held_colours]
        if held and not colours:
            return None
        if colours and (held or rng.random() < odds):
            colour = colours[rng.integers(len(colours))]
            return Thing(object, self._one_of(choices[colour]), colour, True)
        same = choices.get(None, [])
        if not same:
            return None
        sprite = self._one_of(same)
        colour = c.sprites[sprite]["colour"]
        if (object, colour) in c.held_colours:
            return None
        return Thing(object, sprite, colour, bool(colour) and rng.random() < 0.2)

    def _one_of(self, drawings):
        rng = self.rng
        if len(drawings) == 1 or rng.random() < FIRST_DRAWING:
            return drawings[0]
        return drawings[rng.integers(1, len(drawings))]

    def _place(self, things, boxes):
        for thing, (x, y) in zip(things, boxes):
            thing.x, thing.y = x * CELL, y * CELL
        return True

    def _one(self, scene):
        rng = self.rng
        colours = scene.kind == "colours"
        thing = self._thing(
            self._object(), scene.style, 1.0 if colours else 0.1, held=self.held and colours
        )
        if thing is None or (colours and not thing.colour):
            return False
        thing.said |= colours
        word = rng.random()
        if word < 0.12:
            thing.size, thing.size_word = (40, 56)[rng.integers(2)], "small"
        elif word < 0.2:
            thing.size, thing.size_word = 104, "big"
        else:
            thing.size = 104 if rng.random() < 0.85 else 72
        scene.things = [thing]
        return self._place(scene.things, layout.alone(rng, thing.size // CELL))

    def _counting(self, scene):
        rng = self.rng
        count = int(rng.choice([1, 2, 3, 4], p=[0.06, 0.34, 0.3, 0.3]))
        first = self._thing(self._object(), scene.style, 0.35)
        if first is None:
            return False
        first.size = 40 if count > 2 and rng.random() < 0.3 else 56
        if count == 1:
            first.size = 104
        scene.things = [Thing(**vars(first)) for _ in range(count)]
        return self._place(scene.things, layout.slots(rng, count, first.size // CELL))

    def _two(self, scene):
        """two, position and attribution."""
        rng = self.rng
        attribution = scene.kind == "attribution"
        held_colour = self.held and attribution
        if held_colour:
            objects = Sampler._objects(Sampler(self.catalogue, int(rng.integers(2**40))), 2)
        else:
            objects = self._objects(2)
        odds = 0.75 if attribution else 0.15
        things = [
            self._thing(o, scene.style, odds, held_colour and i == 0) for i, o in enumerate(objects)
        ]
        if None in things:
            return False
        if attribution:
            if not all(t.colour for t in things) or things[0].colour == things[1].colour:
                return False
            for thing in things:
                thing.said = True
            if rng.random() < 0.5:
                things.reverse()
        first, second = things
        scene.things = things
        if scene.kind == "position" or (attribution and rng.random() < 0.25):
            scene.relation = str(rng.choice(list(RELATIONS), p=[0.24, 0.24, 0.17, 0.17, 0.18]))
        unequal = rng.random() < 0.2
        if unequal:
            first.size, second.size = (40, 72) if rng.random() < 0.5 else (72, 40)
            if rng.random() < 0.5:
                first.size_word, second.size_word = ("small", "big")[
                    :: 1 if first.size < second.size else -1
                ]
        a, b = first.size // CELL, second.size // CELL
        if scene.relation == "on":
            if first.size > second.size:
                return False
            self._place(things, layout.stacked(rng, a, b))
            # Down by whole cells, until it touches.
            first.y += -(-self.catalogue.top_gap(second.sprite, second.size) // CELL) * CELL
            return first.y <= second.y + second.size - first.size
        vertical = scene.relation in ("above", "below") or (
            not scene.relation and rng.random() < 0.3
        )
        backwards = scene.relation in ("right", "below") or (
            not scene.relation and rng.random() < 0.5
        )
        if backwards:
            boxes = layout.in_line(rng, b, a, vertical)[::-1]
        else:
            boxes = layout.in_line(rng, a, b, vertical)
        return self._place(things, boxes)

    def _group(self, scene):
        """Three different things, or some of one and some of another, four at most."""
        rng = self.rng
        split = [(1, 1, 1), (2, 1), (1, 2), (2, 2), (3, 1), (1, 3)][rng.integers(6)]
        things = [self._thing(o, scene.style, 0.15) for o in self._objects(len(split))]
        if None in things:
            return False
        size = 40 if rng.random() < 0.5 else 56
        for thing, count in zip(things, split):
            thing.size = size
            scene.things += [Thing(**vars(thing)) for _ in range(count)]
        boxes = layout.slots(rng, len(scene.things), size // CELL)
        return self._place(scene.things, [boxes[i] for i in rng.permutation(len(boxes))])

    def _background(self, scene):
        rng = self.rng
        kind = rng.random()
        if self.natural or kind < WHITE:
            return
        if kind < WHITE + (1 - WHITE) * 2 / 3:
            taken = {thing.colour for thing in scene.things}
            free = [colour for colour in BACKGROUNDS if colour not in taken]
            scene.background = free[rng.integers(len(free))]
        else:
            scene.background = list(PLACES)[rng.integers(len(PLACES))]
            lowest = max(thing.y + thing.size for thing in scene.things)
            scene.horizon = int(rng.integers(6, max(7, min(14, lowest // CELL)))) * CELL


def said(word, rng):
    """The word, or sometimes another for the same."""
    others = SYNONYMS.get(word, [])
    return others[rng.integers(len(others))] if others and rng.random() < 0.12 else word


def noun_phrase(thing, catalogue, rng, count=1):
    known = catalogue.objects[thing.object]
    if count == 1:
        others = known["others"]
        noun = (
            others[rng.integers(len(others))] if others and rng.random() < 0.15 else known["name"]
        )
    else:
        noun = known["plural"]
    words = [said(thing.size_word, rng)] if thing.size_word else []
    words += [said(thing.colour, rng)] if thing.said else []
    words += [FILLERS[rng.integers(len(FILLERS))]] if rng.random() < 0.03 else []
    words.append(noun)
    if count > 1:
        words.insert(0, said(NUMBERS[count - 1], rng))
    else:
        words.insert(0, "an" if words[0][0] in "aeiou" else "a")
    return " ".join(words)


def caption(scene, catalogue, rng):
    things = scene.things
    groups = {}
    for thing in things:
        groups.setdefault((thing.object, thing.sprite), []).append(thing)
    phrases = [noun_phrase(group[0], catalogue, rng, len(group)) for group in groups.values()]
    if scene.kind == "counting" and len(things) == 1:
        text = f"{said('one', rng)} {phrases[0].split(' ', 1)[1]}"
    elif len(phrases) == 1:
        text = phrases[0]
    elif scene.relation:
        text = related(phrases, scene.relation, rng)
    elif len(phrases) == 2:
        joins = ["and"] * 5 + ["with"]
        level = abs(things[0].y - things[-1].y) <= 24
        if len(things) == 2 and level:
            joins += BESIDE
        text = f"{phrases[0]} {joins[rng.integers(len(joins))]} {phrases[1]}"
    else:
        text = f"{', '.join(phrases[:-1])} and {phrases[-1]}"
    if scene.background in COLOURS:
        text += f" on a {scene.background} background"
    elif scene.background:
        text += f" {scene.background}"
    elif rng.random() < 0.04:
        text += " on a white background"
    if rng.random() < (0.04 if scene.style == STYLES[0] else 0.97):
        text = f"{text}, {scene.style} style" if rng.random() < 0.5 else f"{scene.style} {text}"
    return text


def related(phrases, relation, rng):
    first, second = phrases
    if relation in ("left", "right") and rng.random() < 0.15:
        other = "right" if relation == "left" else "left"
        return f"{first} on the {relation} and {second} on the {other}"
    ways = RELATIONS[relation]
    way = ways[0] if rng.random() < 0.6 else ways[rng.integers(len(ways))]
    return f"{first} {way} {second}"
