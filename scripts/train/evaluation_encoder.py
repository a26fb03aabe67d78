"""The evaluation encoder: drawings and captions in one space of 64 dimensions, after CLIP (Radford et
al. 2021, arXiv 2103.00020), small enough to train in minutes.

It judges pictures, it does not make them: agreement of text and image is the cosine of the two towers'
outputs, and the Frechet distance compares the image tower's outputs. 64 dimensions, because a
covariance of d dimensions needs many times d samples, and an evaluation draws hundreds.
"""

import torch
import torch.nn.functional as F
from torch import nn

WIDTH = 64
# Channels at 16x16, 8x8 and 4x4; residual blocks of two convolutions at each.
STAGES = ((32, 1), (64, 2), (128, 2))


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


class ImageTower(nn.Module):
    """Pixels [B, 3, 64, 64] in [-1, 1] to unit vectors [B, 64]."""

    def __init__(self):
        super().__init__()
        before, layers = 3, []
        for stage, (channels, blocks) in enumerate(STAGES):
            size, stride = (7, 4) if stage == 0 else (3, 2)
            layers += [convolution(before, channels, size, stride), nn.ReLU()]
            layers += [Block(channels) for _ in range(blocks)]
            before = channels
        self.layers = nn.Sequential(*layers)
        # What is where matters in a drawing of 64 pixels: the 2x2 quarters stay apart.
        self.head = nn.Linear(before * 4, WIDTH)

    def forward(self, image):
        x = F.adaptive_avg_pool2d(self.layers(image), 2).flatten(1)
        return F.normalize(self.head(x.float()), dim=1)


class TextTower(nn.Module):
    """Word ids [B, L], 0 for none, to unit vectors [B, 64]: a weighted bag of words."""

    def __init__(self, vocabulary):
        super().__init__()
        self.words = nn.Embedding(vocabulary, WIDTH)
        self.importance = nn.Embedding(vocabulary, 1)
        self.hidden = nn.Linear(WIDTH, 4 * WIDTH)
        self.out = nn.Linear(4 * WIDTH, WIDTH)
        nn.init.zeros_(self.importance.weight)

    def forward(self, ids):
        here = (ids != 0).float().unsqueeze(2)
        weights = self.importance(ids).exp() * here
        # A caption without any known word is the null vector, not NaN.
        bag = (weights * self.words(ids)).sum(1) / weights.sum(1).clamp_min(1e-6)
        return F.normalize(bag + self.out(F.relu(self.hidden(bag))), dim=1)


class EvaluationEncoder(nn.Module):
    def __init__(self, vocabulary):
        super().__init__()
        self.image, self.text = ImageTower(), TextTower(vocabulary)
        self.log_scale = nn.Parameter(torch.tensor(2.7))  # 1 / temperature, as in CLIP: e^2.7 = 15

    def loss(self, images, ids, group):
        """Contrastive loss both ways. `group` [B]: pairs of one group are not negatives of each
        other, since the caption of one describes the other just as well."""
        logits = self.image(images) @ self.text(ids).T * self.log_scale.exp().clamp_max(100)
        same = (group[:, None] == group[None, :]) & ~torch.eye(len(group), dtype=torch.bool)
        logits = logits.masked_fill(same, -torch.inf)
        target = torch.arange(len(group))
        return (F.cross_entropy(logits, target) + F.cross_entropy(logits.T, target)) / 2
