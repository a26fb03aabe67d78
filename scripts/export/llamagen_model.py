"""LlamaGen's transformer in plain torch, from its paper (arXiv 2406.06525) and public code: what the
exporter is checked with, and what finetune.py teaches. Prompts are padded on the left to a fixed length and
masked there, rotary tables are made of complex numbers, and nothing is cached."""

import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint


def linear(inputs, outputs):
    return nn.Linear(inputs, outputs, bias=False)


class Projection(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.fc1, self.fc2 = linear(inputs, outputs), linear(outputs, outputs)

    def forward(self, x):
        return self.fc2(F.gelu(self.fc1(x), approximate="tanh"))


class Captions(nn.Module):
    def __init__(self, features, width, prompt):
        super().__init__()
        self.cap_proj = Projection(features, width)
        self.uncond_embedding = nn.Parameter(torch.randn(prompt, features))


class Attention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.wqkv, self.wo = linear(width, 3 * width), linear(width, width)

    def forward(self, x, rotation, mask):
        q, k, v = self.wqkv(x).unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        q, k = (
            torch.view_as_real(torch.view_as_complex(part.unflatten(-1, (-1, 2))) * rotation)
            for part in (q.contiguous(), k.contiguous())
        )
        h = F.scaled_dot_product_attention(q.flatten(-2), k.flatten(-2), v, attn_mask=mask)
        return self.wo(h.transpose(1, 2).flatten(2))


class FeedForward(nn.Module):
    def __init__(self, width, inner):
        super().__init__()
        self.w1, self.w3, self.w2 = linear(width, inner), linear(width, inner), linear(inner, width)

    def forward(self, x):
        return self.w2(F.silu(self.w1(x)) * self.w3(x))


class Block(nn.Module):
    def __init__(self, width, heads, inner):
        super().__init__()
        self.attention, self.feed_forward = Attention(width, heads), FeedForward(width, inner)
        self.attention_norm, self.ffn_norm = (nn.RMSNorm(width, eps=1e-5) for _ in range(2))

    def forward(self, x, rotation, mask):
        x = x + self.attention(self.attention_norm(x), rotation, mask)
        return x + self.feed_forward(self.ffn_norm(x))


class LlamaGen(nn.Module):
    checkpointing = False  # of gradients

    def __init__(self, width, layers, heads, vocabulary, features, prompt, side, inner=None):
        super().__init__()
        self.prompt, self.side, self.head_size = prompt, side, width // heads
        self.cls_embedding = Captions(features, width, prompt)
        self.tok_embeddings = nn.Embedding(vocabulary, width)
        inner = inner or 2 * width
        self.layers = nn.ModuleList(Block(width, heads, inner) for _ in range(layers))
        self.norm = nn.RMSNorm(width, eps=1e-5)
        self.output = linear(width, vocabulary)

    def rotation(self):
        """A complex number per position and pair of channels; zero for the prompt."""
        half = self.head_size // 2
        frequencies = 1 / 10000 ** (torch.arange(0, half, 2).float() / half)
        rows, columns = torch.meshgrid(
            torch.arange(self.side), torch.arange(self.side), indexing="ij"
        )
        angles = [place.flatten()[:, None] * frequencies for place in (rows, columns)]
        angles = torch.cat(angles, -1)
        return torch.cat([torch.zeros(self.prompt, half), torch.polar(torch.ones(()), angles)])

    def forward(self, features, tokens):
        """Logits of the positions behind the prompt and behind each token. `features` [B, prompt, ..] of
        which the first are padding where `valid` says so."""
        features, valid = features
        x = torch.cat([self.cls_embedding.cap_proj(features), self.tok_embeddings(tokens)], 1)
        there = torch.ones(x.shape[:2], dtype=torch.bool)
        there[:, : self.prompt - valid] = False
        return self.output(self.hidden(x, there))[:, self.prompt - 1 :]

    def hidden(self, x, there, first=0):
        """Hidden states of input rows [B, S, d] at positions `first` and further on, of which those are seen that
        are `there` [B, S]."""
        length = x.shape[1]
        triangle = torch.ones(length, length, dtype=torch.bool, device=x.device).tril()
        mask = triangle & there[:, None, None] | torch.eye(
            length, dtype=torch.bool, device=x.device
        )
        rotation = self.rotation()[first : first + length].to(x.device)
        for layer in self.layers:
            if self.checkpointing and self.training:
                x = checkpoint(layer, x, rotation, mask, use_reentrant=False)
            else:
                x = layer(x, rotation, mask)
        return self.norm(x)
