"""Raw files of weights that several graphs refer to (ONNX external data)."""

from typing import NamedTuple

import numpy as np
from onnx import TensorProto

TYPES = {
    np.dtype(np.float32): TensorProto.FLOAT,
    np.dtype(np.float16): TensorProto.FLOAT16,
    np.dtype(np.int8): TensorProto.INT8,
    np.dtype(np.uint8): TensorProto.UINT8,
}
SUFFIX = {np.dtype(np.float32): "", np.dtype(np.float16): ".fp16"}


def stored_name(name, dtype):
    """One weight may be there in several types, for graphs that compute in different ones."""
    return name + SUFFIX.get(np.dtype(dtype), f".{np.dtype(dtype).name}")


class Place(NamedTuple):
    file: str
    offset: int
    length: int
    shape: tuple


class WeightFiles:
    """`path`, then `path`.1, `path`.2: a new file is begun when one has reached `limit` bytes, since file
    systems and hosts exist that take no larger ones. A weight is never cut in two."""

    def __init__(self, path, limit=2_000_000_000):
        self.path, self.limit = path, limit
        self.places, self.paths = {}, []
        self.file = None

    def add(self, name, array, dtype):
        """Append an array (or what a function makes) once; returns its place."""
        if name not in self.places:
            array = np.ascontiguousarray(array() if callable(array) else array, dtype)
            if not self.file or (self.file.tell() and self.file.tell() + array.nbytes > self.limit):
                self.open_next()
            # ONNX Runtime maps the file; 64 bytes is what its kernels like to be aligned to.
            self.file.write(b"\0" * (-self.file.tell() % 64))
            self.places[name] = Place(
                self.paths[-1].name, self.file.tell(), array.nbytes, array.shape
            )
            self.file.write(memoryview(array).cast("B") if array.size else b"")
        return self.places[name]

    def open_next(self):
        self.close()
        suffix = f".{len(self.paths)}" if self.paths else ""
        self.paths.append(self.path.with_name(self.path.name + suffix))
        self.file = open(self.paths[-1], "wb")

    def close(self):
        if self.file:
            self.file.close()
