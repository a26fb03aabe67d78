"""JanusForConditionalGeneration, the public class of Janus and Janus-Pro."""

import torch
import torch.nn.functional as F
from transformers import JanusForConditionalGeneration

from public_models import janus_by_authors
from public_models.public_model import PublicModel, load


@torch.no_grad()
def nearest_codes(vq, pixels):
    """Tokens [B, N] of images by a JanusVQVAE. The class decodes codes of length 1 but encodes with those that
    are stored: here the nearest of the former, as the authors' code has it."""
    vectors = F.normalize(vq.quant_conv(vq.encoder(pixels)).float(), dim=1)
    codes = F.normalize(vq.quantize.embedding.weight.float(), dim=1)
    similar = torch.einsum("bdhw,vd->bhwv", vectors, codes)
    return similar.argmax(-1).flatten(1)


class Janus(PublicModel):
    def __init__(self, folder, family, levels):
        theirs = family.by_authors
        network = (
            janus_by_authors.load(family) if theirs else load(JanusForConditionalGeneration, folder)
        )
        super().__init__(network, family, levels)
        # A result in the authors' layout has the rest of its weights from here.
        self.checkpoint = family.checkpoint if theirs else None

    def save(self, folder):
        if self.checkpoint:
            janus_by_authors.save(self.network, self.checkpoint, folder)
        else:
            super().save(folder)

    def embed(self, tokens):
        return self.network.prepare_embeddings_for_image_generation(tokens)

    def image_parts(self):
        return [self.network.model.generation_embeddings, self.network.model.generation_aligner]

    def text_embedding(self):
        return self.network.get_input_embeddings()

    def language_model(self):
        return self.network.model.language_model

    def head(self, hidden):
        return self.network.model.generation_head(hidden)

    def head_parts(self):
        return [self.network.model.generation_head]

    def tokenize(self, pixels):
        return nearest_codes(self.network.model.vqmodel, pixels)
