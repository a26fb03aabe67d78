"""LlamaGen, which has no class in transformers: the module that the exporter is checked with.

Prompts are features of somebody's text encoder. To noise.py and objective.py they are ids as any others:
numbers of rows (feature_prompts.py) that the model asks for when they enter.
"""

import torch
from transformers import JanusVQVAEConfig
from transformers.models.janus.modeling_janus import JanusVQVAE

from families.janus_authors import image_tokenizer_name
from llamagen_model import LlamaGen as Network
from public_models.janus import nearest_codes
from public_models.public_model import NOTHING, PublicModel

# The module's own; no published checkpoint has others.
FIXED = {"rope_base": 10000, "norm_eps": 1e-5}


def new_network(family):
    checkpoint, shape = family.checkpoint, family.architecture()
    for name, value in FIXED.items():
        found = getattr(family.config, name)
        if found != value:
            raise SystemExit(f"config.json: {name}: expected {value} but found {found}")
    if shape.kv_heads != shape.heads:
        raise SystemExit("attention.wqkv: expected as many heads of keys as of queries")
    network = Network(
        shape.hidden,
        shape.layers,
        shape.heads,
        family.vocabulary,
        features=checkpoint.shape("cls_embedding.cap_proj.fc1.weight")[1],
        prompt=family.prompts,
        side=family.rows,
        inner=checkpoint.shape("layers.0.feed_forward.w1.weight")[0],
    )
    return checkpoint.load(network, "")


def image_tokenizer(family):
    """The same network as Janus's, with other names."""
    weights = family.image_weights
    count, width = weights.shape("quantize.embedding.weight")
    config = JanusVQVAEConfig(num_embeddings=count, embed_dim=width, **family.vq)
    return weights.load(JanusVQVAE(config), "", image_tokenizer_name)


class LlamaGen(PublicModel):
    linear_maps = ("wqkv", "wo", "w1", "w2", "w3")

    def __init__(self, folder, family, levels):
        super().__init__(new_network(family), family, levels)
        self.images = image_tokenizer(family)

    def embed(self, tokens):
        return self.network.tok_embeddings(tokens)

    def image_parts(self):
        return [self.network.tok_embeddings]

    def text_embedding(self):
        return self.network.cls_embedding

    def language_model(self):
        return self.network

    def head(self, hidden):
        return self.network.output(hidden)

    def head_parts(self):
        return [self.network.output]

    def tokenize(self, pixels):
        return nearest_codes(self.images, pixels)

    def checkpoint_gradients(self):
        self.network.checkpointing = True

    def prompt_embeds(self, prompts):
        captions = self.network.cls_embedding
        rows = captions.uncond_embedding.new_zeros(
            *prompts.shape, captions.uncond_embedding.shape[1]
        )
        for row, ids in zip(rows, prompts.tolist()):
            ids = [id for id in ids if id != NOTHING]
            # The first ids are the unconditional prompt's rows, all others those of files.
            if ids[0] < self.network.prompt:
                row[-len(ids) :] = captions.uncond_embedding[ids]
            else:
                row[-len(ids) :] = self.prompts.features(ids).to(rows)
        return captions.cap_proj(rows)

    def hidden(self, embeds, there, laws):
        # The table of rotations is of prompts of full length.
        return self.network.hidden(embeds, there, self.network.prompt - 1 - int(laws[0]))

    def save(self, folder):
        torch.save({"model": self.network.state_dict()}, folder / "t2i.pt")
        images = {
            image_tokenizer_name(name): value for name, value in self.images.state_dict().items()
        }
        torch.save({"model": images}, folder / "vq.pt")
