"""How many tokens a pass would commit: decoding with Gumbel coupling as docs/decoding.md tells it, simulated.

The tokens are those of autoregression with the same noise; only their passes are counted. Without a KV cache, so
that it needs nothing of a model but `predict`: a measure for training runs, not a way to draw.
"""

import torch

import precision
from public_models.public_model import NOTHING


def side_by_side(first, second):
    """Prompts [A, P] and [B, Q] as [A + B, max(P, Q)], aligned at their ends."""
    width = max(first.shape[1], second.shape[1])
    padded = [
        torch.nn.functional.pad(rows, (width - rows.shape[1], 0), value=NOTHING)
        for rows in (first, second)
    ]
    return torch.cat(padded)


class Laws:
    """Logits of all positions [B, N, V], guided, from inputs [B, N - 1, d]."""

    def __init__(self, model, prompts, unconditional, guidance):
        self.model, self.guidance = model, guidance
        self.rows = prompts if guidance == 1 else side_by_side(prompts, unconditional)

    def __call__(self, inputs):
        if self.guidance == 1:
            return self.model.predict(self.model, self.rows, inputs)[0].float()
        inputs = torch.cat([inputs, inputs])
        logits = self.model.predict(self.model, self.rows, inputs)[0].float()
        conditional, free = logits.chunk(2)
        return free + self.guidance * (conditional - free)


@torch.no_grad()
def tokens_per_pass(model, laws, count, length, window, noise, seed=11):
    """Mean tokens per pass over `count` images of `length` tokens. What enters the window is noise at
    the highest level, denoised in one step (sjd2), or with `noise` False a random token (sjd)."""
    model.eval()
    generator = torch.Generator().manual_seed(seed)
    device, (vocabulary, width) = model.table.device, model.table.shape
    uniform = torch.rand(count, length, vocabulary, generator=generator).clamp(1e-7, 1 - 1e-7)
    gumbel = -(-uniform.log()).log().to(device)
    tokens = torch.randint(vocabulary, (count, length), generator=generator).to(device)
    level = torch.full_like(tokens, int(noise))
    places = torch.arange(length, device=device)
    committed = torch.zeros(count, 1, dtype=torch.long, device=device)
    if noise:
        normal = torch.randn(count, length, width, generator=generator).to(device)
        noisy = model.mean + model.std * normal + model.timestep_embedding[-1]
    passes = 0
    while True:
        open_images = committed < length
        if not open_images.any():
            return count * length / passes
        passes += int(open_images.sum())
        inputs = model.image_embedding(tokens)
        if noise:
            inputs = torch.where((level > 0)[..., None], noisy, inputs)
        with precision.mixed():
            logits = laws(inputs[:, :-1])
        drawn = (logits.log_softmax(-1) + gumbel).argmax(-1)
        inside = (places >= committed) & (places < committed + window)
        # A position passes if its input was clean and its draft stays; one token more is final.
        stays = ((drawn == tokens) & (level == 0)) | (places < committed)
        passed = stays.long().cumprod(1).sum(1, keepdim=True)
        tokens = torch.where(inside, drawn, tokens)
        level = torch.where(inside, 0, level)
        limit = (committed + window).clamp_max(length)
        committed = torch.where(open_images, torch.minimum(passed + 1, limit), committed)
