"""Batches of (prompt ids, image tokens) with captions made up as they are drawn."""

import json

import numpy as np
import torch
from tokenizers import Tokenizer

import precision
from captions import FAVOURITES, POPULAR, STYLES, caption, plain_caption
from tokenize_pictures import VERSIONS

TRAIN, UNSEEN, RESTYLED = 0, 1, 2
# Half of the samples show the 49 favourites, a third the other concepts that people ask for first.
FAVOURITE_WEIGHT, POPULAR_WEIGHT = 48.0, 10.0

# The default style of captions (captions.py) is seen most, and a drawing as it is more than its versions.
STYLE_WEIGHTS = {"twemoji": 3.0, "flat": 1.5, "noto": 1.5}
KIND_ODDS = {"plain": 4.0, "painted": 2.0}


class Prompts:
    """Text to ids [P + 1]: words, padded at the end, then <boi>."""

    def __init__(self, path, length):
        self.tokenizer = Tokenizer.from_file(str(path))
        self.length = length
        ids = self.tokenizer.token_to_id
        self.pad, self.unknown = ids("<pad>"), ids("<unk>")
        self.unconditional, self.begin = ids("<uncond>"), ids("<boi>")

    def pack(self, ids):
        ids = ids[: self.length]
        return ids + [self.pad] * (self.length - len(ids)) + [self.begin]

    def encode(self, texts):
        """None stands for the unconditional prompt."""
        return torch.tensor(
            [
                self.pack(
                    [self.unconditional]
                    if text is None
                    else self.tokenizer.encode(text, add_special_tokens=False).ids
                )
                for text in texts
            ]
        )

    def unconditional_for(self, prompts):
        """As many unconditional prompts."""
        return self.encode([None] * len(prompts)).to(prompts.device)


def concept_weight(label):
    if label in FAVOURITES:
        return FAVOURITE_WEIGHT
    return POPULAR_WEIGHT if label in POPULAR else 1.0


class Drawings:
    splits = {"restyled": RESTYLED, "unseen": UNSEEN}

    def __init__(self, folder, prompts, seed=1):
        data = np.load(folder / "tokens.npz")
        self.tokens = data["tokens"]
        self.concept, self.style = data["concept"], data["style"]
        self.version, self.colour = data["version"], data["colour"]
        self.colours = [str(name) for name in data["colours"]]
        self.split = data["split"]
        self.concepts = {c["id"]: c for c in json.load(open(folder / "concepts.json"))}
        self.prompts = prompts
        self.seed([seed])
        # One draw picks a drawing, then a version of it; what people ask for is drawn more often.
        drawings = {}
        for index in np.flatnonzero(self.split == TRAIN):
            key = (self.concept[index], self.style[index])
            drawings.setdefault(key, {}).setdefault(VERSIONS[self.version[index]], []).append(index)
        self.drawings = list(drawings.values())
        weights = np.array(
            [
                concept_weight(self.concepts[concept]["label"])
                * STYLE_WEIGHTS.get(STYLES[style], 1.0)
                for concept, style in drawings
            ],
            float,
        )
        self.weights = weights / weights.sum()

    def seed(self, seed):
        self.rng = np.random.default_rng(seed)

    def __len__(self):
        return len(self.drawings)

    def sample(self, batch, unconditional=0.1):
        """Prompt ids [B, P + 1] and tokens [B, N]."""
        rng = self.rng
        indices, texts = [], []
        for drawing in rng.choice(len(self.drawings), batch, p=self.weights):
            versions = self.drawings[drawing]
            kinds = list(versions)
            odds = np.array([KIND_ODDS.get(kind, 1.0) for kind in kinds])
            kind = kinds[rng.choice(len(kinds), p=odds / odds.sum())]
            index = versions[kind][rng.integers(len(versions[kind]))]
            indices.append(index)
            colour = self.colours[self.colour[index]] if self.colour[index] >= 0 else None
            concept, style = self.concepts[self.concept[index]], STYLES[self.style[index]]
            text = caption(concept, style, colour, rng, painted=kind == "painted")
            texts.append(None if rng.random() < unconditional else text)
        return self._tensors(texts, indices)

    def _tensors(self, texts, indices):
        tokens = torch.from_numpy(self.tokens[indices].astype(np.int64))
        return self.prompts.encode(texts).to(precision.DEVICE), tokens.to(precision.DEVICE)

    def validation(self, split, limit=64):
        """Plain drawings of a held-out split with their fixed captions."""
        plain = VERSIONS.index("plain")
        indices = np.flatnonzero((self.split == split) & (self.version == plain))
        indices = np.random.default_rng(7).permutation(indices)[:limit]
        texts = [
            plain_caption(self.concepts[self.concept[i]], STYLES[self.style[i]]) for i in indices
        ]
        return self._tensors(texts, indices)
