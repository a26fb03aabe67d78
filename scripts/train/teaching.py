"""What of a public model learns, with which optimisers, and how it is kept between runs."""

import torch
from peft import LoraConfig, LoraModel
from transformers import get_scheduler

import precision
from checkpoint import save_whole
from muon import Muon

TIMESTEP_RATE = 10  # the table starts at zero, and only noisy positions move it
MUON_RATE = 10


def add_lora(model, rank):
    """Puts matrices of low rank into the transformer, beside its own; `merge_and_unload` of what comes back
    makes one of both."""
    config = LoraConfig(
        r=rank, lora_alpha=2 * rank, lora_dropout=0.0, target_modules=list(model.linear_maps)
    )
    return LoraModel(model.language_model(), config, "default")


def choose_parameters(model, lora):
    """The transformer and its head, or the matrices of low rank that are in it; and the timestep table.
    Without noise all that draws images: both embeddings too."""
    model.requires_grad_(False)
    if lora:
        for name, parameter in model.language_model().named_parameters():
            parameter.requires_grad_("lora_" in name)
    else:
        for module in [*model.transformer_parts(), *model.head_parts()]:
            module.requires_grad_(True)
        # Last: a head may share its weight with the embedding, and then stays with it.
        model.text_embedding().requires_grad_(not model.frozen)
        for module in model.image_parts():
            module.requires_grad_(not model.frozen)
    model.timestep_embedding.requires_grad_(model.frozen)
    return {name: p for name, p in model.named_parameters() if p.requires_grad}


def new_optimisers(model, trained, options):
    table = model.timestep_embedding
    rest = [p for p in trained.values() if p is not table]
    optimisers = []
    if options.muon:
        layers = {id(p) for p in model.language_model().layers.parameters() if p.dim() == 2}
        matrices = [p for p in rest if id(p) in layers]
        rest = [p for p in rest if id(p) not in layers]
        optimisers.append(Muon(matrices, {}, lr=MUON_RATE * options.lr))
    groups = [{"params": rest, "lr": options.lr}]
    if table.requires_grad:
        groups.append({"params": [table], "lr": TIMESTEP_RATE * options.lr})
    optimisers.append(torch.optim.AdamW(groups, betas=(0.9, 0.95), weight_decay=0.0))
    return optimisers


def new_schedules(optimisers, options):
    warm_up = round(options.warm_up * options.steps)
    return [get_scheduler(options.schedule, one, warm_up, options.steps) for one in optimisers]


class Progress:
    """checkpoint.pt: all that going on takes, of what learns."""

    def __init__(self, folder, recipe, trained, optimisers, schedules):
        self.path, self.recipe, self.trained = folder / "checkpoint.pt", recipe, trained
        self.parts = {"optimisers": optimisers, "schedules": schedules}

    def restore(self):
        """(step, seconds) of an interrupted run, or (0, 0)."""
        if not self.path.exists():
            return 0, 0.0
        state = torch.load(self.path, weights_only=True, map_location=precision.DEVICE)
        for name, now in self.recipe.items():
            before = state["recipe"].get(name)
            if before != now:
                option = "--" + name.replace("_", "-")
                raise SystemExit(
                    f"{self.path}: was made with {option} {before} but received {now}: use another --out"
                )
        with torch.no_grad():
            for name, parameter in self.trained.items():
                parameter.copy_(state["trained"][name])
        for name, parts in self.parts.items():
            for part, saved in zip(parts, state[name], strict=True):
                part.load_state_dict(saved)
        return state["step"], state["seconds"]

    def save(self, step, seconds):
        state = {name: [part.state_dict() for part in parts] for name, parts in self.parts.items()}
        state["trained"] = {name: p.detach() for name, p in self.trained.items()}
        state |= {"recipe": self.recipe, "step": step, "seconds": seconds}
        save_whole(state, self.path)
