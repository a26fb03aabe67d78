"""A run on disk: `ema.pt`, the averaged weights for export, and `checkpoint.pt`, all that going on takes."""

import torch

import precision


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
        self._write("ema.pt", {**facts, "model": self.ema.state_dict()})
        state = {name: getattr(self, name).state_dict() for name in ("model", "ema", "probe")}
        state["optimisers"] = [optimiser.state_dict() for optimiser in self.optimisers]
        self._write("checkpoint.pt", {**facts, **state, "step": step, "seconds": seconds})

    def _write(self, name, state):
        """Whole or not at all."""
        temporary = self.folder / f"{name}.tmp"
        torch.save(state, temporary)
        temporary.replace(self.folder / name)
