"""Weights of a published checkpoint, read one at a time: the whole never lies in memory."""

import json
import pickle

import torch
from safetensors import safe_open

INDEXES = ("model.safetensors.index.json", "pytorch_model.bin.index.json")
PATTERNS = ("*.safetensors", "pytorch_model*.bin", "*.pt")


class TorchFile:
    """A torch.save'd dict of tensors, mapped and not read; with the methods of safe_open."""

    def __init__(self, path):
        try:
            state = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
        except (RuntimeError, pickle.UnpicklingError) as error:
            raise SystemExit(
                f"{path}: expected a file of torch.save with tensors: {error}"
            ) from None
        for nested in ("state_dict", "model"):
            if isinstance(state.get(nested), dict):
                state = state[nested]
        self.state = state

    def keys(self):
        return self.state.keys()

    def get_tensor(self, name):
        return self.state[name]

    def get_slice(self, name):
        return TorchSlice(self.state[name])


class TorchSlice:
    def __init__(self, tensor):
        self.tensor = tensor

    def get_shape(self):
        return self.tensor.shape

    def __getitem__(self, rows):
        return self.tensor[rows]


class Checkpoint:
    """`source`: a Hugging Face folder, or one file of safetensors or torch.save."""

    def __init__(self, source):
        self.folder = source
        self.files, self.opened = {}, {}
        if source.is_file():
            self.add(source)
            return
        index = next((source / name for name in INDEXES if (source / name).exists()), None)
        if index:
            self.files = {
                name: source / file
                for name, file in json.loads(index.read_text())["weight_map"].items()
            }
            missing = sorted({file.name for file in self.files.values() if not file.exists()})
            if missing:
                raise SystemExit(f"{index}: names files that are not there: {', '.join(missing)}")
            return
        for pattern in PATTERNS:
            for file in sorted(source.glob(pattern)):
                self.add(file)
            if self.files:
                return
        raise SystemExit(f"{source}: expected {' or '.join(PATTERNS)} with weights, found none")

    def add(self, file):
        self.files.update({name: file for name in self.open(file).keys()})

    def open(self, file):
        if file not in self.opened:
            stored = file.suffix == ".safetensors"
            self.opened[file] = safe_open(file, framework="pt") if stored else TorchFile(file)
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

    def load(self, module, prefix, rename=str):
        """Fill a torch module from the weights whose names begin with `prefix`; `rename` says what one of
        its own names is there."""
        state = {name: self.tensor(prefix + rename(name)) for name in module.state_dict()}
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
