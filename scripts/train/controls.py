"""What each part of the training is worth: a small model of the same scenes and tokens, trained from nothing, the same
number of steps for each, one switch at a time, the same rows of `npm run eval`.

python scripts/train/controls.py              two hours on two quiet cores, after keep.py --restore and
                                              chain.py --until words
python scripts/train/controls.py --only clean,drafts --steps 900
python scripts/train/controls.py --list       the single commands

Small (2.7 M parameters), since its pre-training must not know noise: that of the shipped model does from the start.
"""

import argparse
import sys
from pathlib import Path

from chain import EARLY_NOISE, PRETRAINING_DECAY, RECIPE, SCRIPTS, default_root, run

NOISE = ["--noise", 0.5]
# Fine-tuning flags by name; "recipe" is that of chain.py, and so is "from-the-start", behind its pre-training.
CONTROLS = {
    "clean": [],
    "noise": NOISE,
    "no-normalisation": [*NOISE, "--no-normalise"],
    "no-timestep": [*NOISE, "--no-timestep"],
    "drafts": [*NOISE, "--drafts", 0.25],
    "recipe": RECIPE,
    "from-the-start": RECIPE,
}
PRETRAINING_STEPS = 1500
STEPS = 500  # of fine-tuning; a control of another length carries its number of steps in its name
SMALL = ["--width", 192, "--layers", 5, "--batch", 32, "--dropout", 0, "--ranks", 1]
# The law that is drawn from: guidance 2 in two rows, temperature 1, nothing cut off.
LAW = ["--guidance", 2, "--temperature", 1, "--top-p", 1]
ROWS = ["--decoders", "sjd,sjd2", "--couplings", "gumbel", "--windows", 32, "--steps", 1]
ROWS += ["--samples", 32, "--threads", 1]


def steps(root, results, count, names):
    """(name, file that shows that it is done, command) in order."""
    python, trainer = [sys.executable], SCRIPTS / "train/train_transformer.py"
    where = ["--scenes", root / "scenes", "--tokenizer", root / "image_tokenizer"]

    def training(name, folder, *flags):
        command = [*python, trainer, *where, "--out", folder, *SMALL, *flags]
        return f"{name}: training", folder / "done", command

    commands = []
    for control in names:
        name = control if count == STEPS else f"{control}-{count}"
        folder, file = root / "controls" / name, results / f"weights-{name}.json"
        early = control == "from-the-start"
        start = root / "controls" / ("pretrained-noisy" if early else "pretrained")
        pretrain = ["--steps", PRETRAINING_STEPS, *PRETRAINING_DECAY]
        pretrain += EARLY_NOISE if early else []
        pretraining = training(start.name, start, *pretrain)
        finetune = ["--init", start / "checkpoint.pt", "--steps", count, "--layout", 0.1]
        finetune += ["--lr-scale", 0.7, "--decay-from", 0.2, "--seed", 2, *CONTROLS[control]]
        package = [*python, SCRIPTS / "export/package.py", "--scenes", root / "scenes"]
        package += ["--tokenizer", root / "image_decoder", "--checkpoint", folder / "ema.pt"]
        package += ["--name", name, "--out", folder / "package", *LAW]
        evaluate = ["node", SCRIPTS / "eval/eval.mjs", "--model", folder / "package", *ROWS]
        commands += [] if pretraining in commands else [pretraining]
        commands += [
            training(name, folder, *finetune),
            (f"{name}: package", folder / "package/model.json", package),
            (f"{name}: evaluation", None, [*evaluate, "--json", file]),
        ]
    return commands


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--root", type=Path, default=default_root(), help="default as in chain.py")
    parser.add_argument("--results", type=Path, default=Path("docs/results"))
    parser.add_argument("--steps", type=int, default=STEPS, help="of fine-tuning")
    parser.add_argument("--only", default=",".join(CONTROLS), help="of " + ", ".join(CONTROLS))
    parser.add_argument("--list", action="store_true", help="print the commands and stop")
    options = parser.parse_args()
    names = options.only.split(",")
    unknown = [name for name in names if name not in CONTROLS]
    if unknown:
        parser.error(f"--only knows {', '.join(CONTROLS)}, not {', '.join(unknown)}")
    run(steps(options.root, options.results, options.steps, names), options.list)


if __name__ == "__main__":
    main()
