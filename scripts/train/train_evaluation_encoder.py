"""Train the evaluation encoder on the training split of the drawings.

python scripts/train/train_evaluation_encoder.py --out training/evaluation_encoder --minutes 25

The splits are those of the transformer: what it has not seen, its judge has not seen either.
scripts/eval/export_encoder.py makes the files that `npm run eval` reads.
"""

import argparse
import math
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

import precision
from captions import POPULAR, STYLES
from checkpoint import save_whole
from dataset import RESTYLED, STYLE_WEIGHTS, UNSEEN, Drawings, Prompts
from evaluation_encoder import EvaluationEncoder
from run_log import RunLog

WORDS = 10  # ids a caption is cut to or filled up to


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path("training/data"))
    parser.add_argument("--out", type=Path, default=Path("training/evaluation_encoder"))
    parser.add_argument(
        "--minutes", type=float, default=25, help="training time; sets the LR decay"
    )
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--lr", type=float, default=2e-3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


class Pictures(Drawings):
    """The drawings of dataset.py with pixels in place of tokens."""

    def __init__(self, folder, seed):
        super().__init__(folder, Prompts(folder / "tokenizer.json", WORDS), seed)
        self.pixels = np.memmap(folder / "coloured.bin", np.uint8, "r").reshape(-1, 64, 64, 3)
        self.folder = folder
        # What Drawings hands out as tokens is then the number of the picture.
        self.tokens = np.arange(len(self.pixels))
        weights = np.array([self.weight(next(iter(d.values()))[0]) for d in self.drawings])
        self.weights = weights / weights.sum()

    def weight(self, index):
        """How often a drawing is seen: a judge has to know the rare concepts too, so popular ones and the
        default styles get less of a lead than in the training of what is judged."""
        popular = self.concepts[self.concept[index]]["label"] in POPULAR
        return math.sqrt((12 if popular else 1) * STYLE_WEIGHTS.get(STYLES[self.style[index]], 1))

    def images(self, indices):
        """[B, 3, 64, 64] in [-1, 1]."""
        batch = torch.from_numpy(self.pixels[np.asarray(indices)]).permute(0, 3, 1, 2).float()
        return (batch / 127.5 - 1).contiguous(memory_format=torch.channels_last)

    def words(self, ids):
        """Prompts end in <boi>, which says nothing here."""
        return ids[:, :-1]

    def group(self, indices):
        """Drawings of one concept in one colour: a caption of one fits all of them."""
        return torch.from_numpy(self.concept[indices] * 64 + self.colour[indices].astype(np.int32))


def disturb(images):
    """Shift by up to 3 pixels, blur some, add some noise: the pictures to be judged come out of an
    image tokenizer, and the judge must not mistake its softness for another drawing."""
    dx, dy = torch.randint(-3, 4, (2,)).tolist()
    images = F.pad(images, (3, 3, 3, 3), value=1.0)
    images = images[:, :, 3 + dy : 67 + dy, 3 + dx : 67 + dx]
    blurred = F.avg_pool2d(F.pad(images, (1, 1, 1, 1), mode="replicate"), 3, 1)
    share = torch.rand(len(images), 1, 1, 1) * (torch.rand(len(images), 1, 1, 1) < 0.5)
    noise = torch.randn_like(images) * 0.1 * torch.rand(len(images), 1, 1, 1)
    return (images + share * (blurred - images) + noise).clamp(-1, 1)


@torch.no_grad()
def retrieval(model, data, split, among=100):
    """How well the true caption is found among those of `among` drawings of a held-out split.

    Returns accuracy, its value within the first five, and the margin: the cosine of true pairs less the
    mean cosine of the others."""
    model.eval()
    ids, indices = data.validation(split, among)
    image, text = model.image(data.images(indices)), model.text(data.words(ids))
    cosine = image @ text.T
    true = cosine.diagonal()
    rank = (cosine > true[:, None]).sum(1)
    others = (cosine.sum() - true.sum()) / (cosine.numel() - len(true))
    model.train()
    return {
        "among": len(indices),
        "first": (rank == 0).float().mean().item(),
        "first_five": (rank < 5).float().mean().item(),
        "margin": (true.mean() - others).item(),
        "cosine": true.mean().item(),
    }


def main():
    options = parse()
    torch.manual_seed(options.seed)
    torch.set_num_threads(options.threads)
    options.out.mkdir(parents=True, exist_ok=True)
    data = Pictures(options.data, options.seed)
    vocabulary = data.prompts.tokenizer.get_vocab_size()
    model = EvaluationEncoder(vocabulary).to(memory_format=torch.channels_last)
    decayed = [p for name, p in model.named_parameters() if p.ndim > 1 and "importance" not in name]
    rest = [p for name, p in model.named_parameters() if p.ndim < 2 or "importance" in name]
    optimiser = torch.optim.AdamW(
        [{"params": decayed, "weight_decay": 0.1}, {"params": rest, "weight_decay": 0}],
        lr=options.lr,
        betas=(0.9, 0.98),
    )
    checkpoint = options.out / "checkpoint.pt"
    step, seconds = 0, 0.0
    if checkpoint.exists():
        state = torch.load(checkpoint, weights_only=True)
        model.load_state_dict(state["model"])
        optimiser.load_state_dict(state["optimiser"])
        step, seconds = state["step"], state["seconds"]
        # Not the captions from the start again.
        data.rng = np.random.default_rng([options.seed, step])
    log = RunLog(options.out / "log.jsonl", seconds)
    print(f"{sum(p.numel() for p in model.parameters()) / 1e6:.2f} M parameters", flush=True)

    def save():
        state = {"model": model.state_dict(), "optimiser": optimiser.state_dict()}
        facts = {"step": step, "seconds": log.seconds(), "vocabulary": vocabulary}
        save_whole({**state, **facts}, checkpoint)

    running = 0.0
    while (progress := log.seconds() / (options.minutes * 60)) < 1:
        warm = min(1.0, (step + 1) / 50)
        for group in optimiser.param_groups:
            group["lr"] = options.lr * warm * (0.5 + 0.5 * math.cos(math.pi * progress))
        ids, indices = data.sample(options.batch, unconditional=0)
        with precision.mixed():
            images = disturb(data.images(indices))
            loss = model.loss(images, data.words(ids), data.group(indices))
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        running += loss.item()
        step += 1
        if step % 100 == 0:
            scores = retrieval(model, data, RESTYLED)
            log.write(step=step, samples=step * options.batch, loss=running / 100, **scores)
            running = 0.0
            save()
    for name, split in (("restyled", RESTYLED), ("unseen", UNSEEN)):
        log.write(step=step, final=True, split=name, **retrieval(model, data, split))
    save()


if __name__ == "__main__":
    main()
