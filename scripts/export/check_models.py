"""Check every family's exporter against its public class, with small random weights.

python scripts/export/check_models.py [FAMILY ..]

Logits behind windows of 1, 7, 16 and 64 positions and after rollbacks, greedy tokens under guidance,
decoded pixels; fp32 exactly, smaller types within bounds.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
import transformers

import export
import tiny_models
from package_run import Package
from references import REFERENCES

PROMPT = "a red fox in the snow"
WINDOWS = (1, 7, 16, 64)
# Of the logits' standard deviation: the largest difference in fp32 (sums of a few hundred products in
# another order), the root of the mean square for types that round. fp16: weights have 11 bits, 2^-13 of
# themselves is lost on average, and errors add up over layers. int8: weights and activations have steps of
# 1/127 of a row's largest. int4: 16 levels, a step is 1/8 of the largest of 32. Unrelated logits differ by
# 1.41. These weights are random and sharp: trained ones lose less.
BOUNDS = {"fp32": 1e-4, "fp16": 5e-3, "int8": 0.1, "int4": 0.7}


def teacher_forced(package, prompts, tokens, width):
    """Logits [R, N, V], the image fed in passes of `width` positions.

    After every pass of more than one position, garbage is written behind it and taken back by naming the
    shorter past: rollback must leave no trace.
    """
    found = [package.begin(prompts)]
    random = np.random.default_rng(width)
    vocabulary = package.manifest["image"]["vocabulary"]
    for first in range(0, len(tokens) - 1, width):
        part = tokens[first : min(first + width, len(tokens) - 1)]
        if width > 1:
            package.feed(random.integers(vocabulary, size=len(part)).tolist(), first)
        found.append(package.feed(part, first))
    return np.concatenate(found, 1)


def check_logits(package, reference, dtype):
    prompt = getattr(reference, "example", PROMPT)
    prompts = package.prompts(prompt)
    expected_prompts = reference.prompts(prompt)
    for found, wanted in zip(prompts, expected_prompts, strict=True):
        # Ids, or what a float does not lose (and fp16 does) of the input rows of embeddings.
        np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-5 if dtype == "fp32" else 1e-2)
    random = np.random.default_rng(3)
    vocabulary = package.manifest["image"]["vocabulary"]
    tokens = random.integers(vocabulary, size=package.length).tolist()
    expected = reference.logits(expected_prompts, tokens)
    spread = expected.std()
    for rows in (1, 2):
        for width in WINDOWS:
            found = teacher_forced(package, prompts[:rows], tokens, width)
            assert found.shape == expected[:rows].shape, (found.shape, expected.shape)
            difference = np.abs(found - expected[:rows]) / spread
            error = difference.max() if dtype == "fp32" else np.sqrt((difference**2).mean())
            print(f"  rows {rows}, window {width}: error {error:.1e} of {spread:.2f}")
            assert error < BOUNDS[dtype], "the package does not compute what the class computes"


def check_greedy(package, reference):
    guidance = package.manifest["sampler"]["guidance"]
    prompt = getattr(reference, "example", PROMPT)
    tokens, margins = package.greedy(prompt, guidance)
    expected = reference.greedy(prompt, guidance)
    print(f"  greedy, guidance {guidance}: smallest margin {min(margins):.1e}")
    # fp32 tokens may differ where two logits tie, and everything after such a place with them.
    for position, (found, wanted) in enumerate(zip(tokens, expected, strict=True)):
        if found != wanted:
            assert margins[position] < 1e-4, f"token {position}: {found}, expected {wanted}"
            print(f"  tie at token {position}")
            break
    assert len(set(tokens)) > 8, "an image of one colour shows nothing"
    return tokens


def check_pixels(package, reference, tokens):
    expected = reference.pixels(tokens)
    if expected is None:
        assert "imageDecoder" not in package.manifest["files"]
        return
    error = np.abs(package.pixels(tokens) - expected.clip(-1, 1)).max()
    print(f"  pixels: largest error {error:.1e}, spread {expected.std():.2f}")
    assert error < 1e-4, "the image decoder does not draw what the class draws"


def check(name, root):
    folder = root / name
    folder.mkdir()
    model = tiny_models.TINY[name](folder)
    reference = REFERENCES[name](folder, model)
    for dtype in BOUNDS:
        print(f"{name}, {dtype}")
        out = root / f"{name}-{dtype}"
        size = tiny_models.IMAGE_SIZE.get(name, [])
        export.export(export.parse([str(folder), "--out", str(out), "--dtype", dtype, *size]))
        package = Package(out)
        check_logits(package, reference, dtype)
        if dtype == "fp32":
            check_pixels(package, reference, check_greedy(package, reference))


@torch.no_grad()
def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("families", nargs="*", help="default: all")
    options = parser.parse_args()
    unknown = set(options.families) - set(tiny_models.TINY)
    if unknown:
        parser.error(f"unknown families: {', '.join(sorted(unknown))}")
    torch.backends.nnpack.set_flags(False)
    torch.set_num_threads(1)  # there is too little to share, and threads wait for each other
    transformers.utils.logging.disable_progress_bar()
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as root:
        for name in options.families or tiny_models.TINY:
            check(name, Path(root))
            print(f"{name}: passed after {time.monotonic() - start:.0f} s", flush=True)


if __name__ == "__main__":
    sys.exit(main())
