"""What the transformer is trained to do: predict the next clean token, from clean inputs, from noise, and from
its own drafts."""

import torch
import torch.nn.functional as F

import precision
from noise import noisy_inputs


def sequence_loss(run, model, prompts, inputs, tokens):
    """Cross-entropy [B, N] of every image token given inputs for all but the last; the logits; and
    the hidden state that the layout probe reads. `run` is the model, or what it was compiled to."""
    logits, middle = model.predict(run, prompts, inputs)
    logits = logits.float()
    loss = F.cross_entropy(logits.flatten(0, 1), tokens.flatten(), reduction="none")
    return loss.view(tokens.shape), logits, middle


def with_own_drafts(run, model, prompts, inputs, tokens, levels, share):
    """Inputs as Jacobi decoding sees them: in a `share` of the samples, what the model itself drafts from
    the noisy inputs takes their place."""
    count = int(round(share * len(tokens)))
    if count == 0:
        return inputs
    noisy = (levels[:count] > 0)[..., None]
    training = model.training
    model.eval()
    with torch.no_grad():
        logits, _ = model.predict(run, prompts[:count], inputs[:count])
        logits = logits.float()
        drafts = logits.softmax(-1).flatten(0, 1).multinomial(1).view(tokens[:count].shape)
    model.train(training)
    drafted = model.image_embedding(drafts[:, :-1])
    return torch.cat([torch.where(noisy, drafted, inputs[:count]), inputs[count:]])


@torch.no_grad()
def mean_loss(model, prompts, tokens, schedule=None, level=0, batch=32):
    """Nats per token; with a level, the inputs of the middle half of the image are noisy."""
    model.eval()
    losses = []
    count = tokens.shape[1]
    with torch.random.fork_rng():
        torch.manual_seed(7)
        for part, target in zip(prompts.split(batch), tokens.split(batch)):
            levels = torch.zeros_like(target[:, :-1])
            levels[:, count // 4 : count * 3 // 4] = level
            with precision.mixed():
                inputs = noisy_inputs(model, target[:, :-1], levels, schedule)
                losses.append(sequence_loss(model, model, part, inputs, target)[0].mean(1))
    return torch.cat(losses).mean().item()


def validation_losses(model, data, schedule, batch=32):
    """Nats per token of the validation splits, with their captions, without, and over noise: at the lowest
    level, the middle one, and the highest."""
    values = {}
    for index, (name, split) in enumerate(data.splits.items()):
        texts, tokens = data.validation(split)
        nothing = data.prompts.unconditional_for(texts)
        values[name] = mean_loss(model, texts, tokens, batch=batch)
        values[f"{name}_no_caption"] = mean_loss(model, nothing, tokens, batch=batch)
        if model.frozen and index == 0:
            for level in (1, schedule.count // 2, schedule.count):
                loss = mean_loss(model, texts, tokens, schedule, level, batch)
                values[f"level_{level}"] = loss
    return values
