"""Noise levels and noisy inputs for next-clean-token prediction (SJD2, arXiv 2510.08994)."""

from dataclasses import asdict, dataclass

import torch


@dataclass
class Levels:
    """Karras et al. 2022 levels of noise-to-signal ratio; level 0 is clean, level `count` noise.

    In 256 channels a token shows through a ratio of 1 without effort (16 standard deviations), so the
    ratios are larger than the ones known from images.
    """

    count: int = 8
    sigma_min: float = 0.3
    sigma_max: float = 40.0
    rho: float = 7.0

    as_dict = asdict

    def manifest(self):
        """The manifest's `denoising`; one step is the default."""
        return {
            "schedule": "karras",
            "levels": self.count,
            "sigmaMin": self.sigma_min,
            "sigmaMax": self.sigma_max,
            "rho": self.rho,
            "steps": 1,
        }

    def alpha_sigma(self):
        """alpha [count + 1] and sigma [count + 1], with alpha^2 + sigma^2 = 1."""
        low, high = self.sigma_min ** (1 / self.rho), self.sigma_max ** (1 / self.rho)
        level = torch.arange(self.count + 1, dtype=torch.float64)
        ratio = (high + (1 - level / self.count) * (low - high)) ** self.rho
        ratio[0] = 0
        alpha = 1 / (1 + ratio**2).sqrt()
        return alpha.float(), (ratio * alpha).float()

    def weights(self):
        """How often training draws each level. Decoding in K steps uses levels round(k N / K), and few
        steps are best for 256 tokens: level N is in every schedule, N/2 in that of 2 steps."""
        weights = torch.ones(self.count + 1)
        weights[0] = 0
        weights[self.count] = 0.5 * self.count
        weights[self.count // 2] = 0.2 * self.count
        return weights


def random_segments(batch, length, weights, share, blind=0.0):
    """Levels [B, length] where `weights` [levels + 1] is: in a `share` of the samples 1 to 3 segments, each with one random level.

    In a further `blind` share most positions, in half of these samples all, are at the highest level.
    A small model that always sees the tokens so far learns to continue drawings it recognises and does
    not listen: blind, all of the loss is about the caption. It is also what the first pass of SJD2 sees.
    """
    device = weights.device
    kind = torch.rand(batch, 1, device=device)
    shown = torch.empty(batch, 1, device=device).uniform_(0.4, 1.6)
    hidden = (kind >= 1 - blind) & (torch.rand(batch, length, device=device) < shown)
    levels = hidden * (len(weights) - 1)
    segments = torch.randint(1, 4, (batch, 1), device=device)
    sizes = torch.randint(8, 81, (batch, 3), device=device)
    # As often cut off at the start as at the end.
    starts = (torch.rand(batch, 3, device=device) * length - sizes / 2).floor().long()
    drawn = weights.multinomial(batch * 3, replacement=True).view(batch, 3)
    places = torch.arange(length, device=device)
    for index in range(3):
        start, size = starts[:, index, None], sizes[:, index, None]
        inside = (places >= start) & (places < start + size) & (kind < share) & (index < segments)
        levels = torch.where(inside, drawn[:, index, None], levels)
    return levels


def noisy_inputs(model, tokens, levels, schedule):
    """Input embeddings of tokens [B, S] at levels [B, S]; level 0 is the clean embedding.
    Without a schedule all are clean."""
    clean = model.image_embedding(tokens)
    if schedule is None:
        return clean
    alpha, sigma = (table.to(levels.device)[levels][..., None] for table in schedule.alpha_sigma())
    normal = (clean - model.mean) / model.std
    noisy = alpha * normal + sigma * torch.randn_like(normal)
    # Row 0 of the table is never trained: clean inputs carry no timestep.
    noisy = model.mean + model.std * noisy + model.timestep_embedding[levels]
    return torch.where((levels > 0)[..., None], noisy, clean)
