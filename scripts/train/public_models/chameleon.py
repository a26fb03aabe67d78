"""ChameleonForConditionalGeneration, the public class of Lumina-mGPT's and Anole's checkpoints."""

import torch
from transformers import ChameleonForConditionalGeneration

from public_models.public_model import load
from public_models.shared_vocabulary import SharedVocabulary
from published_weights import Checkpoint

IMAGES = "model.vqmodel."


class Chameleon(SharedVocabulary):
    def __init__(self, folder, family, levels):
        inside = family.checkpoint.has(f"{IMAGES}encoder.conv_in.weight")
        other = None if inside else Checkpoint(family.vqgan_file())
        elsewhere = [IMAGES] if other else []
        network = load(ChameleonForConditionalGeneration, folder, elsewhere)
        if other:
            other.load(network.model.vqmodel, "")
        super().__init__(network, family, levels)

    def language_model(self):
        return self.network.model

    @torch.no_grad()
    def tokenize(self, pixels):
        tokens = self.network.model.vqmodel.encode(pixels, return_dict=True).image_tokens
        return tokens.view(len(pixels), -1)
