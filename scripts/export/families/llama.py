"""What Llama-like checkpoints share: names of weights, and rotary tables by the class's own code."""

import torch

from families.family import ROWS, table
from llama_graph import Architecture
from projection import linear
from published_weights import concatenated


def check(config):
    """Refuse what the graph lacks; no published checkpoint of the families has it."""
    if config.hidden_act != "silu" or config.mlp_bias or config.attention_bias:
        raise SystemExit("config.json: expected hidden_act silu, no mlp_bias and no attention_bias")


def architecture(config, vocabulary, max_length, **others):
    """llama_graph.Architecture of a transformers config; `others` as there."""
    return Architecture(
        hidden=config.hidden_size,
        layers=config.num_hidden_layers,
        heads=config.num_attention_heads,
        kv_heads=config.num_key_value_heads,
        head_size=head_size(config),
        vocabulary=vocabulary,
        max_length=max_length,
        epsilon=config.rms_norm_eps,
        inner=config.intermediate_size,
        **others,
    )


def layers(checkpoint, prefix, count, biases=False, head_norms=False):
    made = []
    for index in range(count):
        name = f"{prefix}.layers.{index}"

        def one(part, name=name):
            return lambda: checkpoint.read(f"{name}.{part}")

        def several(parts, name=name):
            return concatenated(checkpoint, [f"{name}.{part}" for part in parts])

        attention = [f"self_attn.{part}_proj" for part in "qkv"]
        layer = {
            "attention_norm": one("input_layernorm.weight"),
            "qkv": several([f"{part}.weight" for part in attention]),
            "output": one("self_attn.o_proj.weight"),
            "feed_forward_norm": one("post_attention_layernorm.weight"),
            "gate_up": several(["mlp.gate_proj.weight", "mlp.up_proj.weight"]),
            "down": one("mlp.down_proj.weight"),
        }
        if biases:
            layer["qkv_bias"] = several([f"{part}.bias" for part in attention])
        if head_norms:
            for kind, part in (("query", "q"), ("key", "k")):
                layer[f"{kind}_norm"] = one(f"self_attn.{part}_norm.weight")
                layer[f"{kind}_norm_bias"] = one(f"self_attn.{part}_norm.bias")
        made.append(layer)
    return made


@torch.no_grad()
def rotary(embedding, length):
    """cos and sin [length, head size / 2] of a transformers rotary embedding."""
    cos, sin = embedding(torch.zeros(1), torch.arange(length)[None])
    half = cos.shape[-1] // 2
    return cos[0, :, :half].numpy(), sin[0, :, :half].numpy()


def head_size(config):
    return getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads


def picked_head(checkpoint, name, ids, hidden):
    """A head that gives the logits of `ids` alone."""
    checkpoint.expect(name, (None, hidden))

    def head(graph, x, dtype, output):
        linear(graph, x, "head", lambda: picked(checkpoint, name, ids), dtype, output)

    return head


def picked_table(checkpoint, name, ids):
    """(shape, pieces) of a table of these rows, as family.table."""
    pieces = (
        picked(checkpoint, name, ids[first : first + ROWS]) for first in range(0, len(ids), ROWS)
    )
    return (len(ids), checkpoint.shape(name)[1]), pieces


def shared_tables(checkpoint, name, ids):
    """Family.tables of an embedding that holds the image tokens, too."""
    return {
        "image_embedding": picked_table(checkpoint, name, ids),
        "text_embedding": table(checkpoint, name),
    }


def picked(checkpoint, name, ids):
    """Rows of a table whose ids are near each other: what lies between them is all that is read."""
    first, count = min(ids), checkpoint.shape(name)[0]
    if max(ids) >= count:
        raise SystemExit(
            f"{checkpoint.folder}: {name}: expected a row for each image token, up to {max(ids)}, but found "
            f"{count}"
        )
    return checkpoint.rows(name, first, max(ids) + 1)[[id - first for id in ids]].numpy()
