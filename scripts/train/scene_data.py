"""Batches of (prompt ids, image tokens) of scenes that are made up as they are drawn.

No scene is ever drawn twice. Composing takes under a millisecond and its tokens a few, little beside a
training step of the transformer; with a GPU, processes compose ahead (`workers`).
"""

import math
import sys
from functools import partial
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "scenes"))

import precision
from catalogue import Catalogue
from compose import picture
from composed import composed, to_images
from scene import Sampler
from tokenize_pictures import load_tokenizer


SEEN, HELD_OUT = 0, 1


def chunks(folder, prompts, unconditional, size, seed):
    """Pictures uint8 [size, 128, 128, 3] and prompt ids [size, P + 1] of their captions, without end."""
    sampler = Sampler(Catalogue(folder), seed)
    while True:
        scenes = [sampler.sample() for _ in range(size)]
        pixels = np.stack([picture(scene, sampler.catalogue) for scene in scenes])
        drop = sampler.rng.random(size) < unconditional
        texts = [None if gone else scene.caption for gone, scene in zip(drop, scenes)]
        yield torch.from_numpy(pixels), prompts.encode(texts)


class Scenes:
    """What training draws from. Equal seeds (lists of integers) give equal scenes."""

    splits = {"seen": SEEN, "held_out": HELD_OUT}

    def __init__(self, folder, tokenizer, prompts, seed, workers=0, unconditional=0.1):
        self.folder, self.prompts, self.workers = folder, prompts, workers
        self.unconditional = unconditional
        tokenizer = load_tokenizer(tokenizer)
        self.tokenizer = tokenizer.to(precision.DEVICE, memory_format=torch.channels_last)
        self.seed(seed)

    def seed(self, seed):
        self.rng = np.random.default_rng([*seed, 1])
        self.chunks = None
        self.chunk_seed = seed

    @torch.no_grad()
    def tokens(self, pixels):
        # In fp32: rounded to bfloat16, a drawing that is moved keeps 91% of its tokens, and 98% like this.
        parts = to_images(pixels).split(256)
        return torch.cat([self.tokenizer.tokenize(part) for part in parts])

    def sample(self, batch):
        """Prompt ids [B, P + 1] and tokens [B, N]. Every batch has the size of the first."""
        if self.chunks is None:
            # Processes hand over 64 scenes at a time: each handing over costs the same.
            size = math.gcd(batch, 64 if self.workers else 8)
            make = partial(chunks, self.folder, self.prompts, self.unconditional, size)
            self.chunks = composed(make, self.chunk_seed, self.workers)
        pixels, texts = [], []
        while sum(map(len, texts)) < batch:
            some, captions = next(self.chunks)
            pixels.append(some.to(precision.DEVICE, non_blocking=True))
            texts.append(captions)
        tokens = self.tokens(torch.cat(pixels))
        return torch.cat(texts).to(precision.DEVICE), tokens

    def validation(self, split, count=64):
        """Scenes of a fixed seed; of HELD_OUT, two things of which training never sees both."""
        held = split == HELD_OUT
        kinds = {"two": 0.3, "position": 0.4, "attribution": 0.3} if held else None
        sampler = Sampler(Catalogue(self.folder), [90_001, split], held, kinds)
        scenes = [sampler.sample() for _ in range(count)]
        pixels = torch.from_numpy(np.stack([picture(s, sampler.catalogue) for s in scenes]))
        texts = self.prompts.encode([scene.caption for scene in scenes])
        return texts.to(precision.DEVICE), self.tokens(pixels)
