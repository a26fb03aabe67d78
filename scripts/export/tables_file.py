"""A safetensors file written piece by piece: tables may be larger than memory."""

import json
import struct

import numpy as np

NAMES = {np.dtype(np.float32): "F32", np.dtype(np.float16): "F16"}


def write_tables(path, tables):
    """`tables` has, by name, (shape, dtype, an iterable of arrays that make it up row after row)."""
    header, offset = {}, 0
    for name, (shape, dtype, _) in tables.items():
        size = int(np.prod(shape)) * np.dtype(dtype).itemsize
        header[name] = {
            "dtype": NAMES[np.dtype(dtype)],
            "shape": list(shape),
            "data_offsets": [offset, offset + size],
        }
        offset += size
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for name, (_, dtype, pieces) in tables.items():
            for piece in pieces:
                array = np.ascontiguousarray(piece, dtype)
                if not np.isfinite(array).all():
                    raise SystemExit(
                        f"{name}: holds values that are not finite in {np.dtype(dtype).name}"
                    )
                file.write(memoryview(array).cast("B"))
        written = file.tell() - 8 - len(text)
    if written != offset:
        raise SystemExit(f"{path}: {written} bytes of tables were made where {offset} were due")
