"""Captions: many ways to ask for one drawing."""

import re

STYLES = ["fluent", "flat", "noto", "blob", "twemoji", "emojione", "mozilla"]
# How often a caption leaves its style word out. A prompt without one then mostly means one hand's
# drawing: a small model that is asked for the mean of seven draws none of them well. The plainest is
# the default.
STYLE_OMITTED = {"twemoji": 0.75, "flat": 0.35}
STYLE_OMITTED_ELSEWHERE = 0.15
COLOURS = ["red", "orange", "yellow", "green", "blue", "purple", "pink", "brown"]
COLOURS += ["black", "grey", "white"]
FILLERS = ["picture", "emoji", "icon", "drawing", "image", "cute", "simple", "small", "big", "nice"]

# What people say for what emojibase calls otherwise. Keywords cover the rest.
NAMES = {
    "automobile": ["car", "car"],
    "oncoming automobile": ["car"],
    "sport utility vehicle": ["car", "suv"],
    "racing car": ["car", "race car"],
    "deciduous tree": ["tree", "tree"],
    "evergreen tree": ["tree", "pine tree"],
    "palm tree": ["tree"],
    "pizza": ["slice pizza", "pizza slice"],
    "star": ["yellow star", "star"],
    "glowing star": ["star"],
    "red heart": ["heart", "red heart"],
    "house": ["home", "house"],
    "house with garden": ["house", "home"],
    "cat face": ["cat"],
    "dog face": ["dog"],
    "clown face": ["clown"],
    "sun with face": ["sun"],
    "sun": ["sun", "sunshine"],
    "crescent moon": ["moon"],
    "full moon": ["moon"],
    "beer mug": ["beer"],
    "hot beverage": ["coffee", "cup coffee", "tea"],
    "birthday cake": ["cake"],
    "shortcake": ["cake", "slice cake"],
    "hamburger": ["burger"],
    "french fries": ["fries"],
    "bouquet": ["flowers", "flower"],
    "tulip": ["flower"],
    "rose": ["flower", "red rose"],
    "sunflower": ["flower"],
    "hibiscus": ["flower"],
    "blossom": ["flower"],
    "cherry blossom": ["flower"],
    "mobile phone": ["phone", "smartphone"],
    "laptop": ["computer", "notebook"],
    "desktop computer": ["computer"],
    "airplane": ["plane", "aeroplane"],
    "sailboat": ["boat", "ship"],
    "bicycle": ["bike"],
    "locomotive": ["train"],
    "high-speed train": ["train"],
    "soccer ball": ["football", "ball"],
    "basketball": ["ball"],
    "t-shirt": ["shirt"],
    "light bulb": ["lamp", "lightbulb"],
    "high voltage": ["lightning", "bolt"],
    "cloud with lightning": ["storm"],
    "bird": ["small bird"],
    "tropical fish": ["fish"],
    "closed book": ["book"],
    "open book": ["book"],
    "blue book": ["book"],
    "wrapped gift": ["gift", "present"],
    "eggplant": ["aubergine"],
    "ear of corn": ["corn", "maize"],
    "teddy bear": ["bear"],
    "pile of poo": ["poo"],
    "jack-o-lantern": ["pumpkin"],
    "old man": ["grandfather"],
    "old woman": ["grandmother"],
    "soft ice cream": ["ice cream"],
    "smiling face with smiling eyes": ["smiling face", "smiling face", "smile"],
    "grinning face": ["smiling face", "happy face", "smiley"],
    "grinning face with big eyes": ["smiling face", "happy face"],
    "slightly smiling face": ["smiling face", "smile", "smiley"],
    "smiling face": ["smiling face", "smile"],
    "face with tears of joy": ["laughing face"],
    "loudly crying face": ["crying face"],
    "angry face": ["angry face"],
    "frowning face": ["sad face"],
    "slightly frowning face": ["sad face"],
    "disappointed face": ["sad face"],
}
# What people ask for first, besides the concepts above: seen more often in training.
POPULAR = """
red apple, green apple, banana, grapes, watermelon, strawberry, cherries, pineapple, lemon, tangerine,
pear, peach, carrot, tomato, mushroom, bread, cheese wedge, hot dog, taco, egg, cookie, doughnut,
lollipop, ice cream, cupcake, wine glass, rocket, flying saucer, bus, fire engine, ambulance, police car,
taxi, tractor, helicopter, motorcycle, ship, anchor, vertical traffic light, castle, tent, mountain, volcano,
snow-capped mountain, hospital, school, church, fire, water wave, droplet, rainbow, snowflake, snowman,
cloud, umbrella, sun behind cloud, ringed planet, dog, horse, cow, pig, rabbit face, bear, panda, lion,
tiger face, monkey, monkey face, elephant, mouse face, fox, frog, turtle, snake, fish, whale, dolphin,
octopus, crab, butterfly, honeybee, lady beetle, snail, spider, chicken, penguin, owl, duck, bird,
unicorn, dragon, cactus, four leaf clover, maple leaf, blue heart, green heart, yellow heart, orange heart,
purple heart, black heart, broken heart, ghost, robot, alien, skull, jack-o-lantern, pile of poo,
clown face, smiling face with heart-eyes, smiling face with sunglasses, crying face, thumbs up, eye,
crown, top hat, dress, jeans, glasses, sunglasses, handbag, backpack, running shoe, ring, gem stone, key,
locked, hammer, wrench, scissors, pencil, camera, television, telephone, guitar, musical keyboard, drum, trumpet,
balloon, party popper, Christmas tree, trophy, sports medal, baseball, tennis, bell, candle, books,
envelope, package, money bag, magnifying glass tilted left, alarm clock, watch, hourglass done, battery, toilet,
couch and lamp, chair, bed, door, toothbrush, red circle, blue circle, green circle, yellow circle,
red square, blue square, green square, yellow square, desktop computer, bomb, kite, teddy bear
"""
POPULAR = {label.strip() for label in POPULAR.replace("\n", " ").split(",")} | set(NAMES)
# And of those, what everybody tries first.
FAVOURITES = """
red apple, banana, watermelon, mushroom, pizza, hamburger, birthday cake, hot beverage, automobile, bus, bicycle,
airplane, sailboat, rocket, house, deciduous tree, evergreen tree, tulip, rose, sunflower, sun, crescent moon, star,
cloud, rainbow, fire, umbrella, cat, cat face, dog, dog face, bird, fish, butterfly, red heart, blue heart, ghost,
robot, smiling face, smiling face with smiling eyes, slightly smiling face, grinning face, soccer ball, balloon,
crown, key, light bulb, closed book, wrapped gift
"""
FAVOURITES = {label.strip() for label in FAVOURITES.replace("\n", " ").split(",")}
MOODS = ["happy", "sad", "angry", "crying", "laughing", "sleepy", "sick", "cool", "scared"]
MOODS += ["surprised", "kissing", "tired", "confused"]


def words(text):
    return re.sub(r"[^a-z0-9 ]", " ", text.lower()).split()


def short_name(label):
    """ "cat face" to "cat", "bottle with popping cork" to "bottle"."""
    short = re.sub(r" (face|with|on|in) ?.*$", "", label)
    return short if short and short != label else None


def names(concept):
    """Other names of a concept, from the table above, its mood, or its shortened label."""
    found = list(NAMES.get(concept["label"], []))
    tags = set(concept["tags"])
    if concept["group"] == 0 and concept["subgroup"] <= 11:
        found += [f"{mood} face" for mood in MOODS if mood in tags]
    elif (short := short_name(concept["label"])) and concept["group"] not in (0, 1):
        found.append(short)
    return found


def caption(concept, style, colour, rng, painted=False):
    """One random caption. A painted copy always names its colour and never its old one."""
    label = concept["label"]
    kind = rng.random()
    tags = [tag for tag in concept["tags"] if len(words(tag)) <= 2]
    others = names(concept)
    if kind < 0.6 or not tags:
        noun = label
    elif kind < 0.88:
        noun = others[rng.integers(len(others))] if others else label
    elif kind < 0.96:
        noun = f"{label} {tags[rng.integers(len(tags))]}"
    else:
        noun = " ".join(tags[i] for i in rng.permutation(len(tags))[:3])
    parts = words(noun)
    if painted:
        parts = [colour] + [word for word in parts if word not in COLOURS]
    elif colour and colour not in parts and rng.random() < 0.4:
        parts = [colour] + parts
    if rng.random() < 0.06:
        parts = [FILLERS[rng.integers(len(FILLERS))]] + parts
    if rng.random() >= STYLE_OMITTED.get(style, STYLE_OMITTED_ELSEWHERE):
        parts = [style] + parts if rng.random() < 0.75 else parts + [style]
    return " ".join(parts)


def plain_caption(concept, style):
    """The fixed caption that validation uses."""
    return " ".join([style] + words(concept["label"]))


def all_words(concepts):
    """Every word a caption can hold, most useful first."""
    found = dict.fromkeys(STYLES + COLOURS + FILLERS)
    for concept in concepts:
        found.update(dict.fromkeys(words(concept["label"])))
        for name in names(concept):
            found.update(dict.fromkeys(words(name)))
    for concept in concepts:
        for tag in concept["tags"]:
            if len(words(tag)) <= 2:
                found.update(dict.fromkeys(words(tag)))
    return list(found)
