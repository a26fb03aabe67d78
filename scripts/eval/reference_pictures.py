"""What the evaluation compares with: moments of real drawings, and the scores of known damage.

export_encoder.py runs it, and puts scripts/train on the path.
"""

import numpy as np
import torch

from dataset import RESTYLED, TRAIN, UNSEEN
from tokenize_pictures import VERSIONS, load_tokenizer

TRAINING_DRAWINGS = 3000  # enough for a covariance of 64 dimensions
SAMPLES = 64  # what `npm run eval` draws for a row by default
DRAWS = 20


def embed(encoder, images):
    return torch.cat([encoder.image(part) for part in images.split(128)]).double().numpy()


def moments(features):
    return features.mean(0), np.cov(features, rowvar=False)


def root(matrix):
    values, vectors = np.linalg.eigh(matrix)
    return (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T


def frechet(a, b):
    """As in frechet.mjs, which a test compares with this."""
    (mean_a, cov_a), (mean_b, cov_b) = a, b
    half = root(cov_a)
    overlap = np.sqrt(np.maximum(np.linalg.eigvalsh(half @ cov_b @ half), 0)).sum()
    return float(((mean_a - mean_b) ** 2).sum() + np.trace(cov_a) + np.trace(cov_b) - 2 * overlap)


def plain(data, splits):
    """Numbers of the drawings as they are, neither moved nor mirrored nor painted."""
    return np.flatnonzero(np.isin(data.split, splits) & (data.version == VERSIONS.index("plain")))


def damaged(tokenizer, tokens, share, rng):
    """Pictures [n, 3, 64, 64] of image tokens of which a share is replaced by any token."""
    wrong = rng.random(tokens.shape) < share
    tokens = np.where(wrong, rng.integers(0, tokens.max() + 1, tokens.shape), tokens)
    ids = torch.from_numpy(tokens.astype(np.int64))
    return torch.cat([tokenizer.image(part) for part in ids.split(64)]).clamp(-1, 1)


def stored(features):
    mean, covariance = moments(features)
    return {
        "count": len(features),
        "mean": [round(value, 7) for value in mean.tolist()],
        "covariance": [[round(value, 8) for value in row] for row in covariance.tolist()],
    }


@torch.no_grad()
def measure(encoder, data, tokenizer_folder):
    rng = np.random.default_rng(1)
    held = plain(data, [UNSEEN, RESTYLED])
    training = np.sort(rng.choice(plain(data, [TRAIN]), TRAINING_DRAWINGS, replace=False))
    held_features = embed(encoder, data.images(held))
    training_features = embed(encoder, data.images(training))
    held_moments, training_moments = moments(held_features), moments(training_features)

    # Even real drawings score above zero when they are few: this much is not the model's fault.
    few = [
        frechet(held_moments, moments(held_features[rng.choice(len(held), SAMPLES, False)]))
        for _ in range(DRAWS)
    ]
    floor = {
        "samples": SAMPLES,
        "heldOutOfHeldOut": float(np.mean(few)),
        "trainingOfHeldOut": frechet(held_moments, training_moments),
    }
    # The token sequences that the drawings were turned into, and the same with wrong tokens among them:
    # a distance that did not grow with the damage would be worth nothing.
    sequences = np.load(data.folder / "tokens.npz")["tokens"]
    tokenizer = load_tokenizer(tokenizer_folder)
    damage = []
    for share in (0, 0.02, 0.05, 0.1, 0.2):
        pictures = damaged(tokenizer, sequences[held], share, rng)
        features = embed(encoder, pictures)
        damage.append(
            {
                "wrongTokens": share,
                "frechetHeldOut": frechet(held_moments, moments(features)),
                "cosineWithDrawing": float((features * held_features).sum(1).mean()),
            }
        )
    return {
        "heldOut": stored(held_features),
        "training": stored(training_features),
        "floor": floor,
        "damage": damage,
    }
