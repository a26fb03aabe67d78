"""Batches of (prompt ids, image tokens) of a caption folder, for the model of a public class.

Which samples a step sees, and all that is random about them, follows from seed and step: training that goes
on after an interruption sees what it would have seen without.
"""

import json

import numpy as np
import torch
from tokenizers import Tokenizer

import precision
from caption_folder import fail
from prompt_template import PromptTemplate
from public_models.public_model import NOTHING

PIXELS = 2**20  # at a time: an image tokenizer keeps up to some kilobytes for each


class PackedPrompts:
    """Prompt ids [B, P], aligned at their ends; subclasses say what `unconditional(ids)` has beside a prompt."""

    def pack(self, rows):
        width = max(map(len, rows))
        return torch.tensor([[NOTHING] * (width - len(ids)) + ids for ids in rows])

    def unconditional_for(self, prompts):
        rows = [[id for id in row if id != NOTHING] for row in prompts.tolist()]
        return self.pack([self.unconditional(ids) for ids in rows]).to(prompts.device)


class Prompts(PackedPrompts):
    """As the family's template makes them of captions."""

    def __init__(self, rule, tokenizer, limit):
        self.template = PromptTemplate(rule, Tokenizer.from_file(str(tokenizer)))
        self.limit = limit

    def of_folder(self, folder):
        """Ids of all captions of a folder."""
        found = [self.template.ids(caption) for caption in folder.captions]
        for path, caption, ids in zip(folder.paths, folder.captions, found):
            if len(ids) > self.limit:
                fail(
                    path,
                    f"caption: expected at most {self.limit} tokens with the model's template but "
                    f"{caption[:40]!r} has {len(ids)} (--prompt-length)",
                )
        return found

    def unconditional(self, ids):
        return self.template.unconditional(ids)


def image_tokens(folder, model, image, cache, say):
    """Tokens [n, N] of all images of a folder; made once and kept in the file `cache`."""
    key = json.dumps([folder.fingerprint(), image])
    if cache.exists():
        kept = np.load(cache)
        if str(kept["key"]) == key:
            return torch.from_numpy(kept["tokens"].astype(np.int64))
    device = precision.DEVICE
    found = []
    size = max(1, min(16, PIXELS // (image["width"] * image["height"])))
    for first in range(0, len(folder), size):
        part = range(first, min(first + size, len(folder)))
        pixels = torch.from_numpy(folder.pixels(part, image["width"], image["height"]))
        found.append(model.tokenize(pixels.to(device).float() / 127.5 - 1).cpu().numpy())
        if first // size % 50 == 0:
            say(f"tokens of {part[-1] + 1} of {len(folder)} images of {folder.folder}")
    tokens = np.concatenate(found).astype(np.int32)
    count = image["rows"] * image["columns"]
    if tokens.shape[1] != count:
        fail(folder.folder, f"expected {count} tokens for an image but made {tokens.shape[1]}")
    temporary = cache.with_suffix(".tmp.npz")
    np.savez_compressed(temporary, key=key, tokens=tokens)
    temporary.replace(cache)
    return torch.from_numpy(tokens.astype(np.int64))


class CaptionTokens:
    def __init__(self, prompts, training, validation, uncaptioned, seed):
        """`training` and `validation` are (prompt ids, tokens [n, N]); `uncaptioned` is the share of
        samples that see the unconditional prompt, which guidance needs."""
        self.prompts, self.uncaptioned, self.seed = prompts, uncaptioned, seed
        self.train, self.valid = training, validation
        self.splits = {"validation": self.valid}
        self.epoch, self.order = None, None

    def sample(self, step, batch, rank=0, ranks=1):
        """Prompts [B / ranks, P] and tokens [B / ranks, N] of one rank in one step; also seeds torch."""
        ids, tokens = self.train
        chosen = []
        for index in range(step * batch + rank, (step + 1) * batch, ranks):
            epoch, place = divmod(index, len(ids))
            if epoch != self.epoch:
                self.epoch = epoch
                self.order = np.random.default_rng([self.seed, epoch]).permutation(len(ids))
            chosen.append(int(self.order[place]))
        rng = np.random.default_rng([self.seed, step, rank, 1])
        torch.manual_seed(int(rng.integers(2**40)))
        uncaptioned = rng.random(len(chosen)) < self.uncaptioned
        nothing = self.prompts.unconditional
        rows = [nothing(ids[i]) if bare else ids[i] for i, bare in zip(chosen, uncaptioned)]
        device = precision.DEVICE
        return self.prompts.pack(rows).to(device), tokens[chosen].to(device)

    def validation(self, split, limit=64):
        ids, tokens = split
        chosen = np.random.default_rng(7).permutation(len(ids))[:limit]
        rows = [ids[i] for i in chosen]
        device = precision.DEVICE
        return self.prompts.pack(rows).to(device), tokens[chosen].to(device)
