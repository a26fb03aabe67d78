"""The transformer: Llama-like, over input embeddings, with a head for image tokens only.

The text prompt fills positions 0..P-1, the <boi> token position P, image token j position P+1+j.
"""

from dataclasses import asdict, dataclass

import torch
import torch.nn.functional as F
from torch import nn


@dataclass
class Config:
    vocabulary: int = 512
    text_vocabulary: int = 4096
    width: int = 256
    layers: int = 6
    heads: int = 8
    kv_heads: int = 4
    feed_forward: int = 640
    prompt: int = 10
    rows: int = 16
    columns: int = 16
    slack: int = 64
    levels: int = 8
    rope_base: float = 10000.0
    dropout: float = 0.05

    @property
    def head_size(self):
        return self.width // self.heads

    @property
    def max_length(self):
        """Longest context, with room for a window that reaches beyond the image's end."""
        length = self.prompt + 1 + self.rows * self.columns + self.slack
        return (length + 7) // 8 * 8

    as_dict = asdict


class Norm(nn.Module):
    """RMSNorm in the dtype of its input: mixed dtypes fall off the fast path."""

    def __init__(self, width):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x):
        return F.rms_norm(x, x.shape[-1:], self.weight.to(x.dtype), 1e-6)


def rotate(x, cos, sin):
    """RoPE on half-split pairs, the convention of GroupQueryAttention with interleaved = 0."""
    first, second = x.chunk(2, -1)
    return torch.cat([first * cos - second * sin, second * cos + first * sin], -1)


def causal_attention(query, key, value):
    """Attention [B, heads, S, head_size] of every position to those up to it.

    Written out, since the fused operator spends twice the time on so short a sequence on a CPU
    (training as a whole: 8,200 against 12,000 tokens per second on two quiet cores).
    """
    if query.is_cuda:
        return F.scaled_dot_product_attention(query, key, value, is_causal=True)
    length = query.shape[2]
    future = torch.ones(length, length, dtype=torch.bool).triu(1)
    scores = (query * query.shape[-1] ** -0.5) @ key.transpose(2, 3)
    weights = scores.masked_fill(future, float("-inf")).softmax(-1, dtype=torch.float32)
    return weights.to(value.dtype) @ value


class Layer(nn.Module):
    def __init__(self, config):
        super().__init__()
        c = config
        self.config = c
        self.sections = [c.heads * c.head_size] + [c.kv_heads * c.head_size] * 2
        self.attention_norm = Norm(c.width)
        self.qkv = nn.Linear(c.width, sum(self.sections), bias=False)
        self.query_norm = Norm(c.head_size)
        self.key_norm = Norm(c.head_size)
        self.output = nn.Linear(self.sections[0], c.width, bias=False)
        self.feed_forward_norm = Norm(c.width)
        self.gate_up = nn.Linear(c.width, 2 * c.feed_forward, bias=False)
        self.down = nn.Linear(c.feed_forward, c.width, bias=False)

    def forward(self, x, cos, sin, cache=None):
        c = self.config
        batch, length, _ = x.shape
        query, key, value = self.qkv(self.attention_norm(x)).split(self.sections, -1)
        query = self.query_norm(query.view(batch, length, c.heads, -1)).transpose(1, 2)
        key = self.key_norm(key.view(batch, length, c.kv_heads, -1)).transpose(1, 2)
        value = value.view(batch, length, c.kv_heads, -1).transpose(1, 2)
        query, key = rotate(query, cos, sin), rotate(key, cos, sin)
        if cache is not None:
            key, value = cache.extend(self, key, value)
        groups = c.heads // c.kv_heads
        key, value = key.repeat_interleave(groups, 1), value.repeat_interleave(groups, 1)
        if cache is None or key.shape[2] == length:
            mixed = causal_attention(query, key, value)
        else:
            past = key.shape[2] - length
            mask = torch.ones(length, key.shape[2], dtype=torch.bool, device=x.device).tril(past)
            mixed = F.scaled_dot_product_attention(query, key, value, attn_mask=mask)
        mixed = self.output(mixed.transpose(1, 2).reshape(batch, length, -1))
        x = x + F.dropout(mixed, c.dropout, self.training)
        gate, up = self.gate_up(self.feed_forward_norm(x)).chunk(2, -1)
        return x + F.dropout(self.down(F.silu(gate) * up), c.dropout, self.training)


class Cache:
    """Keys and values of all positions so far, for sampling."""

    def __init__(self):
        self.store = {}
        self.length = 0

    def extend(self, layer, key, value):
        if layer in self.store:
            key = torch.cat([self.store[layer][0], key], 2)
            value = torch.cat([self.store[layer][1], value], 2)
        self.store[layer] = key, value
        return key, value


class Transformer(nn.Module):
    def __init__(self, config):
        super().__init__()
        c = self.config = config
        self.image_embedding = nn.Embedding(c.vocabulary, c.width)
        self.text_embedding = nn.Embedding(c.text_vocabulary, c.width)
        # Row 0 stands for clean inputs and stays zero.
        self.timestep_embedding = nn.Parameter(torch.zeros(c.levels + 1, c.width))
        self.prompt_position = nn.Parameter(torch.randn(c.prompt, c.width) * 0.02)
        self.row_position = nn.Parameter(torch.randn(c.rows, c.width) * 0.2)
        self.column_position = nn.Parameter(torch.randn(c.columns, c.width) * 0.2)
        self.layers = nn.ModuleList(Layer(c) for _ in range(c.layers))
        self.norm = Norm(c.width)
        self.head = nn.Linear(c.width, c.vocabulary, bias=False)
        # Statistics of the image embedding, frozen when the noise begins.
        self.register_buffer("mean", torch.zeros(c.width))
        self.register_buffer("std", torch.ones(c.width))
        self.register_buffer("frozen", torch.tensor(False))
        for layer in self.layers:
            for matrix in (layer.qkv, layer.gate_up):
                nn.init.normal_(matrix.weight, std=c.width**-0.5)
            nn.init.zeros_(layer.output.weight)
            nn.init.zeros_(layer.down.weight)
        nn.init.normal_(self.image_embedding.weight, std=0.5)
        nn.init.normal_(self.text_embedding.weight, std=0.5)
        nn.init.zeros_(self.head.weight)
        cos, sin = self.rope_tables()
        self.register_buffer("cos", cos, persistent=False)
        self.register_buffer("sin", sin, persistent=False)

    def rope_tables(self):
        """cos and sin [max_length, head_size / 2]."""
        c = self.config
        exponents = torch.arange(0, c.head_size, 2).float() / c.head_size
        angles = torch.arange(c.max_length).float()[:, None] * c.rope_base**-exponents
        return angles.cos(), angles.sin()

    def positions(self):
        """The position table [max_length, width]: an image position is told the row and the column
        of the token it predicts; a window beyond the image's end repeats the last row."""
        c = self.config
        grid = (self.row_position[:, None] + self.column_position).flatten(0, 1)
        beyond = self.row_position[-1] + self.column_position
        repeats = -(-(c.max_length - c.prompt - len(grid)) // c.columns)
        table = torch.cat([self.prompt_position, grid] + [beyond] * repeats)
        return table[: c.max_length]

    @torch.no_grad()
    def measure_statistics(self):
        """Mean and deviation per channel of the image embedding, as noise in pre-training follows them."""
        self.mean.copy_(self.image_embedding.weight.mean(0))
        self.std.copy_(self.image_embedding.weight.std(0))

    def freeze_statistics(self):
        """Fix the embedding and its mean and deviation per channel (see ALGORITHM: denoising works in
        the normalised space, so these must not move under it)."""
        self.measure_statistics()
        self.frozen.fill_(True)
        self.image_embedding.weight.requires_grad_(False)

    def forward(self, embeds, first_logit=0, cache=None, probed=False):
        """Input embeddings [B, S, width] to logits [B, S - first_logit, vocabulary].

        With `probed`, also the hidden state of <boi> half-way up, [B, width] (layout_probe.py).
        """
        past = cache.length if cache else 0
        end = past + embeds.shape[1]
        x = embeds + self.positions()[past:end]
        cos, sin = self.cos[past:end], self.sin[past:end]
        if torch.is_autocast_enabled(x.device.type):
            x, cos, sin = x.bfloat16(), cos.bfloat16(), sin.bfloat16()
        for index, layer in enumerate(self.layers):
            x = layer(x, cos, sin, cache)
            if index + 1 == len(self.layers) // 2:
                middle = x[:, self.config.prompt] if probed else None
        if cache:
            cache.length = end
        logits = self.head(self.norm(x[:, first_logit:]))
        return (logits, middle) if probed else logits

    def prompt_embeds(self, prompts):
        """Token ids [B, P + 1], <boi> last, to embeddings."""
        return self.text_embedding(prompts)

    def predict(self, run, prompts, inputs):
        """Logits [B, N, V] of all image tokens, given the inputs [B, N - 1, width] of all but the last; and what
        the layout probe reads. `run` is this model, or what it was compiled to."""
        embeds = torch.cat([self.prompt_embeds(prompts), inputs], 1)
        return run(embeds, self.config.prompt, probed=True)
