"""What noise.py and objective.py ask of a model, around a public class from Hugging Face's transformers.

A subclass says where in its class the parts are and how the class turns a picture into tokens; prompts, image size
and what stands at the ends of rows are those of the exporter's family. Prompts are ids [B, P] that end with the token
that begins an image, shorter ones with NOTHING in front.
"""

from abc import ABC, abstractmethod

import torch
import torch.nn.functional as F
from tokenizers import Tokenizer
from torch import nn
from transformers.utils import logging

NOTHING = -1


def load(kind, folder, elsewhere=()):
    """A model of a public class in fp32, of which weights whose names begin with `elsewhere` may be missing; the
    class would fill in what a folder lacks with random numbers."""
    verbosity = logging.get_verbosity()
    logging.set_verbosity_error()  # its table of missing weights is said better below
    network, info = kind.from_pretrained(folder, dtype=torch.float32, output_loading_info=True)
    logging.set_verbosity(verbosity)
    missing = [name for name in info["missing_keys"] if not name.startswith(tuple(elsewhere))]
    for what, names in (
        ("lacks weights", missing),
        ("has weights of other shapes than config.json says", info["mismatched_keys"]),
    ):
        if names:
            raise SystemExit(
                f"{folder}: {what} of {kind.__name__}: {', '.join(map(str, sorted(names)[:4]))}"
            )
    return network


def row_end_ids(family):
    """Ids of the tokens that a model reads behind every row of the picture, and that nobody draws."""
    sequence = family.sequence()
    if not sequence:
        return []
    tokenizer = Tokenizer.from_file(str(family.tokenizer()))
    return [tokenizer.token_to_id(token) for token in sequence["rowEnd"]]


class PublicModel(nn.Module, ABC):
    prompts = None  # what made the ids, for a model whose prompts are no ids of its own
    # Names of the linear maps in the layers, for LoRA.
    linear_maps = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")

    def __init__(self, network, family, levels):
        """`network` is the public class's model, `family` the exporter's of the same folder; `levels`
        (noise.Levels) or None for next-token prediction alone, where the image embedding still moves."""
        super().__init__()
        self.network = network
        self.vocabulary, self.columns = family.vocabulary, family.image()["columns"]
        for name, ids in (("ids", family.ids or []), ("row_end", row_end_ids(family))):
            self.register_buffer(name, torch.tensor(ids, dtype=torch.long), persistent=False)
        self.frozen = levels is not None
        table = self.embed_all()
        self.register_buffer("table", table, persistent=False)
        # The noise lives in the normalised embedding, so neither may move under it.
        self.register_buffer("mean", table.mean(0), persistent=False)
        self.register_buffer("std", table.std(0), persistent=False)
        if self.frozen and not (self.std > 0).all():
            raise SystemExit("image embedding: expected every channel to vary from token to token")
        count = levels.count if levels else 0
        # Row 0 stands for clean inputs and stays zero.
        self.timestep_embedding = nn.Parameter(torch.zeros(count + 1, table.shape[1]))

    @abstractmethod
    def embed(self, tokens):
        """What enters for image tokens [..]: [.., d]."""

    @abstractmethod
    def image_parts(self):
        """Modules of the image embedding."""

    @abstractmethod
    def text_embedding(self):
        """The module of the text embedding."""

    @abstractmethod
    def language_model(self):
        """The module of the transformer, with layers and norm."""

    @abstractmethod
    def head(self, hidden):
        """Hidden states to logits of image tokens."""

    @abstractmethod
    def head_parts(self):
        """Modules of the head."""

    @abstractmethod
    def tokenize(self, pixels):
        """Images [B, 3, H, W] in [-1, 1] to tokens [B, N] in raster order."""

    def transformer_parts(self):
        """Modules of the transformer without its embedding, which may hold more than that."""
        return [self.language_model().layers, self.language_model().norm]

    def checkpoint_gradients(self):
        """Activations inside layers are computed again in the backward pass."""
        self.language_model().gradient_checkpointing_enable({"use_reentrant": False})

    def save(self, folder):
        """Writes what `load` reads."""
        self.network.save_pretrained(folder)

    @torch.no_grad()
    def embed_all(self):
        """What enters for every image token, [V, d]."""
        tokens = torch.arange(self.vocabulary, device=next(self.parameters()).device)
        return torch.cat([self.embed(part).float() for part in tokens.split(4096)])

    def image_embedding(self, tokens):
        return F.embedding(tokens, self.table) if self.frozen else self.embed(tokens)

    def prompt_embeds(self, prompts):
        return self.text_embedding()(prompts.clamp_min(0))

    def with_row_ends(self, inputs):
        """Inputs [B, S, d] of image tokens with what stands at the ends of rows behind each row that is whole, and
        the places among them whose outputs are the laws of the next image tokens, [S]."""
        count = inputs.shape[1]
        places = torch.arange(count, device=inputs.device)
        ends = len(self.row_end)
        if not ends:
            return inputs, places
        rows = count // self.columns
        whole = inputs[:, : rows * self.columns].unflatten(1, (rows, self.columns))
        end = self.text_embedding()(self.row_end).expand(len(inputs), rows, -1, -1)
        rest = inputs[:, rows * self.columns :]
        laid_out = torch.cat([torch.cat([whole, end], 2).flatten(1, 2), rest], 1)
        return laid_out, places + (places + 1) // self.columns * ends

    def predict(self, run, prompts, inputs):
        """Logits [B, N, V] of all image tokens, given the inputs [B, N - 1, d] of all but the last."""
        inputs, places = self.with_row_ends(inputs)
        embeds = torch.cat([self.prompt_embeds(prompts), inputs], 1)
        there = torch.cat(
            [prompts != NOTHING, torch.ones_like(inputs[..., 0], dtype=torch.bool)], 1
        )
        laws = F.pad(places + 1, (1, 0)) + prompts.shape[1] - 1
        return run(embeds, there, laws), None

    def forward(self, embeds, there, laws):
        """Inputs [B, S, d], those that are `there`, to logits [B, N, V] behind the places `laws` [N], the first of
        which is the prompt's end."""
        return self.head(self.hidden(embeds, there, laws)[:, laws])

    def hidden(self, embeds, there, laws):
        """Hidden states [B, S, d] of inputs, as `forward` gets them."""
        positions = (there.long().cumsum(1) - 1).clamp_min(0)
        # Without gaps the causal mask is enough, which has the faster kernels.
        mask = None if bool(there.all()) else there.long()
        return self.language_model()(
            inputs_embeds=embeds, attention_mask=mask, position_ids=positions, use_cache=False
        ).last_hidden_state
