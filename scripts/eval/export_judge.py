"""Export the judge of scenes for `npm run eval:scenes`, choose its prompts, and draw real scenes for them.

python scripts/eval/export_judge.py --scenes DIR/scenes --tokenizer DIR/image_tokenizer \\
    --checkpoint DIR/judge/checkpoint.pt --out scripts/eval/scenes/judge --pictures DIR/judge/pictures

Writes judge.onnx, judge.json and prompts.json, and two files of pictures that the judge can be tried on: `drawn`,
the scenes, and `coded`, what their tokens give back, the best that a model of these tokens can draw.
"""

import argparse
import json
import sys
from pathlib import Path

import numpy as np
import onnxruntime as ort
import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "train"))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "export"))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "scenes"))

from catalogue import Catalogue
from compose import picture
from graph import Graph
from judge import COLOURS, GRID, SIZES, THRESHOLD, Block, Judge
from scene import Sampler
from tokenize_pictures import load_tokenizer

KINDS = ["one", "two", "counting", "colours", "position", "attribution"]
# What can be held out: a pair of things, or a thing in a colour.
HELD_KINDS = ["two", "colours", "position", "attribution"]


def convolution(graph, x, name, pair):
    fused = fuse_conv_bn_eval(*pair)
    weight = graph.weight(f"{name}.weight", fused.weight.detach().numpy())
    bias = graph.weight(f"{name}.bias", fused.bias.detach().numpy())
    return graph.node(
        "Conv",
        [x, weight, bias],
        pads=list(fused.padding) * 2,
        strides=list(fused.stride),
        kernel_shape=list(fused.kernel_size),
    )


def stack(graph, x, name, layers):
    for index, layer in enumerate(layers):
        if isinstance(layer, nn.ReLU):
            x = graph.node("Relu", [x])
        elif isinstance(layer, Block):
            h = graph.node("Relu", [convolution(graph, x, f"{name}.{index}.first", layer.first)])
            h = convolution(graph, h, f"{name}.{index}.second", layer.second)
            x = graph.node("Relu", [graph.node("Add", [x, h])])
        else:
            x = convolution(graph, x, f"{name}.{index}", layer)
    return x


def build(judge):
    graph = Graph("sjd2_scene_judge")
    graph.input("image", ["batch", 3, 128, 128])
    graph.output("maps", ["batch", judge.head.out_channels, GRID, GRID])
    middle = stack(graph, stack(graph, "image", "fine", judge.fine), "middle", judge.middle)
    coarse = stack(graph, middle, "coarse", judge.coarse)
    scales = graph.constant([1, 1, 2, 2], np.float32)
    # Whole factors: with the default coordinates a cell would take its neighbour's value.
    coarse = graph.node(
        "Resize",
        [coarse, "", scales],
        mode="nearest",
        nearest_mode="floor",
        coordinate_transformation_mode="asymmetric",
    )
    joined = stack(graph, graph.node("Concat", [middle, coarse], axis=1), "joined", judge.joined)
    head = judge.head
    weight = graph.weight("head.weight", head.weight.detach().numpy())
    bias = graph.weight("head.bias", head.bias.detach().numpy())
    graph.node("Conv", [joined, weight, bias], "maps", kernel_shape=[1, 1])
    return graph


def choose_prompts(catalogue, count):
    """[(prompt, scene)] of every kind: plain ground, the default style, objects that are common."""
    chosen = []
    for held in (False, True):
        for kind in HELD_KINDS if held else KINDS:
            sampler = Sampler(
                catalogue, [555, KINDS.index(kind), held], held, {kind: 1.0}, "twemoji", True
            )
            seen, found = set(), []
            while len(found) < count:
                scene = sampler.sample()
                common = all(catalogue.objects[thing.object]["common"] for thing in scene.things)
                if common and scene.caption not in seen and "style" not in scene.caption:
                    seen.add(scene.caption)
                    found.append((prompt_of(scene, catalogue, kind, held), scene))
            chosen += found
    return chosen


def prompt_of(scene, catalogue, kind, held):
    groups = {}
    for thing in scene.things:
        groups.setdefault((thing.object, thing.colour if thing.said else None), []).append(thing)
    things = [
        {"object": catalogue.objects[object]["name"], "count": len(group), "colour": colour}
        for (object, colour), group in groups.items()
    ]
    facts = {"kind": kind, "held": held, "prompt": scene.caption, "things": things}
    return {**facts, "relation": scene.relation}


@torch.no_grad()
def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--scenes", type=Path, required=True)
    parser.add_argument("--tokenizer", type=Path, required=True)
    parser.add_argument("--checkpoint", type=Path, required=True)
    parser.add_argument(
        "--out", type=Path, default=Path(__file__).resolve().parent / "scenes/judge"
    )
    parser.add_argument("--pictures", type=Path, required=True)
    parser.add_argument("--prompts", type=int, default=50, help="of each kind, seen and held out")
    options = parser.parse_args()
    for folder in (options.out, options.pictures):
        folder.mkdir(parents=True, exist_ok=True)
    state = torch.load(options.checkpoint, weights_only=True, map_location="cpu")
    judge = Judge(len(state["objects"]))
    judge.load_state_dict(state["model"])
    judge.eval()
    build(judge).save(options.out / "judge.onnx")

    catalogue = Catalogue(options.scenes)
    chosen = choose_prompts(catalogue, options.prompts)
    pixels = np.stack([picture(scene, catalogue) for _, scene in chosen])
    images = torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 127.5 - 1
    tokenizer = load_tokenizer(options.tokenizer)
    coded = torch.cat([tokenizer.image(tokenizer.tokenize(part)) for part in images.split(32)])
    coded = ((coded + 1) * 127.5).round().byte().permute(0, 2, 3, 1).contiguous().numpy()
    (options.pictures / "drawn.bin").write_bytes(pixels.tobytes())
    (options.pictures / "coded.bin").write_bytes(coded.tobytes())
    session = ort.InferenceSession(
        str(options.out / "judge.onnx"), providers=["CPUExecutionProvider"]
    )
    found = session.run(None, {"image": images[:16].numpy()})[0]
    # Weights are rounded to fp16.
    difference = np.abs(found - judge(images[:16]).numpy()).max().item()
    config = {
        "about": {"steps": state["step"], "difference_to_pytorch": difference},
        "grid": GRID,
        "threshold": THRESHOLD,
        "objects": state["objects"],
        "colours": COLOURS,
        "sizes": SIZES,
    }
    (options.out / "judge.json").write_text(json.dumps(config) + "\n")
    lines = ",\n".join(f"  {json.dumps(prompt)}" for prompt, _ in chosen)
    (options.out / "prompts.json").write_text(f"[\n{lines}\n]\n")
    print(f"{len(chosen)} prompts, difference to PyTorch {difference:.3f}")


if __name__ == "__main__":
    main()
