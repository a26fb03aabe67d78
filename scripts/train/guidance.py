"""Guidance in the weights: train one row to give the law that two rows give (Meng et al. 2023,
arXiv 2210.03142).

The target of every image token is the teacher's guided law given the clean tokens before it, whatever
the student's inputs are. Over noisy inputs the student so learns the mean of those laws, which is what
it would learn from samples of them, with less variance.
"""

import torch


@torch.no_grad()
def guided_law(teacher, prompts, unconditional, tokens, scale):
    """Probabilities [B, N, V] of every image token: softmax(u + scale * (c - u)).

    prompts [B, P + 1], unconditional [1, P + 1] token ids; tokens [B, N].
    """
    inputs = teacher.image_embedding(tokens[:, :-1])
    both = torch.cat([prompts, unconditional.expand_as(prompts)])
    embeds = torch.cat([teacher.prompt_embeds(both), inputs.repeat(2, 1, 1)], 1)
    conditional, free = teacher(embeds, teacher.config.prompt).float().chunk(2)
    return (free + scale * (conditional - free)).softmax(-1)


def distilled_loss(logits, law):
    """Cross-entropy [B, N] of the student's logits [B, N, V] to the teacher's law."""
    return -(law * logits.float().log_softmax(-1)).sum(-1)
