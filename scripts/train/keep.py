"""Keep trained weights in the repository as fp16 safetensors, and bring them back.

python scripts/train/keep.py               training/ -> scripts/train/checkpoints/
python scripts/train/keep.py --restore     scripts/train/checkpoints/ -> training/
python scripts/train/keep.py --model scenes [--restore]      the same for the model that composes

Kept are the image tokenizer with its encoder, and the transformer after pre-training, after fine-tuning, and
with its guidance distilled, which is the one that is shipped: training can go on from any of them without
repeating hours. The tokens and captions come back from scripts/train/chain.py, which skips what is there.
"""

import argparse
import json
from pathlib import Path

import torch
from chain import default_root
from safetensors import safe_open
from safetensors.torch import save_file

FOLDER = Path(__file__).resolve().parent / "checkpoints"
KEPT = {
    "emoji": {
        "image_tokenizer.safetensors": "image_tokenizer/tokenizer.pt",
        "pretrained.safetensors": "pretrained/ema.pt",
        "finetuned.safetensors": "finetuned/ema.pt",
        "distilled.safetensors": "distilled/ema.pt",
    },
    # Its transformer is not trained yet (docs/training.md).
    "scenes": {"scenes_image_tokenizer.safetensors": "image_tokenizer/tokenizer.pt"},
}


def keep(source, target):
    state = torch.load(source, weights_only=True)
    tensors = {}
    for name, tensor in state.pop("model").items():
        half = tensor.is_floating_point()
        tensors[name] = (tensor.half() if half else tensor).contiguous()
    save_file(tensors, target, {"state": json.dumps(state)})
    print(f"{target.stat().st_size / 1e6:8.2f} MB  {target}")


def restore(source, target):
    with safe_open(source, "pt") as file:
        state = json.loads(file.metadata()["state"])
        tensors = {name: file.get_tensor(name) for name in file.keys()}
    state["model"] = {
        name: tensor.float() if tensor.is_floating_point() else tensor
        for name, tensor in tensors.items()
    }
    target.parent.mkdir(parents=True, exist_ok=True)
    torch.save(state, target)
    (target.parent / "done").touch()
    print(target)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", choices=KEPT, default="emoji")
    parser.add_argument("--root", type=Path, help="default as in chain.py")
    parser.add_argument("--restore", action="store_true")
    options = parser.parse_args()
    root = options.root or (default_root() if options.model == "scenes" else Path("training"))
    FOLDER.mkdir(exist_ok=True)
    for kept, trained in KEPT[options.model].items():
        if options.restore:
            restore(FOLDER / kept, root / trained)
        else:
            keep(root / trained, FOLDER / kept)


if __name__ == "__main__":
    main()
