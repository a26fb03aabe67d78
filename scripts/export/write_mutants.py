"""Graphs of the test fixtures that are wrong in one place, which the check at load and `sjd2 verify` have to notice.

python scripts/export/write_mutants.py
"""

from pathlib import Path

import onnx
from onnx import helper, numpy_helper
import numpy as np

FIXTURES = Path(__file__).resolve().parents[2] / "test/fixtures"


def find(model, operator, matches=lambda node: True):
    """(index, node) of all nodes of a kind."""
    nodes = enumerate(model.graph.node)
    return [(i, node) for i, node in nodes if node.op_type == operator and matches(node)]


def constant(model, name, values):
    model.graph.initializer.append(numpy_helper.from_array(np.array(values, np.int64), name))
    return name


def mask(model):
    """Every position sees one position more than it may."""
    [(index, compare)] = find(model, "LessOrEqual")
    one = constant(model, "mutant_one", 1)
    later = helper.make_node("Add", [compare.input[1], one], ["mutant_later"])
    model.graph.node.insert(index, later)
    compare.input[1] = "mutant_later"


def positions(model):
    """Positions are counted from the beginning of each pass."""
    rotations = find(model, "RotaryEmbedding")
    for _, node in rotations:
        node.input[1] = "mutant_positions"
    begin, one = constant(model, "mutant_zero", [0]), constant(model, "mutant_one", [1])
    first = helper.make_node(
        "Slice", ["position_ids", begin, one, one], ["mutant_first"], name="mutant_first"
    )
    counted = helper.make_node("Sub", ["position_ids", "mutant_first"], ["mutant_positions"])
    for node in (counted, first):
        model.graph.node.insert(0, node)


def slot(model):
    """The last layer keeps new keys and values in front of the past."""
    for name in ("key", "value"):
        last = f"present.1.{name}"
        [(_, node)] = find(model, "Concat", lambda node: node.output[0] == last)
        past, new = node.input
        node.input[0], node.input[1] = new, past


def layer(model):
    """The last layer's attention reads the first layer's cache."""
    for _, node in find(model, "GroupQueryAttention"):
        for i, name in enumerate(node.input):
            if name.startswith("past_key_values."):
                _, number, *rest = name.split(".")
                node.input[i] = ".".join(["past_key_values", str(1 - int(number)), *rest])


def row(model):
    """The second row's attention in the last layer reads the first row's cache."""
    for _, node in find(model, "GroupQueryAttention"):
        for i, name in enumerate(node.input):
            node.input[i] = name.replace("past_key_values.1.1.", "past_key_values.1.0.")


MUTANTS = {
    "janus-published/onnx/language_model.onnx": [mask, positions, slot],
    "random/decoder_guided.onnx": [layer, row],
}


def main():
    for source, mutations in MUTANTS.items():
        for mutate in mutations:
            model = onnx.load(FIXTURES / source, load_external_data=False)
            mutate(model)
            onnx.save(model, FIXTURES / "mutants" / f"{mutate.__name__}.onnx")


if __name__ == "__main__":
    main()
