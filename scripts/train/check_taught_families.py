"""Families but Janus through finetune.py: their own image tokenizers, row ends, what learns, an interruption, LoRA, and
the package's drawing. Runs in check_finetuning.py."""

import json

import torch
from safetensors.torch import load_file, save_file

import tiny_models
from public_models import TEACHABLE
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
)

FAMILIES = ("lumina-mgpt", "anole", "emu3")
SIZE = ("--image-size", 12)
# Enough that what is learnt by heart shows in the loss.
STEPS = ("--steps", 6, "--lr", 1e-2, "--uncaptioned", 0)
UNMEASURED = ("--evaluate-images", 0)


def without_image_tokenizer(folder):
    """As Lumina-mGPT's authors publish it: only Meta's vqgan.ckpt can read pictures."""
    path = folder / "model.safetensors"
    weights = load_file(path)
    kept = {name: value for name, value in weights.items() if ".vqmodel." not in name}
    assert len(kept) < len(weights)
    save_file(kept, path, {"format": "pt"})


def without_vqgan(root, folder):
    """Then nothing can read pictures, and that is said before weights are loaded."""
    kept = folder / "vqgan.ckpt"
    away = kept.rename(root / "vqgan.ckpt")
    refused(root, "expected Meta's tokenizer/vqgan.ckpt", *SIZE, model=folder.name)
    away.rename(kept)


@torch.no_grad()
def check_tokens(model, family):
    """Tokens, and all that enters for a picture, are what the class itself makes of it."""
    pixels = torch.rand(3, 3, 12, 12, generator=torch.Generator().manual_seed(5)) * 2 - 1
    sizes = [[torch.tensor([[12, 12]] * 3)], []][family != "emu3"]
    ids = model.network.model.get_image_tokens(pixels, *sizes).view(3, -1)
    tokens = model.tokenize(pixels)
    assert len(tokens.unique()) > 8, "a tokenizer that tells nothing apart shows nothing"
    inputs, laws = model.with_row_ends(model.image_embedding(tokens))
    expected = model.text_embedding()(ids)
    if family == "lumina-mgpt":
        # Its class knows no row ends; the authors' own code puts one behind every 6 tokens here.
        end = model.text_embedding()(model.row_end).expand(3, 6, 1, -1)
        expected = torch.cat([expected.unflatten(1, (6, 6)), end], 2).flatten(1, 2)
    assert torch.equal(inputs, expected)
    period = 6 + len(model.row_end)
    behind = [(place + 1) % period for place in laws.tolist()]
    assert behind == [(token + 1) % 6 for token in range(36)], "laws of the next image token"


def check_moved(root, family, start):
    """The transformer and the head's image tokens learn, and nothing else."""
    weights, tables = tensors(root / f"{family}-whole/model")
    learnt = moved(start, weights)
    [head] = [name for name in learnt if name.endswith("lm_head.weight")]
    others = learnt - {head}
    assert others and all(".layers." in name or name.endswith("norm.weight") for name in others)
    ids = taught(root / family, "--image-size", 12).ids
    rows = (start[head] != weights[head]).any(1).nonzero().flatten()
    assert set(rows.tolist()) == set(ids.tolist())
    assert tables["timestep_embedding"][1:].any() and not tables["timestep_embedding"][0].any()


def logged(folder, name):
    """Values of one name in a run's log, in order."""
    lines = (folder / "log.jsonl").read_text(encoding="utf8").splitlines()
    return [entry[name] for entry in map(json.loads, lines) if name in entry]


def check_gain(root):
    """A model that knows its pictures by heart, and so depends on what it reads, commits more tokens a pass once it
    has learnt to read noise: with four seeds 1.26 to 1.41 times as many as before."""
    flags = ("--validation", root / "images", *SIZE, "--batch", 8, "--schedule", "linear")
    flags += ("--evaluate-images", 8, "--window", 16, "--uncaptioned", 0, "--steps", 80)
    noisy = ("--noise", 0.5, "--blind", 0.25, "--drafts", 0.25, "--lr", 5e-3)
    run(root, "emu3-clean", *flags, "--noise", 0, "--lr", 1e-2, model="emu3")
    run(root, "emu3-noisy", *flags, *noisy, model="emu3-clean/model")
    before, after = logged(root / "emu3-noisy", "sjd2_tokens_per_pass")
    guesses = logged(root / "emu3-noisy", "sjd_tokens_per_pass")[0]
    assert after > 1.1 * max(before, guesses), (guesses, before, after)


def check_learns(root, name, *flags):
    """A whole run, whose loss falls."""
    run(root, f"{name}-whole", *STEPS, *SIZE, *flags, model=name)
    found = logged(root / f"{name}-whole", "loss")
    assert found[-1] < found[0] - 0.1, found


def run_in_parts(root, name):
    """The same, interrupted, and with less memory."""
    flags = (*STEPS, *SIZE, *UNMEASURED, "--gradient-checkpointing")
    run(root, f"{name}-parts", *flags, "--stop-after", 3, model=name)
    run(root, f"{name}-parts", *flags, model=name)


def check_lora(root, name, start):
    run(root, f"{name}-lora", "--steps", 1, "--lora", 4, *SIZE, *UNMEASURED, model=name)
    weights = tensors(root / f"{name}-lora/model")[0]
    maps = {key.split(".")[-2] for key in moved(start, weights)}
    assert maps == set(TEACHABLE[name].linear_maps), maps


def check_family(root, name):
    folder, whole = root / name, root / f"{name}-whole"
    folder.mkdir()
    tiny_models.TINY[name](folder)
    check_tokens(taught(folder, *SIZE), name)
    start = load_file(folder / "model.safetensors")
    if name == "lumina-mgpt":
        without_image_tokenizer(folder)
        without_vqgan(root, folder)
    # Passes of a family with row ends are simulated once.
    measured = () if name == "emu3" else UNMEASURED
    check_learns(root, name, *measured)
    check_moved(root, name, start)
    run_in_parts(root, name)
    same_result(whole / "model", root / f"{name}-parts/model")
    check_lora(root, name, start)
    package = package_of(whole / "model", root / f"{name}-package", *SIZE)
    assert package.manifest["family"] == name
    check_parity(taught(whole / "model", *SIZE), package)
    check_draws(package, windows=(16,))
