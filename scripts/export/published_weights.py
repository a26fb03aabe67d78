"""Weights of a Hugging Face checkpoint folder, read one at a time: the whole never lies in memory."""

import json

import torch
from safetensors import safe_open


class Checkpoint:
    def __init__(self, folder):
        self.folder = folder
        self.files, self.opened = {}, {}
        index = folder / "model.safetensors.index.json"
        if index.exists():
            self.files = {
                name: folder / file
                for name, file in json.loads(index.read_text())["weight_map"].items()
            }
            missing = sorted({file.name for file in self.files.values() if not file.exists()})
            if missing:
                raise SystemExit(f"{index}: names files that are not there: {', '.join(missing)}")
        else:
            for file in sorted(folder.glob("*.safetensors")):
                self.files.update({name: file for name in self.open(file).keys()})
        if not self.files:
            raise SystemExit(f"{folder}: expected *.safetensors with weights, found none")

    def open(self, file):
        if file not in self.opened:
            self.opened[file] = safe_open(file, framework="pt")
        return self.opened[file]

    def names(self, prefix=""):
        return [name for name in self.files if name.startswith(prefix)]

    def has(self, name):
        return name in self.files

    def shape(self, name):
        self.check(name)
        return tuple(self.open(self.files[name]).get_slice(name).get_shape())

    def tensor(self, name):
        """As fp32, whatever it is stored in."""
        self.check(name)
        return self.open(self.files[name]).get_tensor(name).float()

    def read(self, name):
        return self.tensor(name).numpy()

    def rows(self, name, first, last):
        self.check(name)
        return self.open(self.files[name]).get_slice(name)[first:last].float()

    def load(self, module, prefix):
        """Fill a torch module from the weights whose names begin with `prefix`."""
        state = {name: self.tensor(prefix + name) for name in module.state_dict()}
        module.load_state_dict(state)
        return module.eval().requires_grad_(False)

    def check(self, name):
        if name not in self.files:
            raise SystemExit(
                f"{self.folder}: expected a weight named {name}, found none: is the family right?"
            )


def concatenated(checkpoint, names):
    """A function that makes several Linear weights into one, output after output."""
    return lambda: torch.cat([checkpoint.tensor(name) for name in names]).numpy()
