"""A run on disk: `ema.pt`, the averaged weights for export, and `checkpoint.pt`, all that going on takes."""

import torch

import precision


def save_whole(state, path):
    """Whole or not at all."""
    temporary = path.with_suffix(".tmp")
    torch.save(state, temporary)
    temporary.replace(path)


class Checkpoint:
    def __init__(self, folder, model, ema, probe, optimisers, facts):
        """`facts` (levels, distilled scale) go into both files."""
        self.folder, self.facts = folder, facts
        self.model, self.ema, self.probe, self.optimisers = model, ema, probe, optimisers

    def restore(self):
        """(step, seconds) of an interrupted run, or (0, 0)."""
        path = self.folder / "checkpoint.pt"
        if not path.exists():
            return 0, 0.0
        state = torch.load(path, weights_only=True, map_location=precision.DEVICE)
        for name in ("model", "ema", "probe"):
            getattr(self, name).load_state_dict(state[name])
        for optimiser, saved in zip(self.optimisers, state["optimisers"]):
            optimiser.load_state_dict(saved)
        return state["step"], state["seconds"]

    def save(self, step, seconds):
        facts = {"config": self.model.config.as_dict(), **self.facts}
        save_whole({**facts, "model": self.ema.state_dict()}, self.folder / "ema.pt")
        state = {name: getattr(self, name).state_dict() for name in ("model", "ema", "probe")}
        state["optimisers"] = [optimiser.state_dict() for optimiser in self.optimisers]
        state = {**facts, **state, "step": step, "seconds": seconds}
        save_whole(state, self.folder / "checkpoint.pt")
