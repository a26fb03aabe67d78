"""Teach a public autoregressive image model to read noise (SJD2): next-clean-token prediction.

python scripts/train/finetune.py --model FOLDER --data IMAGES --out RUN [--lora 16]
python scripts/export/export.py RUN/model --out PACKAGE

FOLDER is a Hugging Face checkpoint (Janus, Lumina-mGPT, Anole, Emu3) or LlamaGen's files, IMAGES a folder with
metadata.jsonl or a .txt beside every image. RUN gets log.jsonl, checkpoint.pt and, when all steps are done, model/.
The same command goes on where an earlier one stopped. Defaults are the paper's (arXiv 2510.08994): AdamW, learning
rate 2e-5, 64 images a step, 6 epochs; docs/finetuning.md says where the rest differs. Several GPUs: accelerate launch
scripts/train/finetune.py ...
"""

import argparse
import math
import sys
from dataclasses import dataclass
from pathlib import Path

import torch
from accelerate import Accelerator

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "export"))

import families
import precision
import ranks
import taught_folder
from caption_folder import CaptionFolder, fail
from caption_tokens import CaptionTokens, Prompts, image_tokens
from feature_prompts import FeaturePrompts
from json_file import read_if_there
from noise import Levels, noisy_inputs, random_segments
from objective import sequence_loss, validation_losses, with_own_drafts
from passes import Laws, tokens_per_pass
from public_models import TEACHABLE
from published_weights import Checkpoint
from run_log import RunLog
from teaching import Progress, add_lora, choose_parameters, new_optimisers, new_schedules

# Noise-to-signal ratios of noise.py are for 256 channels; a token shows through more noise in more of them.
CHANNELS = 256
# What an interrupted run may not change its mind about.
RECIPE = """model family data validation image_size image_tokenizer steps batch lr schedule warm_up muon lora noise blind
drafts levels uncaptioned seed""".split()


def share(text):
    value = float(text)
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"expected a share from 0 to 1 but received {text}")
    return value


def count(text):
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"expected a number of at least 1 but received {text}")
    return value


def any_count(text):
    value = int(text)
    if value < 0:
        raise argparse.ArgumentTypeError(f"expected a number of at least 0 but received {text}")
    return value


def positive(text):
    value = float(text)
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"expected a number above 0 but received {text}")
    return value


def parse(arguments=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--model", type=Path, required=True, help="config.json, *.safetensors, tokenizer.json")
    add("--data", type=Path, required=True, help="images with captions")
    add("--out", type=Path, required=True, help="folder of this run")
    add("--family", choices=sorted(TEACHABLE), help="default: by config.json's model_type")
    add("--validation", type=Path, help="images with captions; default: every 50th of --data")
    add("--epochs", type=positive, default=6, help="default 6")
    add("--steps", type=count, help="instead of --epochs")
    add("--batch", type=count, default=64, help="images of a step, of all processes; default 64")
    add("--at-once", type=count, help="images in memory at once, of one process; default all")
    add(
        "--lr",
        type=positive,
        default=2e-5,
        help="default 2e-5; the timestep table's is 10 times it",
    )
    add("--schedule", choices=["cosine", "linear", "constant_with_warmup"], default="cosine")
    add("--warm-up", type=share, default=0.03, help="share of the steps; default 0.03")
    add("--muon", action="store_true", help="Muon for the matrices: for training from nothing")
    add("--lora", type=count, metavar="RANK", help="low-rank matrices instead of all weights")
    add("--noise", type=share, default=1.0, help="share of samples with noisy segments; default 1")
    add("--blind", type=share, default=0.0, help="share that sees noise alone; default 0")
    add("--drafts", type=share, default=0.0, help="share with the model's own drafts; default 0")
    add("--levels", type=count, default=8, help="of noise; default 8")
    add("--uncaptioned", type=share, default=0.1, help="share without caption; default 0.1")
    add("--prompt-length", type=count, default=512, help="most tokens of a prompt; default 512")
    add("--image-size", type=count, help="pixels on a side; default the authors'")
    add("--image-tokenizer", type=Path, help="its weights, where FOLDER has none; as export.py's")
    add("--precision", choices=["auto", "bf16", "fp32"], default="auto")
    add("--gradient-checkpointing", action="store_true", help="less memory, a third more time")
    add("--guidance", type=positive, help="of the simulated passes; default the family's")
    add("--window", type=count, default=32, help="of the simulated passes; default 32")
    add("--evaluate", type=count, default=500, help="steps between evaluations; default 500")
    add(
        "--evaluate-images",
        type=any_count,
        default=4,
        help="of simulated passes; default 4; 0: none",
    )
    add("--log", type=count, default=10, help="steps between progress lines; default 10")
    add("--save-minutes", type=positive, default=10, help="between checkpoints; default 10")
    add("--stop-after", type=count, help="steps of this call; the same command then goes on")
    add("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    if options.noise + options.blind > 1:
        parser.error(
            f"--noise and --blind: expected at most 1 together but received {options.noise}"
            f" and {options.blind}"
        )
    if options.lora and options.muon:
        parser.error("--muon: expected without --lora, whose matrices are not the model's")
    if options.lora and not denoises(options):
        parser.error("--noise 0: trains all that draws images, which --lora keeps")
    return options


def denoises(options):
    """Without noise this is next-token prediction, and the result no model for sjd2."""
    return options.noise + options.blind > 0


def find_family(options):
    """The exporter's family of the folder: it knows prompt, image and sequence."""
    file = options.model / "config.json"
    config = read_if_there(file)
    if not options.family and not config:
        fail(
            options.model,
            "expected a Hugging Face checkpoint with config.json, found none (or give --family)",
        )
    family = families.find(config, options.family)
    if family.name not in TEACHABLE:
        known = ", ".join(sorted(TEACHABLE))
        fail(file, f"model_type: finetune.py knows {known}, and this is {family.name}")
    return family(options.model, Checkpoint(options.model), options)


def levels_for(options, family):
    if not denoises(options):
        return None
    scale = (family.architecture().hidden / CHANNELS) ** 0.5
    plain = Levels(count=options.levels)
    return Levels(options.levels, plain.sigma_min * scale, plain.sigma_max * scale, plain.rho)


def split(folder):
    """Training and validation out of one folder: every 50th image is for validation."""
    held = set(range(0, len(folder), 50)) if len(folder) > 1 else set()
    if not held or len(held) == len(folder):
        fail(folder.folder, f"expected several images but found {len(folder)}")
    return folder.part(sorted(set(range(len(folder))) - held)), folder.part(sorted(held))


def read_folders(options):
    """Training and validation."""
    folder = CaptionFolder(options.data)
    return (folder, CaptionFolder(options.validation)) if options.validation else split(folder)


def step_gradients(run, options, step):
    """Adds up the gradients of one step; the mean loss of this process's samples."""
    model, levels = run.model, run.levels
    prompts, tokens = run.data.sample(step, options.batch, ranks.rank(), ranks.count())
    noise = random_segments(
        len(tokens),
        tokens.shape[1] - 1,
        (levels.weights() if levels else torch.ones(1)).to(precision.DEVICE),
        options.noise,
        options.blind,
    )
    total = 0.0
    size = options.at_once or len(tokens)
    model.train()
    for texts, target, level in zip(prompts.split(size), tokens.split(size), noise.split(size)):
        with precision.mixed():
            inputs = noisy_inputs(model, target[:, :-1], level, levels)
            inputs = with_own_drafts(model, model, texts, inputs, target, level, options.drafts)
            losses, _, _ = sequence_loss(model, model, texts, inputs, target)
        loss = losses.mean() * (len(target) / len(tokens))
        loss.backward()
        total += loss.item()
    return total


def evaluate(run, options):
    model, data, levels = run.model, run.data, run.levels
    values = validation_losses(model, data, levels, options.at_once or 32)
    if not options.evaluate_images:
        return values
    prompts, tokens = data.validation(data.valid, options.evaluate_images)
    guidance = options.guidance or run.family.sampler["guidance"]
    laws = Laws(model, prompts, data.prompts.unconditional_for(prompts), guidance)
    for name in ("sjd", "sjd2") if levels else ("sjd",):
        values[f"{name}_tokens_per_pass"] = tokens_per_pass(
            model, laws, len(tokens), tokens.shape[1], options.window, noise=name == "sjd2"
        )
    return values


@dataclass
class Run:
    family: object
    levels: Levels | None
    model: torch.nn.Module
    data: CaptionTokens
    recipe: dict
    lora: object
    trained: dict
    optimisers: list
    schedules: list
    progress: Progress


def prepare(options, accelerator, say):
    """Everything that training needs. What is wrong with input is found here, captions before weights."""
    if options.batch % accelerator.num_processes:
        fail("--batch", f"expected a multiple of {accelerator.num_processes} processes")
    family = find_family(options)
    levels = levels_for(options, family)
    folders = read_folders(options)
    rule = family.prompt()
    if rule["kind"] == "embeddings":
        prompts = FeaturePrompts(rule)
    else:
        prompts = Prompts(rule, family.tokenizer(), options.prompt_length)
    ids = [prompts.of_folder(folder) for folder in folders]
    torch.manual_seed(options.seed)
    model = TEACHABLE[family.name](options.model, family, levels).to(precision.DEVICE)
    model.prompts = prompts
    taught_folder.restore(options.model, model, levels)
    options.out.mkdir(parents=True, exist_ok=True)
    # One process makes what the others then find.
    with accelerator.main_process_first():
        tokens = [
            image_tokens(folder, model, family.image(), options.out / f"{name}_tokens.npz", say)
            for name, folder in zip(("training", "validation"), folders)
        ]
    data = CaptionTokens(prompts, *zip(ids, tokens), options.uncaptioned, options.seed)
    options.steps = options.steps or max(1, round(options.epochs * len(folders[0]) / options.batch))
    lora = add_lora(model, options.lora) if options.lora else None
    trained = choose_parameters(model, lora)
    if options.gradient_checkpointing:
        model.checkpoint_gradients()
    optimisers = new_optimisers(model, trained, options)
    schedules = new_schedules(optimisers, options)
    recipe = {name: plain(getattr(options, name)) for name in RECIPE}
    progress = Progress(options.out, recipe, trained, optimisers, schedules)
    return Run(family, levels, model, data, recipe, lora, trained, optimisers, schedules, progress)


def update(run):
    """Changes the weights by the gradients of all processes."""
    ranks.average_gradients(list(run.trained.values()))
    torch.nn.utils.clip_grad_norm_(run.trained.values(), 1.0)
    if run.model.timestep_embedding.grad is not None:
        # Clean inputs carry no timestep.
        run.model.timestep_embedding.grad[0] = 0
    for optimiser, schedule in zip(run.optimisers, run.schedules):
        optimiser.step()
        optimiser.zero_grad()
        schedule.step()


def train(options, accelerator):
    first = accelerator.is_main_process
    say = (lambda text: print(text, flush=True)) if first else (lambda text: None)
    run = prepare(options, accelerator, say)
    step, seconds = run.progress.restore()
    learns, images = sum(p.numel() for p in run.trained.values()), len(run.data.train[0])
    say(f"{learns / 1e6:.2f} M parameters learn, {images} images, step {step} of {options.steps}")
    log = RunLog(options.out / "log.jsonl" if first else "/dev/null", seconds)
    if step == 0 and first:
        log.write(step=0, **evaluate(run, options))
    last = min(options.steps, step + (options.stop_after or options.steps))
    saved = log.seconds()
    log.forget()
    while step < last:
        loss = step_gradients(run, options, step)
        if not math.isfinite(loss):
            fail(options.out, f"the loss of step {step + 1} is {loss}: try a lower --lr")
        update(run)
        step += 1
        if not first:
            continue
        log.add(tokens=options.batch * run.data.train[1].shape[1], loss=loss)
        if step % options.log == 0 or step == last:
            log.write_means(step=step, lr=run.schedules[-1].get_last_lr()[0])
        if step % options.evaluate == 0 or step == options.steps:
            log.write(step=step, **evaluate(run, options))
            log.forget()
        if log.seconds() - saved > options.save_minutes * 60 or step == last:
            run.progress.save(step, log.seconds())
            saved = log.seconds()
    if step == options.steps and first:
        if run.lora:
            run.lora.merge_and_unload()
        result = options.out / "model"
        taught_folder.write(result, options.model, run.model, run.levels, run.recipe)
        say(f"{result}: python scripts/export/export.py {result} --out PACKAGE")


def plain(value):
    return str(value.resolve()) if isinstance(value, Path) else value


def main(arguments=None):
    options = parse(arguments)
    result = options.out / "model"
    if result.exists():
        fail(result, "is there already: this run is done")
    accelerator = Accelerator(mixed_precision="no")
    precision.DEVICE = accelerator.device
    if options.precision != "auto":
        precision.FAST_BFLOAT16 = options.precision == "bf16"
    train(options, accelerator)


if __name__ == "__main__":
    main()
