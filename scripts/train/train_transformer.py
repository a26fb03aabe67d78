"""Train the transformer: autoregressive pre-training, then SJD2 fine-tuning.

pre-train  python scripts/train/train_transformer.py --out training/pretrained --steps 2700
fine-tune  python scripts/train/train_transformer.py --out training/finetuned --steps 7000 \\
               --init training/pretrained/checkpoint.pt --noise 0.25 --blind 0.5 --drafts 0.25

With --scenes the pictures are scenes, composed as they are drawn (scene_data.py), instead of those of --data.

Pre-training with --noise has noise from the start, around an embedding that still moves.
`chain.py --list` prints the commands that made the shipped weights. The budget is a number of steps, so
that it means the same on a fast machine, a slow one and a busy one.
"""

import argparse
import copy
from pathlib import Path

import torch

import precision
import ranks
from checkpoint import Checkpoint
from dataset import Drawings, Prompts
from guidance import distilled_loss, guided_law
from layout_probe import LayoutProbe
from model import Config, Transformer
from noise import Levels, noisy_inputs, random_segments
from objective import sequence_loss, validation_losses, with_own_drafts
from optimisers import new_optimisers, set_learning_rate
from pace import Pace
from run_log import RunLog
from scene_data import Scenes

SAVE_SECONDS = 120
EMA_DECAY = 0.998

TINY = {"width": 64, "layers": 2, "heads": 2, "kv_heads": 1, "feed_forward": 128}


def parse():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=Path("training/data"))
    parser.add_argument("--scenes", type=Path, help="folder of sprites; replaces --data")
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
    parser.add_argument("--layers", type=int, help="default 6, or 8 for scenes")
    parser.add_argument("--width", type=int, help="default 256, or 320 for scenes")
    parser.add_argument("--dropout", type=float, default=0.05)
    parser.add_argument(
        "--ranks", type=int, help="processes that share a batch; default 2, or 1 on a GPU"
    )
    parser.add_argument(
        "--workers", type=int, default=0, help="processes that compose scenes ahead"
    )
    parser.add_argument(
        "--minutes", type=float, help="fewer --steps: those that are done by then at this speed"
    )
    parser.add_argument("--validate-minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--no-compile", action="store_true")
    parser.add_argument(
        "--tiny", action="store_true", help="a small model for a trial of the chain"
    )
    return parser.parse_args()


def shape_of(options):
    """Width, layers, heads and the like of a new model."""
    if options.tiny:
        return TINY
    width = options.width or (320 if options.scenes else 256)
    layers = options.layers or (8 if options.scenes else 6)
    if options.scenes:
        heads = {"heads": width // 64, "kv_heads": width // 64}
        return {"width": width, "layers": layers, "feed_forward": width * 13 // 5, **heads}
    return {
        "width": width,
        "layers": layers,
        "heads": width // 64,
        "kv_heads": max(1, width // 128),
    }


def prompt_length(options):
    """Words: a scene is told in a sentence, a drawing in a few."""
    return 24 if options.scenes else Config.prompt


def new_model(options, prompts_vocabulary, state):
    if state:
        config = Config(**{**state["config"], "dropout": options.dropout})
        model = Transformer(config)
        # A checkpoint holds the running weights and their average, ema.pt the average alone.
        model.load_state_dict(state.get("ema", state["model"]))
        return model
    # Codes that look alike start alike: half of the embedding is a projection of the code vectors.
    tokenizer = torch.load(options.tokenizer / "tokenizer.pt", weights_only=True)
    codes = tokenizer["model"]["codebook.codes"]
    config = Config(
        vocabulary=len(codes),
        text_vocabulary=prompts_vocabulary,
        prompt=prompt_length(options),
        dropout=options.dropout,
        **shape_of(options),
    )
    model = Transformer(config)
    codes = (codes - codes.mean(0)) / codes.std(0)
    projected = codes @ torch.randn(codes.shape[1], config.width) / codes.shape[1] ** 0.5
    random = torch.randn(config.vocabulary, config.width)
    model.image_embedding.weight.data = 0.35 * projected + 0.35 * random
    return model


def freeze_what_must_stay(model, options):
    """Fine-tuning keeps the embedding and its statistics; controls leave parts of the method out."""
    if options.init and not model.frozen:
        model.freeze_statistics()
        if options.no_normalise:
            model.mean.zero_()
            model.std.fill_(1)
    if options.no_timestep:
        model.timestep_embedding.requires_grad_(False)
    if model.frozen:
        model.image_embedding.weight.requires_grad_(False)


@torch.no_grad()
def follow(ema, model, step):
    decay = min(EMA_DECAY, (step + 1) / (step + 10))
    torch._foreach_lerp_(list(ema.parameters()), list(model.parameters()), 1 - decay)
    for old, new in zip(ema.buffers(), model.buffers()):
        old.copy_(new)


def train(options):
    first = ranks.rank() == 0
    torch.manual_seed(options.seed)
    options.out.mkdir(parents=True, exist_ok=True)
    prompts = Prompts((options.scenes or options.data) / "tokenizer.json", prompt_length(options))
    if options.scenes:
        data = Scenes(options.scenes, options.tokenizer, prompts, [options.seed], options.workers)
    else:
        data = Drawings(options.data, prompts, options.seed)
    init = torch.load(options.init, weights_only=True, map_location="cpu") if options.init else {}
    model = new_model(options, prompts.tokenizer.get_vocab_size(), init).to(precision.DEVICE)
    freeze_what_must_stay(model, options)
    schedule = Levels(count=model.config.levels)
    level_weights = schedule.weights().to(precision.DEVICE)
    ema = copy.deepcopy(model)
    probe = LayoutProbe(model.config).to(precision.DEVICE)
    if "probe" in init:
        probe.load_state_dict(init["probe"])
    eager = options.no_compile or options.tiny
    # One program for each shape: of the batch, and of the share of it with own drafts.
    run = model if eager else torch.compile(model, dynamic=False)
    teacher = copy.deepcopy(model).eval().requires_grad_(False) if options.distil else None
    teach = teacher if eager or not teacher else torch.compile(teacher, dynamic=False)
    noisy = bool(options.noise or options.blind)
    unconditional = prompts.encode([None]).to(precision.DEVICE)
    optimisers = new_optimisers(model, probe, options.lr_scale)
    # Once guidance is in the weights it stays there, whatever they are trained on after.
    facts = {"levels": schedule.as_dict(), "distilled": options.distil or init.get("distilled", 0)}
    checkpoint = Checkpoint(options.out, model, ema, probe, optimisers, facts)
    step, seconds = checkpoint.restore()
    # All ranks start from the same weights and go on with different samples.
    data.seed([options.seed, step, ranks.rank()])
    torch.manual_seed(int(data.rng.integers(2**40)))
    parameters = [p for p in [*model.parameters(), *probe.parameters()] if p.requires_grad]
    batch = options.batch // ranks.count()
    log = RunLog(options.out / "log.jsonl" if first else "/dev/null", seconds)
    if first:
        count = sum(p.numel() for p in model.parameters())
        print(f"{count / 1e6:.2f} M parameters", flush=True)
    last_save = last_validation = log.seconds()
    pace = Pace(options.minutes, step)

    while step < options.steps:
        factor = set_learning_rate(
            optimisers, step, options.steps, options.decay_from, options.decay_to
        )
        texts, tokens = data.sample(batch)
        levels = random_segments(
            len(tokens), tokens.shape[1] - 1, level_weights, options.noise, options.blind
        )
        model.train()
        if not model.frozen:
            model.measure_statistics()
        with precision.mixed():
            inputs = noisy_inputs(model, tokens[:, :-1], levels, schedule if noisy else None)
            inputs = with_own_drafts(run, model, texts, inputs, tokens, levels, options.drafts)
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
            # Clean inputs carry no timestep.
            model.timestep_embedding.grad[0] = 0
        for optimiser in optimisers:
            optimiser.step()
            optimiser.zero_grad()
        follow(ema, model, step)
        step += 1
        options.steps = pace.limit(step, options.steps, loss)
        if not first:
            continue
        images = options.batch * step
        log.add(tokens=options.batch * tokens.shape[1], loss=loss.detach(), layout=layout.detach())
        if step % max(50, options.steps // 250 // 50 * 50) == 0:
            log.write_means(step=step, lr=factor)
        if log.seconds() - last_save > SAVE_SECONDS:
            checkpoint.save(step, log.seconds())
            last_save = log.seconds()
        if log.seconds() - last_validation > options.validate_minutes * 60:
            log.write(step=step, samples=images, **validation_losses(ema, data, schedule))
            last_validation = log.seconds()
            log.forget()
    if first:
        values = validation_losses(ema, data, schedule)
        log.write(step=step, samples=step * options.batch, final=True, **values)
        checkpoint.save(step, log.seconds())


if __name__ == "__main__":
    arguments = parse()
    ranks.launch(arguments.ranks, train, (arguments,))
