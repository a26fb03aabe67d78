"""Export trained weights as a model package (model.json, ONNX graphs, tables, tokenizer).

python scripts/export/package.py --checkpoint training/finetuned/ema.pt --out models/emoji
"""

import argparse
import hashlib
import json
import shutil
import sys
from pathlib import Path

import torch
from safetensors.torch import save_file

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "train"))

import decoder_graph
import image_decoder_graph
from graph import WeightFile
from model import Config, Transformer
from noise import Levels
from tokenize_pictures import load_tokenizer

DESCRIPTION = "Small pictures in the style of emoji, 64x64, from a few words."


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--checkpoint", type=Path, default=Path("training/finetuned/ema.pt"))
    parser.add_argument("--tokenizer", type=Path, default=Path("training/image_tokenizer"))
    parser.add_argument("--data", type=Path, default=Path("training/data"))
    parser.add_argument("--out", type=Path, default=Path("models/emoji"))
    parser.add_argument("--name", default="emoji")
    parser.add_argument(
        "--guidance",
        type=float,
        help="default scale; 1.5, or 1 if guidance is in the weights (train_transformer.py --distil)",
    )
    parser.add_argument("--temperature", type=float, default=0.4)
    parser.add_argument("--top-k", type=int, default=100)
    return parser.parse_args()


def default_guidance(checkpoint):
    return 1 if torch.load(checkpoint, weights_only=True).get("distilled") else 1.5


def load_checkpoint(path):
    state = torch.load(path, weights_only=True)
    model = Transformer(Config(**state["config"]))
    model.load_state_dict(state["model"])
    if not model.frozen:
        model.freeze_statistics()
    return model.eval(), Levels(**state["levels"])


def half(tensor):
    """What is left of a weight after storage as fp16."""
    return tensor.detach().half().float()


def exported_tensors(model):
    """The weights of the decoder graph as the package stores them."""
    layers = [
        {
            "attention_norm": half(layer.attention_norm.weight).numpy(),
            "qkv": half(layer.qkv.weight).numpy(),
            "query_norm": half(layer.query_norm.weight).numpy(),
            "key_norm": half(layer.key_norm.weight).numpy(),
            "output": half(layer.output.weight).numpy(),
            "feed_forward_norm": half(layer.feed_forward_norm.weight).numpy(),
            "gate_up": half(layer.gate_up.weight).numpy(),
            "down": half(layer.down.weight).numpy(),
        }
        for layer in model.layers
    ]
    return {
        "layers": layers,
        "norm": half(model.norm.weight).numpy(),
        "head": half(model.head.weight).numpy(),
        "positions": half(model.positions()).numpy(),
        "cos": model.cos.numpy(),
        "sin": model.sin.numpy(),
    }


def file_entry(path):
    return {"path": path.name, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}


def attribution(data):
    licenses = {"MIT": "MIT", "Apache-2.0": "Apache-2.0", "CC-BY-4.0": "CC-BY-4.0"}
    entries = [
        {
            "name": f"{entry['set']} by {entry['author']['name']}",
            "license": licenses[entry["license"]["spdx"]],
            "source": f"npm {entry['package']} {entry['version']}",
            "url": entry["author"]["url"],
        }
        for entry in json.load(open(data / "sets.json"))
    ]
    keywords = {
        "name": "emojibase (names and keywords)",
        "license": "MIT",
        "source": "npm emojibase-data 17.0.0",
        "url": "https://github.com/milesj/emojibase",
    }
    return entries + [keywords]


def manifest(options, config, levels, files):
    c = config
    return {
        "format": "sjd2-model",
        "version": 1,
        "name": options.name,
        "description": DESCRIPTION,
        "license": "Apache-2.0",
        "attribution": attribution(options.data),
        "hiddenSize": c.width,
        "layers": c.layers,
        "heads": c.heads,
        "kvHeads": c.kv_heads,
        "headSize": c.head_size,
        "maxLength": c.max_length,
        "image": {
            "vocabulary": c.vocabulary,
            "rows": c.rows,
            "columns": c.columns,
            "width": c.columns * 4,
            "height": c.rows * 4,
        },
        "prompt": {
            "length": c.prompt,
            "pad": "<pad>",
            "unknown": "<unk>",
            "begin": "<boi>",
            "unconditional": "<uncond>",
        },
        "sampler": {
            "guidance": options.guidance or default_guidance(options.checkpoint),
            "temperature": options.temperature,
            "topK": options.top_k,
            "topP": 1,
        },
        "denoising": {
            "schedule": "karras",
            "levels": levels.count,
            "sigmaMin": levels.sigma_min,
            "sigmaMax": levels.sigma_max,
            "rho": levels.rho,
            "steps": 1,
        },
        "cache": {"layout": "rows"},
        "files": files,
    }


@torch.no_grad()
def main():
    options = parse()
    out = options.out
    out.mkdir(parents=True, exist_ok=True)
    model, levels = load_checkpoint(options.checkpoint)
    weights = WeightFile(out / "decoder.weights")
    tensors = exported_tensors(model)
    graphs = {}
    for half, kind in ((False, "decoder"), (True, "halfDecoder")):
        graphs[kind] = {}
        for rows, suffix in ((1, ""), (2, "_guided")):
            path = out / f"decoder{suffix}{'_half' if half else ''}.onnx"
            decoder_graph.build(path, weights, model.config, tensors, rows, half)
            graphs[kind][str(rows)] = file_entry(path)
    weights.close()
    tokenizer = load_tokenizer(options.tokenizer)
    image = out / "image_decoder.onnx"
    image_decoder_graph.build(image, tokenizer, model.config.rows, model.config.columns)
    tables = {
        "image_embedding": model.image_embedding.weight,
        "text_embedding": model.text_embedding.weight,
        "timestep_embedding": model.timestep_embedding,
        "embedding_mean": model.mean,
        "embedding_std": model.std,
    }
    tables = {name: table.detach().contiguous().clone() for name, table in tables.items()}
    assert not tables["timestep_embedding"][0].any(), "clean inputs carry no timestep"
    save_file(tables, out / "tables.safetensors")
    shutil.copyfile(options.data / "tokenizer.json", out / "tokenizer.json")
    files = {
        **graphs,
        "weights": file_entry(out / "decoder.weights"),
        "imageDecoder": file_entry(image),
        "tables": file_entry(out / "tables.safetensors"),
        "tokenizer": file_entry(out / "tokenizer.json"),
    }
    text = json.dumps(manifest(options, model.config, levels, files), indent=2)
    (out / "model.json").write_text(text + "\n")
    for path in sorted(out.iterdir()):
        print(f"{path.stat().st_size / 1e6:8.2f} MB  {path.name}")


if __name__ == "__main__":
    main()
