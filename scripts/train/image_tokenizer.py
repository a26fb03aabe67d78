"""The image tokenizer: 64x64 RGB to 16x16 tokens of a 512-entry codebook, and back."""

import torch
import torch.nn.functional as F
from torch import nn


class Block(nn.Module):
    """Residual block whose second convolution starts at zero, so no normalisation is needed."""

    def __init__(self, width):
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)
        nn.init.zeros_(self.second.weight)
        nn.init.zeros_(self.second.bias)

    def forward(self, x):
        return x + self.second(F.silu(self.first(F.silu(x))))


class Encoder(nn.Module):
    """[B, 3, H, W] in [-1, 1] to code vectors [B, width, H/4, W/4]."""

    def __init__(self, code_width=8, fine=48, coarse=96):
        super().__init__()
        self.layers = nn.Sequential(
            nn.PixelUnshuffle(2),  # full resolution costs most and carries least
            nn.Conv2d(12, fine, 3, padding=1),
            Block(fine),
            nn.Conv2d(fine, coarse, 4, stride=2, padding=1),
            Block(coarse),
            Block(coarse),
            nn.SiLU(),
            nn.Conv2d(coarse, code_width, 1),
        )

    def forward(self, image):
        return self.layers(image)


class Decoder(nn.Module):
    """Code vectors [B, width, h, w] to an image [B, 3, 4h, 4w], not clamped."""

    def __init__(self, code_width=8, fine=48, coarse=96):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(code_width, coarse, 3, padding=1),
            Block(coarse),
            Block(coarse),
            Block(coarse),
            nn.SiLU(),
            nn.Conv2d(coarse, fine * 4, 3, padding=1),
            nn.PixelShuffle(2),
            Block(fine),
            Block(fine),
            nn.SiLU(),
            nn.Conv2d(fine, 12, 3, padding=1),
            nn.PixelShuffle(2),
        )

    def forward(self, codes):
        return self.layers(codes)


class Codebook(nn.Module):
    """Nearest-neighbour quantisation; the codes follow the mean of what they were chosen for.

    Codebooks collapse: a code that is never nearest never moves. Codes unused for `patience` steps
    are therefore put on a random vector of the present batch.
    """

    def __init__(self, size=512, width=8, decay=0.98, patience=15):
        super().__init__()
        self.decay, self.patience = decay, patience
        self.register_buffer("codes", torch.randn(size, width))
        self.register_buffer("counts", torch.ones(size))
        self.register_buffer("sums", torch.randn(size, width))
        self.register_buffer("unused", torch.zeros(size, dtype=torch.long))

    def nearest(self, vectors):
        """[M, width] to indices [M]."""
        distances = self.codes.square().sum(1) - 2 * vectors @ self.codes.T
        return distances.argmin(1)

    def initialise(self, vectors):
        chosen = torch.randperm(len(vectors))[: len(self.codes)]
        self.codes.copy_(vectors[chosen])
        self.sums.copy_(self.codes)
        self.counts.fill_(1)

    @torch.no_grad()
    def follow(self, vectors, indices):
        size = len(self.codes)
        counts = torch.bincount(indices, minlength=size).float()
        sums = torch.zeros_like(self.codes).index_add_(0, indices, vectors)
        self.counts.mul_(self.decay).add_(counts, alpha=1 - self.decay)
        self.sums.mul_(self.decay).add_(sums, alpha=1 - self.decay)
        self.codes.copy_(self.sums / self.counts.clamp_min(1e-5)[:, None])
        self.unused.add_(1)[counts > 0] = 0
        dead = (self.unused > self.patience).nonzero()[:, 0]
        if len(dead):
            chosen = vectors[torch.randint(len(vectors), (len(dead),))]
            self.codes[dead] = chosen
            self.sums[dead] = chosen * 0.1
            self.counts[dead] = 0.1
            self.unused[dead] = 0
        return len(dead)


class ImageTokenizer(nn.Module):
    def __init__(self, size=512, code_width=8, fine=48, coarse=96):
        super().__init__()
        self.encoder = Encoder(code_width, fine, coarse)
        self.decoder = Decoder(code_width, fine, coarse)
        self.codebook = Codebook(size, code_width)

    def vectors(self, image):
        """[B, 3, H, W] to [B*h*w, width] in fp32, and the grid's shape."""
        z = self.encoder(image).float()
        return z.permute(0, 2, 3, 1).reshape(-1, z.shape[1]), (z.shape[0], z.shape[2], z.shape[3])

    def tokenize(self, image):
        """[B, 3, H, W] in [-1, 1] to tokens [B, h*w] in raster order."""
        vectors, shape = self.vectors(image)
        return self.codebook.nearest(vectors).view(shape[0], -1)

    def image(self, tokens, rows=16, columns=16):
        """Tokens [B, rows*columns] to an image [B, 3, H, W] in [-1, 1]."""
        codes = self.codebook.codes[tokens].view(len(tokens), rows, columns, -1)
        return self.decoder(codes.permute(0, 3, 1, 2)).clamp(-1, 1)
