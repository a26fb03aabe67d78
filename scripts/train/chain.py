"""Run the whole chain, from the npm packages of drawings to a checked model package.

python scripts/train/chain.py            about three hours on two cores
python scripts/train/chain.py --tiny     two minutes; a model that draws nothing, to try the chain

Steps that are done are skipped, interrupted training goes on where it was: run it again.
"""

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

SCRIPTS = Path(__file__).resolve().parent.parent


def weights(folder):
    """The checkpoint also holds the layout probe; restored weights (keep.py) do without."""
    restored = (folder / "done").exists() and not (folder / "checkpoint.pt").exists()
    return folder / ("ema.pt" if restored else "checkpoint.pt")


def steps(root, package, fixture, tiny):
    """(name, file that shows that it is done, command) in order."""
    data, tokenizer = root / "data", root / "image_tokenizer"
    pretrained, finetuned = root / "pretrained", root / "finetuned"
    small = ["--tiny"] if tiny else []
    python, train = [sys.executable], SCRIPTS / "train"
    minutes = {"tokenizer": 0.5, "pretrain": 0.5, "finetune": 0.3}
    if not tiny:
        minutes = {"tokenizer": 11, "pretrain": 60, "finetune": 90}
    where = ["--data", data, "--tokenizer", tokenizer]
    final = ["--checkpoint", finetuned / "ema.pt", "--tokenizer", tokenizer]
    return [
        (
            "packages",
            SCRIPTS / "data/node_modules",
            ["npm", "ci", "--prefix", SCRIPTS / "data"],
        ),
        (
            "concepts",
            data / "jobs.jsonl",
            ["node", SCRIPTS / "data/concepts.mjs", "--out", data, *small],
        ),
        (
            "pictures",
            data / "pictures.jsonl",
            ["node", SCRIPTS / "data/render.mjs", "--out", data],
        ),
        (
            "colours",
            data / "coloured.jsonl",
            [*python, SCRIPTS / "data/recolour.py", "--data", data],
        ),
        (
            "words",
            data / "tokenizer.json",
            [*python, train / "text_tokenizer.py", "--data", data],
        ),
        (
            "image tokenizer",
            tokenizer / "tokenizer.pt",
            [*python, train / "train_image_tokenizer.py", "--data", data, "--out", tokenizer]
            + ["--minutes", minutes["tokenizer"], *small],
        ),
        (
            "tokens",
            data / "tokens.npz",
            [*python, train / "tokenize_pictures.py", *where],
        ),
        (
            "pre-training",
            pretrained / "done",
            [*python, train / "train_transformer.py", *where, "--out", pretrained]
            + ["--minutes", minutes["pretrain"], "--decay-to", 0.3, "--dropout", 0, *small],
        ),
        (
            "fine-tuning",
            finetuned / "done",
            [*python, train / "train_transformer.py", *where, "--out", finetuned]
            + ["--init", weights(pretrained), "--minutes", minutes["finetune"]]
            + ["--noise", 0.25, "--blind", 0.5, "--drafts", 0.25, "--dropout", 0]
            + ["--lr-scale", 0.8, "--decay-from", 0.4, "--decay-to", 0.15, "--seed", 2, *small],
        ),
        (
            "package",
            package / "model.json",
            [*python, SCRIPTS / "export/package.py", *final, "--data", data, "--out", package],
        ),
        (
            "parity",
            fixture,
            [*python, SCRIPTS / "export/parity.py", *final, "--package", package]
            + ["--fixture", fixture],
        ),
    ]


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--root", type=Path, help="default training, or training/tiny")
    parser.add_argument("--package", type=Path, help="default models/emoji, or in the root if tiny")
    parser.add_argument("--fixture", type=Path, help="default test/fixtures/parity.json, likewise")
    parser.add_argument("--tiny", action="store_true")
    parser.add_argument("--list", action="store_true", help="print the commands and stop")
    options = parser.parse_args()
    root = options.root or Path("training/tiny" if options.tiny else "training")
    package = options.package or (root / "package" if options.tiny else Path("models/emoji"))
    fixture = root / "parity.json" if options.tiny else Path("test/fixtures/parity.json")
    # Waiting threads that spin take the cores from those that work.
    environment = {**os.environ, "OMP_WAIT_POLICY": "passive"}
    for name, done, command in steps(root, package, options.fixture or fixture, options.tiny):
        command = [str(part) for part in command]
        if options.list:
            print(" ".join(command))
            continue
        if done.exists():
            print(f"== {name}: done before")
            continue
        print(f"== {name}", flush=True)
        start = time.monotonic()
        subprocess.run(command, check=True, env=environment)
        if done.name == "done":
            done.touch()
        print(f"== {name}: {time.monotonic() - start:.0f} s", flush=True)


if __name__ == "__main__":
    main()
