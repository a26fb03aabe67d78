"""A Llama-like transformer as an ONNX graph whose KV cache is updated in place.

The whole cache buffer goes in as past and comes out as present; the engine binds both to the same
memory, so a rejected draft costs nothing. The CPU provider's GroupQueryAttention refuses more than one
row with a past, so rows are split and each has a node and a cache of its own ("rows" layout); all else
runs on the rows together.
"""

from dataclasses import dataclass
from typing import Callable

import numpy as np
from onnx import TensorProto

from graph import MICROSOFT, Graph
from projection import linear
from published_weights import fits, unfit


@dataclass
class Architecture:
    """What the graph is built from besides weights."""

    hidden: int
    layers: int
    heads: int
    kv_heads: int
    head_size: int
    vocabulary: int  # rows of the head: image tokens only
    max_length: int  # positions of the KV cache
    epsilon: float
    inner: int | None = None  # width of the feed-forward block, where something says it
    # Of queries and keys, per head: "rms" with one weight for all heads, "layer" (Chameleon's
    # LayerNorm, weight and bias per head), or none.
    qk_norm: str | None = None
    norm_after: bool = False  # norms on what a block adds, instead of on what it reads
    # Rotary tables are read at the position in the cache; "offset" adds an input that is added to it,
    # and a table may then hold any rows (LlamaGen's are two-dimensional).
    rope: str = "position"
    rope_interleaved: bool = False
    rotated: int | None = None  # of a head, from its first element on; None for all, needs "offset"
    # Which rows get logits: "first", from one row on; "rows", those that an input names. The second is
    # for models with tokens between the image tokens that nothing has to be decided about.
    logits: str = "first"

    def __post_init__(self):
        if self.head_size % 16:
            raise SystemExit(
                f"head size: expected a multiple of 16, which GroupQueryAttention needs to rotate, but "
                f"found {self.head_size}"
            )


@dataclass
class Weights:
    """Functions that make each array, as torch holds it: they are called one at a time, and not again for
    a second graph on the same weight files.

    A layer has "attention_norm", "qkv", "output", "feed_forward_norm", "gate_up", "down", and where the
    model has them "qkv_bias", "query_norm", "query_norm_bias", "key_norm", "key_norm_bias", and for norms
    on what a block adds besides those on what it reads "attention_added_norm", "feed_forward_added_norm".
    """

    layers: list[dict[str, Callable]]
    norm: Callable
    head: Callable  # (graph, x, dtype, output): adds the nodes from hidden states to logits
    cos: np.ndarray  # [positions, half of what is rotated of a head]
    sin: np.ndarray
    positions: Callable | None = None  # learned position embeddings [max_length, hidden]


def checked(a, name, layer):
    """A layer whose weights are refused where their shapes are not those of the architecture."""
    heads, keys = a.heads * a.head_size, (a.heads + 2 * a.kv_heads) * a.head_size
    shapes = {"qkv": (keys, a.hidden), "qkv_bias": (keys,), "output": (a.hidden, heads)}
    both = None if a.inner is None else 2 * a.inner
    shapes |= {"gate_up": (both, a.hidden), "down": (a.hidden, a.inner)}
    for kind in ("attention", "feed_forward"):
        shapes |= dict.fromkeys((f"{kind}_norm", f"{kind}_added_norm"), (a.hidden,))
    return {
        part: expecting(f"{name}.{part}", shapes[part], weight) if part in shapes else weight
        for part, weight in layer.items()
    }


def expecting(name, shape, weight):
    def made():
        array = weight() if callable(weight) else weight
        if not fits(array.shape, shape):
            raise SystemExit(f"{name}: {unfit(array.shape, shape)}")
        return array

    return made


def norm(graph, x, name, weight, epsilon, half):
    # ONNX Runtime's fused RMSNorm; it lives in the standard domain though the standard lacks it.
    scale = graph.weight(name, weight, half)
    return graph.node("SimplifiedLayerNormalization", [x, scale], axis=-1, epsilon=epsilon)


def layer_norm(graph, x, name, weight, bias, half):
    """LayerNorm over the head size of [R, S, heads, head size], weight and bias [heads, head size]."""
    ones = np.ones(np.shape(weight())[-1], np.float32)
    x = graph.node(
        "LayerNormalization",
        [x, graph.weight(f"ones.{len(ones)}", ones, half)],
        axis=-1,
        epsilon=1e-5,
    )
    x = graph.node("Mul", [x, graph.weight(f"{name}.weight", weight, half)])
    return graph.node("Add", [x, graph.weight(f"{name}.bias", bias, half)])


def rows_of(graph, x, rows):
    """Split [rows, ..] along axis 0 into single rows."""
    if rows == 1:
        return [x]
    names = [f"{x}_row{row}" for row in range(rows)]
    return graph.node("Split", [x], names, axis=0, num_outputs=rows)


def partial(architecture, heads):
    """How RotaryEmbedding is told that it rotates a part of each of `heads` heads."""
    if architecture.rotated is None:
        return {}
    return {"num_heads": heads, "rotary_embedding_dim": architecture.rotated}


class LlamaGraph:
    """Builds one graph for `rows` rows; `half` computes in fp16, with fp16 cache and logits: what the CUDA
    provider's attention has kernels for. The inputs stay fp32, since the engine writes them."""

    def __init__(self, architecture, weights, files, rows, dtype="fp16", half=False):
        self.a, self.weights, self.rows, self.dtype = architecture, weights, rows, dtype
        self.half = dtype == "fp16"  # how small weights are stored
        self.graph = Graph(f"sjd2_decoder_{rows}", files, half)

    def norm(self, x, name, weight):
        return norm(self.graph, x, name, weight, self.a.epsilon, self.half)

    def index(self):
        """Positions in the cache of the input rows, [R, S]: seqlens_k[r] + 1 - S .. seqlens_k[r]."""
        g = self.graph
        one = g.constant([1])
        length = g.node("Slice", [g.node("Shape", ["inputs_embeds"]), one, g.constant([2])])
        zero, step = g.constant(0), g.constant(1)
        offsets = g.node("Range", [zero, g.node("Squeeze", [length]), step])
        last = g.node("Cast", ["seqlens_k"], to=TensorProto.INT64)
        first = g.node("Sub", [g.node("Add", [last, one]), length])
        return g.node("Add", [g.node("Unsqueeze", [first, one]), offsets])

    def head_norm(self, x, index, kind, layer, heads):
        """Normalise queries or keys [R, S, heads * head size] head by head."""
        g, a, name = self.graph, self.a, f"layers.{index}.{kind}_norm"
        by_head = g.node("Reshape", [x, g.constant([0, 0, heads, a.head_size])])
        if a.qk_norm == "rms":
            normed = self.norm(by_head, name, layer[f"{kind}_norm"])
        else:
            weight, bias = layer[f"{kind}_norm"], layer[f"{kind}_norm_bias"]
            normed = layer_norm(g, by_head, name, weight, bias, self.half)
        return g.node("Reshape", [normed, g.constant([0, 0, -1])])

    def attention(self, index, layer, h, shared):
        g, a = self.graph, self.a
        q_size, kv_size = a.heads * a.head_size, a.kv_heads * a.head_size
        qkv = linear(g, h, f"layers.{index}.qkv", layer["qkv"], self.dtype)
        if "qkv_bias" in layer:
            bias = g.weight(f"layers.{index}.qkv_bias", layer["qkv_bias"], self.half)
            qkv = g.node("Add", [qkv, bias])
        names = [f"query_{index}", f"key_{index}", f"value_{index}"]
        sizes = g.constant([q_size, kv_size, kv_size])
        parts = dict(zip(("query", "key", "value"), g.node("Split", [qkv, sizes], names, axis=-1)))
        for kind, heads in (("query", a.heads), ("key", a.kv_heads)):
            if a.qk_norm:
                parts[kind] = self.head_norm(parts[kind], index, kind, layer, heads)
            if a.rope == "offset":
                parts[kind] = g.node(
                    "RotaryEmbedding",
                    [parts[kind], shared["index"], shared["cos"], shared["sin"]],
                    domain=MICROSOFT,
                    interleaved=int(a.rope_interleaved),
                    **partial(a, heads),
                )
        split = {kind: rows_of(g, part, self.rows) for kind, part in parts.items()}
        cache = [1, a.kv_heads, a.max_length, a.head_size]
        rotary = [shared["cos"], shared["sin"]] if a.rope == "position" else []
        mixed = []
        for row in range(self.rows):
            past, present = [], []
            for kind in ("key", "value"):
                past.append(g.input(f"past_key_values.{index}.{row}.{kind}", cache, g.float))
                present.append(g.output(f"present.{index}.{row}.{kind}", cache, g.float))
            mixed.append(f"attention_{index}_{row}")
            g.node(
                "GroupQueryAttention",
                [split[kind][row] for kind in ("query", "key", "value")]
                + past
                + [shared["seqlens"][row], "total_sequence_length"]
                + rotary,
                [mixed[-1], *present],
                domain=MICROSOFT,
                num_heads=a.heads,
                kv_num_heads=a.kv_heads,
                do_rotary=int(bool(rotary)),
                rotary_interleaved=int(bool(rotary) and a.rope_interleaved),
            )
        joined = mixed[0] if self.rows == 1 else g.node("Concat", mixed, axis=0)
        return linear(g, joined, f"layers.{index}.output", layer["output"], self.dtype)

    def feed_forward(self, index, layer, h):
        g = self.graph
        gate, up = g.node(
            "Split",
            [linear(g, h, f"layers.{index}.gate_up", layer["gate_up"], self.dtype)],
            [f"gate_{index}", f"up_{index}"],
            axis=-1,
            num_outputs=2,
        )
        silu = g.node("Mul", [gate, g.node("Sigmoid", [gate])])
        product = g.node("Mul", [silu, up])
        return linear(g, product, f"layers.{index}.down", layer["down"], self.dtype)

    def layer(self, index, x, shared):
        layer = checked(self.a, f"layers.{index}", self.weights.layers[index])

        def normed(x, kind):
            return self.norm(x, f"layers.{index}.{kind}_norm", layer[f"{kind}_norm"])

        def mix(h):
            return self.attention(index, layer, h, shared)

        def feed(h):
            return self.feed_forward(index, layer, h)

        for kind, block in (("attention", mix), ("feed_forward", feed)):
            added = normed(block(x), kind) if self.a.norm_after else block(normed(x, kind))
            if f"{kind}_added_norm" in layer:
                added = normed(added, f"{kind}_added")
            x = self.graph.node("Add", [x, added])
        return x

    def select(self, x):
        """The rows that the head runs on: the window's, never the prompt's other rows."""
        g = self.graph
        if self.a.logits == "rows":
            return g.node("Gather", [x, "logit_rows"], axis=1)
        return g.node("Slice", [x, "first_logit", g.constant([2**31 - 1]), g.constant([1])])

    def build(self, path):
        g, a, rows = self.graph, self.a, self.rows
        g.input("inputs_embeds", [rows, "sequence", a.hidden])
        g.input("seqlens_k", [rows], TensorProto.INT32)
        g.input("total_sequence_length", [], TensorProto.INT32)
        if a.logits == "rows":
            g.input("logit_rows", ["logits"], TensorProto.INT64)
        else:
            g.input("first_logit", [1], TensorProto.INT64)
        g.output("logits", [rows, "logits", a.vocabulary], g.float)
        # Tables and sums of angles are what fp16 harms most: they stay fp32 in storage.
        shared = {
            "seqlens": rows_of(g, "seqlens_k", rows),
            "cos": g.weight("rope_cos", self.weights.cos, half=False),
            "sin": g.weight("rope_sin", self.weights.sin, half=False),
        }
        if a.rope == "offset":
            g.input("position_offset", [rows], TensorProto.INT64)
            offset = g.node("Unsqueeze", ["position_offset", g.constant([1])])
            shared["index"] = g.node("Add", [self.index(), offset])
        x = "inputs_embeds"
        if g.half:
            x = g.node("Cast", [x], to=g.float)
        if self.weights.positions is not None:
            table = g.weight("position_embedding", self.weights.positions, self.half)
            x = g.node("Add", [x, g.node("Gather", [table, self.index()])])
        for index in range(a.layers):
            x = self.layer(index, x, shared)
        last = expecting("norm", (a.hidden,), self.weights.norm)
        x = self.norm(self.select(x), "norm", last)
        # Four bits are too few for the laws themselves.
        self.weights.head(g, x, "int8" if self.dtype == "int4" else self.dtype, "logits")
        return g.save(path)
