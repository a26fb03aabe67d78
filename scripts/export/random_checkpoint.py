"""A Janus checkpoint with random weights in the published layout, of any size: it is written piece by piece.

python scripts/export/random_checkpoint.py FOLDER [--size pro-1b|peers]

pro-1b  the shapes of deepseek-ai/Janus-Pro-1B, fp16, without what reads pictures, which drawing never uses
peers   hidden 512, 8 layers, image vocabulary 16384, 576 tokens: small enough for a benchmark of minutes
"""

import argparse
import json
import os
from pathlib import Path

import numpy as np
import torch
from transformers import (
    GenerationConfig,
    JanusConfig,
    JanusForConditionalGeneration,
    JanusVisionConfig,
    JanusVQVAEConfig,
    LlamaConfig,
)

from tables_file import write_tables
from tiny_models import JANUS_SPECIAL, write_tokenizer

SHARD = 1_900_000_000  # bytes of one file
SIZES = {
    "pro-1b": {"hidden": 2048, "feed_forward": 5632, "layers": 24, "heads": 16, "text": 102400},
    "peers": {"hidden": 512, "feed_forward": 1408, "layers": 8, "heads": 8, "text": 8192},
}
# Wide enough that laws are neither flat nor certain.
SHARPNESS = {"model.generation_head.vision_head.weight": 3.0}


def configuration(size, words):
    text = LlamaConfig(
        hidden_size=size["hidden"],
        intermediate_size=size["feed_forward"],
        num_hidden_layers=size["layers"],
        num_attention_heads=size["heads"],
        num_key_value_heads=size["heads"],
        vocab_size=size["text"],
        max_position_embeddings=16384,
        bos_token_id=words[JANUS_SPECIAL[0]],
        eos_token_id=words[JANUS_SPECIAL[1]],
        pad_token_id=words[JANUS_SPECIAL[2]],
    )
    vision = JanusVisionConfig(projection_dim=size["hidden"])
    image = JanusVQVAEConfig(
        projection_dim=size["hidden"], image_token_embed_dim=size["hidden"], num_patches=24
    )
    return JanusConfig(
        text_config=text,
        vision_config=vision,
        vq_config=image,
        image_token_id=words["<image_placeholder>"],
    )


def shapes(config):
    with torch.device("meta"):
        model = JanusForConditionalGeneration(config)
    unused = ("model.vision_model.", "model.aligner.", "lm_head.")
    return {
        name: tuple(weight.shape)
        for name, weight in model.state_dict().items()
        if not name.startswith(unused)
    }


def pieces(name, shape, generator):
    """The rows of one weight, at most 64 MB at a time."""
    if len(shape) < 2:
        bias = name.endswith("bias")
        yield np.zeros(shape) if bias else np.ones(shape)
        return
    spread = SHARPNESS.get(name, 1.0) / np.sqrt(np.prod(shape[1:]))
    if "embed" in name:
        spread = 1.0
    rows = max(1, 2**24 // int(np.prod(shape[1:])))
    for first in range(0, shape[0], rows):
        count = min(rows, shape[0] - first)
        yield spread * generator.standard_normal((count, *shape[1:]), np.float32)


def write(folder, size):
    folder.mkdir(parents=True, exist_ok=True)
    words = write_tokenizer(folder, JANUS_SPECIAL, size["text"], JANUS_SPECIAL[0])
    config = configuration(size, words)
    generator = np.random.default_rng(5)
    shards, bytes_left = [], 0
    for name, shape in shapes(config).items():
        length = 2 * int(np.prod(shape))
        if bytes_left < length:
            shards.append({})
            bytes_left = SHARD
        bytes_left -= length
        shards[-1][name] = (shape, np.float16, pieces(name, shape, generator))
    places = {}
    for index, tables in enumerate(shards):
        file = f"model-{index + 1:05}-of-{len(shards):05}.safetensors"
        write_tables(folder / file, tables)
        places.update(dict.fromkeys(tables, file))
    config.architectures = ["JanusForConditionalGeneration"]
    config.save_pretrained(folder)
    generation = GenerationConfig(
        bos_token_id=words[JANUS_SPECIAL[0]], pad_token_id=words[JANUS_SPECIAL[2]]
    )
    generation.generation_kwargs = {"boi_token_id": words["<begin_of_image>"]}
    generation.save_pretrained(folder)
    # Last: a folder without it was not finished.
    index = folder / "model.safetensors.index.json"
    part = index.with_suffix(".part")
    part.write_text(json.dumps({"metadata": {}, "weight_map": places}), encoding="utf8")
    os.replace(part, index)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--size", choices=SIZES, default="pro-1b")
    options = parser.parse_args()
    write(options.folder, SIZES[options.size])


if __name__ == "__main__":
    main()
