"""What each part of the fine-tuning is worth: the same pre-trained weights, the same number of steps, one
switch at a time, the same rows of `npm run eval`.

python scripts/train/controls.py              some hours on two quiet cores, after chain.py
python scripts/train/controls.py --only clean,drafts --steps 900
python scripts/train/controls.py --list       the single commands
"""

import argparse
import sys
from pathlib import Path

from chain import SCRIPTS, run

NOISE = ["--noise", 0.5]
# Fine-tuning flags by name; "blind" is the recipe of chain.py, "from-the-start" has noise in pre-training, too.
CONTROLS = {
    "clean": [],
    "noise": NOISE,
    "no-normalisation": [*NOISE, "--no-normalise"],
    "no-timestep": [*NOISE, "--no-timestep"],
    "drafts": [*NOISE, "--drafts", 0.25],
    "blind": ["--noise", 0.25, "--blind", 0.5, "--drafts", 0.25],
    "from-the-start": NOISE,
}
PRETRAINING_STEPS = 2700
STEPS = 300  # of fine-tuning; a control of another length carries its number of steps in its name
ROWS = ["--decoders", "sjd,sjd2", "--couplings", "gumbel", "--windows", 32, "--steps", "1,2,4"]


def steps(root, results, count, names):
    """(name, file that shows that it is done, command) in order."""
    python = [sys.executable]
    where = ["--data", root / "data", "--tokenizer", root / "image_tokenizer"]
    commands = []
    for control in names:
        name = control if count == STEPS else f"{control}-{count}"
        folder = root / "controls" / name
        pretrained = root / "pretrained"
        if control == "from-the-start":
            pretrained = folder / "pretrained"
            pretrain = [*python, SCRIPTS / "train/train_transformer.py", *where, *NOISE]
            pretrain += ["--out", pretrained, "--steps", PRETRAINING_STEPS]
            pretrain += ["--decay-to", 0.3, "--dropout", 0]
            commands.append((f"{name}: pre-training", pretrained / "done", pretrain))
        train = [*python, SCRIPTS / "train/train_transformer.py", *where, "--out", folder]
        train += ["--init", pretrained / "ema.pt", "--steps", count, "--dropout", 0]
        train += ["--lr-scale", 0.8, "--decay-from", 0.2, "--seed", 2, *CONTROLS[control]]
        package = [*python, SCRIPTS / "export/package.py", "--data", root / "data"]
        package += ["--tokenizer", root / "image_tokenizer", "--checkpoint", folder / "ema.pt"]
        package += ["--name", name, "--out", folder / "package"]
        evaluate = ["node", SCRIPTS / "eval/eval.mjs", "--model", folder / "package", *ROWS]
        file = results / f"weights-{name}.json"
        commands.append((f"{name}: training", folder / "done", train))
        commands.append((f"{name}: package", folder / "package/model.json", package))
        commands.append((f"{name}: evaluation", file, [*evaluate, "--json", file]))
    return commands


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--root", type=Path, default=Path("training"))
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
