"""Train the transformer: autoregressive pre-training, then SJD2 fine-tuning.

pre-train  python scripts/train/train_transformer.py --out training/pretrained --steps 2700
fine-tune  python scripts/train/train_transformer.py --out training/finetuned --steps 7000 \\
               --init training/pretrained/checkpoint.pt --noise 0.25 --blind 0.5 --drafts 0.25

Pre-training with --noise has noise from the start, around an embedding that still moves.
`chain.py --list` prints the commands that made the shipped weights. The budget is a number of steps, so
that it means the same on a fast machine, a slow one and a busy one.
"""

import argparse
import copy
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

import ranks
from dataset import RESTYLED, UNSEEN, Drawings, Prompts
from guidance import distilled_loss, guided_law
from layout_probe import LayoutProbe
from model import Config, Transformer
from muon import Muon
from noise import Levels, noisy_inputs, random_segments
from run_log import RunLog

TINY = {"width": 64, "layers": 2, "heads": 2, "kv_heads": 1, "feed_forward": 128}


def parse():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=Path("training/data"))
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--tokenizer", type=Path, default=Path("training/image_tokenizer"))
    parser.add_argument("--init", type=Path, help="start from these weights (fine-tuning)")
    parser.add_argument("--steps", type=int, default=2700, help="of --batch images each")
    parser.add_argument(
        "--noise", type=float, default=0, help="share of samples with noisy segments"
    )
    parser.add_argument(
        "--blind", type=float, default=0, help="share of samples that see noise only"
    )
    parser.add_argument("--drafts", type=float, default=0, help="share with the model's own drafts")
    parser.add_argument(
        "--distil",
        type=float,
        default=0,
        help="guidance scale that --init's weights teach with two rows and one row shall give (0: off)",
    )
    parser.add_argument(
        "--no-normalise", action="store_true", help="control: add noise to the raw embeddings"
    )
    parser.add_argument(
        "--no-timestep", action="store_true", help="control: do not tell the noise level"
    )
    parser.add_argument(
        "--layout", type=float, default=0.5, help="weight of the layout probe's loss"
    )
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--lr-scale", type=float, default=1.0)
    parser.add_argument(
        "--decay-from", type=float, default=0.5, help="share of the steps after which LR decays"
    )
    parser.add_argument("--decay-to", type=float, default=0.05, help="final share of the LR")
    parser.add_argument("--layers", type=int, default=6)
    parser.add_argument("--width", type=int, default=256)
    parser.add_argument("--dropout", type=float, default=0.05)
    parser.add_argument("--ranks", type=int, default=2, help="processes that share a batch")
    parser.add_argument("--validate-minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--no-compile", action="store_true")
    parser.add_argument(
        "--tiny", action="store_true", help="a small model for a trial of the chain"
    )
    return parser.parse_args()


def new_model(options, prompts_vocabulary, state):
    if state:
        config = Config(**{**state["config"], "dropout": options.dropout})
        model = Transformer(config)
        # A checkpoint holds the running weights and their average, ema.pt the average alone.
        model.load_state_dict(state.get("ema", state["model"]))
        return model
    shape = TINY if options.tiny else {"width": options.width, "layers": options.layers}
    if not options.tiny:
        shape |= {"heads": options.width // 64, "kv_heads": max(1, options.width // 128)}
    config = Config(text_vocabulary=prompts_vocabulary, dropout=options.dropout, **shape)
    model = Transformer(config)
    # Codes that look alike start alike: half of the embedding is a projection of the code vectors.
    tokenizer = torch.load(options.tokenizer / "tokenizer.pt", weights_only=True)
    codes = tokenizer["model"]["codebook.codes"]
    codes = (codes - codes.mean(0)) / codes.std(0)
    projected = codes @ torch.randn(codes.shape[1], config.width) / codes.shape[1] ** 0.5
    random = torch.randn(config.vocabulary, config.width)
    model.image_embedding.weight.data = 0.35 * projected + 0.35 * random
    return model


def new_optimisers(model, probe, scale):
    matrices, tables, rest, sections = [], [], [], {}
    for layer in model.layers:
        half = layer.config.feed_forward
        matrices += [layer.qkv.weight, layer.output.weight, layer.gate_up.weight, layer.down.weight]
        sections[layer.qkv.weight] = layer.sections
        sections[layer.gate_up.weight] = [half, half]
    tables = [model.image_embedding.weight, model.text_embedding.weight]
    known = {id(p) for p in matrices + tables}
    rest = [p for p in model.parameters() if id(p) not in known]
    rest += list(probe.parameters())
    muon = Muon(matrices, sections, lr=0.02 * scale)
    adam = torch.optim.AdamW(
        [
            {"params": [p for p in tables if p.requires_grad], "lr": 6e-3 * scale},
            {"params": rest, "lr": 2e-3 * scale},
        ],
        betas=(0.9, 0.98),
        weight_decay=0.0,
    )
    for optimiser in (muon, adam):
        for group in optimiser.param_groups:
            group["peak"] = group["lr"]
    return [muon, adam]


def sequence_loss(run, model, prompts, inputs, tokens):
    """Cross-entropy [B, N] of every image token given inputs for all but the last; the logits; and
    the hidden state that the layout probe reads."""
    embeds = torch.cat([model.prompt_embeds(prompts), inputs], 1)
    logits, middle = run(embeds, model.config.prompt, probed=True)
    logits = logits.float()
    loss = F.cross_entropy(logits.flatten(0, 1), tokens.flatten(), reduction="none")
    return loss.view(tokens.shape), logits, middle


@torch.no_grad()
def evaluate(model, prompts, tokens, schedule=None, level=0):
    """Mean loss in nats per token; with a level, the middle half of the inputs is noisy."""
    model.eval()
    losses = []
    generator_state = torch.get_rng_state()
    torch.manual_seed(7)
    for part, target in zip(prompts.split(32), tokens.split(32)):
        levels = torch.zeros_like(target[:, :-1])
        levels[:, 64:192] = level
        with torch.autocast("cpu", torch.bfloat16):
            inputs = noisy_inputs(model, target[:, :-1], levels, schedule)
            losses.append(sequence_loss(model, model, part, inputs, target)[0].mean(1))
    torch.set_rng_state(generator_state)
    return torch.cat(losses).mean().item()


def train(options):
    first = ranks.rank() == 0
    torch.manual_seed(options.seed)
    options.out.mkdir(parents=True, exist_ok=True)
    prompts = Prompts(options.data / "tokenizer.json", Config.prompt)
    data = Drawings(options.data, prompts, options.seed)
    init = torch.load(options.init, weights_only=True) if options.init else {}
    model = new_model(options, prompts.tokenizer.get_vocab_size(), init)
    schedule = Levels(count=model.config.levels)
    weights = schedule.weights()
    if init and not model.frozen:
        model.freeze_statistics()
        if options.no_normalise:
            model.mean.zero_(), model.std.fill_(1)
    if options.no_timestep:
        model.timestep_embedding.requires_grad_(False)
    if model.frozen:
        model.image_embedding.weight.requires_grad_(False)
    ema = copy.deepcopy(model)
    teacher = copy.deepcopy(model).eval().requires_grad_(False) if options.distil else None
    teach = teacher and (teacher if options.no_compile or options.tiny else torch.compile(teacher))
    unconditional = prompts.encode([None])
    probe = LayoutProbe(model.config)
    if "probe" in init:
        probe.load_state_dict(init["probe"])
    optimisers = new_optimisers(model, probe, options.lr_scale)
    checkpoint, step, seconds = options.out / "checkpoint.pt", 0, 0.0
    if checkpoint.exists():
        state = torch.load(checkpoint, weights_only=True)
        model.load_state_dict(state["model"])
        ema.load_state_dict(state["ema"])
        probe.load_state_dict(state["probe"])
        for optimiser, saved in zip(optimisers, state["optimisers"]):
            optimiser.load_state_dict(saved)
        step, seconds = state["step"], state["seconds"]
    # All ranks start from the same weights and go on with different samples.
    data.rng = np.random.default_rng([options.seed, step, ranks.rank()])
    torch.manual_seed(int(data.rng.integers(2**40)))
    parameters = [p for p in [*model.parameters(), *probe.parameters()] if p.requires_grad]
    batch = options.batch // ranks.count()
    run = model if options.no_compile or options.tiny else torch.compile(model)
    log = RunLog(options.out / "log.jsonl" if first else "/dev/null", seconds)
    if first:
        count = sum(p.numel() for p in model.parameters())
        print(f"{count / 1e6:.2f} M parameters, {len(data)} drawings", flush=True)

    def save(final=False):
        state = {"config": model.config.as_dict(), "levels": schedule.as_dict()}
        # Once guidance is in the weights it stays there, whatever they are trained on after.
        state["distilled"] = options.distil or init.get("distilled", 0)
        torch.save({**state, "model": ema.state_dict()}, options.out / "ema.pt")
        if final:
            return
        state |= {"model": model.state_dict(), "ema": ema.state_dict()}
        state |= {"probe": probe.state_dict()}
        state |= {"optimisers": [optimiser.state_dict() for optimiser in optimisers]}
        temporary = checkpoint.with_suffix(".tmp")
        torch.save({**state, "step": step, "seconds": log.seconds()}, temporary)
        temporary.replace(checkpoint)

    def validate():
        values = {}
        for name, split in (("restyled", RESTYLED), ("unseen", UNSEEN)):
            texts, tokens = data.validation(split)
            values[name] = evaluate(ema, texts, tokens)
            nothing = prompts.encode([None] * len(texts))
            values[f"{name}_no_caption"] = evaluate(ema, nothing, tokens)
            if model.frozen and name == "restyled":
                for level in (1, 4, 8):
                    values[f"level_{level}"] = evaluate(ema, texts, tokens, schedule, level)
        return values

    running, running_layout, shown, last_save, last_check = (
        0.0,
        0.0,
        0,
        log.seconds(),
        log.seconds(),
    )
    last_validation = log.seconds()
    while step < options.steps:
        progress = step / options.steps
        tail = max(0.0, progress - options.decay_from) / (1 - options.decay_from)
        factor = min(1.0, (step + 1) / 60) * (1 - (1 - options.decay_to) * tail)
        for optimiser in optimisers:
            for group in optimiser.param_groups:
                group["lr"] = group["peak"] * factor
        texts, tokens = data.sample(batch)
        levels = random_segments(
            len(tokens), tokens.shape[1] - 1, weights, options.noise, options.blind
        )
        model.train()
        if not model.frozen:
            model.measure_statistics()
        with torch.autocast("cpu", torch.bfloat16):
            inputs = noisy_inputs(model, tokens[:, :-1], levels, schedule)
            drafted = int(round(options.drafts * len(tokens)))
            if drafted and levels[:drafted].any():
                # Inputs as Jacobi decoding sees them: what the model itself drafts from noise.
                with torch.no_grad():
                    model.eval()
                    part = tokens[:drafted]
                    _, logits, _ = sequence_loss(
                        model, model, texts[:drafted], inputs[:drafted], part
                    )
                    model.train()
                    drafts = logits.softmax(-1).flatten(0, 1).multinomial(1).view(part.shape)
                wrong = model.image_embedding(drafts[:, :-1])
                noisy = (levels[:drafted] > 0)[..., None]
                inputs = torch.cat([torch.where(noisy, wrong, inputs[:drafted]), inputs[drafted:]])
            losses, logits, middle = sequence_loss(run, model, texts, inputs, tokens)
            if teacher:
                law = guided_law(teach, texts, unconditional, tokens, options.distil)
                losses = distilled_loss(logits, law)
            loss = losses.mean()
        layout = probe(middle, tokens)
        (loss + options.layout * layout).backward()
        ranks.average_gradients(parameters)
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        if model.timestep_embedding.requires_grad:
            model.timestep_embedding.grad[0] = 0
        for optimiser in optimisers:
            optimiser.step()
            optimiser.zero_grad()
        decay = min(0.998, (step + 1) / (step + 10))
        with torch.no_grad():
            for old, new in zip(ema.parameters(), model.parameters()):
                old.lerp_(new, 1 - decay)
        running += loss.item()
        running_layout += layout.item()
        shown += 1
        step += 1
        if not first:
            continue
        if step % 50 == 0:
            rate = shown * options.batch * tokens.shape[1] / (log.seconds() - last_check)
            means = {"loss": running / shown, "layout": running_layout / shown}
            log.write(step=step, **means, lr=factor, tokens_per_second=round(rate))
            running, running_layout, shown, last_check = 0.0, 0.0, 0, log.seconds()
        if log.seconds() - last_save > 120:
            save()
            last_save = log.seconds()
        if log.seconds() - last_validation > options.validate_minutes * 60:
            log.write(step=step, samples=step * options.batch, **validate())
            last_validation = last_check = log.seconds()
            running, running_layout, shown = 0.0, 0.0, 0
    if not first:
        return
    log.write(step=step, samples=step * options.batch, final=True, **validate())
    save(final=True)
    save()


if __name__ == "__main__":
    arguments = parse()
    ranks.launch(arguments.ranks, train, (arguments,))
