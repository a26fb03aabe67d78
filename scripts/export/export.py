"""Make a model package from a Hugging Face checkpoint of a known family.

python scripts/export/export.py FOLDER --out PACKAGE [--dtype fp32|fp16|int8|int4] [--family NAME]

Weights are read and written one at a time, and the package appears under its name when it is complete.
"""

import argparse
import shutil
from pathlib import Path

import numpy as np
from huggingface_hub.errors import StrictDataclassError
from tokenizers import Tokenizer

import families
from denoising import read_denoising
from published_weights import Checkpoint
from image_decoder_export import export_image_decoder
from json_file import read_if_there
from llama_graph import LlamaGraph
from package_writer import PackageWriter, entry
from projection import DTYPES
from prompt_template import PromptTemplate
from tables_file import write_tables
from weight_file import WeightFiles

ROWS = {1: "", 2: "_guided"}
LONGEST_PROMPT = 2**16
# A pipeline of diffusers, and the folder in it that has an autoregressive transformer, if it has one.
PIPELINE, TRANSFORMER = "model_index.json", "vision_language_encoder"


def picture_size(text):
    """A number, or the two of WIDTHxHEIGHT."""
    sides = tuple(int(part) for part in text.split("x"))
    if len(sides) > 2:
        raise ValueError
    return sides if len(sides) == 2 else sides[0]


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
        "--image-size",
        type=picture_size,
        help="pixels on a side, for families that draw several sizes; or WIDTHxHEIGHT (glm-image)",
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
    if not 1 <= options.prompt_length <= LONGEST_PROMPT:
        parser.error(
            f"--prompt-length: expected 1 to {LONGEST_PROMPT} but received {options.prompt_length}"
        )
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


def check_widths(tables, hidden):
    for name, (shape, _) in tables.items():
        if shape[1] != hidden:
            raise SystemExit(
                f"{name}: expected rows of {hidden} elements, as config.json says, but found {shape[1]}"
            )


def check_room(prompt, tokenizer, room):
    """What stands around a user's words, and the unconditional prompt, leave room for a word."""
    template = PromptTemplate(prompt, Tokenizer.from_file(str(tokenizer)))
    ids = template.ids("a")
    least = max(len(ids), len(template.unconditional(ids)))
    if room < least:
        raise SystemExit(
            f"--prompt-length: expected at least {least}, which the template takes, but received {room}"
        )


def write_package(family, writer, options):
    folder = writer.folder
    prompt, tables = family.prompt(), family.tables()
    if prompt["kind"] == "template":
        check_room(prompt, family.tokenizer(), options.prompt_length)
    check_widths(tables, family.architecture().hidden)
    image = family.image()
    files = write_graphs(family, folder, options.dtype)
    # The engine draws denoising noise and laws in fp32, but a table is as exact as its checkpoint.
    store = np.float32 if options.dtype == "fp32" else np.float16
    tables = {name: (shape, store, pieces) for name, (shape, pieces) in tables.items()}
    denoising, noise_tables = read_denoising(options.folder, family.architecture().hidden)
    write_tables(folder / "tables.safetensors", {**tables, **noise_tables})
    decoder = family.image_decoder()
    if decoder is not None:
        export_image_decoder(decoder, image, folder / "image_decoder.onnx")
        files["imageDecoder"] = entry(folder / "image_decoder.onnx")
    files["tables"] = entry(folder / "tables.safetensors")
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
    family = families.find(read_if_there(file), options.family)
    try:
        family = family(options.folder, Checkpoint(options.folder), options)
    except StrictDataclassError as error:
        raise SystemExit(f"{file}: {' '.join(str(error).split())}") from None
    with PackageWriter(options.out) as writer:
        write_package(family, writer, options)


if __name__ == "__main__":
    export(parse())
