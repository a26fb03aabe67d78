"""The words of captions: colours, numbers, relations, backgrounds, styles."""

COLOURS = "red orange yellow green blue purple pink brown black white grey".split()
NUMBERS = ["one", "two", "three", "four"]
STYLES = ["twemoji", "noto", "flat"]  # the first is what a caption without a style means
SIZES = ["small", "big"]

# How "X relation Y" is said, most often first.
RELATIONS = {
    "left": ["to the left of", "left of", "on the left of"],
    "right": ["to the right of", "right of", "on the right of"],
    "above": ["above", "over"],
    "below": ["below", "under", "beneath"],
    "on": ["on", "on top of"],
}
BESIDE = ["next to", "beside"]
# Colours of plain backgrounds, and of (sky, ground).
BACKGROUNDS = {
    "red": (229, 92, 92),
    "orange": (255, 176, 102),
    "yellow": (255, 228, 122),
    "green": (136, 208, 140),
    "blue": (110, 172, 240),
    "purple": (176, 148, 222),
    "pink": (248, 180, 210),
    "brown": (168, 126, 92),
    "black": (28, 28, 32),
    "grey": (186, 188, 192),
}
PLACES = {
    "on grass": ((190, 226, 255), (126, 196, 84)),
    "on the beach": ((190, 226, 255), (240, 218, 158)),
    "in the snow": ((202, 220, 240), (250, 252, 255)),
    "at night": ((30, 40, 74), (44, 66, 52)),
    "in the desert": ((255, 214, 160), (222, 164, 92)),
}
# Left out of prompts: they fill slots and say nothing.
FUNCTION_WORDS = "a an the of to at in it its is are this that some my your me please draw there s picture drawing image photo".split()
FILLERS = ["cute", "simple", "nice", "beautiful", "emoji", "icon"]
SYNONYMS = {
    "small": ["little", "tiny"],
    "big": ["large", "huge"],
    "grey": ["gray"],
    "one": ["1", "single"],
    "two": ["2"],
    "three": ["3"],
    "four": ["4"],
}
OTHER = "left right above over below under beneath on top next beside and with background style photo".split()


def vocabulary(objects):
    """Every word of a caption, most useful first."""
    found = dict.fromkeys(COLOURS + NUMBERS + STYLES + SIZES + OTHER + FILLERS)
    found.update(dict.fromkeys(word for group in SYNONYMS.values() for word in group))
    for place in PLACES:
        found.update(dict.fromkeys(place.split()))
    for thing in objects:
        for name in [thing["name"], thing["plural"], *thing["others"]]:
            found.update(dict.fromkeys(name.split()))
    return [word for word in found if word not in FUNCTION_WORDS]
