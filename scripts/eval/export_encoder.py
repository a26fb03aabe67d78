"""Export the evaluation encoder to ONNX and measure what `npm run eval` compares with.

python scripts/eval/export_encoder.py --checkpoint training/evaluation_encoder/checkpoint.pt

Makes scripts/eval/encoder: image.onnx, text.onnx, tokenizer.json, encoder.json (sizes), and
statistics.json: mean and covariance of the embeddings of held-out and of training drawings, how well
the encoder tells real pairs, and what it says about pictures whose damage is known.
"""

import argparse
import json
import shutil
import sys
from pathlib import Path

import numpy as np
import onnxruntime as ort
import torch
from onnx import TensorProto
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "train"))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "export"))

from dataset import RESTYLED, TRAIN, UNSEEN
from evaluation_encoder import WIDTH, Block, EvaluationEncoder
from graph import Graph
from reference_pictures import measure
from train_evaluation_encoder import WORDS, Pictures, retrieval

FOLDER = Path(__file__).resolve().parent
SIZE = 64


def convolution(graph, x, name, pair):
    fused = fuse_conv_bn_eval(*pair)
    return graph.node(
        "Conv",
        [
            x,
            graph.weight(f"{name}.weight", fused.weight.detach().numpy()),
            graph.weight(f"{name}.bias", fused.bias.detach().numpy()),
        ],
        pads=list(fused.padding) * 2,
        strides=list(fused.stride),
        kernel_shape=list(fused.kernel_size),
    )


def linear(graph, x, name, layer):
    weight = graph.weight(f"{name}.weight", layer.weight.detach().numpy().T)
    product = graph.node("MatMul", [x, weight])
    return graph.node("Add", [product, graph.weight(f"{name}.bias", layer.bias.detach().numpy())])


def normalise(graph, x):
    graph.node("LpNormalization", [x], "embedding", axis=1, p=2)


def image_graph(tower):
    graph = Graph("sjd2_evaluation_image")
    x = graph.input("image", ["batch", 3, SIZE, SIZE])
    graph.output("embedding", ["batch", WIDTH])
    for index, layer in enumerate(tower.layers):
        name = f"image.{index}"
        if isinstance(layer, nn.ReLU):
            x = graph.node("Relu", [x])
        elif isinstance(layer, Block):
            h = graph.node("Relu", [convolution(graph, x, f"{name}.first", layer.first)])
            h = convolution(graph, h, f"{name}.second", layer.second)
            x = graph.node("Relu", [graph.node("Add", [x, h])])
        else:
            x = convolution(graph, x, name, layer)
    x = graph.node("AveragePool", [x], kernel_shape=[2, 2], strides=[2, 2])
    x = graph.node("Flatten", [x])
    normalise(graph, linear(graph, x, "image.head", tower.head))
    return graph


def text_graph(tower):
    graph = Graph("sjd2_evaluation_text")
    ids = graph.input("ids", ["batch", WORDS], TensorProto.INT64)
    graph.output("embedding", ["batch", WIDTH])
    none = graph.node("Equal", [ids, graph.constant(0)])
    here = graph.node("Cast", [graph.node("Not", [none])], to=TensorProto.FLOAT)
    here = graph.node("Unsqueeze", [here, graph.constant([2])])
    table = graph.weight("text.words", tower.words.weight.detach().numpy())
    importance = graph.weight("text.importance", tower.importance.weight.detach().numpy())
    weights = graph.node("Exp", [graph.node("Gather", [importance, ids])])
    weights = graph.node("Mul", [weights, here])
    words = graph.node("Mul", [weights, graph.node("Gather", [table, ids])])
    axis = graph.constant([1])
    total = graph.node("ReduceSum", [weights, axis], keepdims=0)
    total = graph.node("Max", [total, graph.constant(1e-6, np.float32)])
    bag = graph.node("Div", [graph.node("ReduceSum", [words, axis], keepdims=0), total])
    hidden = graph.node("Relu", [linear(graph, bag, "text.hidden", tower.hidden)])
    normalise(graph, graph.node("Add", [bag, linear(graph, hidden, "text.out", tower.out)]))
    return graph


class OnnxEncoder:
    """The exported towers behind the interface of the PyTorch ones, so that what is measured is what
    `npm run eval` runs."""

    def __init__(self, folder):
        options = ort.SessionOptions()
        options.intra_op_num_threads = 2
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self.sessions = {
            name: ort.InferenceSession(
                str(folder / f"{name}.onnx"), options, providers=["CPUExecutionProvider"]
            )
            for name in ("image", "text")
        }

    def image(self, images):
        return torch.from_numpy(self.sessions["image"].run(None, {"image": images.numpy()})[0])

    def text(self, ids):
        return torch.from_numpy(self.sessions["text"].run(None, {"ids": ids.numpy()})[0])

    def eval(self):
        return self

    def train(self):
        return self


@torch.no_grad()
def compare(torch_encoder, onnx_encoder, data):
    """The greatest difference in an element of the embeddings; weights are rounded to fp16."""
    ids, indices = data.validation(UNSEEN, 64)
    images, words = data.images(indices), data.words(ids)
    return max(
        (torch_encoder.image(images) - onnx_encoder.image(images)).abs().max().item(),
        (torch_encoder.text(words) - onnx_encoder.text(words)).abs().max().item(),
    )


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    folder = Path("training/evaluation_encoder/checkpoint.pt")
    parser.add_argument("--checkpoint", type=Path, default=folder)
    parser.add_argument("--data", type=Path, default=Path("training/data"))
    parser.add_argument("--tokenizer", type=Path, default=Path("training/image_tokenizer"))
    parser.add_argument("--out", type=Path, default=FOLDER / "encoder")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    options.out.mkdir(parents=True, exist_ok=True)
    state = torch.load(options.checkpoint, weights_only=True)
    model = EvaluationEncoder(state["vocabulary"])
    model.load_state_dict(state["model"])
    model.eval()
    image_graph(model.image).save(options.out / "image.onnx")
    text_graph(model.text).save(options.out / "text.onnx")
    shutil.copy(options.data / "tokenizer.json", options.out / "tokenizer.json")

    data = Pictures(options.data, seed=1)
    encoder = OnnxEncoder(options.out)
    config = {
        "size": SIZE,
        "width": WIDTH,
        "words": WORDS,
        "steps": state["step"],
        "seconds": round(state["seconds"]),
        "difference_to_pytorch": compare(model, encoder, data),
    }
    scores = {
        name: retrieval(encoder, data, split)
        for name, split in (("restyled", RESTYLED), ("unseen", UNSEEN), ("training", TRAIN))
    }
    statistics = {"scores": scores, **measure(encoder, data, options.tokenizer)}
    (options.out / "encoder.json").write_text(json.dumps(config, indent=1) + "\n")
    (options.out / "statistics.json").write_text(json.dumps(statistics) + "\n")
    print(json.dumps({**config, **scores, **statistics["floor"]}, indent=1))
    print(json.dumps(statistics["damage"], indent=1))


if __name__ == "__main__":
    main()
