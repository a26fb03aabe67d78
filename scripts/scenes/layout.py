"""Where the things of a scene stand: boxes (x, y) in cells of 8 pixels, on a canvas of 16x16."""

CELLS = 16
ROW_ODDS = {2: 0.6, 3: 0.4, 4: 0.0}


def inside(rng, low, high):
    """An integer from low to high, both included."""
    return int(rng.integers(low, high + 1))


def alone(rng, side):
    """One box, somewhere in the middle."""
    free = CELLS - side
    margin = free // 3
    return [(inside(rng, margin, free - margin), inside(rng, margin, free - margin))]


def in_line(rng, first, second, vertical):
    """Two boxes one after the other, a few cells apart, hardly shifted the other way."""
    gap = inside(rng, 0, min(3, CELLS - first - second))
    start = inside(rng, 0, CELLS - first - second - gap)
    # Their centres differ by a cell or two across.
    high = CELLS - max(first, second)
    across = inside(rng, 0, high)
    one, other = (
        across + (max(first, second) - first) // 2,
        across + (max(first, second) - second) // 2,
    )
    shift = inside(rng, -2, 2)
    other = min(max(other + shift, 0), CELLS - second)
    boxes = [(start, one), (start + first + gap, other)]
    return [(y, x) for x, y in boxes] if vertical else boxes


def stacked(rng, first, second):
    """The first stands on the second, whose box is the lower one. The drawing's top is found later."""
    x = inside(rng, max(0, (first - second) // 2), CELLS - max(first, second))
    x = min(x, CELLS - second)
    y = inside(rng, max(first - 1, CELLS - second - 3), CELLS - second)
    offset = inside(rng, min(0, second - first) // 2, max(0, second - first))
    return [(min(max(x + offset, 0), CELLS - first), y - first), (x, y)]


def slots(rng, count, side):
    """`count` boxes of one size that do not overlap, in two halves, a row or the quarters."""
    if count == 1:
        return alone(rng, side)
    if count * side <= CELLS and rng.random() < ROW_ODDS[count]:
        free = CELLS - count * side
        y = inside(rng, 1, CELLS - side - 1)
        cuts = sorted(inside(rng, 0, free) for _ in range(count))
        jitter = [min(max(y + inside(rng, -1, 1), 0), CELLS - side) for _ in range(count)]
        return [(cut + i * side, jitter[i]) for i, cut in enumerate(cuts)]
    half = CELLS // 2
    quarters = [(0, 0), (half, 0), (0, half), (half, half)]
    if count == 2:
        pairs = [
            [(0, 0), (half, half)],
            [(half, 0), (0, half)],
            [(half // 2, 0), (half // 2, half)],
        ]
        chosen = pairs[inside(rng, 0, 2)]
    else:
        chosen = [quarters[i] for i in sorted(rng.permutation(4)[:count])]
    free = half - side
    return [(x + inside(rng, 0, free), y + inside(rng, 0, free)) for x, y in chosen]
