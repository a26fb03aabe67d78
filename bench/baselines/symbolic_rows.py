"""One graph for one and for two rows, against the two graphs that a package has: memory, load time, time of a pass.

python bench/baselines/symbolic_rows.py PACKAGE [--runs 400]

A GroupQueryAttention node takes one row, and neither an empty batch (ONNX Runtime 1.30 divides by zero) nor an empty
row. So with one row the second row's nodes read a single position, in a cache of one position, that is cut off again.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

PAST = 200


def merge_rows(model):
    """Make the rows of a decoder for two rows symbolic."""
    graph, nodes = model.graph, []

    def constant(name, array):
        graph.initializer.append(numpy_helper.from_array(array, name))

    def node(kind, inputs, output, **attributes):
        nodes.append(helper.make_node(kind, inputs, [output], **attributes))

    for value in (-1, 0, 1, 2):
        constant(f"is_{value}", np.array([value], np.int64))
    constant("axes", np.array([0, 1], np.int64))
    constant("one", np.array(1, np.int32))
    node("Shape", ["inputs_embeds"], "sizes")
    node("Slice", ["sizes", "is_0", "is_1"], "rows")
    node("Slice", ["sizes", "is_1", "is_2"], "count")
    node("Sub", ["rows", "is_1"], "guided")  # 0 or 1
    node("Cast", ["guided"], "guided_32", to=TensorProto.INT32)
    # Of the second row: all positions, or one.
    node("Sub", ["count", "is_1"], "others")
    node("Mul", ["others", "guided"], "other_positions")
    node("Add", ["other_positions", "is_1"], "second_count")
    node("Concat", ["guided", "is_0"], "begin", axis=0)
    node("Concat", ["rows", "second_count"], "end", axis=0)
    node("Mul", ["rows", "count"], "all")
    node("Concat", ["rows", "count", "is_-1"], "apart", axis=0)
    node("Squeeze", ["guided_32"], "factor")
    node("Sub", ["total_sequence_length", "one"], "before")
    node("Mul", ["before", "factor"], "second_before")
    node("Add", ["second_before", "one"], "second_total")
    for old in graph.node:
        axis = [attribute.i for attribute in old.attribute if attribute.name == "axis"]
        if old.op_type == "Split" and axis == [0]:
            source, (first, second) = old.input[0], old.output
            node("Slice", [source, "is_0", "is_1", "is_0"], first)
            if source == "seqlens_k":
                node("Slice", [source, "guided", "rows", "is_0"], "second_last")
                node("Mul", ["second_last", "guided_32"], second)
            else:
                node("Slice", [source, "begin", "end", "axes"], second)
        elif old.op_type == "Concat" and axis == [0] and old.input[0].startswith("attention_"):
            joined = old.output[0]
            node("Concat", list(old.input), f"{joined}_behind", axis=1)
            node("Slice", [f"{joined}_behind", "is_0", "all", "is_1"], f"{joined}_flat")
            node("Reshape", [f"{joined}_flat", "apart"], joined)
        else:
            if old.op_type == "GroupQueryAttention" and old.input[3].split(".")[2] == "1":
                old.input[6] = "second_total"
            nodes.append(old)
    del graph.node[:], graph.value_info[:]
    graph.node.extend(nodes)
    for value in [*graph.input, *graph.output]:
        sizes = value.type.tensor_type.shape.dim
        if value.name in ("inputs_embeds", "seqlens_k", "logits", "position_offset"):
            sizes[0].dim_param = "rows"
        elif value.name.count(".") == 3 and value.name.split(".")[2] == "1":
            sizes[2].dim_param = "second_positions"


def anonymous():
    """MB of this process that are no files."""
    lines = Path("/proc/self/status").read_text("utf8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("RssAnon")) / 1024


class Session:
    def __init__(self, path, length):
        options = onnxruntime.SessionOptions()
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        before, start = anonymous(), time.perf_counter()
        self.session = onnxruntime.InferenceSession(str(path), options, ["CPUExecutionProvider"])
        self.seconds, self.megabytes = time.perf_counter() - start, anonymous() - before
        self.length, self.bound = length, {}

    def bind(self, rows, count):
        binding = self.session.io_binding()
        random = np.random.default_rng(0)
        for spec in self.session.get_inputs():
            if spec.name.startswith("past_key_values."):
                absent = int(spec.name.split(".")[2]) >= rows
                positions = 1 if absent else self.length
                shape = [1, spec.shape[1], positions, spec.shape[3]]
                cache = onnxruntime.OrtValue.ortvalue_from_numpy(np.zeros(shape, np.float32))
                binding.bind_ortvalue_input(spec.name, cache)
                present = spec.name.replace("past_key_values", "present")
                binding.bind_ortvalue_output(present, cache)
                continue
            value = {
                "inputs_embeds": lambda s=spec: random.standard_normal(
                    (rows, count, s.shape[2]), np.float32
                ),
                "seqlens_k": lambda: np.full(rows, PAST + count - 1, np.int32),
                "total_sequence_length": lambda: np.array(PAST + count, np.int32),
                "first_logit": lambda: np.zeros(1, np.int64),
                "logit_rows": lambda: np.arange(count),
                "position_offset": lambda: np.zeros(rows, np.int64),
            }[spec.name]()
            binding.bind_cpu_input(spec.name, value)
        binding.bind_output("logits")
        return binding

    def run(self, rows, count):
        if (rows, count) not in self.bound:
            self.bound[rows, count] = self.bind(rows, count)
        binding = self.bound[rows, count]
        start = time.perf_counter()
        self.session.run_with_iobinding(binding)
        seconds = time.perf_counter() - start
        names = [output.name for output in self.session.get_outputs()]
        return seconds, binding.get_outputs()[names.index("logits")].numpy()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("package", type=Path)
    parser.add_argument("--runs", type=int, default=400)
    options = parser.parse_args()
    guided = options.package / "decoder_guided.onnx"
    model = onnx.load(guided, load_external_data=False)
    caches = [value for value in model.graph.input if value.name == "past_key_values.0.0.key"]
    length = caches[0].type.tensor_type.shape.dim[2].dim_value
    merge_rows(model)
    # Beside the weights, where ONNX Runtime looks for them.
    with tempfile.NamedTemporaryFile(dir=options.package, suffix=".onnx") as file:
        file.write(model.SerializeToString())
        file.flush()
        two = Session(guided, length)
        one = Session(options.package / "decoder.onnx", length)
        both = Session(file.name, length)
    for name, session in (("two rows", two), ("one row", one), ("either", both)):
        print(f"{name}: {session.megabytes:.0f} MB, loaded in {session.seconds:.2f} s")
    for rows, own in ((1, one), (2, two)):
        for count in (1, 16):
            ratios, difference = [], 0.0
            for turn in range(options.runs):
                order = (own, both) if turn % 2 else (both, own)
                found = {session: session.run(rows, count) for session in order}
                ratios.append(found[both][0] / found[own][0])
                difference = max(difference, np.abs(found[both][1] - found[own][1]).max())
            print(
                f"rows {rows}, positions {count}: either takes {statistics.median(ratios):.2f} times as long; "
                f"logits differ by {difference:.1e}"
            )


if __name__ == "__main__":
    main()
