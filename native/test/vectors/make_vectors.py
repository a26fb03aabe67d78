"""Writes kernel_vectors.txt: inputs and results of the three kernel families, from an implementation
that shares nothing with the C++ one (NumPy and Python integers only).

    python make_vectors.py > kernel_vectors.txt

A case is a line "case NAME", lines "KEY COUNT WORD..." and a line "end". Every word is 32 bits in
hexadecimal: an integer, or a float's bits.
"""

import math

import numpy as np

INIT_NOISE, ACCEPT, RESAMPLE, DRAFT, GUMBEL = range(5)
INDEPENDENT, MAXIMAL, GUMBEL_COUPLING = range(3)
NO_DRAFT = -1


def philox(seed, position, purpose_pass, purpose, lane):
    counter = [position, purpose_pass, purpose, lane]
    key = [seed & 0xFFFFFFFF, seed >> 32]
    for _ in range(10):
        high0, low0 = divmod(0xD2511F53 * counter[0], 1 << 32)
        high1, low1 = divmod(0xCD9E8D57 * counter[2], 1 << 32)
        counter = [high1 ^ counter[1] ^ key[0], low1, high0 ^ counter[3] ^ key[1], low0]
        key = [(key[0] + 0x9E3779B9) % (1 << 32), (key[1] + 0xBB67AE85) % (1 << 32)]
    return counter


def coin(seed, position, pass_, purpose):
    words = philox(seed, position, pass_, purpose, 0)
    return ((words[0] << 32 | words[1]) >> 11) / 2.0**53


def gumbel(seed, position, vocabulary):
    words = [
        w for lane in range((vocabulary + 3) // 4) for w in philox(seed, position, 0, GUMBEL, lane)
    ]
    u = (np.array(words[:vocabulary], dtype=np.float64) + 0.5) / 2.0**32
    return -np.log(-np.log1p(-u))


def gaussian(seed, position, width):
    values = []
    for lane in range((width + 3) // 4):
        words = philox(seed, position, 0, INIT_NOISE, lane)
        for first, second in (words[:2], words[2:]):
            radius = math.sqrt(-2 * math.log((first + 0.5) / 2.0**32))
            angle = 2 * math.pi * (second + 0.5) / 2.0**32
            values += [radius * math.cos(angle), radius * math.sin(angle)]
    return np.array(values[:width])


def guide(rows, scale):
    if len(rows) == 1:
        return rows[0]
    c, u = rows
    with np.errstate(invalid="ignore"):
        difference = (c - u).astype(np.float32)  # one rounding, then the fma's
        guided = np.float64(scale) * difference.astype(np.float64) + u.astype(np.float64)
    masked = np.isneginf(c) | np.isneginf(u)
    return np.where(masked, -np.inf, guided).astype(np.float32)


def law(logits, case):
    """float64 probabilities, and which tokens survive."""
    survives = np.isfinite(logits)
    x = logits.astype(np.float64)
    if case["top_k"] and case["top_k"] < survives.sum():
        survives &= x >= np.sort(x)[::-1][case["top_k"] - 1]
    weights = np.where(survives, np.exp((x - x.max()) / np.float64(case["temperature"])), 0.0)
    if case["top_p"] < 1:
        levels = np.unique(x[survives])[::-1]  # equals stand or fall together
        masses = np.cumsum([weights[x == level].sum() for level in levels])
        cut = levels[np.argmax(masses >= np.float64(case["top_p"]) * masses[-1])]
        survives &= x >= cut
        weights = np.where(survives, weights, 0.0)
    return (weights / weights.sum()).astype(np.float32), survives


def inverse_cdf(weights, uniform):
    cumulative = np.cumsum(weights.astype(np.float64))
    return int(np.argmax(cumulative > uniform * cumulative[-1]))


def verify(case):
    first, count, capacity = case["window"]
    seed, pass_ = case["seed"], case["pass"]
    drafts, laws = list(case["drafts"]), np.array(case["laws"])
    kept, accepted, accepting = [], 0, True
    for j in range(count):
        slot, position = (first + j) % capacity, first + j
        p_logits = guide([row[j] for row in case["logits"]], case["guidance"])
        raw = np.array([row[j] for row in case["logits"]])
        if np.isnan(raw).any() or np.isposinf(raw).any():
            return {"bad_row": j, "fault": 1}
        if np.isneginf(p_logits).all():
            return {"bad_row": j, "fault": 2}
        draft = drafts[slot]
        if case["temperature"] == 0:
            token = int(np.argmax(p_logits))
            p = np.zeros(len(p_logits), np.float32)
            p[token] = 1
            keep = token == draft
        else:
            p, survives = law(p_logits, case)
            if case["coupling"] == GUMBEL_COUPLING:
                x = p_logits.astype(np.float64) / np.float64(case["temperature"])
                score = np.where(survives, x + gumbel(seed, position, len(x)), -np.inf)
                token = int(np.argmax(score))
                keep = token == draft
            elif draft == NO_DRAFT or (case["coupling"] == INDEPENDENT and not accepting):
                token, keep = inverse_cdf(p, coin(seed, position, pass_, DRAFT)), False
            else:
                q = laws[slot]
                keep = coin(seed, position, pass_, ACCEPT) * float(q[draft]) < float(p[draft])
                rest = np.maximum(0, p.astype(np.float64) - q)
                weights = rest if rest.sum() > 0 else p
                token = (
                    draft if keep else inverse_cdf(weights, coin(seed, position, pass_, RESAMPLE))
                )
        drafts[slot], laws[slot] = token, p
        kept.append(int(keep))
        accepting = bool(
            accepting and keep and j + 1 < count and case["level"][slot] <= case["relaxed"]
        )
        accepted += accepting
    return {
        "bad_row": -1,
        "fault": 0,
        "drafts": drafts,
        "laws": laws,
        "kept": kept,
        "accepted": accepted,
    }


def words(values):
    values = np.asarray(values)
    if values.dtype.kind == "f":
        return values.astype(np.float32).ravel().view(np.uint32)
    return (values.astype(np.int64).ravel() & 0xFFFFFFFF).astype(np.uint32)


def write(name, **fields):
    print("case", name)
    for key, value in fields.items():
        data = words(np.atleast_1d(value))
        print(key, len(data), *(f"{word:x}" for word in data))
    print("end")


def split(seed):
    return [seed & 0xFFFFFFFF, seed >> 32]


def verify_case(random, index):
    vocabulary, count = [37, 64, 111][index % 3], 6
    capacity = count + index % 2
    first = 10 * capacity - 2  # wraps around
    rows = 1 + index // 2 % 2
    kind = index // 3 % 3
    # A base that the conditional and unconditional rows share, as they do in a model.
    logits = 2 * random.standard_normal((rows, count, vocabulary)) + 2 * random.standard_normal(
        vocabulary
    )
    logits = [
        logits.astype(np.float32),
        logits.astype(np.float16).astype(np.float32),
        (logits.astype(np.float32).view(np.uint32) & 0xFFFF0000).view(np.float32),
    ][kind]
    if index % 4 == 1:
        logits[:, :, ::3] = -np.inf
    if index % 8 == 6:
        logits = np.round(logits)  # ties
    previous = np.exp(random.standard_normal((capacity, vocabulary)) + logits[0, 0].clip(-9))
    q = (previous / previous.sum(1, keepdims=True)).astype(np.float32)
    drafts = [
        int(random.choice(vocabulary, p=row / row.sum(dtype=np.float64)))
        for row in q.astype(np.float64)
    ]
    case = {
        "window": [first, count, capacity],
        "relaxed": index % 2,
        "seed": int(random.integers(1 << 62)),
        "pass": index,
        "coupling": index % 3,
        "guidance": np.float32([1.0, 3.0][rows - 1]),
        "temperature": np.float32([1, 0.7, 1.6, 0][index // 5 % 4]),
        "top_k": [0, 12, 1][index // 4 % 3],
        "top_p": np.float32([1, 0.85][index // 2 % 2]),
        "type": kind,
        "logits": logits,
        "drafts": drafts,
        "laws": q,
        "level": (random.random(capacity) < 0.15).astype(int),
    }
    if (
        index >= 12
    ):  # the second of two passes that differ a little: prefixes of several drafts pass
        nearly = (logits + 0.1 * random.standard_normal(logits.shape)).astype(np.float32)
        first_pass = verify({**case, "logits": nearly, "pass": index + 100})
        case["drafts"], case["laws"] = first_pass["drafts"], np.array(first_pass["laws"])
    if index % 5 == 2:
        case["drafts"][(first + 3) % capacity] = NO_DRAFT
    if index == 20:
        logits[0, 4, 5] = np.nan
    if index == 21:
        logits[:, 2, :] = -np.inf
    if index == 22:
        logits[-1, 1, 3] = np.inf
    result = verify(case)
    shown = {key: value for key, value in case.items() if key not in ("seed", "laws", "drafts")}
    write(
        f"verify {index}",
        seed=split(case["seed"]),
        drafts=case["drafts"],
        laws=case["laws"],
        rows=rows,
        vocabulary=vocabulary,
        **shown,
        **{"expected_" + key: value for key, value in result.items()},
    )


def model_case(random, index):
    hidden, vocabulary, steps, count = [6, 32, 19][index % 3], 11, 3, 5
    capacity = count + 1
    first = 7 * capacity - 2
    normal = lambda *shape: random.standard_normal(shape).astype(np.float32)
    embedding, mean, std = normal(vocabulary, hidden), normal(hidden), 0.5 + np.abs(normal(hidden))
    tau, z = normal(steps + 1, hidden), normal(capacity, hidden)
    angles = np.linspace(0, 1.4, steps + 1)
    alpha, sigma = np.cos(angles).astype(np.float32), np.sin(angles).astype(np.float32)
    level = random.integers(0, steps + 1, capacity)
    drafts = random.integers(0, vocabulary, capacity)
    seed = int(random.integers(1 << 62))
    fresh = first + 3
    common = {
        "window": [first, count, capacity],
        "seed": split(seed),
        "enters": [fresh, first + count - fresh, capacity],
        "vocabulary": vocabulary,
        "hidden": hidden,
        "steps": steps,
        "embedding": embedding,
        "mean": mean,
        "std": std,
        "tau": tau,
        "alpha": alpha,
        "sigma": sigma,
        "z": z,
    }
    f64 = lambda x: x.astype(np.float64)
    e = (f64(embedding) - mean) / std
    missing = (first + 4) % capacity
    drafts[missing], level[missing] = NO_DRAFT, steps
    noisy, out = f64(z), []
    for j in range(count):
        slot, k = (first + j) % capacity, level[(first + j) % capacity]
        if k == 0:
            out.append(f64(embedding[drafts[slot]]))
            continue
        if first + j >= fresh:
            eps = gaussian(seed, first + j, hidden)
            noisy[slot] = (
                eps if drafts[slot] == NO_DRAFT else alpha[k] * e[drafts[slot]] + sigma[k] * eps
            )
        out.append(mean + f64(std) * noisy[slot] + tau[k])
    write(
        f"noise {index}",
        level=level,
        drafts=drafts,
        **common,
        expected_z=noisy,
        expected_out=np.array(out),
    )
    drafts[missing] = 3
    refined, lower = f64(z), level.copy()
    for j in range(count):
        slot, k = (first + j) % capacity, level[(first + j) % capacity]
        if k > 0:
            # Eq. DDIM by way of the predicted noise, rather than the kernel's two coefficients.
            eps = (refined[slot] - np.float64(alpha[k]) * e[drafts[slot]]) / np.float64(sigma[k])
            refined[slot] = (
                np.float64(alpha[k - 1]) * e[drafts[slot]] + np.float64(sigma[k - 1]) * eps
            )
            lower[slot] = k - 1
    write(
        f"refine {index}",
        level=level,
        drafts=drafts,
        **common,
        expected_z=refined,
        expected_level=lower,
    )


if __name__ == "__main__":
    random = np.random.default_rng(20261123)
    for index in range(30):
        verify_case(random, index)
    for index in range(3):
        model_case(random, index)
