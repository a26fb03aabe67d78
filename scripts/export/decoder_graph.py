"""The transformer as an ONNX graph whose KV cache is updated in place.

The whole cache buffer goes in as past and comes out as present; the engine binds both to the same
memory, so a rejected draft costs nothing. The CPU provider's GroupQueryAttention refuses more than one
row with a past, so rows are split and each has a node and a cache of its own ("rows" layout); all else
runs on the rows together.
"""

from onnx import TensorProto

from graph import MICROSOFT, Graph

EPSILON = 1e-6


def norm(graph, x, name, weight):
    # ONNX Runtime's fused RMSNorm; it lives in the standard domain though the standard lacks it.
    scale = graph.weight(name, weight)
    return graph.node("SimplifiedLayerNormalization", [x, scale], axis=-1, epsilon=EPSILON)


def rows_of(graph, x, rows):
    """Split [rows, ..] along axis 0 into single rows."""
    if rows == 1:
        return [x]
    names = [f"{x}_row{row}" for row in range(rows)]
    return graph.node("Split", [x], names, axis=0, num_outputs=rows)


def attention(graph, layer, index, h, shared, config, rows):
    c = config
    q_size, kv_size = c.heads * c.head_size, c.kv_heads * c.head_size
    qkv = graph.weight(f"layers.{index}.qkv", layer["qkv"].T)
    parts = graph.node(
        "Split",
        [graph.node("MatMul", [h, qkv]), graph.constant([q_size, kv_size, kv_size])],
        [f"query_{index}", f"key_{index}", f"value_{index}"],
        axis=-1,
    )
    merge = graph.constant([0, 0, -1])
    split = {}
    for kind, part, heads in zip(("query", "key"), parts, (c.heads, c.kv_heads)):
        by_head = graph.node("Reshape", [part, graph.constant([0, 0, heads, c.head_size])])
        normed = norm(graph, by_head, f"layers.{index}.{kind}_norm", layer[f"{kind}_norm"])
        split[kind] = rows_of(graph, graph.node("Reshape", [normed, merge]), rows)
    split["value"] = rows_of(graph, parts[2], rows)
    cache = [1, c.kv_heads, c.max_length, c.head_size]
    mixed = []
    for row in range(rows):
        past, present = [], []
        for kind in ("key", "value"):
            past.append(graph.input(f"past_key_values.{index}.{row}.{kind}", cache, graph.float))
            present.append(graph.output(f"present.{index}.{row}.{kind}", cache, graph.float))
        mixed.append(f"attention_{index}_{row}")
        graph.node(
            "GroupQueryAttention",
            [split[kind][row] for kind in ("query", "key", "value")]
            + past
            + [shared["seqlens"][row], "total_sequence_length", shared["cos"], shared["sin"]],
            [mixed[-1], *present],
            domain=MICROSOFT,
            num_heads=c.heads,
            kv_num_heads=c.kv_heads,
            do_rotary=1,
            rotary_interleaved=0,
        )
    joined = mixed[0] if rows == 1 else graph.node("Concat", mixed, axis=0)
    output = graph.weight(f"layers.{index}.output", layer["output"].T)
    return graph.node("MatMul", [joined, output])


def feed_forward(graph, layer, index, h):
    gate_up = graph.weight(f"layers.{index}.gate_up", layer["gate_up"].T)
    gate, up = graph.node(
        "Split",
        [graph.node("MatMul", [h, gate_up])],
        [f"gate_{index}", f"up_{index}"],
        axis=-1,
        num_outputs=2,
    )
    silu = graph.node("Mul", [gate, graph.node("Sigmoid", [gate])])
    down = graph.weight(f"layers.{index}.down", layer["down"].T)
    return graph.node("MatMul", [graph.node("Mul", [silu, up]), down])


def positions(graph, table):
    """Position embeddings [R, S, d] at seqlens_k[r] + 1 - S .. seqlens_k[r]."""
    one = graph.constant([1])
    shape = graph.node("Shape", ["inputs_embeds"])
    length = graph.node("Slice", [shape, one, graph.constant([2])])
    zero, step = graph.constant(0), graph.constant(1)
    offsets = graph.node("Range", [zero, graph.node("Squeeze", [length]), step])
    last = graph.node("Cast", ["seqlens_k"], to=TensorProto.INT64)
    first = graph.node("Sub", [graph.node("Add", [last, one]), length])
    index = graph.node("Add", [graph.node("Unsqueeze", [first, one]), offsets])
    return graph.node("Gather", [graph.weight("position_embedding", table), index])


def build(path, weights, config, tensors, rows, half=False):
    """Write the graph for `rows` rows; `tensors` is what `exported_tensors` of package.py returns.

    With `half` it computes in fp16, and its cache and logits are fp16: what the CUDA provider's attention
    has kernels for. The inputs stay fp32, since the engine writes them.
    """
    c = config
    graph = Graph(f"sjd2_decoder_{rows}", weights, half)
    graph.input("inputs_embeds", [rows, "sequence", c.width])
    graph.input("seqlens_k", [rows], TensorProto.INT32)
    graph.input("total_sequence_length", [], TensorProto.INT32)
    graph.input("first_logit", [1], TensorProto.INT64)
    graph.output("logits", [rows, "logits", c.vocabulary], graph.float)
    shared = {
        "seqlens": rows_of(graph, "seqlens_k", rows),
        "cos": graph.weight("rope_cos", tensors["cos"], half=False),
        "sin": graph.weight("rope_sin", tensors["sin"], half=False),
    }
    x = "inputs_embeds"
    if half:
        x = graph.node("Cast", [x], to=graph.float)
    x = graph.node("Add", [x, positions(graph, tensors["positions"])])
    for index, layer in enumerate(tensors["layers"]):
        h = norm(graph, x, f"layers.{index}.attention_norm", layer["attention_norm"])
        x = graph.node("Add", [x, attention(graph, layer, index, h, shared, c, rows)])
        h = norm(graph, x, f"layers.{index}.feed_forward_norm", layer["feed_forward_norm"])
        x = graph.node("Add", [x, feed_forward(graph, layer, index, h)])
    # The head is a third of a layer: run it on the window, never on the prompt.
    end = graph.constant([2**31 - 1])
    x = graph.node("Slice", [x, "first_logit", end, graph.constant([1])])
    x = norm(graph, x, "norm", tensors["norm"])
    graph.node("MatMul", [x, graph.weight("head", tensors["head"].T)], "logits")
    return graph.save(path)
