"""Check that a Janus in its authors' layout (deepseek-ai) makes the package that transformers' layout makes, byte by
byte, and what is said of folders that can not.

python scripts/export/check_authors_layout.py

The layout is written here module by module, as MultiModalityCausalLM of deepseek-ai/Janus is built, and not by the
exporter's table of names.
"""

import hashlib
import json
import shutil
import sys
import tempfile
from pathlib import Path

import torch
import transformers
from safetensors.torch import save_file

import export
import tiny_models

SHARDS = 2


def authors_weights(model):
    """state_dict of MultiModalityCausalLM with the weights of a JanusForConditionalGeneration."""
    state, inner = {}, model.model

    def put(name, module):
        state.update({f"{name}.{key}": value for key, value in module.state_dict().items()})

    put("language_model.model", inner.language_model)
    put("language_model.lm_head", model.lm_head)
    put("gen_embed", inner.generation_embeddings)
    aligner = inner.generation_aligner
    for place, layer in zip(range(0, 99, 2), [aligner.fc1, *aligner.hidden_layers]):
        put(f"gen_aligner.layers.{place}", layer)
    put("gen_head.output_mlp_projector", inner.generation_head.proj_out)
    put("gen_head.vision_head", inner.generation_head.vision_head)
    vq, images = inner.vqmodel, "gen_vision_model"
    for half, levels in (("encoder", vq.encoder.down), ("decoder", vq.decoder.up)):
        network = getattr(vq, half)
        for part in ("conv_in", "norm_out", "conv_out"):
            put(f"{images}.{half}.{part}", getattr(network, part))
        middle = network.mid
        for place, block in enumerate((middle.block_1, middle.attn_1, middle.block_2)):
            put(f"{images}.{half}.mid.{place}", block)
        for index, level in enumerate(levels):
            put(f"{images}.{half}.conv_blocks.{index}.res", level.block)
            put(f"{images}.{half}.conv_blocks.{index}.attn", level.attn)
            for part in ("downsample", "upsample"):
                if hasattr(level, part):
                    put(f"{images}.{half}.conv_blocks.{index}.{part}", getattr(level, part))
    for part in ("quant_conv", "post_quant_conv", "quantize"):
        put(f"{images}.{part}", getattr(vq, part))
    # What drawing never reads.
    state[f"{images}.quantize.codebook_used"] = torch.zeros(64)
    state["vision_model.vision_tower.pos_embed"] = torch.randn(1, 36, 32)
    put("aligner.layers.0", inner.aligner.fc1)
    return {name: value.detach().clone() for name, value in state.items()}


def authors_config(model):
    text, vq = model.config.text_config, model.config.vq_config
    names = ["vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers"]
    names += ["num_attention_heads", "num_key_value_heads", "max_position_embeddings"]
    wide = text.hidden_size

    def part(kind, **params):
        return {"cls": kind, "model_type": "any", "params": params}

    return {
        "architectures": ["MultiModalityCausalLM"],
        "model_type": "multi_modality",
        "language_config": {"model_type": "llama", **{name: getattr(text, name) for name in names}},
        "vision_config": part("CLIPVisionTower", image_size=12, model_name="siglip_large"),
        "aligner_config": part("MlpProjector", depth=2, input_dim=32, n_embed=wide),
        "gen_vision_config": part("VQ-16", image_token_size=vq.num_embeddings, n_embed=8),
        "gen_aligner_config": part("MlpProjector", depth=2, input_dim=8, n_embed=wide),
        "gen_head_config": part("vision_head", image_token_embed=wide, image_token_size=64),
    }


def write_authors_layout(source, folder, model, kind):
    folder.mkdir()
    shutil.copy(source / "tokenizer.json", folder)
    files = {
        "config.json": authors_config(model),
        "processor_config.json": {"num_image_tokens": 36, "sft_format": "deepseek"},
        # The language model's own, with which nobody draws.
        "tokenizer_config.json": {"chat_template": "User: {{ messages[0]['content'] }}"},
    }
    for name, content in files.items():
        (folder / name).write_text(json.dumps(content), encoding="utf8")
    state = authors_weights(model)
    if kind == "bin":
        torch.save(state, folder / "pytorch_model.bin")
        return
    names, places = list(state), {}
    for shard in range(SHARDS):
        file = f"model-{shard + 1:05}-of-{SHARDS:05}.safetensors"
        part = {name: state[name] for name in names[shard::SHARDS]}
        save_file(part, folder / file, {"format": "pt"})
        places.update(dict.fromkeys(part, file))
    index = {"metadata": {}, "weight_map": places}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index), encoding="utf8")


def exported(folder, out, dtype="fp32"):
    flags = ["--out", out, "--dtype", dtype, "--name", "janus"]
    export.export(export.parse([str(part) for part in [folder, *flags]]))
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(out.iterdir())
    }


def refused(folder, expected):
    out = folder.with_suffix(".refused")
    try:
        exported(folder, out)
    except SystemExit as error:
        assert expected in str(error), f"expected {expected!r}, but it said: {error}"
        assert not out.exists(), "a half-written package"
        return
    raise AssertionError(f"expected an error that says {expected!r}")


def edited(folder, name, change):
    """A copy of a folder with one JSON file changed."""
    copied = folder.with_name(f"{folder.name}-{len(list(folder.parent.iterdir()))}")
    shutil.copytree(folder, copied)
    content = json.loads((copied / name).read_text(encoding="utf8"))
    change(content)
    (copied / name).write_text(json.dumps(content), encoding="utf8")
    return copied


def check_refusals(root, folder):
    def field(*path):
        def drop(config):
            for part in path[:-1]:
                config = config[part]
            del config[path[-1]]

        return drop

    # JanusFlow has the model_type and draws without image tokens.
    for path in (("gen_vision_config",), ("gen_head_config", "params", "image_token_embed")):
        refused(edited(folder, "config.json", field(*path)), f"config.json: {path[0]}.params.")
    refused(
        edited(folder, "config.json", field("language_config")),
        "language_config: expected an object",
    )
    other = edited(folder, "processor_config.json", lambda it: it.update(sft_format="plain"))
    refused(other, "sft_format: expected deepseek but found plain")
    index = "model.safetensors.index.json"
    for name in ("gen_head.output_mlp_projector.bias", "gen_embed.weight"):
        lacking = edited(folder, index, lambda it, name=name: field("weight_map", name)(it))
        refused(lacking, f"expected a weight named {name}")
    fewer = edited(
        folder,
        "config.json",
        lambda it: it["gen_head_config"]["params"].update(image_token_embed="wide"),
    )
    refused(fewer, "image_token_embed: expected a number but found 'wide'")
    taller = edited(folder, "config.json", lambda it: it["language_config"].update(hidden_size=64))
    refused(taller, "of 64 elements, as config.json says")
    places = json.loads((folder / index).read_text(encoding="utf8"))["weight_map"]
    other = next(file for file in places.values() if file != places["gen_embed.weight"])
    lying = edited(folder, index, lambda it: it["weight_map"].update({"gen_embed.weight": other}))
    refused(lying, "lacks gen_embed.weight, which the index says")
    broken = root / "broken"
    shutil.copytree(root / "bin", broken)
    (broken / "pytorch_model.bin").write_bytes(b"PK\3\4 half of a file")
    refused(broken, "pytorch_model.bin: expected a file of torch.save")


@torch.no_grad()
def main():
    torch.set_num_threads(1)  # there is too little to share, and threads wait for each other
    torch.backends.nnpack.set_flags(False)
    transformers.utils.logging.disable_progress_bar()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "class").mkdir()
        model = tiny_models.janus(root / "class")
        expected = exported(root / "class", root / "class-package")
        for kind in ("bin", "safetensors"):
            write_authors_layout(root / "class", root / kind, model, kind)
            found = exported(root / kind, root / f"{kind}-package")
            different = {name for name in expected if expected[name] != found.get(name)}
            assert found.keys() == expected.keys() and not different, different
            print(f"authors' layout, {kind}: {len(found)} files are equal")
        check_refusals(root, root / "safetensors")


if __name__ == "__main__":
    sys.exit(main())
