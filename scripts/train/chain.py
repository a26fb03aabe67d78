"""Run the whole chain, from the npm packages of drawings to a checked model package.

python scripts/train/chain.py                      the shipped model; half an hour on an H200, days on two cores
python scripts/train/chain.py --short              what two cores do in eight hours; not the shipped model's quality
python scripts/train/chain.py --tiny               a minute; a model that draws nothing, to try the chain
python scripts/train/chain.py --until words        stop behind this step
python scripts/train/chain.py --model drawings     the model that was shipped before, 64x64, one thing; two hours on two cores

Steps that are done are skipped, interrupted training goes on where it was: run it again, in the same root.
"""

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

import precision

SCRIPTS = Path(__file__).resolve().parent.parent


# Of the shipped model. Blind samples from the start: all of their loss is about the caption.
EARLY_NOISE = ["--noise", 0.1, "--blind", 0.25]
PRETRAINING_DECAY = ["--decay-from", 0.6, "--decay-to", 0.2]
PRETRAINING = [*EARLY_NOISE, *PRETRAINING_DECAY]
RECIPE = ["--noise", 0.25, "--blind", 0.3, "--drafts", 0.25]
FINETUNING = [*RECIPE, "--lr-scale", 0.7, "--layout", 0.1]
FINETUNING += ["--decay-from", 0.35, "--decay-to", 0.12, "--seed", 2]
GUIDANCE = 2
DISTILLING = ["--distil", GUIDANCE, "--noise", 0.35, "--blind", 0.25, "--drafts", 0.25]
DISTILLING += [
    "--layout",
    0.1,
    "--lr-scale",
    0.3,
    "--decay-from",
    0,
    "--decay-to",
    0.02,
    "--seed",
    3,
]


def weights(folder):
    """The checkpoint also holds the layout probe; restored weights (keep.py) do without."""
    restored = (folder / "done").exists() and not (folder / "checkpoint.pt").exists()
    return folder / ("ema.pt" if restored else "checkpoint.pt")


def default_root():
    """Where training is kept: outside the clone, so that it outlives it."""
    return Path(os.environ.get("SJD2_TRAINING") or Path.home() / ".cache/sjd2/training")


def packages():
    return (
        "packages",
        SCRIPTS / "data/node_modules",
        ["npm", "ci", "--prefix", SCRIPTS / "data"],
    )


def export(root, tokenizer, package, fixture, data):
    """The last steps: the package, and its check against PyTorch."""
    final = ["--checkpoint", root / "distilled/ema.pt", "--tokenizer", tokenizer]
    command = [sys.executable, SCRIPTS / "export/package.py", *final, *data, "--out", package]
    check = [sys.executable, SCRIPTS / "export/parity.py", *final, "--package", package]
    return [("package", None, command), ("parity", None, [*check, "--fixture", fixture])]


def scene_steps(root, package, fixture, tiny, short):
    """The shipped model: as `drawing_steps`, with scenes that are made up as they are drawn."""
    scenes, tokenizer, decoder = (
        root / name for name in ("scenes", "image_tokenizer", "image_decoder")
    )
    small = ["--tiny"] if tiny else []
    python, train = [sys.executable], SCRIPTS / "train"
    # Steps of so many scenes: a GPU wants many at a time.
    (pretraining, finetuning, distilling), batch = (10_400, 2_600, 1_800), 256
    if tiny or short:
        pretraining, finetuning, distilling = (40, 30, 20) if tiny else (14_000, 4_000, 2_000)
        batch = 16
    where = ["--scenes", scenes, "--tokenizer", tokenizer]
    workers = ["--workers", 14 if precision.DEVICE.type == "cuda" else 0]

    def stage(name, init, steps, *flags):
        folder = root / name
        command = [*python, train / "train_transformer.py", *where, "--out", folder]
        command += ["--init", weights(root / init)] if init else []
        command += ["--steps", steps, "--batch", batch, "--dropout", 0, *workers, *flags, *small]
        return name, folder / "done", command

    return [
        packages(),
        (
            "drawings",
            scenes / "drawings.jsonl",
            ["node", SCRIPTS / "scenes/sprites.mjs", "--out", scenes, *small],
        ),
        (
            "colours",
            scenes / "sprites.json",
            [*python, SCRIPTS / "scenes/paint.py", "--data", scenes],
        ),
        (
            "captions",
            None,
            [*python, SCRIPTS / "scenes/check.py", "--data", scenes]
            + ["--scenes", 400 if tiny else 4000],
        ),
        (
            "words",
            scenes / "tokenizer.json",
            [*python, train / "text_tokenizer.py", "--scenes", scenes],
        ),
        (
            "image tokenizer",
            tokenizer / "tokenizer.pt",
            [*python, train / "train_image_tokenizer.py", "--scenes", scenes, "--out", tokenizer]
            + ["--steps", 120 if tiny else 2000 if short else 12_000]
            + ["--batch", 32 if tiny or short else 128, *workers, *small],
        ),
        stage("pretrained", None, pretraining, *PRETRAINING),
        stage("finetuned", "pretrained", finetuning, *FINETUNING),
        stage("distilled", "finetuned", distilling, *DISTILLING),
        (
            "image decoder",
            decoder / "tokenizer.pt",
            [*python, train / "train_image_tokenizer.py", "--scenes", scenes, "--out", decoder]
            + ["--decoder-of", tokenizer, "--steps", 40 if tiny else 2500, "--seed", 2]
            + ["--lr", 1e-3, "--batch", 32 if tiny or short else 128, *workers],
        ),
    ] + export(root, decoder, package, fixture, ["--scenes", scenes])


def drawing_steps(root, package, fixture, tiny, short):
    """The model that was shipped before: (name, file that shows that it is done or None to do it each time, command) in order."""
    data, tokenizer = root / "data", root / "image_tokenizer"
    pretrained, finetuned, distilled = (
        root / name for name in ("pretrained", "finetuned", "distilled")
    )
    small = ["--tiny"] if tiny else []
    python, train = [sys.executable], SCRIPTS / "train"
    pretraining, finetuning, distilling = (60, 40, 20) if tiny else (2700, 5000, 1000)
    where = ["--data", data, "--tokenizer", tokenizer]
    return [
        packages(),
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
            + ["--steps", 120 if tiny else 1600, *small],
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
    ] + export(root, tokenizer, package, fixture, ["--data", data])


def run(commands, show):
    """Run (name, done, command) steps; `show` prints their commands instead."""
    environment = {
        # Waiting threads that spin take the cores from those that work.
        "OMP_WAIT_POLICY": "passive",
        # glibc gives large tensors back after every step, and the next one faults their pages in anew, 4 KB at
        # a time (docs/training.md).
        "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1",
        "MALLOC_MMAP_MAX_": "0",
        "MALLOC_TRIM_THRESHOLD_": str(1 << 40),
        **os.environ,
    }
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
    parser.add_argument("--model", choices=["scenes", "drawings"], default="scenes")
    parser.add_argument(
        "--root",
        type=Path,
        help="where to work; default $SJD2_TRAINING or ~/.cache/sjd2/training (scenes), training "
        "(drawings), or training/tiny",
    )
    parser.add_argument(
        "--package", type=Path, help="default models/emoji (scenes), or in the root"
    )
    parser.add_argument("--fixture", type=Path, help="default test/fixtures/parity.json, likewise")
    parser.add_argument("--tiny", action="store_true")
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--until", metavar="STEP", help="stop behind this step")
    parser.add_argument("--list", action="store_true", help="print the commands and stop")
    options = parser.parse_args()
    scenes = options.model == "scenes"
    usual = default_root() if scenes else Path("training")
    root = options.root or (Path("training/tiny") if options.tiny else usual)
    # Only the shipped model's fixture belongs to the clone.
    shipped = scenes and not options.tiny and not options.short
    package = Path("models/emoji") if shipped else root / "package"
    fixture = Path("test/fixtures/parity.json") if shipped else root / "parity.json"
    chain = scene_steps if scenes else drawing_steps
    where = options.package or package, options.fixture or fixture
    steps = chain(root, *where, options.tiny, options.short)
    if options.until:
        names = [name for name, _, _ in steps]
        if options.until not in names:
            parser.error(f"--until knows {', '.join(names)}, not {options.until}")
        steps = steps[: names.index(options.until) + 1]
    run(steps, options.list)


if __name__ == "__main__":
    main()
