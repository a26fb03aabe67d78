"""Train the judge of scenes on scenes, half of them as the image tokenizer gives them back.

python scripts/train/train_judge.py --scenes DIR/scenes --tokenizer DIR/image_tokenizer --out DIR/judge

It sees every combination, also those that the generator never sees: it must not be the one that cannot
compose. Pictures of a generator are never quite right, so it learns from disturbed ones, too.
"""

import argparse
import sys
from functools import partial
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "scenes"))

import precision
from catalogue import Catalogue
from checkpoint import save_whole
from compose import picture
from composed import composed, to_images
from judge import COLOURS, GRID, SIZES, Judge, detections
from run_log import RunLog
from scene import Sampler
from tokenize_pictures import load_tokenizer

CELL = 128 // GRID


def parse():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--scenes", type=Path, required=True)
    parser.add_argument("--tokenizer", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=2500)
    parser.add_argument("--batch", type=int, default=48)
    parser.add_argument("--lr", type=float, default=2e-3)
    parser.add_argument("--workers", type=int, default=0, help="processes that compose ahead")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=5)
    return parser.parse_args()


def to_targets(scenes):
    middles = torch.zeros(len(scenes), GRID, GRID)
    things = []
    for index, scene in enumerate(scenes):
        for thing in scene.things:
            row, column = ((at + thing.size // 2) // CELL for at in (thing.y, thing.x))
            colour = COLOURS.index(thing.colour) if thing.colour else -1
            middles[index, row, column] = 1
            things.append([index, row, column, thing.object, colour, SIZES.index(thing.size)])
    return middles, torch.tensor(things)


def to_pixels(scenes, catalogue):
    return torch.from_numpy(np.stack([picture(scene, catalogue) for scene in scenes]))


def lessons(catalogue, batch, seed):
    """Pixels uint8 [batch, 128, 128, 3] and their targets, without end; every fourth scene is held out."""
    samplers = [Sampler(catalogue, [*seed, held], bool(held)) for held in (0, 1)]
    while True:
        scenes = [samplers[i % 4 == 0].sample() for i in range(batch)]
        yield to_pixels(scenes, catalogue), to_targets(scenes)


@torch.no_grad()
def disturbed(images, tokenizer, rng):
    """Half of the images as their tokens give them back, some of these with a few tokens exchanged."""
    half = len(images) // 2
    tokens = tokenizer.tokenize(images[:half])
    some = tokens[: half // 2]
    wrong = rng.random(some.shape) < rng.uniform(0, 0.06, (len(some), 1))
    others = tokens[rng.integers(half, size=len(some))]
    tokens[: half // 2] = torch.where(torch.from_numpy(wrong).to(some.device), others, some)
    return torch.cat([tokenizer.image(tokens), images[half:]])


def score(judge, scenes, images):
    """Shares of real things found, and of those with the right name and the right colour; and things seen that
    are not there, per picture."""
    there = found = named = coloured = with_colour = false = 0
    for scene, seen in zip(
        scenes, (d for part in images.split(64) for d in detections(judge, part))
    ):
        places = {(d["y"] // CELL, d["x"] // CELL): d for d in seen}
        for thing in scene.things:
            there += 1
            seen_thing = places.pop(
                ((thing.y + thing.size // 2) // CELL, (thing.x + thing.size // 2) // CELL), None
            )
            if seen_thing:
                found += 1
                named += seen_thing["object"] == thing.object
                if thing.colour:
                    with_colour += 1
                    coloured += seen_thing["colour"] == thing.colour
        false += len(places)
    return {
        "found": found / there,
        "named": named / max(1, found),
        "coloured": coloured / max(1, with_colour),
        "false_per_picture": false / len(scenes),
    }


def main():
    options = parse()
    torch.manual_seed(options.seed)
    torch.set_num_threads(options.threads)
    options.out.mkdir(parents=True, exist_ok=True)
    catalogue = Catalogue(options.scenes)
    tokenizer = load_tokenizer(options.tokenizer).to(precision.DEVICE)
    judge = Judge(len(catalogue.objects)).to(precision.DEVICE, memory_format=torch.channels_last)
    optimiser = torch.optim.AdamW(judge.parameters(), lr=options.lr, weight_decay=0.01)
    path = options.out / "checkpoint.pt"
    step, seconds = 0, 0.0
    if path.exists():
        state = torch.load(path, weights_only=True, map_location=precision.DEVICE)
        judge.load_state_dict(state["model"])
        optimiser.load_state_dict(state["optimiser"])
        step, seconds = state["step"], state["seconds"]
    rng = np.random.default_rng([options.seed, step])
    make = partial(lessons, catalogue, options.batch)
    batches = composed(make, [options.seed, step], options.workers)
    valid = [Sampler(catalogue, [77, held], bool(held)) for held in (0, 1)]
    valid = [sampler.sample() for sampler in valid for _ in range(128)]
    valid_images = to_images(to_pixels(valid, catalogue))
    with torch.no_grad():
        coded = torch.cat(
            [tokenizer.image(tokenizer.tokenize(part)) for part in valid_images.split(32)]
        )
    log = RunLog(options.out / "log.jsonl", seconds)

    def save():
        state = {"model": judge.state_dict(), "optimiser": optimiser.state_dict()}
        names = [thing["name"] for thing in catalogue.objects]
        facts = {"objects": names, "step": step, "seconds": log.seconds()}
        save_whole({**state, **facts}, path)

    while step < options.steps:
        factor = min(1.0, (step + 1) / 50) * min(1.0, 0.03 + 2.0 * (1 - step / options.steps))
        for group in optimiser.param_groups:
            group["lr"] = options.lr * factor
        pixels, targets = next(batches)
        targets = [target.to(precision.DEVICE) for target in targets]
        images = disturbed(to_images(pixels), tokenizer, rng)
        images = images.contiguous(memory_format=torch.channels_last)
        judge.train()
        with precision.mixed():
            loss = judge.loss(images, targets)
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(judge.parameters(), 5.0)
        optimiser.step()
        step += 1
        log.add(tokens=len(images), loss=loss.detach())
        if step % 100 == 0 or step == options.steps:
            log.write_means(step=step)
        if step % 500 == 0 or step == options.steps:
            judge.eval()
            log.write(
                step=step, drawn=score(judge, valid, valid_images), coded=score(judge, valid, coded)
            )
            save()


if __name__ == "__main__":
    main()
