"""Emu3ForConditionalGeneration, the public class of Emu3's checkpoints."""

import torch
from transformers import Emu3ForConditionalGeneration

from public_models.public_model import load
from public_models.shared_vocabulary import SharedVocabulary


class Emu3(SharedVocabulary):
    def __init__(self, folder, family, levels):
        super().__init__(load(Emu3ForConditionalGeneration, folder), family, levels)

    def language_model(self):
        return self.network.model.text_model

    @torch.no_grad()
    def tokenize(self, pixels):
        sizes = [pixels.shape[2:]] * len(pixels)
        tokens = self.network.model.vqmodel.encode(pixels, sizes, return_dict=True).image_tokens
        return torch.stack(tokens).flatten(1)
