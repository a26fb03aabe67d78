"""What the checks of finetune.py share: pictures of noise with captions, a run of a few steps, and its result as a
package that is drawn with."""

import contextlib
import io
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "export"))

import export
import finetune
from caption_tokens import Prompts
from noise import Levels
from package_run import Package
from public_models import TEACHABLE

COMMAND = Path(__file__).resolve().parent.parent.parent / "bin/sjd2.js"
CAPTIONS = ["a red fox", "a blue car in the snow", "one big fox"]
# Windows as small as images: what is simulated on the way costs most of a tiny run.
TINY = (
    "--batch 4 --lr 1e-3 --drafts 0.5 --log 1 --evaluate-images 1 --guidance 1 --window 36".split()
)


def write_images(folder):
    folder.mkdir()
    random = np.random.default_rng(1)
    lines = []
    for index in range(9):
        pixels = random.integers(256, size=(20, 16, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{index}.png")
        lines.append({"file_name": f"{index}.png", "text": CAPTIONS[index % 3]})
    text = "\n".join(map(json.dumps, lines))
    (folder / "metadata.jsonl").write_text(text, encoding="utf8")


def run(root, out, *flags, model="janus", data="images"):
    command = ["--model", root / model, "--data", root / data, "--out", root / out, *TINY, *flags]
    finetune.main([str(part) for part in command])


def refused(root, expected, *flags, out="refused", **where):
    """The run ends with an error that says `expected`, and leaves no result."""
    try:
        with contextlib.redirect_stderr(io.StringIO()) as printed:
            run(root, out, *flags, **where)
    except SystemExit as error:
        said = f"{error.code} {printed.getvalue()}"
        assert expected in said, f"expected {expected!r}, but it said: {said}"
        assert not (root / out / "model").exists()
        return
    raise AssertionError(f"expected an error that says {expected!r}")


def taught(folder, *flags):
    """The model of a folder as finetune.py has it."""
    needed = [str(part) for part in ("--model", folder, "--data", folder, "--out", folder, *flags)]
    family = finetune.find_family(finetune.parse(needed))
    return TEACHABLE[family.name](folder, family, Levels()).eval()


def tensors(folder):
    return load_file(folder / "model.safetensors"), load_file(folder / "sjd2.safetensors")


def moved(start, weights):
    """Names of the weights that learnt something."""
    assert weights.keys() == start.keys(), "a result has the weights of its checkpoint"
    return {name for name in start if not torch.equal(start[name], weights[name])}


def same_result(first, second):
    """Two folders of results are equal to the last bit."""
    for one, other in zip(tensors(first), tensors(second)):
        assert one.keys() == other.keys()
        for name in one:
            assert torch.equal(one[name], other[name]), name


def package_of(result, out, *flags):
    command = [result, "--out", out, "--dtype", "fp32", *flags]
    export.export(export.parse([str(part) for part in command]))
    return Package(out)


@torch.no_grad()
def check_parity(model, package):
    """What learnt computes what the package computes: prompts of two lengths, one batch."""
    prompts = Prompts(package.manifest["prompt"], package.folder / "tokenizer.json", 512)
    ids = [prompts.template.ids(caption) for caption in CAPTIONS[:2]]
    assert len(ids[0]) != len(ids[1])
    tokens = torch.randint(64, (2, package.length), generator=torch.Generator().manual_seed(3))
    inputs = model.image_embedding(tokens[:, :-1])
    expected, _ = model.predict(model, prompts.pack(ids), inputs)
    for row, caption in enumerate(CAPTIONS[:2]):
        assert package.prompts(caption)[0] == ids[row]
        found = [package.begin([ids[row]]), package.feed(tokens[row, :-1].tolist(), 0)]
        error = np.abs(np.concatenate(found, 1)[0] - expected[row].numpy()).max()
        # Sums of a few products in another order, of logits whose standard deviation is about 1.
        assert error < 1e-4, error
        unconditional = prompts.unconditional_for(prompts.pack(ids))[row]
        assert unconditional[unconditional >= 0].tolist() == package.prompts(caption)[1]


def draw(package, decoder, *flags):
    command = ["node", COMMAND, "generate", "a red fox", "--json"]
    command += ["--model", package, "--decoder", decoder, "--output", package / f"{decoder}.png"]
    made = subprocess.run(
        list(map(str, [*command, *flags])), check=True, capture_output=True, text=True
    )
    return json.loads(made.stdout)["images"][0]


def check_draws(package, windows):
    """sjd2 draws what ar draws, with the coupling gumbel."""
    assert package.manifest["denoising"]["levels"] == 8
    expected = draw(package.folder, "ar")["tokens"]
    assert len(expected) == package.length and len(set(expected)) > 8
    for window in windows:
        drawn = draw(package.folder, "sjd2", "--window", window)
        assert drawn["options"]["decoder"] == "sjd2"
        assert drawn["tokens"] == expected, "another picture than that of ar"
