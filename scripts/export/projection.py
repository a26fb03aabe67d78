"""y = x W^T for a weight of a torch Linear, stored in the type that the package was asked to have.

fp32, fp16  MatMul; both kinds of graphs read the same bytes (see Graph.weight).
int8        weights per output column, activations per ROW: one scale for a whole tensor would let a
            rejected draft disturb an accepted row.
int4        MatMulNBits: blocks of 32 weights along the input with a scale each; its activations are
            quantised per block of a row.
"""

import numpy as np

from graph import MICROSOFT

DTYPES = ("fp32", "fp16", "int8", "int4")
BLOCK = 32


def linear(graph, x, name, weight, dtype, output=None):
    """`weight` makes the array [out, in]. Returns the output's name."""
    if dtype == "int8":
        return int8(graph, x, name, weight, output)
    if dtype == "int4":
        return int4(graph, x, name, weight, output)
    stored = graph.weight(name, lambda: weight().T, dtype == "fp16")
    return graph.node("MatMul", [x, stored], output)


def quantise_columns(weight):
    """int8 [out, in] and its scale per output, [out]."""
    scale = np.maximum(np.abs(weight).max(1), 1e-12) / 127
    return np.rint(weight / scale[:, None]).astype(np.int8), scale.astype(np.float32)


def int8(graph, x, name, weight, output):
    made = {}

    def part(index):
        # The weight is read once for both arrays, and not at all where another graph stored them.
        if not made:
            values, scale = quantise_columns(weight())
            made.update(values=values.T, scale=scale)
        return made[index]

    # In this order: a file is written front to back, and the large array is let go by the second.
    values = graph.stored(name, lambda: part("values"), np.int8)
    scale = graph.stored(f"{name}.scale", lambda: part("scale"), np.float32)
    largest = graph.node("ReduceMax", [graph.node("Abs", [x]), graph.constant([-1])], keepdims=1)
    floor = graph.constant(1e-12, np.float32)
    step = graph.node(
        "Div", [graph.node("Max", [largest, floor]), graph.constant(127.0, np.float32)]
    )
    middle = graph.constant(128, np.uint8)
    one = graph.constant(1.0, np.float32)
    rounded = graph.node("QuantizeLinear", [graph.node("Div", [x, step]), one, middle])
    product = graph.node(
        "MatMulIntegerToFloat", [rounded, values, one, scale, middle], domain=MICROSOFT
    )
    return graph.node("Mul", [product, step], output)


def pack_blocks(weight):
    """4-bit blocks as MatMulNBits reads them: [out, blocks, 16] and scales [out * blocks].

    The zero point is its default, 8: a block spans -8 to 7 steps.
    """
    out, width = weight.shape
    blocks = weight.reshape(out, width // BLOCK, BLOCK)
    # The largest value in magnitude becomes -8, the end that the range has more of.
    extreme = np.take_along_axis(blocks, np.abs(blocks).argmax(2)[..., None], 2)
    scale = np.where(extreme == 0, 1, extreme / -8)
    steps = np.clip(np.rint(blocks / scale) + 8, 0, 15).astype(np.uint8)
    return steps[..., 0::2] | steps[..., 1::2] << 4, scale.astype(np.float32).reshape(-1)


def int4(graph, x, name, weight, output):
    made = {}

    def part(index):
        if not made:
            array = weight()
            if array.shape[1] % BLOCK:
                raise ValueError(f"{name}: {array.shape[1]} inputs are no multiple of {BLOCK}")
            made["shape"] = array.shape
            made["values"], made["scale"] = pack_blocks(array)
        return made[index]

    values = graph.stored(name, lambda: part("values"), np.uint8)
    scale = graph.stored(f"{name}.scale", lambda: part("scale"), np.float32)
    out, blocks, _ = graph.weights.places[f"{name}.uint8"].shape
    return graph.node(
        "MatMulNBits",
        [x, values, scale],
        output,
        domain=MICROSOFT,
        K=blocks * BLOCK,
        N=out,
        bits=4,
        block_size=BLOCK,
        accuracy_level=4,
    )
