"""Train the image tokenizer, on pictures or on the sprites of scenes.

python scripts/train/train_image_tokenizer.py --data training/data --out training/image_tokenizer
python scripts/train/train_image_tokenizer.py --scenes DIR/scenes --out DIR/image_tokenizer
python scripts/train/train_image_tokenizer.py --scenes DIR/scenes --out DIR/image_decoder \\
    --decoder-of DIR/image_tokenizer      the same tokens, better pictures: only the decoder learns
"""

import argparse
import json
import math
import sys
from functools import partial
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "scenes"))

import precision
import ranks
from catalogue import Catalogue
from checkpoint import save_whole
from compose import collage
from composed import composed, to_images
from image_tokenizer import ImageTokenizer
from run_log import RunLog
from tokenize_pictures import load_tokenizer

PLAIN_STEPS = 80  # plain autoencoding first: codes are initialised from vectors that mean something


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path("training/data"))
    parser.add_argument("--scenes", type=Path, help="sprites of 128x128 scenes, instead of --data")
    parser.add_argument("--out", type=Path, default=Path("training/image_tokenizer"))
    parser.add_argument(
        "--decoder-of",
        type=Path,
        help="a trained tokenizer, whose encoder and codes stay as they are",
    )
    parser.add_argument("--steps", type=int, default=1600)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--lr", type=float, default=2e-3)
    parser.add_argument("--codes", type=int, help="default 512, or 1024 for scenes")
    parser.add_argument(
        "--ranks", type=int, help="processes that share a batch; default 2, or 1 on a GPU"
    )
    parser.add_argument("--workers", type=int, default=0, help="processes that compose ahead")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--tiny", action="store_true", help="narrow, for a trial of the chain")
    return parser.parse_args()


def rotate_hue(images, share=0.25):
    """Rotate the hue (YIQ plane) of some images: objects shall exist in every colour."""
    angle = torch.rand(len(images)) * 2 * math.pi * (torch.rand(len(images)) < share)
    to_yiq = torch.tensor(
        [[0.299, 0.587, 0.114], [0.5959, -0.2746, -0.3213], [0.2115, -0.5227, 0.3112]]
    )
    cos, sin = angle.cos(), angle.sin()
    rotation = torch.zeros(len(images), 3, 3)
    rotation[:, 0, 0] = 1
    rotation[:, 1, 1] = rotation[:, 2, 2] = cos
    rotation[:, 1, 2], rotation[:, 2, 1] = -sin, sin
    matrix = torch.linalg.inv(to_yiq) @ rotation @ to_yiq
    return torch.einsum("bij,bjhw->bihw", matrix.to(images.device), images).clamp(-1, 1)


class Pictures:
    """Whole pictures of a fixed set; the last twentieth of a permutation is for validation."""

    codes, widths = 512, [96, 48]

    def __init__(self, folder, seed):
        pixels = np.memmap(folder / "pictures.bin", dtype=np.uint8, mode="r")
        self.pixels = pixels.reshape(-1, 64, 64, 3)
        order = np.random.default_rng(seed).permutation(len(self.pixels))
        held = max(16, len(order) // 20)
        self.train, self.valid = order[:-held], np.sort(order[-held:][:512])

    def validation(self):
        return to_images(self.pixels[self.valid])

    def seed(self, seed):
        self.rng = np.random.default_rng(seed)

    def sample(self, batch):
        chosen = self.rng.choice(self.train, batch, replace=False)
        return rotate_hue(to_images(self.pixels[np.sort(chosen)]))


def pieces(catalogue, size, seed):
    """Pieces uint8 [size, 64, 64, 3] full of sprites, without end."""
    rng = np.random.default_rng(seed)
    while True:
        yield np.stack([collage(catalogue, rng) for _ in range(size)])


class Collages:
    """Pieces of 64x64 pixels full of sprites. Sprites come in every colour already."""

    codes, widths = 1024, [128, 64, 32]

    def __init__(self, folder, workers):
        self.catalogue, self.workers = Catalogue(folder), workers

    def validation(self):
        rng = np.random.default_rng(10_007)
        return to_images(np.stack([collage(self.catalogue, rng) for _ in range(256)]))

    def seed(self, seed):
        self.rng = np.random.default_rng(seed)
        self.stream, self.stream_seed = None, seed

    def sample(self, batch):
        if self.stream is None:
            make = partial(pieces, self.catalogue, batch)
            self.stream = composed(make, self.stream_seed, self.workers)
        return to_images(next(self.stream))


def reconstruction_loss(output, image):
    error = output - image
    gradients = error.diff(dim=2).abs().mean() + error.diff(dim=3).abs().mean()
    return error.abs().mean() + error.square().mean() + 0.5 * gradients


@torch.no_grad()
def evaluate(model, images):
    """Mean PSNR in dB (over images, pixel range 1) and the number of codes used."""
    psnr, used = [], set()
    for chunk in images.split(64):
        rows, columns = (side // model.factor for side in chunk.shape[2:])
        tokens = model.tokenize(chunk)
        error = (model.image(tokens, rows, columns) - chunk).div(2).square().mean((1, 2, 3))
        psnr.append(-10 * error.clamp_min(1e-8).log10())
        used.update(tokens.flatten().tolist())
    return torch.cat(psnr).mean().item(), len(used)


def train(options):
    first = ranks.rank() == 0
    torch.manual_seed(options.seed)
    options.out.mkdir(parents=True, exist_ok=True)
    if options.scenes:
        data = Collages(options.scenes, options.workers)
    else:
        data = Pictures(options.data, options.seed)
    valid = data.validation()
    widths = [32, 16, 8][: len(data.widths)] if options.tiny else data.widths
    model = ImageTokenizer(options.codes or data.codes, widths=widths)
    if options.decoder_of:
        model = load_tokenizer(options.decoder_of)
        model.encoder.requires_grad_(False)
    model = model.to(precision.DEVICE, memory_format=torch.channels_last)
    learning = [p for p in model.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(learning, lr=options.lr, betas=(0.9, 0.98))
    checkpoint = options.out / "checkpoint.pt"
    step, seconds = 0, 0.0
    if checkpoint.exists():
        state = torch.load(checkpoint, weights_only=True, map_location=precision.DEVICE)
        model.load_state_dict(state["model"])
        optimiser.load_state_dict(state["optimiser"])
        step, seconds = state["step"], state["seconds"]
    # All ranks start from the same weights and go on with different pictures.
    data.seed([options.seed, step, ranks.rank()])
    torch.manual_seed(int(data.rng.integers(2**40)))
    batch = options.batch // ranks.count()
    log = RunLog(options.out / "log.jsonl" if first else "/dev/null", seconds)
    if first:
        count = sum(p.numel() for p in model.parameters())
        print(f"{count / 1e6:.2f} M parameters", flush=True)

    def save():
        state = {"model": model.state_dict(), "optimiser": optimiser.state_dict()}
        save_whole({**state, "step": step, "seconds": log.seconds()}, checkpoint)

    running, restarted, deviation = 0.0, 0, None
    every = max(100, options.steps // 40)
    while (progress := step / options.steps) < 1:
        for group in optimiser.param_groups:
            warm = min(1.0, (step + 1) / 100)
            group["lr"] = options.lr * warm * (0.5 + 0.5 * math.cos(math.pi * progress))
        image = data.sample(batch).contiguous(memory_format=torch.channels_last)
        with precision.mixed():
            vectors, (b, h, w) = model.vectors(image)
            if options.decoder_of:
                quantised = model.codebook.codes[model.codebook.nearest(vectors)]
                commitment = 0.0
            elif step < PLAIN_STEPS:
                quantised, commitment = vectors, vectors.square().mean() * 1e-3
            else:
                if step == PLAIN_STEPS:
                    model.codebook.initialise(vectors.detach())
                indices = model.codebook.nearest(vectors.detach())
                codes = model.codebook.codes[indices]
                commitment = F.mse_loss(vectors, codes) / codes.var().clamp_min(1e-6)
                quantised = vectors + (codes - vectors).detach()
            grid = quantised.view(b, h, w, -1).permute(0, 3, 1, 2)
            output = model.decoder(grid)
        loss = reconstruction_loss(output.float(), image)
        optimiser.zero_grad()
        (loss + 0.1 * commitment).backward()
        ranks.average_gradients(learning)
        deviation = torch.nn.utils.clip_grad_norm_(learning, 1.0)
        optimiser.step()
        # Restarts stop late in the run: the decoder needs codes that stand still.
        if step >= PLAIN_STEPS and progress < 0.9 and not options.decoder_of:
            model.codebook.patience = 15 if progress < 0.7 else 200
            restarted += model.codebook.follow(vectors.detach(), indices)
        running += loss.detach()
        step += 1
        if step % every == 0 and first:
            psnr, used = evaluate(model, valid)
            log.write(
                step=step,
                loss=running.item() / every,
                psnr=psnr,
                codes_used=used,
                restarted=restarted,
                gradient=deviation.item(),
            )
            running, restarted = 0.0, 0
            save()
    if not first:
        return
    psnr, used = evaluate(model, valid)
    log.write(step=step, psnr=psnr, codes_used=used, final=True)
    save()
    model.normalise()
    config = {**model.config, "psnr": psnr, "codes_used": used}
    (options.out / "config.json").write_text(json.dumps(config, indent=1))
    state = {"model": model.cpu().state_dict(), "config": config}
    save_whole(state, options.out / "tokenizer.pt")


if __name__ == "__main__":
    arguments = parse()
    ranks.launch(arguments.ranks, train, (arguments,))
