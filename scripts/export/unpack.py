"""The other way from package.py: a checkpoint of what a package of the default model stores.
Matrices were rounded to fp16 there, and so were sums of positions.

python scripts/export/unpack.py --package models/emoji --distilled 2 --checkpoint FILE
"""

import argparse
import json
import sys
from pathlib import Path

import onnx
import torch
from onnx import numpy_helper
from safetensors.torch import load_file

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "train"))

from checkpoint import save_whole
from model import Config, Transformer
from noise import Levels

TABLES = {
    "image_embedding": "image_embedding.weight",
    "text_embedding": "text_embedding.weight",
    "timestep_embedding": "timestep_embedding",
    "embedding_mean": "mean",
    "embedding_std": "std",
}


def config_of(manifest, tables, weights):
    return Config(
        vocabulary=manifest["image"]["vocabulary"],
        text_vocabulary=len(tables["text_embedding"]),
        width=manifest["hiddenSize"],
        layers=manifest["layers"],
        heads=manifest["heads"],
        kv_heads=manifest["kvHeads"],
        feed_forward=len(weights["layers.0.down"]),
        prompt=manifest["prompt"]["length"],
        rows=manifest["image"]["rows"],
        columns=manifest["image"]["columns"],
        levels=manifest["denoising"]["levels"],
    )


def positions(config, table):
    """The parts that a position table [max_length, width] is the sum of; all of the first row's is in the columns."""
    c = config
    grid = table[c.prompt : c.prompt + c.rows * c.columns].view(c.rows, c.columns, -1)
    return {
        "prompt_position": table[: c.prompt],
        "row_position": (grid - grid[0]).mean(1),
        "column_position": grid[0],
    }


def unpacked(package, distilled):
    """What checkpoint.py stores as ema.pt. `distilled`: the guidance scale that is in the weights."""
    manifest = json.loads((package / "model.json").read_text(encoding="utf8"))
    tables = load_file(package / manifest["files"]["tables"]["path"])
    graph = onnx.load(package / manifest["files"]["decoder"]["1"]["path"]).graph
    weights = {
        tensor.name.removesuffix(".fp16"): torch.from_numpy(numpy_helper.to_array(tensor).copy())
        for tensor in graph.initializer
        if tensor.name.endswith(".fp16")
    }
    config = config_of(manifest, tables, weights)
    state = {name: tables[table] for table, name in TABLES.items()}
    state["frozen"] = torch.tensor(True)
    for name, weight in weights.items():
        if name == "position_embedding":
            state |= positions(config, weight.float())
        else:
            # Matrices lie there as they are multiplied from the right.
            weight = weight.mT.contiguous() if weight.ndim == 2 else weight
            state[f"{name}.weight"] = weight.float()
    Transformer(config).load_state_dict(state)
    noise = manifest["denoising"]
    levels = Levels(noise["levels"], noise["sigmaMin"], noise["sigmaMax"], noise["rho"])
    facts = {"config": config.as_dict(), "levels": levels.as_dict(), "distilled": distilled}
    return {**facts, "model": state}


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--package", type=Path, required=True)
    parser.add_argument("--checkpoint", type=Path, required=True, help="where to write it")
    parser.add_argument(
        "--distilled", type=float, default=0, help="guidance scale that is in the weights"
    )
    options = parser.parse_args()
    save_whole(unpacked(options.package, options.distilled), options.checkpoint)


if __name__ == "__main__":
    main()
