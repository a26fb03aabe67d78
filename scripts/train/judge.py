"""The judge of scenes: which object stands where, how big, in what colour.

A detector after CenterNet (Zhou et al. 2019, arXiv 1904.07850): every cell of the 16x16 grid says whether
the middle of a thing lies in it, and what the thing is. Things of scenes are an odd number of cells wide
and high, so a middle is one cell.
"""

import torch
import torch.nn.functional as F
from torch import nn

COLOURS = "red orange yellow green blue purple pink brown black white grey".split()
SIZES = [40, 56, 72, 104]
GRID = 16
THRESHOLD = 0.5  # of the probability that a middle lies in a cell


def convolution(inputs, outputs, size=3, stride=1):
    """With batch normalisation, which folds into the convolution at export."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, size, stride, size // 2, bias=False), nn.BatchNorm2d(outputs)
    )


class Block(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.first = convolution(channels, channels)
        self.second = convolution(channels, channels)

    def forward(self, x):
        return F.relu(x + self.second(F.relu(self.first(x))))


class Judge(nn.Module):
    """Pixels [B, 3, 128, 128] in [-1, 1] to maps [B, 1 + objects + colours + sizes, 16, 16]."""

    def __init__(self, objects):
        super().__init__()
        self.objects = objects
        self.fine = nn.Sequential(convolution(3, 32, 7, 4), nn.ReLU(), Block(32))
        self.middle = nn.Sequential(convolution(32, 64, 3, 2), nn.ReLU(), Block(64), Block(64))
        # 8x8: a cell of it sees all of the largest drawing.
        self.coarse = nn.Sequential(
            convolution(64, 128, 3, 2), nn.ReLU(), *(Block(128) for _ in "123")
        )
        self.joined = nn.Sequential(convolution(64 + 128, 128), nn.ReLU())
        self.head = nn.Conv2d(128, 1 + objects + len(COLOURS) + len(SIZES), 1)
        nn.init.constant_(self.head.bias[:1], -4.0)

    def forward(self, image):
        middle = self.middle(self.fine(image))
        coarse = F.interpolate(self.coarse(middle), scale_factor=2, mode="nearest")
        return self.head(self.joined(torch.cat([middle, coarse], 1)))

    def parts(self, maps):
        """Logits of middles [B, 16, 16], objects, colours and sizes [B, n, 16, 16]."""
        middle, *rest = maps.split([1, self.objects, len(COLOURS), len(SIZES)], 1)
        return middle[:, 0], *rest

    def loss(self, image, targets):
        """`targets`: middles [B, 16, 16] and [M, 6] of (picture, row, column, object, colour or -1, size)."""
        middles, things = targets
        middle, objects, colours, sizes = self.parts(self(image).float())
        # Few cells are middles: they weigh as much as all others.
        weight = torch.where(middles > 0, 20.0, 1.0)
        found = F.binary_cross_entropy_with_logits(middle, middles, weight, reduction="mean")
        picture, row, column, object, colour, size = things.unbind(1)
        at = lambda maps: maps[picture, :, row, column]
        named = F.cross_entropy(at(objects), object)
        painted = F.cross_entropy(at(colours), colour, ignore_index=-1)
        sized = F.cross_entropy(at(sizes), size)
        return 4 * found + named + 0.5 * painted + 0.2 * sized


@torch.no_grad()
def detections(judge, image):
    """For each picture, [{object, colour, size, x, y}] with the middle in pixels, surest first."""
    middle, objects, colours, sizes = judge.parts(judge(image).float())
    sure = middle.sigmoid()
    # Only a peak counts: neighbours of a middle are less sure of it.
    peak = (sure == F.max_pool2d(sure[:, None], 3, 1, 1)[:, 0]) & (sure > THRESHOLD)
    found = [[] for _ in image]
    for picture, row, column in peak.nonzero().tolist():
        best = lambda maps: int(maps[picture, :, row, column].argmax())
        found[picture].append(
            {
                "sure": float(sure[picture, row, column]),
                "object": best(objects),
                "colour": COLOURS[best(colours)],
                "size": SIZES[best(sizes)],
                "x": column * 8 + 4,
                "y": row * 8 + 4,
            }
        )
    return [sorted(things, key=lambda thing: -thing["sure"]) for things in found]
