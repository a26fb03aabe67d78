"""Keep trained weights in the repository as fp16 safetensors, and bring them back.

python scripts/train/keep.py               where training is kept (chain.py) -> scripts/train/checkpoints/
python scripts/train/keep.py --restore     the other way

Kept are the image tokenizer with its encoder, and the transformer after fine-tuning, which its guidance was distilled
from: training can go on from there without repeating what a GPU did in minutes and two cores would take days for.
The distilled weights are the shipped package, and restored from it. The drawings come back from
`chain.py --until words`; the whole chain would go on behind the distilled weights, and write the package anew.
"""

import argparse
import json
import sys
from pathlib import Path

import torch
from chain import GUIDANCE, SCRIPTS, default_root
from checkpoint import save_whole
from safetensors import safe_open
from safetensors.torch import save_file

sys.path.insert(0, str(SCRIPTS / "export"))

from unpack import unpacked

PACKAGE = SCRIPTS.parent / "models/emoji"
FOLDER = Path(__file__).resolve().parent / "checkpoints"
# With the longer trained decoder; its encoder and codes are those of image_tokenizer.
KEPT = {
    "image_tokenizer.safetensors": ["image_tokenizer/tokenizer.pt", "image_decoder/tokenizer.pt"],
    "finetuned.safetensors": ["finetuned/ema.pt"],
}


def keep(source, target):
    state = torch.load(source, weights_only=True)
    tensors = {}
    for name, tensor in state.pop("model").items():
        stored = tensor.half() if tensor.is_floating_point() else tensor
        if not stored.isfinite().all():
            raise ValueError(f"{source}: {name} has values that fp16 cannot hold")
        tensors[name] = stored.contiguous()
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
    finish(state, target)


def finish(state, target):
    target.parent.mkdir(parents=True, exist_ok=True)
    save_whole(state, target)
    (target.parent / "done").touch()
    print(target)


def restore_all(root):
    for kept, trained in KEPT.items():
        for target in trained:
            restore(FOLDER / kept, root / target)
    finish(unpacked(PACKAGE, GUIDANCE), root / "distilled/ema.pt")
    # Behind fine-tuning nobody asks for its weights any more.
    (root / "pretrained").mkdir(exist_ok=True)
    (root / "pretrained/done").touch()


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--root", type=Path, default=default_root(), help="default as in chain.py")
    parser.add_argument("--restore", action="store_true")
    options = parser.parse_args()
    if options.restore:
        restore_all(options.root)
    else:
        FOLDER.mkdir(exist_ok=True)
        for kept, trained in KEPT.items():
            keep(options.root / trained[-1], FOLDER / kept)


if __name__ == "__main__":
    main()
