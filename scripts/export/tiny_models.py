"""Random checkpoints of the families, small enough that a test takes seconds, in the published layout.

python scripts/export/tiny_models.py janus FOLDER
"""

import argparse
import json
from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors
from transformers import (
    ChameleonConfig,
    ChameleonForConditionalGeneration,
    ChameleonVQVAEConfig,
    Emu3Config,
    Emu3ForConditionalGeneration,
    Emu3TextConfig,
    Emu3VQVAEConfig,
    GlmImageConfig,
    GlmImageForConditionalGeneration,
    GlmImageTextConfig,
    GlmImageVisionConfig,
    GlmImageVQVAEConfig,
    JanusConfig,
    JanusForConditionalGeneration,
    JanusVisionConfig,
    JanusVQVAEConfig,
    LlamaConfig,
)
from transformers.models.janus.modeling_janus import JanusVQVAE

from families.vqgan import Vqgan
from llamagen_model import LlamaGen

WORDS = ["a", "red", "fox", "in", "the", "snow", "blue", "car", "one", "two", "big", "small"]


def write_tokenizer(folder, special, size, begin, plain=()):
    """Byte-level BPE with a few merges, special tokens, and `begin` before every text, if any. `plain` are words of
    the vocabulary that no text is merged into."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary, merges = {}, []
    for token in [*special, *plain, *alphabet]:
        vocabulary[token] = len(vocabulary)
    for word in WORDS:
        for text in (word, "Ġ" + word):
            left = text[0]
            for letter in text[1:]:
                if left + letter not in vocabulary:
                    merges.append((left, letter))
                    vocabulary[left + letter] = len(vocabulary)
                left += letter
    assert len(vocabulary) <= size, len(vocabulary)
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=merges))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(special)
    if begin:
        tokenizer.post_processor = processors.TemplateProcessing(
            single=f"{begin} $A", special_tokens=[(begin, vocabulary[begin])]
        )
    tokenizer.save(str(folder / "tokenizer.json"))
    return vocabulary


def sharpen(model, spared, scale=4.0):
    """Random weights give laws that are almost flat; larger ones tell tokens apart. What draws the pixels
    is `spared`: its output should stay within -1 and 1."""
    generator = torch.Generator().manual_seed(7)
    for name, parameter in model.named_parameters():
        if spared in name:
            continue
        if parameter.dim() > 1:
            spread = scale / parameter[0].numel() ** 0.5 / 2
            parameter.data.normal_(0, spread, generator=generator)
        else:
            parameter.data += 0.1 * torch.randn(parameter.shape, generator=generator)
    return model.eval()


def llama_shape(hidden, layers):
    """The transformer of every class but LlamaGen's."""
    return {
        "hidden_size": hidden,
        "intermediate_size": hidden * 2,
        "num_hidden_layers": layers,
        "num_attention_heads": hidden // 16,
        "num_key_value_heads": hidden // 32,
        "max_position_embeddings": 1024,
    }


JANUS_SPECIAL = [
    "<｜begin▁of▁sentence｜>",
    "<｜end▁of▁sentence｜>",
    "<｜▁pad▁｜>",
    "<begin_of_image>",
    "<end_of_image>",
    "<image_placeholder>",
    "<|User|>",
    "<|Assistant|>",
]


def janus(folder, hidden=32, layers=2, side=6, vocabulary=64):
    words = write_tokenizer(folder, JANUS_SPECIAL, 448, JANUS_SPECIAL[0])
    text = LlamaConfig(
        **llama_shape(hidden, layers),
        vocab_size=448,
        bos_token_id=words[JANUS_SPECIAL[0]],
        eos_token_id=words[JANUS_SPECIAL[1]],
        pad_token_id=words[JANUS_SPECIAL[2]],
    )
    vision = JanusVisionConfig(
        hidden_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        image_size=side * 2,
        patch_size=2,
        projection_dim=hidden,
        num_image_tokens=side**2,
    )
    vq = JanusVQVAEConfig(
        embed_dim=8,
        num_embeddings=vocabulary,
        latent_channels=8,
        base_channels=32,
        channel_multiplier=[1, 1],
        num_res_blocks=1,
        projection_dim=hidden,
        image_token_embed_dim=hidden,
    )
    config = JanusConfig(
        text_config=text,
        vision_config=vision,
        vq_config=vq,
        image_token_id=words["<image_placeholder>"],
    )
    torch.manual_seed(1)
    model = sharpen(JanusForConditionalGeneration(config), "vqmodel.decoder")
    model.generation_config.generation_kwargs = {"boi_token_id": words["<begin_of_image>"]}
    model.generation_config.bos_token_id = words[JANUS_SPECIAL[0]]
    model.generation_config.pad_token_id = words[JANUS_SPECIAL[2]]
    model.save_pretrained(folder)
    return model


CHAMELEON_SPECIAL = ["<s>", "<pad>", "</s>", "<racm3:break>", "<eoss>"]
CHAMELEON_SPECIAL += [f"<reserved{8700 + i:05d}>" for i in (6, 99, 103)]


def code_name(code):
    """What Chameleon calls an image token: its digits as letters."""
    return f"IMGIMG{''.join(chr(ord('A') + int(digit)) for digit in str(code))}Z"


def chameleon(folder, swin=False, authors=False, side=12, hidden=32, layers=2, vocabulary=64):
    # Not in the order of the codes.
    codes = [code_name(code * 37 % vocabulary) for code in range(vocabulary)]
    words = write_tokenizer(folder, CHAMELEON_SPECIAL, 512, "<s>", plain=codes)
    vq = ChameleonVQVAEConfig(
        embed_dim=8,
        num_embeddings=vocabulary,
        latent_channels=8,
        resolution=side,
        base_channels=32,
        channel_multiplier=[1, 1],
        num_res_blocks=1,
    )
    config = ChameleonConfig(
        **llama_shape(hidden, layers),
        vocab_size=512,
        pad_token_id=words["<pad>"],
        swin_norm=swin,
        vq_config=vq,
        vocabulary_map=words,
    )
    torch.manual_seed(2)
    model = sharpen(ChameleonForConditionalGeneration(config), "vqmodel")
    images = sharpen(model.model.vqmodel, "post_quant_conv")
    pixels = Vqgan(vq, side // 2, side // 2)
    images.post_quant_conv.load_state_dict(pixels.post_quant_conv.state_dict())
    model.save_pretrained(folder)
    # Meta's vqgan.ckpt: the class has no decoder.
    state = {**pixels.state_dict(), **images.state_dict()}
    torch.save({"state_dict": state}, folder / "vqgan.ckpt")
    if authors:
        file = folder / "config.json"
        edited = json.loads(file.read_text())
        edited["architectures"] = ["ChameleonXLLMXForConditionalGeneration"]
        file.write_text(json.dumps(edited))
    return model


def lumina(folder):
    return chameleon(folder, authors=True)


def anole(folder):
    return chameleon(folder, swin=True)


# A source picture's tokens stand in place of its one; a user's words stand alone.
GLM_TEMPLATE = """{% for message in messages %}{% for part in message.content %}
{%- if part.type == 'image' %}<|dit_token_64|><|image|><|dit_token_65|>{% else %}{{ part.text }}{% endif %}
{%- endfor %}{% endfor %}"""

EMU3_SPECIAL = ["<|endoftext|>", "<|extra_200|>", "<|extra_201|>", "<|extra_203|>", "<|extra_204|>"]
EMU3_SPECIAL += ["<|image start|>", "<|image token|>", "<|image end|>", "<image>"]


def emu3(folder, hidden=32, layers=2, vocabulary=64):
    codes = [f"<|visual token {code:06d}|>" for code in range(vocabulary)]
    words = write_tokenizer(folder, EMU3_SPECIAL + codes, 512, None)
    text = Emu3TextConfig(
        **llama_shape(hidden, layers),
        vocab_size=512,
        bos_token_id=words["<|extra_203|>"],
        eos_token_id=words["<|extra_204|>"],
        pad_token_id=words["<|endoftext|>"],
    )
    vq = Emu3VQVAEConfig(
        codebook_size=vocabulary,
        base_channels=32,
        channel_multiplier=[1, 1],
        num_res_blocks=1,
        attn_resolutions=[1],
        hidden_size=32,
    )
    torch.manual_seed(3)
    model = Emu3ForConditionalGeneration(
        Emu3Config(vq_config=vq, text_config=text, vocabulary_map=words)
    )
    # Its initial weights, which the class scales for kaiming, keep the pixels in range.
    sharpen(model, "vqmodel").save_pretrained(folder)
    return model


def llamagen(folder, hidden=32, layers=2, vocabulary=64, side=6):
    torch.manual_seed(4)
    model = sharpen(LlamaGen(hidden, layers, 2, vocabulary, 16, prompt=12, side=side), "vqmodel")
    vq = {
        "base_channels": 32,
        "channel_multiplier": [1, 1],
        "num_res_blocks": 1,
        "latent_channels": 8,
    }
    config = {"model_type": "llamagen", "n_head": 2, "cls_token_num": 12, "vq": vq}
    (folder / "config.json").write_text(json.dumps(config))
    torch.save({"model": model.state_dict()}, folder / "t2i.pt")
    # Janus has LlamaGen's image tokenizer under other names.
    images = JanusVQVAE(JanusVQVAEConfig(num_embeddings=vocabulary, embed_dim=8, **vq)).eval()
    sharpen(images.encoder, "nothing")
    for half, levels in ((images.encoder, "down"), (images.decoder, "up")):
        half.conv_blocks = getattr(half, levels)
        delattr(half, levels)
        for block in half.conv_blocks:
            block.res = block.block
            del block.block
        middle = half.mid
        half.mid = torch.nn.ModuleList([middle.block_1, middle.attn_1, middle.block_2])
    torch.save({"model": images.state_dict()}, folder / "vq.pt")
    return model


def glm_image(folder, hidden=32, layers=2, vocabulary=64):
    """A pipeline's folder, as diffusers has them: weights and processor in folders of their own."""
    image = [f"<|dit_token_{id}|>" for id in range(vocabulary + 2)]
    pad, picture, sop, eop = "<|endoftext|>", "<|image|>", "<sop>", "<eop>"
    processor = folder / "processor"
    processor.mkdir()
    words = write_tokenizer(processor, [*image, pad, picture, sop, eop], 512, None)
    begin, end = image[vocabulary:]
    tokens = {"bos_token": begin, "eos_token": end, "pad_token": pad}
    tokens |= {"image_token": picture, "grid_bos_token": sop, "grid_eos_token": eop}
    (processor / "tokenizer_config.json").write_text(json.dumps(tokens))
    (processor / "chat_template.jinja").write_text(GLM_TEMPLATE)
    text = GlmImageTextConfig(
        **llama_shape(hidden, layers),
        head_dim=32,
        vocab_size=512,
        vision_vocab_size=vocabulary + 8,
        pad_token_id=words[pad],
        eos_token_id=words[end],
        rope_parameters={
            "rope_type": "default",
            "rope_theta": 10000.0,
            "partial_rotary_factor": 0.5,
            "mrope_section": [2, 3, 3],
        },
    )
    vision = GlmImageVisionConfig(
        depth=1, hidden_size=32, num_heads=2, image_size=64, patch_size=16, intermediate_size=32
    )
    vq = GlmImageVQVAEConfig(embed_dim=8, num_embeddings=vocabulary, latent_channels=32)
    config = GlmImageConfig(
        text_config=text,
        vision_config=vision,
        vq_config=vq,
        image_token_id=words[picture],
        image_start_token_id=words[begin],
        image_end_token_id=words[end],
    )
    torch.manual_seed(4)
    model = sharpen(GlmImageForConditionalGeneration(config), "visual")
    sampler = {"do_sample": True, "temperature": 0.9, "top_p": 0.75, "top_k": vocabulary + 8}
    model.generation_config.update(**sampler)
    model.save_pretrained(folder / "vision_language_encoder")
    (folder / "model_index.json").write_text(json.dumps({"_class_name": "GlmImagePipeline"}))
    return model


TINY = {
    "janus": janus,
    "lumina-mgpt": lumina,
    "anole": anole,
    "emu3": emu3,
    "llamagen": llamagen,
    "glm-image": glm_image,
}
# What export.py is told of those whose size is not in their config.
IMAGE_SIZE = {name: ["--image-size", "12"] for name in ("lumina-mgpt", "anole", "emu3", "llamagen")}
IMAGE_SIZE["glm-image"] = ["--image-size", "128x192"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("family", choices=sorted(TINY))
    parser.add_argument("folder", type=Path)
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    TINY[options.family](options.folder)


if __name__ == "__main__":
    main()
