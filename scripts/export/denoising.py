"""What scripts/train/finetune.py leaves beside a checkpoint's weights: noise levels and tables for sjd2."""

import json

import numpy as np
from safetensors.numpy import load_file

NAMES = ("timestep_embedding", "embedding_mean", "embedding_std")


def read_denoising(folder, hidden):
    """The manifest's `denoising` and {name: (shape, dtype, pieces)} of its tables; None and none for a
    checkpoint as its authors left it."""
    path, tables_path = folder / "sjd2.json", folder / "sjd2.safetensors"
    if not path.exists():
        return None, {}
    if not tables_path.exists():
        raise SystemExit(f"{folder}: expected sjd2.safetensors beside sjd2.json, found none")
    denoising = json.loads(path.read_text(encoding="utf8"))["denoising"]
    found = load_file(tables_path)
    shapes = dict.fromkeys(NAMES, (hidden,))
    shapes["timestep_embedding"] = (denoising["levels"] + 1, hidden)
    for name, shape in shapes.items():
        if name not in found or found[name].shape != shape:
            what = "none" if name not in found else f"shape {list(found[name].shape)}"
            raise SystemExit(
                f"{tables_path}: {name}: expected shape {list(shape)} but found {what}"
            )
    # Small, and sums of noise are made with them: fp32 whatever the weights are.
    return denoising, {name: (found[name].shape, np.float32, [found[name]]) for name in NAMES}
