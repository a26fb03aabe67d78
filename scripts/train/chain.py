"""Run the whole chain, from the npm packages of drawings to a checked model package.

python scripts/train/chain.py            about an hour and a half on two quiet cores
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
    """(name, file that shows that it is done or None to do it each time, command) in order."""
    data, tokenizer = root / "data", root / "image_tokenizer"
    pretrained, finetuned, distilled = (
        root / name for name in ("pretrained", "finetuned", "distilled")
    )
    small = ["--tiny"] if tiny else []
    python, train = [sys.executable], SCRIPTS / "train"
    minutes = 0.5 if tiny else 11
    pretraining, finetuning, distilling = (60, 40, 20) if tiny else (2700, 5000, 1000)
    where = ["--data", data, "--tokenizer", tokenizer]
    final = ["--checkpoint", distilled / "ema.pt", "--tokenizer", tokenizer]
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
            + ["--minutes", minutes, *small],
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
            + ["--steps", pretraining, "--decay-to", 0.3, "--dropout", 0, *small],
        ),
        (
            "fine-tuning",
            finetuned / "done",
            [*python, train / "train_transformer.py", *where, "--out", finetuned]
            + ["--init", weights(pretrained), "--steps", finetuning]
            + ["--noise", 0.25, "--blind", 0.5, "--drafts", 0.25, "--dropout", 0]
            + ["--lr-scale", 0.8, "--decay-from", 0.4, "--decay-to", 0.15, "--seed", 2, *small],
        ),
        (
            "guidance",
            distilled / "done",
            [*python, train / "train_transformer.py", *where, "--out", distilled]
            + ["--init", weights(finetuned), "--steps", distilling, "--distil", 1.5]
            + ["--noise", 0.35, "--blind", 0.25, "--drafts", 0.25, "--dropout", 0]
            + ["--lr-scale", 0.3, "--decay-from", 0, "--decay-to", 0.02, "--seed", 3, *small],
        ),
        (
            "package",
            None,
            [*python, SCRIPTS / "export/package.py", *final, "--data", data, "--out", package],
        ),
        (
            "parity",
            None,
            [*python, SCRIPTS / "export/parity.py", *final, "--package", package]
            + ["--fixture", fixture],
        ),
    ]


def run(commands, show):
    """Run (name, done, command) steps; `show` prints their commands instead."""
    # Waiting threads that spin take the cores from those that work.
    environment = {**os.environ, "OMP_WAIT_POLICY": "passive"}
    for name, done, command in commands:
        command = [str(part) for part in command]
        if show:
            print(" ".join(command))
            continue
        if done and done.exists():
            print(f"== {name}: done before")
            continue
        print(f"== {name}", flush=True)
        start = time.monotonic()
        subprocess.run(command, check=True, env=environment)
        if done and done.name == "done":
            done.touch()
        print(f"== {name}: {time.monotonic() - start:.0f} s", flush=True)


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
    run(steps(root, package, options.fixture or fixture, options.tiny), options.list)


if __name__ == "__main__":
    main()
