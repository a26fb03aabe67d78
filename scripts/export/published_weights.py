"""Weights of a published checkpoint, read one at a time: the whole never lies in memory."""

import copy
import pickle

import torch
from safetensors import SafetensorError, safe_open

from json_file import read_object

INDEXES = ("model.safetensors.index.json", "pytorch_model.bin.index.json")
PATTERNS = ("*.safetensors", "pytorch_model*.bin", "*.pt")
TABLES = "sjd2.safetensors"  # what fine-tuning puts beside weights


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
        self.stored = str
        if source.is_file():
            self.add(source)
            return
        index = next((source / name for name in INDEXES if (source / name).exists()), None)
        if index:
            self.files = {
                name: source / file
                for name, file in read_object(index).get("weight_map", {}).items()
            }
            missing = sorted({file.name for file in self.files.values() if not file.exists()})
            if missing:
                raise SystemExit(f"{index}: names files that are not there: {', '.join(missing)}")
            return
        for pattern in PATTERNS:
            for file in sorted(source.glob(pattern)):
                if file.name != TABLES:
                    self.add(file)
            if self.files:
                return
        raise SystemExit(f"{source}: expected {' or '.join(PATTERNS)} with weights, found none")

    def add(self, file):
        self.files.update({name: file for name in self.open(file).keys()})

    def open(self, file):
        if file not in self.opened:
            stored = file.suffix == ".safetensors"
            try:
                self.opened[file] = safe_open(file, framework="pt") if stored else TorchFile(file)
            except SafetensorError as error:
                raise SystemExit(f"{file}: expected a whole file of safetensors: {error}") from None
        return self.opened[file]

    def renamed(self, stored):
        """The same weights for a reader with other names: `stored` says what one of them is here."""
        view = copy.copy(self)
        view.stored = stored
        return view

    def has(self, name):
        return self.stored(name) in self.files

    def shape(self, name):
        file, name = self.find(name)
        return tuple(file.get_slice(name).get_shape())

    def expect(self, name, shape):
        """Refuses a weight of another shape; None for any extent."""
        found = self.shape(name)
        if not fits(found, shape):
            raise SystemExit(f"{self.folder}: {self.stored(name)}: {unfit(found, shape)}")

    def stored_tensor(self, name):
        """By its name in the file, and as it is stored."""
        return self.open(self.files[name]).get_tensor(name)

    def tensor(self, name):
        """As fp32, whatever it is stored in."""
        file, name = self.find(name)
        return file.get_tensor(name).float()

    def read(self, name):
        return self.tensor(name).numpy()

    def rows(self, name, first, last):
        file, name = self.find(name)
        return file.get_slice(name)[first:last].float()

    def load(self, module, prefix, rename=str):
        """Fill a torch module from the weights whose names begin with `prefix`; `rename` says what one of
        its own names is there."""
        state = {name: self.tensor(prefix + rename(name)) for name in module.state_dict()}
        module.load_state_dict(state)
        return module.eval().requires_grad_(False)

    def find(self, name):
        """The opened file that has a weight, and its name there."""
        name = self.stored(name)
        if name not in self.files:
            raise SystemExit(
                f"{self.folder}: expected a weight named {name}, found none: is the family right?"
            )
        file = self.open(self.files[name])
        if name not in file.keys():
            raise SystemExit(f"{self.files[name]}: lacks {name}, which the index says is there")
        return file, name


def fits(shape, wanted):
    """Whether a shape is the one wanted, where None is any extent."""
    pairs = zip(shape, wanted)
    return len(shape) == len(wanted) and all(extent in (None, found) for found, extent in pairs)


def unfit(shape, wanted):
    extents = ", ".join("?" if extent is None else str(extent) for extent in wanted)
    return f"expected shape [{extents}], as config.json says, but found {list(shape)}"


def concatenated(checkpoint, names):
    """A function that makes several Linear weights into one, output after output."""

    def made():
        for name in names:
            checkpoint.expect(name, (None, *checkpoint.shape(names[0])[1:]))
        return torch.cat([checkpoint.tensor(name) for name in names]).numpy()

    return made
