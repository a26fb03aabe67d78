"""Export trained weights as a model package (model.json, ONNX graphs, tables, tokenizer).

python scripts/export/package.py --checkpoint training/finetuned/ema.pt --out models/emoji
"""

import argparse
import json
import shutil
import sys
from pathlib import Path

import torch
from safetensors.torch import save_file

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "train"))

import image_decoder_graph
from llama_graph import Architecture, LlamaGraph, Weights
from model import Config, Transformer
from noise import Levels
from package_writer import PackageWriter, entry
from projection import linear
from tokenize_pictures import load_tokenizer
from weight_file import WeightFiles

DESCRIPTION = "Small pictures in the style of emoji, 64x64, from a few words."
SCENES = "Scenes of one to four things in the style of emoji, 128x128, from a sentence."


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--checkpoint", type=Path, default=Path("training/finetuned/ema.pt"))
    parser.add_argument("--tokenizer", type=Path, default=Path("training/image_tokenizer"))
    parser.add_argument("--data", type=Path, default=Path("training/data"))
    parser.add_argument("--scenes", type=Path, help="folder of sprites; replaces --data")
    parser.add_argument("--out", type=Path, default=Path("models/emoji"))
    parser.add_argument("--name", default="emoji")
    parser.add_argument(
        "--guidance",
        type=float,
        help="default scale; 1.5, or 1 if guidance is in the weights (train_transformer.py --distil)",
    )
    parser.add_argument("--temperature", type=float, help="default 0.4, or 0.8 for scenes")
    parser.add_argument("--top-k", type=int, help="default 100, or 0 for scenes")
    parser.add_argument("--top-p", type=float, help="default 1, or 0.95 for scenes")
    options = parser.parse_args()
    temperature, top_k, top_p = (0.8, 0, 0.95) if options.scenes else (0.4, 100, 1)
    options.temperature = temperature if options.temperature is None else options.temperature
    options.top_k = top_k if options.top_k is None else options.top_k
    options.top_p = top_p if options.top_p is None else options.top_p
    options.data = options.scenes or options.data
    options.description = SCENES if options.scenes else DESCRIPTION
    return options


def default_guidance(checkpoint):
    return 1 if torch.load(checkpoint, weights_only=True).get("distilled") else 1.5


def load_checkpoint(path):
    state = torch.load(path, weights_only=True)
    model = Transformer(Config(**state["config"]))
    model.load_state_dict(state["model"])
    if not model.frozen:
        model.freeze_statistics()
    return model.eval(), Levels(**state["levels"])


def array(tensor):
    """A function that makes what is left of a weight after storage as fp16."""

    def stored():
        half = tensor.detach().half()
        if not half.isfinite().all():
            raise ValueError("A weight has values that fp16 cannot hold")
        return half.float().numpy()

    return stored


def exported_weights(model):
    """The weights of the decoder graph as the package stores them."""
    layers = [
        {
            "attention_norm": array(layer.attention_norm.weight),
            "qkv": array(layer.qkv.weight),
            "query_norm": array(layer.query_norm.weight),
            "key_norm": array(layer.key_norm.weight),
            "output": array(layer.output.weight),
            "feed_forward_norm": array(layer.feed_forward_norm.weight),
            "gate_up": array(layer.gate_up.weight),
            "down": array(layer.down.weight),
        }
        for layer in model.layers
    ]

    def head(graph, x, dtype, output):
        linear(graph, x, "head", array(model.head.weight), dtype, output)

    return Weights(
        layers=layers,
        norm=array(model.norm.weight),
        head=head,
        positions=array(model.positions()),
        cos=model.cos.numpy(),
        sin=model.sin.numpy(),
    )


def architecture(config):
    c = config
    return Architecture(
        hidden=c.width,
        layers=c.layers,
        heads=c.heads,
        kv_heads=c.kv_heads,
        head_size=c.head_size,
        vocabulary=c.vocabulary,
        max_length=c.max_length,
        epsilon=1e-6,
        qk_norm="rms",
    )


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


def manifest(facts, config, factor, levels, files):
    """`facts`: name, description, attribution and sampler; `factor`: pixels on a side of a token."""
    c = config
    return {
        "format": "sjd2-model",
        "version": 1,
        "name": facts.name,
        "description": facts.description,
        "license": "Apache-2.0",
        "attribution": facts.attribution,
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
            "width": c.columns * factor,
            "height": c.rows * factor,
        },
        "prompt": {
            "length": c.prompt,
            "pad": "<pad>",
            "unknown": "<unk>",
            "begin": "<boi>",
            "unconditional": "<uncond>",
        },
        "sampler": {
            "guidance": facts.guidance,
            "temperature": facts.temperature,
            "topK": facts.top_k,
            "topP": facts.top_p,
        },
        "denoising": levels.manifest(),
        "cache": {"layout": "rows"},
        "files": files,
    }


def write_graphs(model, folder):
    """The decoder graphs and their weights; their part of the manifest's `files`."""
    files = WeightFiles(folder / "decoder.weights")
    weights = exported_weights(model)
    graphs = {}
    for half, kind in ((False, "decoder"), (True, "halfDecoder")):
        graphs[kind] = {}
        for rows, suffix in ((1, ""), (2, "_guided")):
            path = folder / f"decoder{suffix}{'_half' if half else ''}.onnx"
            graph = LlamaGraph(architecture(model.config), weights, files, rows, half=half)
            graph.build(path)
            graphs[kind][str(rows)] = entry(path)
    files.close()
    return {**graphs, "weights": entry(files.path)}


@torch.no_grad()
def write_package(writer, facts, model, levels, tokenizer, words):
    """`tokenizer`: the image tokenizer; `words`: the text tokenizer's file."""
    folder = writer.folder
    graphs = write_graphs(model, folder)
    image = folder / "image_decoder.onnx"
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
    save_file(tables, folder / "tables.safetensors")
    shutil.copyfile(words, folder / "tokenizer.json")
    files = {
        **graphs,
        "imageDecoder": entry(image),
        "tables": entry(folder / "tables.safetensors"),
        "tokenizer": entry(folder / "tokenizer.json"),
    }
    writer.finish(manifest(facts, model.config, tokenizer.factor, levels, files))


def main():
    options = parse()
    options.guidance = options.guidance or default_guidance(options.checkpoint)
    options.attribution = attribution(options.data)
    model, levels = load_checkpoint(options.checkpoint)
    with PackageWriter(options.out) as writer:
        tokenizer = load_tokenizer(options.tokenizer)
        write_package(writer, options, model, levels, tokenizer, options.data / "tokenizer.json")


if __name__ == "__main__":
    main()
