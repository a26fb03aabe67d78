"""Janus and Janus-Pro: JanusForConditionalGeneration.

A Llama without its own head: image tokens enter through an embedding and an aligner (kept as ONE table,
since both are fixed), and leave through a head of two layers. Template, unconditional prompt (pads
between the first and the last token) and guidance are those of generation_inference.py in
deepseek-ai/Janus. Folders of transformers' layout and of the authors' own (janus_authors.py).
"""

import torch
from torch import nn
from transformers import JanusConfig
from transformers.models.janus.modeling_janus import JanusVQVAE, JanusVQVAEAlignerMLP
from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding

from families import janus_authors, llama
from families.chat_template import chat
from families.family import (
    ROWS,
    Family,
    check_template,
    require_tokens,
    special_prefix,
    table,
)
from json_file import read_if_there
from llama_graph import Weights
from projection import linear

BEGIN, PAD = "<begin_of_image>", "<｜▁pad▁｜>"
TEMPLATE = "<|User|>: {prompt}\n\n<|Assistant|>:"
TEXT = "model.language_model"


class Pixels(nn.Module):
    def __init__(self, vq, limit=True):
        super().__init__()
        self.limit = limit
        self.quantize, self.post_quant_conv, self.decoder = (
            vq.quantize,
            vq.post_quant_conv,
            vq.decoder,
        )

    def forward(self, tokens):
        codes = self.quantize.get_codebook_entry(tokens)
        image = self.decoder(self.post_quant_conv(codes))
        return image.clamp(-1, 1) if self.limit else image


class Janus(Family):
    name = "janus"
    model_types = ("janus", janus_authors.MODEL_TYPE)
    license = "DeepSeek Model License"
    sampler = {"guidance": 5, "temperature": 1, "topK": 0, "topP": 1}

    def __init__(self, folder, checkpoint, options):
        self.folder, self.checkpoint = folder, checkpoint
        config = read_if_there(folder / "config.json")
        self.by_authors = config.get("model_type") == janus_authors.MODEL_TYPE
        if self.by_authors:
            janus_authors.check_chat(folder)
            self.checkpoint = checkpoint.renamed(janus_authors.stored_name)
            self.text = janus_authors.text_config(config)
            self.vq = janus_authors.image_config(config, self.checkpoint)
        else:
            self.config = JanusConfig.from_pretrained(folder)
            self.text, self.vq = self.config.text_config, self.config.vq_config
        self.vocabulary, self.rows = self.vq.num_embeddings, self.vq.num_patches
        self.side = self.rows * 2 ** (len(self.vq.channel_multiplier) - 1)
        self.max_length = options.prompt_length + self.rows**2
        require_tokens(self.tokenizer(), [BEGIN, PAD])

    def architecture(self):
        text = self.text
        if text.hidden_act != "silu":
            raise SystemExit(f"text_config.hidden_act: expected silu but found {text.hidden_act}")
        return llama.architecture(text, self.vocabulary, self.max_length)

    def weights(self):
        cos, sin = llama.rotary(LlamaRotaryEmbedding(self.text), self.max_length)
        return Weights(
            layers=llama.layers(
                self.checkpoint,
                TEXT,
                self.text.num_hidden_layers,
                biases=self.text.attention_bias,
            ),
            norm=lambda: self.checkpoint.read(f"{TEXT}.norm.weight"),
            head=self.head,
            cos=cos,
            sin=sin,
        )

    def head(self, graph, x, dtype, output):
        for index, name in enumerate(("proj_out", "vision_head")):
            weight = f"model.generation_head.{name}"
            x = linear(
                graph, x, f"head.{index}", lambda: self.checkpoint.read(f"{weight}.weight"), dtype
            )
            bias = graph.weight(
                f"head.{index}.bias",
                lambda: self.checkpoint.read(f"{weight}.bias"),
                dtype == "fp16",
            )
            x = graph.node("Add", [x, bias], output if index else None)
            if not index:
                x = graph.node("Gelu", [x])

    def prompt(self):
        path = self.tokenizer()
        words = chat([] if self.by_authors else [self.folder], default=TEMPLATE)
        return {
            "kind": "template",
            "template": check_template(path, special_prefix(path) + words + BEGIN),
            "unconditional": {"kind": "pad", "token": PAD},
        }

    @torch.no_grad()
    def image_embedding(self):
        """What enters for each image token: aligner(embedding)."""
        name = "model.generation_embeddings.weight"
        count = self.checkpoint.shape(name)[0]
        aligner = self.checkpoint.load(JanusVQVAEAlignerMLP(self.vq), "model.generation_aligner.")
        for first in range(0, count, ROWS):
            yield aligner(self.checkpoint.rows(name, first, min(first + ROWS, count))).numpy()

    def tables(self):
        text = table(self.checkpoint, f"{TEXT}.embed_tokens.weight")
        shape = (self.vq.num_embeddings, self.text.hidden_size)
        return {"image_embedding": (shape, self.image_embedding()), "text_embedding": text}

    def image_decoder(self, limit=True):
        model = self.checkpoint.load(JanusVQVAE(self.vq), "model.vqmodel.")
        return Pixels(model, limit).eval()
