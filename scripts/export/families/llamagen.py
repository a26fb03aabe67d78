"""LlamaGen text to image (FoundationVision/LlamaGen, t2i_XL_*.pt and vq_ds16_t2i.pt in one folder).

Its prompts are features of T5, up to 120 of them, padded on the left and masked there. A masked position
is seen by nothing, so here a prompt is its features alone, and the rotary table is read that many places
further on. The table's rows are two-dimensional, and zero for the prompt, as in the authors' code.

There is no class and no config.json in its checkpoints: sizes are those of the weights, and what no weight
shows (heads, tokens of a prompt, the image tokenizer) those of GPT-XL at any size, or of a config.json
with {"model_type": "llamagen", "n_head": .., "cls_token_num": .., "rope_base": .., "norm_eps": ..,
"vq": {..}}.
"""

from types import SimpleNamespace

import numpy as np
import torch
from torch.nn import functional as F

from families.family import Family, image_side, table
from families.vqgan import Vqgan
from graph import Graph
from json_file import read_if_there
from llama_graph import Architecture, Weights
from projection import linear
from published_weights import Checkpoint

DEFAULTS = {"n_head": 20, "cls_token_num": 120, "rope_base": 10000, "norm_eps": 1e-5}
VQ = {
    "base_channels": 128,
    "channel_multiplier": [1, 1, 2, 2, 4],
    "num_res_blocks": 2,
    "latent_channels": 256,
}
# What the blocks of families/vqgan.py are called in its checkpoints.
MIDDLE = {"block_1": 0, "attn_1": 1, "block_2": 2}


def rotary(side, head_size, base, prompt):
    """cos and sin [prompt + side * side, head size / 2]: rows of the picture in the first half of it,
    columns in the second, and nothing at all for the prompt."""
    quarter = head_size // 4
    frequencies = base ** (-np.arange(quarter) / quarter)
    angles = np.arange(side)[:, None] * frequencies
    shape = (side, side, quarter)
    both = [
        np.broadcast_to(angles[:, None], shape),
        np.broadcast_to(angles[None], shape),
    ]
    angles = np.concatenate(both, -1).reshape(side * side, -1)
    nothing = np.zeros((prompt, head_size // 2))
    return [np.concatenate([nothing, part(angles)]).astype(np.float32) for part in (np.cos, np.sin)]


class LlamaGen(Family):
    name = "llamagen"
    model_types = ("llamagen",)
    license = "MIT"
    sampler = {"guidance": 7.5, "temperature": 1, "topK": 1000, "topP": 1}
    side = 256  # pixels

    def __init__(self, folder, checkpoint, options):
        self.folder, self.checkpoint = folder, checkpoint
        given = read_if_there(folder / "config.json")
        self.config = SimpleNamespace(**{**DEFAULTS, **given})
        self.vq = {**VQ, **given.get("vq", {})}
        self.image_weights = (
            Checkpoint(options.image_tokenizer) if options.image_tokenizer else checkpoint
        )
        token = 2 ** (len(self.vq["channel_multiplier"]) - 1)
        self.side = image_side(options, self.side, token)
        self.rows = self.side // token
        self.vocabulary, self.hidden = checkpoint.shape("tok_embeddings.weight")
        self.prompts = self.config.cls_token_num
        self.head_size = self.hidden // self.config.n_head
        self.max_length = self.prompts + self.rows**2

    def architecture(self):
        rows = self.checkpoint.shape("layers.0.attention.wqkv.weight")[0]
        layers = 0
        while self.checkpoint.has(f"layers.{layers}.attention.wqkv.weight"):
            layers += 1
        return Architecture(
            hidden=self.hidden,
            layers=layers,
            heads=self.config.n_head,
            kv_heads=(rows - self.hidden) // 2 // self.head_size,
            head_size=self.head_size,
            vocabulary=self.vocabulary,
            max_length=self.max_length,
            epsilon=self.config.norm_eps,
            rope="offset",
            rope_interleaved=True,
        )

    def weights(self):
        def layer(index):
            def one(part):
                return lambda: self.checkpoint.read(f"layers.{index}.{part}.weight")

            def gate_up():
                parts = [f"layers.{index}.feed_forward.{part}.weight" for part in ("w1", "w3")]
                return torch.cat([self.checkpoint.tensor(part) for part in parts]).numpy()

            return {
                "attention_norm": one("attention_norm"),
                "qkv": one("attention.wqkv"),
                "output": one("attention.wo"),
                "feed_forward_norm": one("ffn_norm"),
                "gate_up": gate_up,
                "down": one("feed_forward.w2"),
            }

        cos, sin = rotary(self.rows, self.head_size, self.config.rope_base, self.prompts)
        return Weights(
            layers=[layer(index) for index in range(self.architecture().layers)],
            norm=lambda: self.checkpoint.read("norm.weight"),
            head=self.head,
            cos=cos,
            sin=sin,
        )

    def head(self, graph, x, dtype, output):
        linear(graph, x, "head", lambda: self.checkpoint.read("output.weight"), dtype, output)

    def prompt(self):
        width = self.checkpoint.shape("cls_embedding.cap_proj.fc1.weight")[1]
        return {"kind": "embeddings", "length": self.prompts, "width": width}

    def prompt_encoder(self, path):
        """features [1, n, width] to input rows [1, n, hidden]: two layers."""
        first, second = (f"cls_embedding.cap_proj.fc{layer}.weight" for layer in (1, 2))
        graph = Graph("sjd2_prompt_encoder")
        graph.input("embeddings", [1, "tokens", self.checkpoint.shape(first)[1]])
        graph.output("inputs_embeds", [1, "tokens", self.hidden])
        x = graph.node(
            "MatMul",
            ["embeddings", graph.weight("first", lambda: self.checkpoint.read(first).T, False)],
        )
        x = graph.node("Gelu", [x], approximate="tanh")
        weight = graph.weight("second", lambda: self.checkpoint.read(second).T, False)
        graph.node("MatMul", [x, weight], "inputs_embeds")
        graph.save(path)

    def tables(self):
        return {
            "image_embedding": table(self.checkpoint, "tok_embeddings.weight"),
            "unconditional_embedding": ((self.prompts, self.hidden), [self.unconditional()]),
        }

    @torch.no_grad()
    def unconditional(self):
        x = self.checkpoint.tensor("cls_embedding.uncond_embedding")
        for layer in (1, 2):
            x = F.linear(x, self.checkpoint.tensor(f"cls_embedding.cap_proj.fc{layer}.weight"))
            x = F.gelu(x, approximate="tanh") if layer == 1 else x
        return x.numpy()

    def image_decoder(self):
        count, width = self.image_weights.shape("quantize.embedding.weight")
        levels = len(self.vq["channel_multiplier"])
        config = SimpleNamespace(
            **self.vq,
            num_embeddings=count,
            embed_dim=width,
            resolution=self.rows << (levels - 1),
            attn_resolutions=[self.rows],
        )

        def name(ours):
            parts = ours.split(".")
            if parts[:2] == ["decoder", "mid"]:
                parts[2] = str(MIDDLE[parts[2]])
            if parts[:2] == ["decoder", "up"]:
                parts[1:3] = ["conv_blocks", str(levels - 1 - int(parts[2]))]
                parts[3] = {"block": "res"}.get(parts[3], parts[3])
            return ".".join(parts)

        model = self.image_weights.load(Vqgan(config, self.rows, self.rows), "", name)
        codes = model.quantize.embedding.weight
        codes.data = F.normalize(codes, dim=-1)
        return model

    def tokenizer(self):
        return None
