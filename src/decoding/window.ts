import type { PassReport } from '../native/addon';
import type { DecodingOptions } from '../options';
import { PassCost } from './pass-cost';

/** Says how wide the next passes are. */
export interface WindowController {
  /** The widest window it will ever ask for. */
  readonly capacity: number;
  /** The next width, and how many passes may be made before asking again. */
  next(): { width: number; passes: number };
  observe(pass: PassReport): void;
}

/** What `auto` is where windows decide about the image: the best or nearly so on the machines measured. */
const SETTLED_WIDTH = 16;

/**
 * Whether the tokens depend on how wide the windows were. Gumbel coupling and greedy decoding give the tokens of
 * `ar` whatever the passes. The other couplings toss coins: what they decide about depends on the drafts, which
 * depend on the windows, and a coin may not be tossed once and for all, as it would not be independent of what
 * it decided before. Relaxed verification keeps what noise left in the cache.
 */
export function windowsDecide(decoding: DecodingOptions): boolean {
  const { coupling, sampler, relaxed } = decoding;
  return relaxed > 0 || (coupling !== 'gumbel' && sampler.temperature > 0);
}

/** `window: 'auto'` for what `windowsDecide` about: the same width always, so that the seed decides alone. */
export function settledWindow(length: number): WindowController {
  return new FixedWindow(Math.min(SETTLED_WIDTH, length));
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
 * Measured first. In a row: the first pass of a new width also pays for a new binding and memory plan,
 * and only the others count.
 */
const PROBES = [
  { width: 16, passes: 4 },
  { width: 32, passes: 3 },
];
const FIRST_WIDTH = 16;
/**
 * Passes at the best width before another one is tried, half as wide and twice as wide in turn: at first;
 * once the costs are known; and where a single token is best, so that a try is worth least and costs most.
 */
const STEADY = { learning: 20, learnt: 48, single: 64 };
/** Passes after which costs are known. */
const LEARNT = 200;
/** Two, since the first one of another width does not count. */
const TRIES = 2;
/** A width is left for one that promises this much more; the best width is a flat optimum. */
const WORTH_A_CHANGE = 1.02;
/** Passes at one width before what they commit says anything about it: until then, drafts are of another. */
const SETTLED = 3;
/** Tokens per pass grow like W^(p - bend) on every model and coupling measured; p lies between 0.45 and 0.65. */
const PRIOR_EXPONENT = 0.5;
/** Passes of evidence that the prior exponent counts for. */
const PRIOR_PASSES = 24;

/**
 * A power law holds up to 16 tokens; beyond, acceptance falls behind it. The default model's exponents at
 * windows of 16, 32 and 64 are 0.63, 0.60 and 0.54 with sjd2 and 0.57, 0.55 and 0.49 with sjd (docs/results).
 * Half of that: other models' images are larger, and theirs fall behind later.
 */
function bend(width: number): number {
  const doublings = Math.max(0, Math.log2(width / 16));
  return 0.01 * doublings * (doublings + 0.5);
}

/**
 * What a generator has learnt about passes: what they cost by width, and how fast tokens per pass
 * grow with the width. It outlives images: the second one starts with what the first one measured.
 */
export class PassKnowledge {
  private readonly cost = new PassCost();
  private readonly acceptance = new Map<number, { passes: number; tokens: number }>();

  private probed = 0;

  /** The next width, and how often, that has to be measured before a choice can be made. */
  takeProbe(): { width: number; passes: number } | undefined {
    return PROBES[this.probed++];
  }

  get learnt(): boolean {
    return this.cost.count >= LEARNT;
  }

  recordSeconds(width: number, seconds: number): void {
    this.cost.record(width, seconds);
  }

  recordTokens(width: number, tokens: number): void {
    if (width < 2) return;
    const seen = this.acceptance.get(width) ?? { passes: 0, tokens: 0 };
    this.acceptance.set(width, { passes: seen.passes + 1, tokens: seen.tokens + tokens });
  }

  /** The width with the most expected tokens per second; `current`, unless another is worth the change. */
  best(capacity: number, current?: number): number {
    // Generations side by side share the probes, and may use them up before one of them counts.
    if (this.cost.count === 0) return Math.min(FIRST_WIDTH, capacity);
    const exponent = this.exponent();
    const rate = (width: number) => width ** (exponent - bend(width)) / this.cost.of(width);
    const best = WIDTHS.filter((w) => w <= capacity).reduce((a, b) => (rate(b) > rate(a) ? b : a));
    return current && rate(best) < WORTH_A_CHANGE * rate(current) ? current : best;
  }

  /** p in E[tokens per pass] = W^(p - bend(W)). */
  private exponent(): number {
    let weight = PRIOR_PASSES;
    let sum = PRIOR_PASSES * PRIOR_EXPONENT;
    for (const [width, { passes, tokens }] of this.acceptance) {
      // A wide pass says more about the exponent than a narrow one: d ln W^p / dp = ln W.
      const evidence = passes * Math.log2(width);
      weight += evidence;
      sum += evidence * (Math.log(tokens / passes) / Math.log(width) + bend(width));
    }
    return sum / weight;
  }
}

/**
 * `window: 'auto'`: maximises expected tokens per second from what passes cost on this machine and
 * how acceptance grows with the width, both measured while decoding.
 */
export class AutoWindow implements WindowController {
  readonly capacity: number;
  private best: number | undefined;
  private turns = 0;
  /** What is under way: a trip to the worker thread may end before it is done. */
  private plan = { width: 0, passes: 0 };
  /** The width of the last pass, and how many had it in a row. */
  private width = 0;
  private row = 0;

  constructor(
    private readonly knowledge: PassKnowledge,
    length: number,
  ) {
    this.capacity = Math.min(WIDTHS.at(-1) as number, length);
  }

  next() {
    if (this.plan.passes <= 0) {
      const { width, passes } = this.knowledge.takeProbe() ?? this.choose();
      this.plan = { width: Math.max(1, Math.min(width, this.capacity)), passes };
    }
    return { ...this.plan };
  }

  observe(pass: PassReport): void {
    this.plan.passes--;
    // The very first pass also feeds the prompt: it is in no row.
    this.row = pass.window === this.width ? this.row + 1 : this.width === 0 ? 0 : 1;
    this.width = pass.window;
    if (this.row > 1) this.knowledge.recordSeconds(pass.window, pass.seconds);
    if (this.row > SETTLED) this.knowledge.recordTokens(pass.window, pass.tokens.length);
  }

  /** In turns: the best width, half of it, the best again, twice of it. */
  private choose() {
    this.best = this.knowledge.best(this.capacity, this.best);
    const turn = this.turns++ % 4;
    const experience = this.knowledge.learnt ? 'learnt' : 'learning';
    const steady = STEADY[this.best === 1 ? 'single' : experience];
    if (turn % 2 === 0) return { width: this.best, passes: steady };
    return { width: turn === 1 ? this.best >> 1 : 2 * this.best, passes: TRIES };
  }
}
