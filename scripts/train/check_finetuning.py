"""Check finetune.py on a random Janus that draws nothing: steps, an interruption, LoRA, what is wrong with input, and
the exported result through the command line: sjd2 has to draw what ar draws.

python scripts/train/check_finetuning.py          needs the built library; runs in npm run test:models
"""

import contextlib
import io
import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
import transformers
from PIL import Image
from safetensors.torch import load_file, save_file

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "export"))

import export
import finetune
import tiny_models
from caption_tokens import Prompts
from noise import Levels
from package_run import Package
from passes import tokens_per_pass
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


def taught(folder):
    """The model of a folder as finetune.py has it."""
    needed = [str(part) for part in ("--model", folder, "--data", folder, "--out", folder)]
    family = finetune.find_family(finetune.parse(needed))
    return TEACHABLE[family.name](folder, family, Levels()).eval()


def tensors(folder):
    return load_file(folder / "model.safetensors"), load_file(folder / "sjd2.safetensors")


def check_resume(root):
    """An interrupted run ends with the weights of one that was not."""
    run(root, "whole", "--steps", 4)
    run(root, "parts", "--steps", 4, "--stop-after", 2)
    assert not (root / "parts/model").exists(), "half of a run leaves no result"
    refused(root, "--seed 1 but received 2", "--steps", 4, "--seed", 2, out="parts")
    run(root, "parts", "--steps", 4)
    start = load_file(root / "janus/model.safetensors")
    for one, other in zip(tensors(root / "whole/model"), tensors(root / "parts/model")):
        assert one.keys() == other.keys()
        for name in one:
            assert torch.equal(one[name], other[name]), name
    weights, tables = tensors(root / "whole/model")
    moved = {name for name in start if not torch.equal(start[name], weights[name])}
    parts = {name.split(".")[1] for name in moved}
    assert parts == {"language_model", "generation_head"}, parts
    assert not any("embed_tokens" in name for name in moved)
    timesteps = tables["timestep_embedding"]
    assert not timesteps[0].any() and timesteps[1:].any()


def check_again(root):
    """A taught folder brings its timestep table, and says so where it does not fit."""
    before = tensors(root / "whole/model")[1]["timestep_embedding"]
    run(root, "again", "--steps", 1, "--lr", 1e-9, model="whole/model")
    after = tensors(root / "again/model")[1]["timestep_embedding"]
    assert (before - after).abs().max() < 1e-6, "one step of hardly any learning"
    refused(root, "sjd2.json: denoising: expected", "--levels", 4, model="whole/model")


def check_lora(root):
    run(root, "lora", "--steps", 2, "--lora", 4, "--at-once", 2)
    start, (weights, _) = load_file(root / "janus/model.safetensors"), tensors(root / "lora/model")
    assert weights.keys() == start.keys(), "low-rank matrices are merged"
    moved = {name.split(".")[-2] for name in start if not torch.equal(start[name], weights[name])}
    assert moved == set(TEACHABLE["janus"].linear_maps), moved


def check_refusals(root):
    (root / "empty").mkdir()
    refused(root, "empty: expected images with captions", data="empty")
    refused(root, "nowhere: expected a folder", data="nowhere")
    refused(root, "config.json, found none", model="empty")
    for line, said in (
        ('{"file_name": "0.png"}', "metadata.jsonl:1: text: expected a caption"),
        ('{"file_name": 3, "text": "a"}', "metadata.jsonl:1: file_name: expected a path"),
        ('{"file_name": "9.png", "text": "a"}', "9.png, which is not there"),
        ('{"file_name": "0.png", "text": "a"', "metadata.jsonl:1: expected a JSON object"),
        ('{"file_name": "metadata.jsonl", "text": "a"}\n' * 2, "expected an image"),
    ):
        (root / "broken").mkdir(exist_ok=True)
        shutil.copy(root / "images/0.png", root / "broken/0.png")
        (root / "broken/metadata.jsonl").write_text(line)
        refused(root, said, data="broken")
    (root / "broken/metadata.jsonl").unlink()
    refused(root, "0.png: expected its caption in 0.txt", data="broken")
    weights = load_file(root / "janus/model.safetensors")
    shutil.copytree(root / "janus", root / "headless")
    name = "model.generation_head.vision_head.weight"
    del weights[name]
    save_file(weights, root / "headless/model.safetensors", {"format": "pt"})
    refused(root, f"lacks weights of JanusForConditionalGeneration: {name}", model="headless")
    shutil.copytree(root / "janus", root / "authors")
    (root / "authors/config.json").write_text('{"model_type": "multi_modality"}')
    refused(root, "expected janus, transformers' layout", model="authors")
    refused(root, "at most 4 tokens", "--prompt-length", 4)
    refused(root, "--noise and --blind: expected at most 1", "--noise", 0.8, "--blind", 0.4)
    refused(root, "--lr: expected a number above 0", "--lr", -1)


@torch.no_grad()
def check_parity(root, package):
    """What learnt computes what the package computes: prompts of two lengths, one batch."""
    model = taught(root / "whole/model")
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


@torch.no_grad()
def check_simulation(root):
    """A window of one commits a token a pass. A model that says the same whatever it reads stays with its
    first drafts: noise comes in and one token is final, then the drafts and one token more."""
    model = taught(root / "whole/model")
    length, vocabulary = 36, len(model.table)
    generator = torch.Generator().manual_seed(1)
    fixed = torch.randn(2, length, vocabulary, generator=generator)
    for window, passes in ((1, 36), (4, 15), (36, 2)):
        rate = tokens_per_pass(model, lambda inputs: fixed, 2, length, window, noise=True)
        assert rate == length / passes, (window, rate)


def draw(package, decoder, *flags):
    command = ["node", COMMAND, "generate", "a red fox", "--json"]
    command += ["--model", package, "--decoder", decoder, "--output", package / f"{decoder}.png"]
    made = subprocess.run(
        list(map(str, [*command, *flags])), check=True, capture_output=True, text=True
    )
    return json.loads(made.stdout)["images"][0]


def check_drawing(root):
    folder = root / "package"
    export.export(
        export.parse([str(root / "whole/model"), "--out", str(folder), "--dtype", "fp32"])
    )
    package = Package(folder)
    assert package.manifest["denoising"]["levels"] == 8
    check_parity(root, package)
    expected = draw(folder, "ar")["tokens"]
    assert len(expected) == package.length and len(set(expected)) > 8
    for window in (4, 16):
        drawn = draw(folder, "sjd2", "--window", window)
        assert drawn["options"]["decoder"] == "sjd2"
        assert drawn["tokens"] == expected, "sjd2 draws what ar draws, with the coupling gumbel"


def main():
    transformers.utils.logging.disable_progress_bar()
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "janus").mkdir()
        tiny_models.janus(root / "janus")
        write_images(root / "images")
        for check in (
            check_resume,
            check_again,
            check_lora,
            check_refusals,
            check_simulation,
            check_drawing,
        ):
            check(root)
            print(f"{check.__name__}: passed after {time.monotonic() - start:.0f} s", flush=True)


if __name__ == "__main__":
    main()
