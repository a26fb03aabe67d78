"""A Janus checkpoint as a folder in the layout of onnx-community/Janus-Pro-1B-ONNX, for tests and benchmarks.

python scripts/export/published_layout.py FOLDER --out FOLDER [--attention plain|grouped]

Names of files, inputs and outputs are those that transformers.js reads; the graphs inside are plain ONNX:
the KV cache grows by concatenation. With `grouped`, attention is GroupQueryAttention, as exporters of
ONNX Runtime's own write it.
"""

import argparse
import json
import shutil
from pathlib import Path

import numpy as np
from onnx import TensorProto

from families.janus import Janus
from graph import MICROSOFT, Graph
from image_decoder_export import export_image_decoder
from llama_graph import norm
from projection import linear
from published_weights import Checkpoint
from weight_file import WeightFiles

TEXT = "model.language_model"
PLACEHOLDER = "<image_placeholder>"


class GrowingGraph:
    """language_model.onnx"""

    def __init__(self, family, files, grouped=False):
        self.a, self.weights, self.grouped = family.architecture(), family.weights(), grouped
        self.graph = Graph("language_model", files)

    def masks(self):
        """What is added to scores, [B, 1, S, T]: nothing to the left, -1e9 to the right and where masked."""
        g = self.graph
        one, zero, step = g.constant([1]), g.constant(0), g.constant(1)
        total = g.node(
            "Squeeze",
            [g.node("Slice", [g.node("Shape", ["attention_mask"]), one, g.constant([2])])],
        )
        count = g.node(
            "Squeeze", [g.node("Slice", [g.node("Shape", ["inputs_embeds"]), one, g.constant([2])])]
        )
        keys = g.node("Range", [zero, total, step])
        queries = g.node("Range", [g.node("Sub", [total, count]), total, step])
        causal = g.node("LessOrEqual", [keys, g.node("Unsqueeze", [queries, one])])
        there = g.node("Cast", ["attention_mask"], to=TensorProto.BOOL)
        there = g.node("Unsqueeze", [there, g.constant([1, 2])])
        allowed = g.node("And", [causal, there])
        low, none = g.constant(-1e9, np.float32), g.constant(0.0, np.float32)
        return g.node("Where", [allowed, none, low])

    def heads(self, x, count):
        g = self.graph
        x = g.node("Reshape", [x, g.constant([0, 0, count, self.a.head_size])])
        return g.node("Transpose", [x], perm=[0, 2, 1, 3])

    def repeat(self, x):
        """[B, kv heads, T, dh] to [B, heads, T, dh]."""
        g, a = self.graph, self.a
        if a.heads == a.kv_heads:
            return x
        x = g.node("Unsqueeze", [x, g.constant([2])])
        x = g.node("Expand", [x, g.constant([1, 1, a.heads // a.kv_heads, 1, 1])])
        # The length is not known: 0 keeps a dimension only in its own place.
        tail = g.node("Slice", [g.node("Shape", [x]), g.constant([3]), g.constant([5])])
        batch = g.node("Slice", [g.node("Shape", [x]), g.constant([0]), g.constant([1])])
        shape = g.node("Concat", [batch, g.constant([a.heads]), tail], axis=0)
        return g.node("Reshape", [x, shape])

    def cache(self, index, kind):
        shape = ["batch_size", self.a.kv_heads, "past_sequence_length", self.a.head_size]
        past = self.graph.input(f"past_key_values.{index}.{kind}", shape)
        shape[2] = "total_sequence_length"
        return past, self.graph.output(f"present.{index}.{kind}", shape)

    def lengths(self):
        """What GroupQueryAttention wants to know of the past, from the mask."""
        g = self.graph
        last = g.node(
            "Sub",
            [g.node("ReduceSum", ["attention_mask", g.constant([1])], keepdims=0), g.constant(1)],
        )
        total = g.node(
            "Slice", [g.node("Shape", ["attention_mask"]), g.constant([1]), g.constant([2])]
        )
        return [
            g.node("Cast", [x], to=TensorProto.INT32) for x in (last, g.node("Squeeze", [total]))
        ]

    def group_query(self, index, query, key, value, shared):
        keys, values = self.cache(index, "key"), self.cache(index, "value")
        inputs = [query, key, value, keys[0], values[0], *shared["lengths"], *shared["rotary"]]
        self.graph.node(
            "GroupQueryAttention",
            inputs,
            [f"attention_{index}", keys[1], values[1]],
            domain=MICROSOFT,
            num_heads=self.a.heads,
            kv_num_heads=self.a.kv_heads,
            do_rotary=1,
        )
        return f"attention_{index}"

    def attention(self, index, layer, h, shared):
        g, a = self.graph, self.a
        qkv = linear(g, h, f"layers.{index}.qkv", layer["qkv"], "fp32")
        sizes = [a.heads * a.head_size, a.kv_heads * a.head_size, a.kv_heads * a.head_size]
        names = [f"query_{index}", f"key_{index}", f"value_{index}"]
        query, key, value = g.node("Split", [qkv, g.constant(sizes)], names, axis=-1)
        if self.grouped:
            mixed = self.group_query(index, query, key, value, shared)
            return linear(g, mixed, f"layers.{index}.output", layer["output"], "fp32")
        query, key = (
            g.node("RotaryEmbedding", [x, "position_ids", *shared["rotary"]], domain=MICROSOFT)
            for x in (query, key)
        )
        grown = []
        for kind, x in (("key", key), ("value", value)):
            past, present = self.cache(index, kind)
            grown.append(g.node("Concat", [past, self.heads(x, a.kv_heads)], present, axis=2))
        keys, values = (self.repeat(x) for x in grown)
        scores = g.node(
            "MatMul",
            [self.heads(query, a.heads), g.node("Transpose", [keys], perm=[0, 1, 3, 2])],
        )
        scores = g.node("Mul", [scores, g.constant(a.head_size**-0.5, np.float32)])
        law = g.node("Softmax", [g.node("Add", [scores, shared["mask"]])], axis=-1)
        mixed = g.node("Transpose", [g.node("MatMul", [law, values])], perm=[0, 2, 1, 3])
        mixed = g.node("Reshape", [mixed, g.constant([0, 0, -1])])
        return linear(g, mixed, f"layers.{index}.output", layer["output"], "fp32")

    def feed_forward(self, index, layer, h):
        g = self.graph
        both = linear(g, h, f"layers.{index}.gate_up", layer["gate_up"], "fp32")
        names = [f"gate_{index}", f"up_{index}"]
        gate, up = g.node("Split", [both], names, axis=-1, num_outputs=2)
        silu = g.node("Mul", [gate, g.node("Sigmoid", [gate])])
        product = g.node("Mul", [silu, up])
        return linear(g, product, f"layers.{index}.down", layer["down"], "fp32")

    def build(self, path):
        g, a = self.graph, self.a
        g.input("inputs_embeds", ["batch_size", "sequence_length", a.hidden])
        mask = ["batch_size", "total_sequence_length"]
        g.input("attention_mask", mask, TensorProto.INT64)
        if not self.grouped:
            g.input("position_ids", ["batch_size", "sequence_length"], TensorProto.INT64)
        g.output("hidden_states", ["batch_size", "sequence_length", a.hidden])
        tables = [(f"rope_{name}", getattr(self.weights, name)) for name in ("cos", "sin")]
        shared = {"rotary": [g.weight(name, table, half=False) for name, table in tables]}
        if self.grouped:
            shared["lengths"] = self.lengths()
        else:
            shared["mask"] = self.masks()
        x = "inputs_embeds"
        for index in range(a.layers):
            layer = self.weights.layers[index]
            for kind, block in (("attention", self.attention), ("feed_forward", self.feed_forward)):
                name = f"layers.{index}.{kind}_norm"
                h = norm(g, x, name, layer[f"{kind}_norm"], a.epsilon, False)
                last = (shared,) if kind == "attention" else ()
                x = g.node("Add", [x, block(index, layer, h, *last)])
        out = norm(g, x, "norm", self.weights.norm, a.epsilon, False)
        g.node("Identity", [out], "hidden_states")
        g.save(path)


def write_parts(family, folder, grouped=False):
    checkpoint, a, image = family.checkpoint, family.architecture(), family.image()
    files = WeightFiles(folder / "language_model.onnx_data")
    GrowingGraph(family, files, grouped).build(folder / "language_model.onnx")
    files.close()

    g = Graph("gen_head")
    g.input("hidden_states", ["batch_size", "sequence_length", a.hidden])
    g.output("logits", ["batch_size", "sequence_length", a.vocabulary])
    family.head(g, "hidden_states", "fp32", "logits")
    g.save(folder / "gen_head.onnx")

    g = Graph("gen_img_embeds")
    g.input("image_ids", ["batch_size", "sequence_length"], TensorProto.INT64)
    g.output("inputs_embeds", ["batch_size", "sequence_length", a.hidden])
    table = g.weight("table", np.concatenate(list(family.image_embedding())), half=False)
    g.node("Gather", [table, "image_ids"], "inputs_embeds")
    g.save(folder / "gen_img_embeds.onnx")

    g = Graph("prepare_inputs_embeds")
    ids = ["batch_size", "sequence_length"]
    images = ["batch_size", "num_images"]
    side = family.config.vision_config.image_size
    g.input("input_ids", ids, TensorProto.INT64)
    g.input("pixel_values", [*images, 3, side, side])
    g.input("images_seq_mask", ids, TensorProto.BOOL)
    g.input("images_emb_mask", [*images, "num_image_tokens"], TensorProto.BOOL)
    g.output("inputs_embeds", ["batch_size", "sequence_length", a.hidden])
    embedding = f"{TEXT}.embed_tokens.weight"
    table = g.weight("table", lambda: checkpoint.read(embedding), half=False)
    g.node("Gather", [table, "input_ids"], "inputs_embeds")
    g.save(folder / "prepare_inputs_embeds.onnx")

    g = Graph("lm_head")
    g.input("hidden_states", ["batch_size", "sequence_length", a.hidden])
    vocabulary = checkpoint.shape(embedding)[0]
    g.output("logits", ["batch_size", "sequence_length", vocabulary])
    name = "lm_head.weight" if checkpoint.has("lm_head.weight") else embedding
    linear(g, "hidden_states", "lm_head", lambda: checkpoint.read(name), "fp32", "logits")
    g.save(folder / "lm_head.onnx")

    names = ("generated_tokens", "decoded_image")
    decoder = family.image_decoder(limit=False)
    export_image_decoder(decoder, image, folder / "image_decode.onnx", names)


def write_configs(family, folder):
    a, text = family.architecture(), family.text
    tokens = {"bos_token_id": text.bos_token_id, "eos_token_id": text.eos_token_id}
    tokens["pad_token_id"] = text.pad_token_id
    config = {
        "model_type": "multi_modality",
        "gen_vision_config": {"params": {"image_token_size": a.vocabulary}},
        "language_config": {
            "model_type": "llama",
            "hidden_size": a.hidden,
            "num_hidden_layers": a.layers,
            "num_attention_heads": a.heads,
            "num_key_value_heads": a.kv_heads,
            "vocab_size": text.vocab_size,
            "max_position_embeddings": text.max_position_embeddings,
        },
    }
    processor = {
        "image_tag": PLACEHOLDER,
        "image_start_tag": "<begin_of_image>",
        "image_end_tag": "<end_of_image>",
        "pad_tag": "<｜▁pad▁｜>",
        "num_image_tokens": family.rows**2,
        "processor_class": "VLChatProcessor",
    }
    preprocessor = {"image_size": family.config.vision_config.image_size}
    for name, content in (
        ("config", config),
        ("generation_config", tokens),
        ("processor_config", processor),
        ("preprocessor_config", preprocessor),
    ):
        text = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
        (folder / f"{name}.json").write_text(text, encoding="utf8")
    shutil.copyfile(family.tokenizer(), folder / "tokenizer.json")


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--attention", choices=("plain", "grouped"), default="plain")
    options = parser.parse_args(arguments)
    options.prompt_length = 1
    family = Janus(options.folder, Checkpoint(options.folder), options)
    # Rotary tables as long as the published ones.
    family.max_length = family.text.max_position_embeddings
    (options.out / "onnx").mkdir(parents=True, exist_ok=True)
    write_parts(family, options.out / "onnx", options.attention == "grouped")
    write_configs(family, options.out)


if __name__ == "__main__":
    main()
