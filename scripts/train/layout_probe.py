"""An auxiliary loss that makes the prompt matter.

A caption holds about 9 nats, an image about 500: the most a caption can save is 0.035 nats per token,
so next-token loss alone teaches a small model to draw long before it teaches it to listen. The probe
asks more of the prompt: from the <boi> position, half-way up the layers, predict which tokens occur in
each of 4x4 regions of the image. Image positions attend to that position in the layers above. The
probe is thrown away after training.
"""

import torch
import torch.nn.functional as F
from torch import nn

REGIONS = 4


def region_histograms(tokens, rows, columns, vocabulary):
    """Tokens [B, rows * columns] to token frequencies [B, regions, vocabulary]."""
    height, width = rows // REGIONS, columns // REGIONS
    grid = tokens.view(-1, REGIONS, height, REGIONS, width).transpose(2, 3)
    grid = grid.reshape(len(tokens), REGIONS * REGIONS, height * width)
    counts = torch.zeros(*grid.shape[:2], vocabulary, device=tokens.device)
    return counts.scatter_add_(2, grid, torch.ones_like(grid, dtype=counts.dtype)) / grid.shape[2]


class LayoutProbe(nn.Module):
    def __init__(self, config, width=48):
        super().__init__()
        self.config, self.width = config, width
        self.regions = nn.Linear(config.width, REGIONS * REGIONS * width)
        self.tokens = nn.Linear(width, config.vocabulary)

    def forward(self, hidden, tokens):
        """Cross-entropy in nats per token of the region histograms, from hidden states [B, d]."""
        c = self.config
        hidden = F.rms_norm(hidden.float(), hidden.shape[-1:])
        logits = self.tokens(F.silu(self.regions(hidden).view(len(hidden), -1, self.width)))
        target = region_histograms(tokens, c.rows, c.columns, c.vocabulary)
        return -(target * logits.float().log_softmax(-1)).sum(-1).mean()
