"""Classes whose image tokens are ids among those of text: one embedding and one head for all.

The embedding does not move while a model learns to read noise, the rows of text included. The head's rows
of text get no gradient, since nothing but image tokens is drawn.
"""

import torch.nn.functional as F

from public_models.public_model import PublicModel


class SharedVocabulary(PublicModel):
    def embed(self, tokens):
        return self.text_embedding()(self.ids[tokens])

    def image_parts(self):
        return [self.text_embedding()]

    def text_embedding(self):
        return self.network.get_input_embeddings()

    def head(self, hidden):
        return F.linear(hidden, self.network.lm_head.weight[self.ids])

    def head_parts(self):
        return [self.network.lm_head]
