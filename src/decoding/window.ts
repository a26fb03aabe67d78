import type { NativePass } from '../native/addon';

/** Says how wide the next passes are. */
export interface WindowController {
  /** The widest window it will ever ask for. */
  readonly capacity: number;
  /** The next width, and how many passes may be made before asking again. */
  next(): { width: number; passes: number };
  observe(pass: NativePass): void;
}

/** More than any trip to the worker thread makes. */
const MANY_PASSES = 1024;

export class FixedWindow implements WindowController {
  constructor(readonly capacity: number) {}
  next() {
    return { width: this.capacity, passes: MANY_PASSES };
  }
  observe(): void {}
}

/** Widths that `auto` chooses from; beyond 64 short images gain nothing (docs/decoding.md). */
const WIDTHS = [1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20, 24, 28, 32, 40, 48, 64];
/**
 * Measured first, so that the costs between and beyond them can be interpolated. In a row: the first
 * pass of a new width also pays for a new binding and memory plan, and only the others count.
 */
const PROBES = [
  { width: 16, passes: 3 },
  { width: 8, passes: 4 },
  { width: 4, passes: 3 },
  { width: 1, passes: 3 },
];
const FIRST_WIDTH = 16;
/** Tokens per pass grow like W^p on every model and coupling measured; p lies around 0.45. */
const PRIOR_EXPONENT = 0.45;
/** Passes of evidence that the prior exponent counts for. */
const PRIOR_PASSES = 24;
/** After so many passes at the best width a neighbour is tried, since costs drift on shared machines. */
const STEADY = 10;
/** Two, since the first one of another width does not count. */
const TRIES = 2;
/** Times kept per width; their median ignores a pass that another program disturbed. */
const MEMORY = 9;

/**
 * What a generator has learnt about passes: what they cost by width, and how fast tokens per pass
 * grow with the width. It outlives images: the second one starts with what the first one measured.
 */
export class PassKnowledge {
  private readonly seconds = new Map<number, number[]>();
  private readonly acceptance = new Map<number, { passes: number; tokens: number }>();

  private probed = 0;

  /** The next width, and how often, that has to be measured before a choice can be made. */
  takeProbe(): { width: number; passes: number } | undefined {
    return PROBES[this.probed++];
  }

  record(width: number, seconds: number, tokens: number): void {
    const times = this.seconds.get(width) ?? [];
    times.push(seconds);
    if (times.length > MEMORY) times.shift();
    this.seconds.set(width, times);
    if (width < 2) return;
    const seen = this.acceptance.get(width) ?? { passes: 0, tokens: 0 };
    this.acceptance.set(width, { passes: seen.passes + 1, tokens: seen.tokens + tokens });
  }

  /** p in E[tokens per pass] = W^p. */
  get exponent(): number {
    let weight = PRIOR_PASSES;
    let sum = PRIOR_PASSES * PRIOR_EXPONENT;
    for (const [width, { passes, tokens }] of this.acceptance) {
      // A wide pass says more about the exponent than a narrow one: d ln W^p / dp = ln W.
      const evidence = passes * Math.log2(width);
      weight += evidence;
      sum += (evidence * Math.log(tokens / passes)) / Math.log(width);
    }
    return sum / weight;
  }

  /** Expected seconds of a pass, interpolated between (and extrapolated beyond) measured widths. */
  cost(width: number): number {
    const known = [...this.seconds.keys()].sort((a, b) => a - b);
    const at = known.findIndex((w) => w >= width);
    const high = at < 0 ? known.length - 1 : Math.max(at, Math.min(1, known.length - 1));
    const [w0, w1] = [known[Math.max(high - 1, 0)] as number, known[high] as number];
    const [c0, c1] = [this.median(w0), this.median(w1)];
    if (w0 === w1) return c1;
    // A measured cost that falls with the width is noise; extrapolation must not turn it into gain.
    return c0 + (Math.max(0, c1 - c0) * (width - w0)) / (w1 - w0);
  }

  /** The width with the most expected tokens per second. */
  best(capacity: number): number {
    // Generations side by side share the probes, and may use them up before one of them counts.
    if (this.seconds.size === 0) return Math.min(FIRST_WIDTH, capacity);
    const exponent = this.exponent;
    const rate = (width: number) => width ** exponent / this.cost(width);
    return WIDTHS.filter((w) => w <= capacity).reduce((a, b) => (rate(b) > rate(a) ? b : a));
  }

  private median(width: number): number {
    const times = [...(this.seconds.get(width) as number[])].sort((a, b) => a - b);
    return times[times.length >> 1] as number;
  }
}

/**
 * `window: 'auto'`: maximises expected tokens per second from what passes cost on this machine and
 * how acceptance grows with the width, both measured while decoding.
 */
export class AutoWindow implements WindowController {
  readonly capacity: number;
  private passes = 0;
  private width = 0;
  /** Passes since a neighbour was tried (that included, below 0), and how often one was. */
  private steady = 0;
  private turns = 0;

  constructor(
    private readonly knowledge: PassKnowledge,
    length: number,
  ) {
    this.capacity = Math.min(WIDTHS.at(-1) as number, length);
  }

  next() {
    const probe = this.knowledge.takeProbe();
    if (probe) return { ...probe, width: Math.min(probe.width, this.capacity) };
    const best = this.knowledge.best(this.capacity);
    if (this.steady < STEADY) return { width: best, passes: STEADY - this.steady };
    this.steady = -TRIES;
    const step = this.turns++ % 2 === 0 ? -1 : 1;
    const neighbour = WIDTHS[WIDTHS.indexOf(best) + step];
    const fits = neighbour !== undefined && neighbour <= this.capacity;
    return { width: fits ? neighbour : best, passes: TRIES };
  }

  observe(pass: NativePass): void {
    // The first pass also feeds the prompt; and see PROBES for the first pass of a width.
    if (this.passes++ > 0 && pass.window === this.width) {
      this.knowledge.record(pass.window, pass.seconds, pass.tokens.length);
    }
    this.width = pass.window;
    this.steady++;
  }
}
