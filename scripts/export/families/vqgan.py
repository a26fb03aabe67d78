"""The decoder half of a VQGAN (taming-transformers), with the weight names of its checkpoints.

transformers' Chameleon has the encoder only. LlamaGen's image tokenizer is of the same blocks.
"""

import torch
from torch import nn
from torch.nn import functional as F


def group_norm(channels):
    return nn.GroupNorm(32, channels, eps=1e-6)


class Residual(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.norm1, self.conv1 = group_norm(inputs), nn.Conv2d(inputs, outputs, 3, padding=1)
        self.norm2, self.conv2 = group_norm(outputs), nn.Conv2d(outputs, outputs, 3, padding=1)
        if inputs != outputs:
            self.nin_shortcut = nn.Conv2d(inputs, outputs, 1)

    def forward(self, x):
        h = self.conv1(F.silu(self.norm1(x)))
        h = self.conv2(F.silu(self.norm2(h)))
        return h + (self.nin_shortcut(x) if hasattr(self, "nin_shortcut") else x)


class Attention(nn.Module):
    """One head over all places of the picture."""

    def __init__(self, channels):
        super().__init__()
        self.norm = group_norm(channels)
        self.q, self.k, self.v, self.proj_out = (nn.Conv2d(channels, channels, 1) for _ in range(4))

    def forward(self, x):
        h = self.norm(x)
        q, k, v = (layer(h).flatten(2).transpose(1, 2) for layer in (self.q, self.k, self.v))
        weights = (q @ k.transpose(1, 2) * q.shape[-1] ** -0.5).softmax(-1)
        return x + self.proj_out((weights @ v).transpose(1, 2).unflatten(2, x.shape[2:]))


class Upsample(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x):
        return self.conv(F.interpolate(x, scale_factor=2.0, mode="nearest"))


class Decoder(nn.Module):
    """`config` has base_channels, channel_multiplier, num_res_blocks, latent_channels, resolution and
    attn_resolutions, as transformers' ChameleonVQVAEConfig."""

    def __init__(self, config):
        super().__init__()
        levels = [config.base_channels * factor for factor in config.channel_multiplier]
        size = config.resolution >> (len(levels) - 1)
        channels = levels[-1]
        self.conv_in = nn.Conv2d(config.latent_channels, channels, 3, padding=1)
        self.mid = nn.Module()
        self.mid.block_1, self.mid.attn_1 = Residual(channels, channels), Attention(channels)
        self.mid.block_2 = Residual(channels, channels)
        self.up = nn.ModuleList()  # the finest level first, though the coarsest runs first
        for index, wanted in reversed(list(enumerate(levels))):
            up = nn.Module()
            up.block, up.attn = nn.ModuleList(), nn.ModuleList()
            for _ in range(config.num_res_blocks + 1):
                up.block.append(Residual(channels, wanted))
                channels = wanted
                if size in (config.attn_resolutions or ()):
                    up.attn.append(Attention(channels))
            if index:
                up.upsample = Upsample(channels)
                size *= 2
            self.up.insert(0, up)
        self.norm_out = group_norm(channels)
        self.conv_out = nn.Conv2d(channels, 3, 3, padding=1)

    def forward(self, h):
        h = self.mid.block_2(self.mid.attn_1(self.mid.block_1(self.conv_in(h))))
        for up in reversed(self.up):
            for index, block in enumerate(up.block):
                h = block(h)
                if len(up.attn):
                    h = up.attn[index](h)
            if hasattr(up, "upsample"):
                h = up.upsample(h)
        return self.conv_out(F.silu(self.norm_out(h)))


class Codebook(nn.Module):
    def __init__(self, count, width):
        super().__init__()
        self.embedding = nn.Embedding(count, width)


class Vqgan(nn.Module):
    """tokens [B, rows * columns] to an image [B, 3, H, W] in [-1, 1]."""

    def __init__(self, config, rows, columns):
        super().__init__()
        self.rows, self.columns = rows, columns
        self.quantize = Codebook(config.num_embeddings, config.embed_dim)
        self.post_quant_conv = nn.Conv2d(config.embed_dim, config.latent_channels, 1)
        self.decoder = Decoder(config)

    def codes(self, tokens):
        codes = self.quantize.embedding(tokens).unflatten(1, (self.rows, self.columns))
        return codes.permute(0, 3, 1, 2)

    def forward(self, tokens):
        image = self.decoder(self.post_quant_conv(self.codes(tokens)))
        return torch.clamp(image, -1, 1)
