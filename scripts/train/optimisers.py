"""Muon for the matrices of the layers, AdamW for all else, and their learning rate."""

import torch

from muon import Muon

WARM_UP = 60  # steps


def new_optimisers(model, probe, scale):
    matrices, sections = [], {}
    for layer in model.layers:
        half = layer.config.feed_forward
        matrices += [layer.qkv.weight, layer.output.weight, layer.gate_up.weight, layer.down.weight]
        sections[layer.qkv.weight] = layer.sections
        sections[layer.gate_up.weight] = [half, half]
    tables = [model.image_embedding.weight, model.text_embedding.weight]
    known = {id(p) for p in matrices + tables}
    rest = [p for p in [*model.parameters(), *probe.parameters()] if id(p) not in known]
    muon = Muon(matrices, sections, lr=0.02 * scale)
    adam = torch.optim.AdamW(
        [
            {"params": [p for p in tables if p.requires_grad], "lr": 6e-3 * scale},
            {"params": rest, "lr": 2e-3 * scale},
        ],
        betas=(0.9, 0.98),
        weight_decay=0.0,
    )
    for optimiser in (muon, adam):
        for group in optimiser.param_groups:
            group["peak"] = group["lr"]
    return [muon, adam]


def set_learning_rate(optimisers, step, steps, decay_from, decay_to):
    """Warm-up, a plateau until `decay_from` of the steps, and a straight line down to `decay_to` of the
    peak. Returns the share of the peak."""
    tail = max(0.0, step / steps - decay_from) / (1 - decay_from)
    factor = min(1.0, (step + 1) / WARM_UP) * (1 - (1 - decay_to) * tail)
    for optimiser in optimisers:
        for group in optimiser.param_groups:
            group["lr"] = group["peak"] * factor
    return factor
