"""Muon (Jordan et al. 2024): momentum whose matrices are orthogonalised before they are applied."""

import torch

import precision
from ranks import shared_work


@torch.no_grad()
def orthogonalise(matrices, steps=4):
    """Newton-Schulz iteration on [n, rows, columns] towards the nearest semi-orthogonal matrices."""
    a, b, c = 3.4445, -4.7750, 2.0315
    x = matrices.bfloat16() if precision.FAST_BFLOAT16 else matrices
    tall = x.shape[1] > x.shape[2]
    if tall:
        x = x.transpose(1, 2)
    x = x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)
    for _ in range(steps):
        gram = x @ x.transpose(1, 2)
        x = a * x + (b * gram + c * gram @ gram) @ x
    return (x.transpose(1, 2) if tall else x).float()


class Muon(torch.optim.Optimizer):
    """`sections` says how a fused weight splits along its rows: query, key and value are three maps,
    and each is orthogonalised for itself. Equal shapes go through the iteration together."""

    def __init__(self, parameters, sections, lr=0.02, momentum=0.95, decay=0.01):
        super().__init__(parameters, {"lr": lr, "momentum": momentum, "decay": decay})
        self.sections = sections

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            by_shape = {}
            for parameter in group["params"]:
                if parameter.grad is None:
                    continue
                state = self.state[parameter]
                if not state:
                    state["momentum"] = torch.zeros_like(parameter)
                buffer = state["momentum"]
                buffer.lerp_(parameter.grad, 1 - group["momentum"])
                update = parameter.grad.lerp(buffer, group["momentum"])
                parameter.mul_(1 - group["lr"] * group["decay"])
                parts = self.sections.get(parameter, [len(parameter)])
                for target, part in zip(parameter.split(parts), update.split(parts)):
                    by_shape.setdefault(part.shape, []).append((target, part))
            for shape, pairs in by_shape.items():
                updates = shared_work(torch.stack([part for _, part in pairs]), orthogonalise)
                scale = max(1, shape[0] / shape[1]) ** 0.5
                for (target, _), update in zip(pairs, updates):
                    target.add_(update, alpha=-group["lr"] * scale)
