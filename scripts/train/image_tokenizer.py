"""The image tokenizer: RGB to a grid of tokens, and back. One token is a square of 4 or 8 pixels."""

import torch
import torch.nn.functional as F
from torch import nn

import ranks


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
    """[B, 3, H, W] in [-1, 1] to code vectors [B, code_width, H/factor, W/factor].

    `widths` are the decoder's, from coarse to fine; the encoder has the first two.
    """

    def __init__(self, code_width, widths, factor):
        super().__init__()
        coarse, fine = widths[:2]
        self.layers = nn.Sequential(
            nn.PixelUnshuffle(factor // 2),  # full resolution costs most and carries least
            nn.Conv2d(3 * (factor // 2) ** 2, fine, 3, padding=1),
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
    """Code vectors [B, code_width, h, w] to an image [B, 3, factor * h, factor * w], not clamped."""

    def __init__(self, code_width, widths):
        super().__init__()
        layers = [nn.Conv2d(code_width, widths[0], 3, padding=1)]
        for stage, width in enumerate(widths):
            if stage:
                layers += [nn.SiLU(), nn.Conv2d(widths[stage - 1], width * 4, 3, padding=1)]
                layers += [nn.PixelShuffle(2)]
            # Blocks at fine resolution cost most and add least.
            layers += [Block(width) for _ in range(3 - stage)]
        layers += [nn.SiLU(), nn.Conv2d(widths[-1], 12, 3, padding=1), nn.PixelShuffle(2)]
        self.layers = nn.Sequential(*layers)

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
        chosen = torch.randint(len(vectors), (len(self.codes),), device=vectors.device)
        self.codes.copy_(ranks.first_of_all(vectors[chosen]))
        self.sums.copy_(self.codes)
        self.counts.fill_(1)

    @torch.no_grad()
    def follow(self, vectors, indices):
        size = len(self.codes)
        counts = torch.bincount(indices, minlength=size).float()
        sums = torch.zeros_like(self.codes).index_add_(0, indices, vectors)
        counts, sums = ranks.sum_of_all(counts), ranks.sum_of_all(sums)
        self.counts.mul_(self.decay).add_(counts, alpha=1 - self.decay)
        self.sums.mul_(self.decay).add_(sums, alpha=1 - self.decay)
        self.codes.copy_(self.sums / self.counts.clamp_min(1e-5)[:, None])
        self.unused.add_(1)[counts > 0] = 0
        dead = (self.unused > self.patience).nonzero()[:, 0]
        if len(dead):
            chosen = torch.randint(len(vectors), (len(dead),), device=vectors.device)
            chosen = ranks.first_of_all(vectors[chosen])
            self.codes[dead] = chosen
            self.sums[dead] = chosen * 0.1
            self.counts[dead] = 0.1
            self.unused[dead] = 0
        return len(dead)


class ImageTokenizer(nn.Module):
    def __init__(self, codes=512, code_width=8, widths=(96, 48)):
        super().__init__()
        self.config = {"codes": codes, "code_width": code_width, "widths": list(widths)}
        self.factor = 2 ** len(widths)
        self.encoder = Encoder(code_width, widths, self.factor)
        self.decoder = Decoder(code_width, widths)
        self.codebook = Codebook(codes, code_width)

    @torch.no_grad()
    def normalise(self):
        """Codes of deviation 1, and the same tokens and pixels: the decoder's first weights take the scale over.

        Nothing ties the scale of the code vectors. In a long training it drifted to 1e5, and codes stored as
        fp16 overflowed.
        """
        codes, last, first = self.codebook, self.encoder.layers[-1], self.decoder.layers[0]
        scale = codes.codes.square().mean().sqrt()
        for tensor in (codes.codes, codes.sums, last.weight, last.bias):
            tensor.div_(scale)
        first.weight.mul_(scale)

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
