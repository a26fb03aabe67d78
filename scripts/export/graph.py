"""A small builder over onnx.helper: nodes by name, weights in external files and in the type asked for."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from weight_file import TYPES, stored_name

OPSET = 20
MICROSOFT = "com.microsoft"


class Graph:
    def __init__(self, name, weights=None, half=False):
        """With `half`, all floats between the graph's borders are fp16. Without a WeightFiles the weights
        lie inside the graph's own file."""
        self.name, self.weights, self.half = name, weights, half
        self.float = TensorProto.FLOAT16 if half else TensorProto.FLOAT
        self.nodes, self.initializers = [], []
        self.inputs, self.outputs, self.known = [], [], {}

    def node(self, operator, inputs, outputs=None, domain="", **attributes):
        """Add a node; returns its output's name (or names, if several were asked for)."""
        single = outputs is None or isinstance(outputs, str)
        if outputs is None:
            outputs = f"{operator}_{len(self.nodes)}"
        names = [outputs] if single else list(outputs)
        self.nodes.append(
            helper.make_node(
                operator,
                inputs,
                names,
                name=f"{len(self.nodes)}_{operator}",
                domain=domain,
                **attributes,
            )
        )
        return names[0] if single else names

    def constant(self, values, dtype=np.int64):
        """A small inline constant."""
        array = np.asarray(values, dtype)
        key = (str(array.dtype), array.shape, array.tobytes())
        if key not in self.known:
            self.known[key] = f"constant_{len(self.known)}"
            self.initializers.append(numpy_helper.from_array(array, self.known[key]))
        return self.known[key]

    def weight(self, name, array, half=True):
        """A weight, stored as fp16 (`half`) or fp32 and cast, once the session is made, to what the graph
        computes in: graphs of both kinds share one weight file. `array` may be a function that makes it;
        it is not called for a weight that the weight files hold already."""
        if name in self.known:
            return self.known[name]
        stored = self.stored(name, array, np.float16 if half else np.float32)
        self.known[name] = stored
        if half != self.half:
            self.known[name] = self.node("Cast", [stored], f"{name}.cast", to=self.float)
        return self.known[name]

    def stored(self, name, array, dtype):
        """An initializer of exactly this type; returns its name."""
        stored = stored_name(name, dtype)
        if stored in self.known:
            return stored
        self.known[stored] = stored
        if self.weights:
            place = self.weights.add(stored, array, dtype)
            tensor = TensorProto(
                name=stored,
                data_type=TYPES[np.dtype(dtype)],
                dims=place.shape,
                data_location=TensorProto.EXTERNAL,
            )
            for key, value in (
                ("location", place.file),
                ("offset", place.offset),
                ("length", place.length),
            ):
                tensor.external_data.add(key=key, value=str(value))
        else:
            array = array() if callable(array) else array
            tensor = numpy_helper.from_array(np.asarray(array, dtype), stored)
        self.initializers.append(tensor)
        return stored

    def input(self, name, shape, dtype=TensorProto.FLOAT):
        self.inputs.append(helper.make_tensor_value_info(name, dtype, shape))
        return name

    def output(self, name, shape, dtype=TensorProto.FLOAT):
        self.outputs.append(helper.make_tensor_value_info(name, dtype, shape))
        return name

    def save(self, path):
        graph = helper.make_graph(
            self.nodes, self.name, self.inputs, self.outputs, self.initializers
        )
        opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid(MICROSOFT, 1)]
        model = helper.make_model(graph, opset_imports=opsets, producer_name="sjd2")
        model.ir_version = 9  # readable by every ONNX Runtime since 1.17
        path.write_bytes(model.SerializeToString())
        return onnx.load(path, load_external_data=False)
