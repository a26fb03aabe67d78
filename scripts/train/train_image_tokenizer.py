"""Train the image tokenizer on the rendered pictures.

python scripts/train/train_image_tokenizer.py --data training/data --out training/image_tokenizer
"""

import argparse
import json
import math
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

import precision
from image_tokenizer import ImageTokenizer
from run_log import RunLog

PLAIN_STEPS = 80  # plain autoencoding first: codes are initialised from vectors that mean something


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path("training/data"))
    parser.add_argument("--out", type=Path, default=Path("training/image_tokenizer"))
    parser.add_argument(
        "--minutes", type=float, default=12, help="training time; sets the LR decay"
    )
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--lr", type=float, default=2e-3)
    parser.add_argument("--codes", type=int, default=512)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--tiny", action="store_true", help="half a minute, narrow")
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
    return torch.einsum("bij,bjhw->bihw", matrix, images).clamp(-1, 1)


def load_images(pictures, indices):
    batch = torch.from_numpy(pictures[np.sort(indices)]).permute(0, 3, 1, 2).float()
    return batch / 127.5 - 1


def reconstruction_loss(output, image):
    error = output - image
    gradients = error.diff(dim=2).abs().mean() + error.diff(dim=3).abs().mean()
    return error.abs().mean() + error.square().mean() + 0.5 * gradients


@torch.no_grad()
def evaluate(model, images):
    """Mean PSNR in dB (over images, pixel range 1) and the number of codes used."""
    psnr, used = [], set()
    for chunk in images.split(64):
        tokens = model.tokenize(chunk)
        error = (model.image(tokens) - chunk).div(2).square().mean((1, 2, 3))
        psnr.append(-10 * error.clamp_min(1e-8).log10())
        used.update(tokens.flatten().tolist())
    return torch.cat(psnr).mean().item(), len(used)


def main():
    options = parse()
    torch.manual_seed(options.seed)
    torch.set_num_threads(options.threads)
    options.out.mkdir(parents=True, exist_ok=True)
    pictures = np.memmap(options.data / "pictures.bin", dtype=np.uint8, mode="r")
    pictures = pictures.reshape(-1, 64, 64, 3)
    rng = np.random.default_rng(options.seed)
    # The last twentieth of a fixed permutation is for validation.
    order = rng.permutation(len(pictures))
    held = max(16, len(order) // 20)
    train, valid = order[:-held], load_images(pictures, order[-held:][:512])

    widths = {"fine": 16, "coarse": 32} if options.tiny else {}
    minutes = 0.5 if options.tiny else options.minutes
    model = ImageTokenizer(options.codes, **widths).to(memory_format=torch.channels_last)
    optimiser = torch.optim.AdamW(model.parameters(), lr=options.lr, betas=(0.9, 0.98))
    checkpoint = options.out / "checkpoint.pt"
    step, seconds = 0, 0.0
    if checkpoint.exists():
        state = torch.load(checkpoint, weights_only=True)
        model.load_state_dict(state["model"])
        optimiser.load_state_dict(state["optimiser"])
        step, seconds = state["step"], state["seconds"]
    log = RunLog(options.out / "log.jsonl", seconds)
    print(f"{sum(p.numel() for p in model.parameters()) / 1e6:.2f} M parameters", flush=True)

    def save():
        state = {"model": model.state_dict(), "optimiser": optimiser.state_dict()}
        temporary = checkpoint.with_suffix(".tmp")
        torch.save({**state, "step": step, "seconds": log.seconds()}, temporary)
        temporary.replace(checkpoint)

    running, restarted, deviation = 0.0, 0, None
    while (progress := log.seconds() / (minutes * 60)) < 1:
        for group in optimiser.param_groups:
            warm = min(1.0, (step + 1) / 100)
            group["lr"] = options.lr * warm * (0.5 + 0.5 * math.cos(math.pi * progress))
        image = load_images(pictures, rng.choice(train, options.batch, replace=False))
        image = rotate_hue(image).contiguous(memory_format=torch.channels_last)
        with precision.mixed():
            vectors, (b, h, w) = model.vectors(image)
            if step < PLAIN_STEPS:
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
        deviation = torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        # Restarts stop late in the run: the decoder needs codes that stand still.
        if step >= PLAIN_STEPS and progress < 0.9:
            model.codebook.patience = 15 if progress < 0.7 else 200
            restarted += model.codebook.follow(vectors.detach(), indices)
        running += loss.item()
        step += 1
        if step % 200 == 0:
            psnr, used = evaluate(model, valid)
            log.write(
                step=step,
                loss=running / 200,
                psnr=psnr,
                codes_used=used,
                restarted=restarted,
                gradient=deviation.item(),
            )
            running, restarted = 0.0, 0
            save()
    psnr, used = evaluate(model, valid)
    log.write(step=step, psnr=psnr, codes_used=used, final=True)
    save()
    config = {"codes": options.codes, "code_width": 8, "psnr": psnr, "codes_used": used, **widths}
    torch.save({"model": model.state_dict(), "config": config}, options.out / "tokenizer.pt")
    (options.out / "config.json").write_text(json.dumps(config, indent=1))


if __name__ == "__main__":
    main()
