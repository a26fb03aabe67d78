"""Janus as its authors publish it (deepseek-ai/Janus-1.3B, Janus-Pro-1B, Janus-Pro-7B): config.json of the
class MultiModalityCausalLM, with other fields and other names of the same weights.

The image tokenizer is LlamaGen's; its sizes stand in no config, so they are read off its weights.
"""

from transformers import JanusVQVAEConfig, LlamaConfig

from json_file import read_if_there

MODEL_TYPE = "multi_modality"
CHAT = "deepseek"  # the template that families/janus.py has; published folders name no other

# What a weight of transformers' class is called here, by the beginnings of both names.
NAMES = {
    "model.language_model.": "language_model.model.",
    "model.generation_embeddings.": "gen_embed.",
    "model.generation_aligner.fc1.": "gen_aligner.layers.0.",
    "model.generation_head.proj_out.": "gen_head.output_mlp_projector.",
    "model.generation_head.": "gen_head.",
}
ALIGNER = "model.generation_aligner.hidden_layers."
IMAGES = "model.vqmodel."
MIDDLE = {"block_1": "0", "attn_1": "1", "block_2": "2"}


def image_tokenizer_name(name):
    """What a weight of JanusVQVAE is called in LlamaGen's code, and in checkpoints of both."""
    parts = name.split(".")
    if parts[0] in ("encoder", "decoder"):
        if parts[1] == "mid":
            parts[2] = MIDDLE[parts[2]]
        elif parts[1] in ("down", "up"):
            parts[1] = "conv_blocks"
            parts[3] = {"block": "res"}.get(parts[3], parts[3])
    return ".".join(parts)


def stored_name(name):
    """What a weight of transformers' class is called in the authors' checkpoints."""
    if name.startswith(IMAGES):
        return "gen_vision_model." + image_tokenizer_name(name.removeprefix(IMAGES))
    if name.startswith(ALIGNER):
        # Between two Linears stands an activation, which counts and has no weights.
        index, part = name.removeprefix(ALIGNER).split(".")
        return f"gen_aligner.layers.{2 * int(index) + 2}.{part}"
    for theirs, stored in NAMES.items():
        if name.startswith(theirs):
            return stored + name.removeprefix(theirs)
    raise KeyError(name)


def field(config, path, kind=int):
    """A field of config.json, such as gen_head_config.params.n_embed."""
    value = config
    for part in path.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    if not isinstance(value, kind) or isinstance(value, bool):
        raise SystemExit(
            f"config.json: {path}: expected {'a number' if kind is int else 'an object'} but found {value!r}"
        )
    return value


def text_config(config):
    return LlamaConfig(**field(config, "language_config", dict))


def image_config(config, checkpoint):
    """JanusVQVAEConfig, by `checkpoint`'s weights under the class's names where config.json is silent."""

    def shape(name):
        return checkpoint.shape(f"{IMAGES}{name}.weight")

    def there(name):
        return checkpoint.has(f"{IMAGES}{name}.weight")

    def count(name):
        found = 0
        while there(name.format(found)):
            found += 1
        return found

    base, levels = shape("encoder.conv_in")[0], count("encoder.down.{}.block.0.conv1")
    channels = [shape(f"encoder.down.{level}.block.0.conv1")[0] for level in range(levels)]
    pixels = field(config, "vision_config.params.image_size")
    token = 2 ** (levels - 1)
    if not levels or pixels % token:
        raise SystemExit(
            f"config.json: vision_config.params.image_size: expected a multiple of {token} but found {pixels}"
        )
    return JanusVQVAEConfig(
        embed_dim=field(config, "gen_vision_config.params.n_embed"),
        num_embeddings=field(config, "gen_vision_config.params.image_token_size"),
        projection_dim=field(config, "gen_aligner_config.params.n_embed"),
        num_hidden_layers=field(config, "gen_aligner_config.params.depth"),
        image_token_embed_dim=field(config, "gen_head_config.params.image_token_embed"),
        base_channels=base,
        channel_multiplier=[width // base for width in channels],
        num_res_blocks=count("encoder.down.0.block.{}.conv1"),
        latent_channels=shape("encoder.conv_out")[0],
        num_patches=pixels // token,
    )


def check_chat(folder):
    """The tokenizer's own chat template is the language model's; drawing goes by the processor's."""
    path = folder / "processor_config.json"
    name = read_if_there(path).get("sft_format", CHAT)
    if name != CHAT:
        raise SystemExit(f"{path}: sft_format: expected {CHAT} but found {name}")
