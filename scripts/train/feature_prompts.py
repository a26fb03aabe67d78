"""Prompts that are features of a text encoder: a picture.npy [n, width] beside every picture.png.

A prompt's ids are numbers of rows: first those of the unconditional prompt, which the model holds, then those of
all files, one after the other. A file is read when its prompt is.
"""

from bisect import bisect_right

import numpy as np
import torch

from caption_folder import fail
from caption_tokens import PackedPrompts


class FeaturePrompts(PackedPrompts):
    def __init__(self, rule):
        """`rule` is the manifest's `prompt` of kind `embeddings`."""
        self.longest, self.width = rule["length"], rule["width"]
        self.paths, self.starts, self.end = [], [], rule["length"]

    def of_folder(self, folder):
        """Ids of all prompts of a folder."""
        return [self.add(path.with_suffix(".npy")) for path in folder.paths]

    def add(self, path):
        try:
            shape = np.load(path, mmap_mode="r").shape
        except (OSError, ValueError) as error:
            fail(
                path,
                f"expected features of the picture's caption, as numpy.save writes them ({error})",
            )
        if len(shape) != 2 or not 0 < shape[0] <= self.longest or shape[1] != self.width:
            fail(
                path,
                f"expected shape [n, {self.width}] with n from 1 to {self.longest} but found {list(shape)}",
            )
        self.paths.append(path)
        self.starts.append(self.end)
        self.end += shape[0]
        return list(range(self.starts[-1], self.end))

    def features(self, ids):
        """Rows [n, width] of one prompt."""
        index = bisect_right(self.starts, ids[0]) - 1
        return torch.from_numpy(np.load(self.paths[index]).astype(np.float32))

    def unconditional(self, ids):
        """As many rows as the prompt has: the others are padding there too."""
        return list(range(self.longest - len(ids), self.longest))
