"""The image tokenizer's decoder as an ONNX graph: tokens [B, N] to an image [B, 3, H, W]."""

import numpy as np
from onnx import TensorProto
from torch import nn

from graph import Graph

# In torch's order; the names are those of scripts/train/image_tokenizer.py.


def silu(graph, x):
    return graph.node("Mul", [x, graph.node("Sigmoid", [x])])


def convolution(graph, x, name, layer):
    padding = list(layer.padding) * 2
    return graph.node(
        "Conv",
        [
            x,
            graph.weight(f"{name}.weight", layer.weight.detach().numpy()),
            graph.weight(f"{name}.bias", layer.bias.detach().numpy()),
        ],
        pads=padding,
        kernel_shape=list(layer.kernel_size),
    )


def build(path, tokenizer, rows, columns):
    graph = Graph("sjd2_image_decoder")
    graph.input("tokens", ["batch", rows * columns], TensorProto.INT64)
    graph.output("image", ["batch", 3, rows * tokenizer.factor, columns * tokenizer.factor])
    codes = tokenizer.codebook.codes.numpy()
    x = graph.node("Gather", [graph.weight("codes", codes), "tokens"])
    x = graph.node("Reshape", [x, graph.constant([0, rows, columns, codes.shape[1]])])
    x = graph.node("Transpose", [x], perm=[0, 3, 1, 2])
    for index, layer in enumerate(tokenizer.decoder.layers):
        name = f"decoder.{index}"
        if isinstance(layer, nn.Conv2d):
            x = convolution(graph, x, name, layer)
        elif isinstance(layer, nn.SiLU):
            x = silu(graph, x)
        elif isinstance(layer, nn.PixelShuffle):
            # torch's channel order is column-row-depth, not ONNX's default.
            x = graph.node("DepthToSpace", [x], blocksize=layer.upscale_factor, mode="CRD")
        else:
            h = convolution(graph, silu(graph, x), f"{name}.first", layer.first)
            h = convolution(graph, silu(graph, h), f"{name}.second", layer.second)
            x = graph.node("Add", [x, h])
    limits = [graph.constant(value, np.float32) for value in (-1.0, 1.0)]
    graph.node("Clip", [x, *limits], "image")
    return graph.save(path)
