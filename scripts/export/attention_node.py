"""One GroupQueryAttention node as a graph, for docs/examples/webgpu-attention.mjs.

python scripts/export/attention_node.py docs/examples/attention.onnx
"""

import sys

import onnx
from onnx import TensorProto, helper

HEAD_SIZE, LENGTH = 16, 64
FLOAT = TensorProto.FLOAT


def tensor(name, shape, kind=FLOAT):
    return helper.make_tensor_value_info(name, kind, shape)


rows, cache = [1, "rows", HEAD_SIZE], [1, 1, LENGTH, HEAD_SIZE]
inputs = [tensor(name, rows) for name in ("query", "key", "value")]
inputs += [tensor(name, cache) for name in ("past_key", "past_value")]
inputs += [
    tensor("seqlens_k", [1], TensorProto.INT32),
    tensor("total_sequence_length", [], TensorProto.INT32),
]
outputs = [
    tensor("output", rows),
    *(tensor(name, cache) for name in ("present_key", "present_value")),
]
node = helper.make_node(
    "GroupQueryAttention",
    [value.name for value in inputs],
    [value.name for value in outputs],
    domain="com.microsoft",
    num_heads=1,
    kv_num_heads=1,
)
graph = helper.make_graph([node], "attention", inputs, outputs)
opsets = [helper.make_opsetid("", 20), helper.make_opsetid("com.microsoft", 1)]
onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=9), sys.argv[1])
