"""Make a model package from a Hugging Face checkpoint of a known family.

python scripts/export/export.py FOLDER --out PACKAGE [--dtype fp32|fp16|int8|int4] [--family NAME]

Weights are read and written one at a time, and the package appears under its name when it is complete.
"""

import argparse
import json
import shutil
from pathlib import Path

import numpy as np

import families
from denoising import read_denoising
from published_weights import Checkpoint
from image_decoder_export import export_image_decoder
from llama_graph import LlamaGraph
from package_writer import PackageWriter, entry
from projection import DTYPES
from tables_file import write_tables
from weight_file import WeightFiles

ROWS = {1: "", 2: "_guided"}
# A pipeline of diffusers, and the folder in it that has an autoregressive transformer, if it has one.
PIPELINE, TRANSFORMER = "model_index.json", "vision_language_encoder"


def parse(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="config.json, *.safetensors, tokenizer.json")
    parser.add_argument("--out", type=Path, required=True, help="the package's folder")
    parser.add_argument(
        "--dtype",
        choices=DTYPES,
        default="fp16",
        help="how weights are stored; fp16 (the default) also makes graphs that compute in fp16, for GPUs",
    )
    parser.add_argument(
        "--family", choices=sorted(families.FAMILIES), help="default: by config.json's model_type"
    )
    parser.add_argument("--name", help="default: the folder's")
    parser.add_argument(
        "--image-size", type=int, help="pixels on a side, for families that draw several sizes"
    )
    parser.add_argument(
        "--image-tokenizer",
        type=Path,
        help="weights that decode pictures, for families whose own folder has none",
    )
    parser.add_argument(
        "--prompt-length",
        type=int,
        default=512,
        help="positions of the KV cache that are for the prompt (default 512)",
    )
    options = parser.parse_args(arguments)
    options.name = options.name or options.folder.resolve().name
    part = options.folder / TRANSFORMER
    if (options.folder / PIPELINE).is_file() and (part / "config.json").is_file():
        options.folder = part
    if not options.family and not (options.folder / "config.json").is_file():
        parser.error(f"{options.folder}: expected a folder with a config.json, or --family")
    if options.prompt_length < 1:
        parser.error(f"--prompt-length: expected at least 1 but received {options.prompt_length}")
    return options


def write_graphs(family, folder, dtype):
    """The decoder graphs and their weights; their part of the manifest's `files`."""
    architecture, weights = family.architecture(), family.weights()
    files = WeightFiles(folder / "decoder.weights")
    made = {}
    for half in (False, True) if dtype == "fp16" else (False,):
        kind = "halfDecoder" if half else "decoder"
        made[kind] = {}
        for rows, suffix in ROWS.items():
            path = folder / f"decoder{suffix}{'_half' if half else ''}.onnx"
            LlamaGraph(architecture, weights, files, rows, dtype, half).build(path)
            made[kind][str(rows)] = entry(path)
    files.close()
    return {**made, "weights": [entry(path) for path in files.paths]}


def write_package(family, writer, options):
    folder = writer.folder
    image = family.image()
    files = write_graphs(family, folder, options.dtype)
    # The engine draws denoising noise and laws in fp32, but a table is as exact as its checkpoint.
    store = np.float32 if options.dtype == "fp32" else np.float16
    tables = {name: (shape, store, pieces) for name, (shape, pieces) in family.tables().items()}
    denoising, noise_tables = read_denoising(options.folder, family.architecture().hidden)
    write_tables(folder / "tables.safetensors", {**tables, **noise_tables})
    decoder = family.image_decoder()
    if decoder is not None:
        export_image_decoder(decoder, image, folder / "image_decoder.onnx")
        files["imageDecoder"] = entry(folder / "image_decoder.onnx")
    files["tables"] = entry(folder / "tables.safetensors")
    prompt = family.prompt()
    if prompt["kind"] == "embeddings":
        family.prompt_encoder(folder / "prompt_encoder.onnx")
        files["promptEncoder"] = entry(folder / "prompt_encoder.onnx")
    else:
        shutil.copyfile(family.tokenizer(), folder / "tokenizer.json")
        files["tokenizer"] = entry(folder / "tokenizer.json")
    a = family.architecture()
    manifest = {
        "format": "sjd2-model",
        "version": 2,
        "name": options.name,
        "family": family.name,
        "description": f"Exported from a {family.name} checkpoint, {options.dtype}.",
        "license": family.license,
        "attribution": [],
        "hiddenSize": a.hidden,
        "layers": a.layers,
        "heads": a.heads,
        "kvHeads": a.kv_heads,
        "headSize": a.head_size,
        "maxLength": a.max_length,
        "image": image,
        "prompt": prompt,
        "sequence": family.sequence(),
        "sampler": {**family.sampler, "topK": min(family.sampler["topK"], a.vocabulary)},
        "denoising": denoising,
        "cache": {"layout": "rows"},
        "files": files,
    }
    writer.finish({key: value for key, value in manifest.items() if key != "sequence" or value})


def export(options):
    file = options.folder / "config.json"
    config = json.loads(file.read_text(encoding="utf8")) if file.exists() else {}
    family = families.find(config, options.family)
    family = family(options.folder, Checkpoint(options.folder), options)
    with PackageWriter(options.out) as writer:
        write_package(family, writer, options)


if __name__ == "__main__":
    export(parse())
