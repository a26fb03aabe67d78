"""Check finetune.py on random models that draw nothing: on a Janus steps, an interruption, LoRA, what is wrong with
input, and the exported result through the command line, where sjd2 has to draw what ar draws; then the other families.

python scripts/train/check_finetuning.py          needs the built library; runs in npm run test:models
"""

import shutil
import tempfile
import time
from pathlib import Path

import torch
import transformers
from transformers import JanusForConditionalGeneration
from safetensors.torch import load_file, save_file

from tiny_finetuning import (
    check_draws,
    check_parity,
    moved,
    package_of,
    refused,
    run,
    same_result,
    taught,
    tensors,
    write_images,
)
import tiny_models
from check_authors_layout import write_authors_layout
from check_taught_families import FAMILIES, check_family, check_gain
from check_taught_llamagen import check_llamagen
from passes import tokens_per_pass
from public_models import TEACHABLE


def check_resume(root):
    """An interrupted run ends with the weights of one that was not."""
    run(root, "whole", "--steps", 4)
    run(root, "parts", "--steps", 4, "--stop-after", 2)
    assert not (root / "parts/model").exists(), "half of a run leaves no result"
    refused(root, "--seed 1 but received 2", "--steps", 4, "--seed", 2, out="parts")
    run(root, "parts", "--steps", 4)
    start = load_file(root / "janus/model.safetensors")
    same_result(root / "whole/model", root / "parts/model")
    weights, tables = tensors(root / "whole/model")
    learnt = moved(start, weights)
    parts = {name.split(".")[1] for name in learnt}
    assert parts == {"language_model", "generation_head"}, parts
    assert not any("embed_tokens" in name for name in learnt)
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
    maps = {name.split(".")[-2] for name in moved(start, weights)}
    assert maps == set(TEACHABLE["janus"].linear_maps), maps


def check_authors_layout(root):
    """A folder as deepseek-ai publishes it learns what transformers' layout of the same weights does, keeps its own
    layout, and what reads pictures."""
    model = JanusForConditionalGeneration.from_pretrained(root / "janus")
    write_authors_layout(root / "janus", root / "authors", model, "bin")
    run(root, "authors-run", "--steps", 4, "--evaluate-images", 0, model="authors")
    before = torch.load(root / "authors/pytorch_model.bin", weights_only=True)
    after = load_file(root / "authors-run/model/model-00001.safetensors")
    parts = {name.split(".")[0] for name in moved(before, after)}
    assert parts == {"language_model", "gen_head"}
    folder = package_of(root / "authors-run/model", root / "authors-package").folder
    for path in (root / "package").iterdir():
        if path.suffix != ".png":
            assert path.read_bytes() == (folder / path.name).read_bytes(), path.name


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
    shutil.copytree(root / "janus", root / "wordless")
    (root / "wordless/tokenizer.json").unlink()
    refused(root, "tokenizer.json: expected the checkpoint's tokenizer", model="wordless")
    refused(root, "at most 4 tokens", "--prompt-length", 4)
    refused(root, "--noise and --blind: expected at most 1", "--noise", 0.8, "--blind", 0.4)
    refused(root, "--lr: expected a number above 0", "--lr", -1)


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


def check_drawing(root):
    package = package_of(root / "whole/model", root / "package")
    check_parity(taught(root / "whole/model"), package)
    check_draws(package, windows=(4, 16))


def main():
    torch.set_num_threads(1)  # there is too little to share, and threads wait for each other
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
            check_authors_layout,
        ):
            check(root)
            print(f"{check.__name__}: passed after {time.monotonic() - start:.0f} s", flush=True)
        for name in FAMILIES:
            check_family(root, name)
            print(f"{name}: passed after {time.monotonic() - start:.0f} s", flush=True)
        check_gain(root)
        print(f"check_gain: passed after {time.monotonic() - start:.0f} s", flush=True)
        check_llamagen(root)
        print(f"llamagen: passed after {time.monotonic() - start:.0f} s", flush=True)


if __name__ == "__main__":
    main()
