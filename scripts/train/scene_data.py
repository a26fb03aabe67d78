"""Batches of (prompt ids, image tokens) of scenes that are made up as they are drawn.

No scene is ever drawn twice. Composing takes under a millisecond and its tokens a few, little beside a
training step of the transformer; with a GPU, processes compose ahead (`workers`).
"""

import sys
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "scenes"))

import precision
from catalogue import Catalogue
from compose import picture
from scene import Sampler
from tokenize_pictures import load_tokenizer


CHUNK = 8  # scenes that go from a process to another at a time
SEEN, HELD_OUT = 0, 1


class Chunks(torch.utils.data.IterableDataset):
    """Pictures uint8 [8, 128, 128, 3] with their captions, without end."""

    def __init__(self, folder, seed):
        self.folder, self.seed = folder, seed

    def __iter__(self):
        worker = torch.utils.data.get_worker_info()
        sampler = Sampler(Catalogue(self.folder), [*self.seed, worker.id if worker else 0])
        while True:
            scenes = [sampler.sample() for _ in range(CHUNK)]
            pixels = np.stack([picture(scene, sampler.catalogue) for scene in scenes])
            yield torch.from_numpy(pixels), [scene.caption for scene in scenes]


class Scenes:
    """What training draws from. Equal seeds (lists of integers) give equal scenes."""

    splits = {"seen": SEEN, "held_out": HELD_OUT}

    def __init__(self, folder, tokenizer, prompts, seed, workers=0):
        self.folder, self.prompts, self.workers = folder, prompts, workers
        tokenizer = load_tokenizer(tokenizer)
        self.tokenizer = tokenizer.to(precision.DEVICE, memory_format=torch.channels_last)
        self.seed(seed)

    def seed(self, seed):
        self.rng = np.random.default_rng([*seed, 1])
        self.chunks = iter(
            torch.utils.data.DataLoader(
                Chunks(self.folder, seed), batch_size=None, num_workers=self.workers
            )
        )

    @torch.no_grad()
    def tokens(self, pixels):
        images = pixels.to(precision.DEVICE).permute(0, 3, 1, 2).float() / 127.5 - 1
        images = images.contiguous(memory_format=torch.channels_last)
        # In fp32: rounded to bfloat16, a drawing that is moved keeps 91% of its tokens, and 98% like this.
        return torch.cat([self.tokenizer.tokenize(part) for part in images.split(64)])

    def sample(self, batch, unconditional=0.1):
        """Prompt ids [B, P + 1] and tokens [B, N]; B is a multiple of 8."""
        chunks = [next(self.chunks) for _ in range(batch // CHUNK)]
        texts = [text for _, captions in chunks for text in captions]
        texts = [None if self.rng.random() < unconditional else text for text in texts]
        tokens = self.tokens(torch.cat([pixels for pixels, _ in chunks]))
        return self.prompts.encode(texts).to(precision.DEVICE), tokens

    def validation(self, split, count=64):
        """Scenes of a fixed seed; of HELD_OUT, two things of which training never sees both."""
        held = split == HELD_OUT
        kinds = {"two": 0.3, "position": 0.4, "attribution": 0.3} if held else None
        sampler = Sampler(Catalogue(self.folder), [90_001, split], held, kinds)
        scenes = [sampler.sample() for _ in range(count)]
        pixels = torch.from_numpy(np.stack([picture(s, sampler.catalogue) for s in scenes]))
        texts = self.prompts.encode([scene.caption for scene in scenes])
        return texts.to(precision.DEVICE), self.tokens(pixels)
