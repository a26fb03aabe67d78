"""A torch image decoder as an ONNX graph: tokens int64 [B, N] to image float [B, 3, H, W]."""

import logging
import warnings

import onnx
import torch


def export_image_decoder(module, image, path, names=("tokens", "image")):
    """`image` is the manifest's: it says how many tokens there are. `names` are of input and output."""
    tokens = torch.zeros(2, image["rows"] * image["columns"], dtype=torch.int64)
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            module,
            (tokens,),
            input_names=[names[0]],
            output_names=[names[1]],
            dynamic_shapes=({0: torch.export.Dim("batch", min=1)},),
            opset_version=20,
            dynamo=True,
            verbose=False,
        )
    model = program.model_proto
    model.ir_version = 9  # readable by every ONNX Runtime since 1.17
    del model.metadata_props[:]
    for node in model.graph.node:
        # Stack traces with paths of the machine that exported it.
        del node.metadata_props[:]
        node.doc_string = ""
    onnx.save(model, path)
