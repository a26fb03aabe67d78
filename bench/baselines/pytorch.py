"""Verification of one SJD pass with PyTorch operations, for comparison; prints JSON.

The operations are those of the published SJD loop, in its order: guidance, the top-k threshold by
`torch.topk`, `masked_fill`, softmax, a fresh `multinomial` for every row, acceptance by `gather`, the
residual, renormalised, and a second `multinomial`.

python bench/baselines/pytorch.py --calls 20
"""

import argparse
import json
import time

import torch

GUIDANCE, TOP_K = 3.0, 2000


def verify(logits, laws, drafts):
    """logits [2, W, V], laws q [W, V], drafts [W] -> passed, tokens [W], p [W, V]"""
    cond, uncond = logits
    scores = uncond + GUIDANCE * (cond - uncond)
    threshold = torch.topk(scores, TOP_K)[0][..., -1, None]
    scores = scores.masked_fill(scores < threshold, -float("inf"))
    p = torch.softmax(scores, -1)
    fresh = torch.multinomial(p, 1).squeeze(1)
    p_draft = p.gather(1, drafts[:, None]).squeeze(1)
    q_draft = laws.gather(1, drafts[:, None]).squeeze(1)
    accepted = torch.rand(len(drafts)) * q_draft < p_draft
    passed = int(accepted.int().cumprod(0).sum())
    residual = (p - laws).clamp_min_(0)
    residual /= residual.sum(-1, keepdim=True).clamp_min_(1e-20)
    resampled = torch.multinomial(residual + 1e-30, 1).squeeze(1)
    tokens = torch.where(accepted, drafts, fresh)
    if passed < len(tokens):
        tokens[passed] = resampled[passed]
    return passed, tokens, p


def measure(count, vocabulary, calls):
    torch.manual_seed(1)
    logits = [torch.randn(2, count, vocabulary) * 2.5 for _ in range(4)]
    laws = torch.softmax(torch.randn(count, vocabulary) * 2.5, -1)
    drafts = torch.multinomial(laws, 1).squeeze(1)
    times = []
    for call in range(calls + 2):
        start = time.perf_counter()
        _, tokens, p = verify(logits[call % 4], laws, drafts)
        times.append((time.perf_counter() - start) * 1000)
        laws, drafts = p, tokens
    times = sorted(times[2:])
    return {
        "kernel": "verify",
        "shape": f"[2,{count},{vocabulary}] normal top-k {TOP_K} top-p 1",
        "dtype": "f32",
        "coupling": "independent",
        "implementation": "pytorch",
        "medianMs": times[len(times) // 2],
        "minMs": times[0],
        "maxMs": times[-1],
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--calls", type=int, default=20)
    options = parser.parse_args()
    torch.set_num_threads(1)
    with torch.no_grad():
        results = [measure(count, v, options.calls) for count, v in ((96, 16384), (32, 65536))]
    print(json.dumps({"torch": torch.__version__, "results": results}))


if __name__ == "__main__":
    main()
