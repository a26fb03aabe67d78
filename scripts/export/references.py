"""What each family's public class computes, for check_models.py: the other side of parity."""

import numpy as np
import torch
from transformers import PreTrainedTokenizerFast


class Janus:
    """transformers' JanusForConditionalGeneration; the prompt as generation_inference.py of
    deepseek-ai/Janus makes it."""

    def __init__(self, folder, model):
        self.model = model
        self.tokenizer = PreTrainedTokenizerFast(tokenizer_file=str(folder / "tokenizer.json"))

    def prompts(self, text):
        filled = f"<|User|>: {text}\n\n<|Assistant|>:<begin_of_image>"
        ids = self.tokenizer(filled).input_ids
        pad = self.tokenizer.convert_tokens_to_ids("<｜▁pad▁｜>")
        return ids, [ids[0], *[pad] * (len(ids) - 2), ids[-1]]

    def logits(self, prompts, tokens):
        prompt = self.model.get_input_embeddings()(torch.tensor(np.array(prompts)))
        image = self.model.prepare_embeddings_for_image_generation(torch.tensor([tokens[:-1]]))
        embeds = torch.cat([prompt, image.expand(len(prompts), -1, -1)], 1)
        hidden = self.model.model.language_model(inputs_embeds=embeds).last_hidden_state
        return self.model.model.generation_head(hidden[:, prompt.shape[1] - 1 :]).numpy()

    def greedy(self, text, guidance):
        ids = torch.tensor([self.prompts(text)[0]])
        tokens = self.model.generate(
            ids,
            attention_mask=torch.ones_like(ids),
            generation_mode="image",
            guidance_scale=guidance,
            do_sample=False,
            max_length=1024,
        )
        return tokens[0].tolist()

    def pixels(self, tokens):
        return self.model.decode_image_tokens(torch.tensor([tokens]))[0].permute(2, 0, 1).numpy()


REFERENCES = {"janus": Janus}
