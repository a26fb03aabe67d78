"""Check that a checkpoint that does not fit is refused in one line that names file and field, and that nothing of a
package is left.

python scripts/export/check_refusals.py
"""

import contextlib
import io
import json
import re
import shutil
import sys
import tempfile
from pathlib import Path

import torch
import transformers
from safetensors.torch import load_file, save_file

import export
import tiny_models

WEIGHTS = "vision_language_encoder/model.safetensors"
CONFIG = "vision_language_encoder/config.json"
SAMPLER = "vision_language_encoder/generation_config.json"
TOKENIZER = "processor/tokenizer.json"
TOKENS = "processor/tokenizer_config.json"
TEMPLATE = "processor/chat_template.jinja"
LAYER = "model.language_model.layers.0"


def removed(name):
    return lambda folder: (folder / name).unlink()


def written(name, text):
    return lambda folder: (folder / name).write_text(text)


def cut(folder):
    whole = (folder / WEIGHTS).read_bytes()
    (folder / WEIGHTS).write_bytes(whole[: len(whole) // 2])


def edited(name, *path, **fields):
    """Other values in an object of a JSON file, found along `path`."""

    def damage(folder):
        whole = json.loads((folder / name).read_text())
        part = whole
        for key in path:
            part = part[key]
        part.update(fields)
        (folder / name).write_text(json.dumps(whole))

    return damage


def weight(name, change):
    def damage(folder):
        state = load_file(folder / WEIGHTS)
        state[name] = change(state[name])
        save_file(
            {key: value for key, value in state.items() if value is not None}, folder / WEIGHTS
        )

    return damage


def nothing(_):
    pass


TEXT = (CONFIG, "text_config")
ROPE = (*TEXT, "rope_parameters")
# What is done to a folder, what export.py is told besides, and what it says.
CASES = [
    (removed(CONFIG), [], r"expected a folder with a config\.json"),
    (written(CONFIG, "{"), [], r"config\.json: expected JSON"),
    (written(CONFIG, "[]"), [], r"config\.json: expected an object of JSON, found list"),
    (
        edited(CONFIG, model_type="glm4v"),
        [],
        r"expected model_type to be one of .* but found glm4v",
    ),
    (edited(*TEXT, hidden_size="x"), [], r"config\.json: .*hidden_size.* expected int, got str"),
    (edited(*TEXT, hidden_act="gelu"), [], r"text_config\.hidden_act: expected silu"),
    (edited(*ROPE, mrope_section=[8, 12, 12]), [], r"mrope_section: expected 8 in all"),
    (
        edited(CONFIG, "vq_config", num_embeddings=100),
        [],
        r"vision_vocab_size: expected at least 100",
    ),
    (edited(CONFIG, image_start_token_id=9999), [], r"tokenizer\.json: expected a token 9999"),
    (edited(*TEXT, num_hidden_layers=3), [], r"a weight named .*layers\.2\..* found none"),
    (edited(*TEXT, num_attention_heads=4), [], r"layers\.0\.qkv: expected shape \[192, 32\]"),
    (edited(*TEXT, hidden_size=64), [], r"image_embedding: expected rows of 64 elements"),
    (edited(*TEXT, intermediate_size=96), [], r"layers\.0\.gate_up: expected shape \[192, 32\]"),
    (removed(WEIGHTS), [], r"expected .* with weights, found none"),
    (cut, [], r"model\.safetensors: expected a whole file of safetensors"),
    (weight("lm_head.weight", lambda w: None), [], r"a weight named lm_head\.weight, found none"),
    (
        weight("lm_head.weight", lambda w: w[:50].clone()),
        [],
        r"a row for each image token, up to 63",
    ),
    (
        weight("lm_head.weight", lambda w: torch.zeros(72, 48)),
        [],
        r"lm_head\.weight: expected shape",
    ),
    (
        weight(f"{LAYER}.self_attn.q_proj.weight", lambda w: torch.zeros(64, 48)),
        [],
        "expected shape",
    ),
    (
        weight("model.language_model.norm.weight", lambda w: w[1:].clone()),
        [],
        r"norm: expected shape",
    ),
    (
        weight("model.language_model.embed_tokens.weight", lambda w: w * torch.nan),
        [],
        r"image_embedding: holds values that are not finite",
    ),
    (removed(TOKENIZER), [], r"tokenizer\.json: expected the checkpoint's tokenizer, found none"),
    (
        written(TOKENIZER, "{}"),
        [],
        r"tokenizer\.json: expected a tokenizer in Hugging Face's format",
    ),
    (edited(TOKENS, grid_bos_token="<sob>"), [], r"expected the special token <sob>, found none"),
    (edited(TOKENS, grid_bos_token=5), [], r"grid_bos_token: expected a token, but found 5"),
    (written(TEMPLATE, "hello"), [], r"the chat template does not show the user's words"),
    (written(TEMPLATE, "{% for %}"), [], r"jinja: expected a chat template"),
    (written(TEMPLATE, "{{ a.b.c }}"), [], r"jinja: expected a chat template"),
    (written(SAMPLER, "{"), [], r"generation_config\.json: expected JSON"),
    (edited(SAMPLER, temperature="hot"), [], r"temperature: expected float from 0 to 100"),
    (edited(SAMPLER, top_k=-1), [], r"top_k: expected int from 0"),
    (edited(SAMPLER, top_p=2), [], r"top_p: expected float from .* to 1, but found 2"),
    (nothing, ["--image-size", "100"], r"--image-size: expected a multiple of 32"),
    (nothing, ["--image-size", "0"], r"--image-size: expected a multiple of 32"),
    (nothing, ["--image-size", "160000"], r"--image-size: expected a multiple of 32 up to 16384"),
    (nothing, ["--image-size", "64x"], r"--image-size: invalid picture_size value: '64x'"),
    (nothing, ["--image-size", "64x100"], r"--image-size: expected a multiple of 32"),
    (nothing, ["--image-size", "32x16384"], r"--image-size: expected sides that differ less"),
    (nothing, ["--prompt-length", "5"], r"--prompt-length: expected at least 14"),
    (nothing, ["--prompt-length", "100000000"], r"--prompt-length: expected 1 to 65536"),
]


def refusal(folder, out, flags):
    """What export.py says when it ends without a package."""
    said = io.StringIO()
    arguments = [folder, "--out", out, "--dtype", "fp32", "--image-size", "64", *flags]
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(said):
        try:
            export.export(export.parse([str(part) for part in arguments]))
        except SystemExit as error:
            return f"{said.getvalue()}{error}"
    raise AssertionError("a package was made")


@torch.no_grad()
def main():
    transformers.utils.logging.disable_progress_bar()
    transformers.utils.logging.set_verbosity_error()
    with tempfile.TemporaryDirectory() as root:
        root = Path(root)
        whole, damaged, made = root / "whole", root / "damaged", root / "made"
        whole.mkdir()
        made.mkdir()
        tiny_models.TINY["glm-image"](whole)
        for damage, flags, expected in CASES:
            shutil.copytree(whole, damaged)
            damage(damaged)
            said = refusal(damaged, made / "package", flags)
            assert re.search(expected, said), f"expected {expected} but it said: {said}"
            assert not list(made.iterdir()), f"left behind: {list(made.iterdir())}"
            shutil.rmtree(damaged)
    print(f"{len(CASES)} refusals, nothing left behind")


if __name__ == "__main__":
    sys.exit(main())
