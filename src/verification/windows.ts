import type { Driver } from '../decoding/driver';
import { guidedLogits } from './exact-law';

/** Window passes against single steps at one place of an image. */
export interface WindowComparison {
  /** Positions of the window. */
  width: number;
  /** Committed tokens before it. */
  committed: number;
  /** Of the position that differs most: root mean square difference of its logits, in their standard deviations. */
  difference: number;
  /** Greatest difference after guidance, in nats. */
  guided: number;
}

/** What a transformer computes in, as far as rounding goes. */
export type Arithmetic = 'fp32' | 'fp16' | 'quantised';

/**
 * What the logits of a position may differ by between single steps and window passes: root mean square, in standard
 * deviations. Right ones were seen to differ by up to 1e-5 in fp32 and 2e-3 in fp16. Where activations are quantised
 * the last bit of a float decides now and then about a whole step of an 8-bit number, and everything after it: about
 * 0.05 in 24 layers. A wrong mask, position or cache slot changes what every position reads, and logits by 0.01 to 5.
 */
export const WINDOW_TOLERANCE: Record<Arithmetic, number> = {
  fp32: 1e-3,
  fp16: 0.02,
  quantised: 0.15,
};

/**
 * Window passes behind a past that a rejected window was rolled back from, against single steps over the same
 * tokens. The width 0 stands for the first pass of an image, prompt and window together.
 * @param tokens Of an image; what is compared is fed them.
 * @param committed Tokens before the windows, at least 1 and at most `capacity` - the widest.
 */
export async function compareWindows(
  driver: Driver,
  tokens: Int32Array,
  committed: number,
  widths: readonly number[],
  capacity: number,
  onDone: () => void = () => {},
): Promise<WindowComparison[]> {
  const native = driver.open(0n, capacity);
  const trace = (prefix: number, drafts: Int32Array) =>
    driver.operation.run(() => native.trace(tokens.subarray(0, prefix), drafts));
  const slice = (from: number, count: number) => tokens.subarray(from, from + count);
  const widest = Math.max(...widths);
  try {
    for (let filled = 0; filled < committed; filled += capacity - 1) {
      await trace(filled, slice(filled, Math.min(capacity - 1, committed - filled)));
    }
    const steps: Float32Array[] = [];
    for (let j = 0; j < widest; j++) steps.push(await trace(committed + j, slice(0, 0)));
    const singles = new Singles(driver, steps);
    const results: WindowComparison[] = [];
    for (const width of widths) {
      let logits: Float32Array;
      let skipped = 0;
      if (width === 0) {
        logits = await trace(0, slice(0, committed + widest - 1));
        skipped = committed;
      } else {
        const rejected = slice(committed, width - 1).map((token) =>
          other(token, driver.vocabulary),
        );
        await trace(committed, rejected);
        logits = await trace(committed, slice(committed, width - 1));
      }
      results.push({ width, committed, ...singles.compare(logits, skipped) });
      onDone();
    }
    return results;
  } finally {
    native.dispose();
  }
}

function other(token: number, vocabulary: number): number {
  return (token + 1 + (vocabulary >> 1)) % vocabulary;
}

/** The logits of single steps, one after the other. */
class Singles {
  private readonly deviation: number;

  constructor(
    private readonly driver: Driver,
    private readonly steps: Float32Array[],
  ) {
    const sum = steps.reduce((total, step) => total + deviationOf(step), 0);
    this.deviation = sum / steps.length;
  }

  /** @param logits [rows, positions, V], of which the first `skipped` positions were no steps. */
  compare(logits: Float32Array, skipped: number): { difference: number; guided: number } {
    const { rows, vocabulary, sampler } = this.driver;
    const positions = logits.length / rows / vocabulary;
    let difference = 0;
    let guided = 0;
    for (let j = skipped; j < positions; j++) {
      const step = this.steps[j - skipped] as Float32Array;
      for (let row = 0; row < rows; row++) {
        const begin = (row * positions + j) * vocabulary;
        const found = logits.subarray(begin, begin + vocabulary);
        const expected = step.subarray(row * vocabulary, (row + 1) * vocabulary);
        difference = Math.max(difference, rootMeanSquare(found, expected));
      }
      const of = (from: Float32Array, position: number) =>
        guidedLogits(from, rows, position, vocabulary, sampler.guidance);
      guided = Math.max(guided, greatest(of(logits, j), of(step, 0)));
    }
    return { difference: difference / this.deviation, guided };
  }
}

function rootMeanSquare(a: Float32Array, b: Float32Array): number {
  let squares = 0;
  for (let v = 0; v < a.length; v++) {
    if (a[v] === b[v]) continue; // masked tokens too, which are -Infinity
    squares += ((a[v] as number) - (b[v] as number)) ** 2;
  }
  return Math.sqrt(squares / a.length);
}

function greatest(a: Float32Array, b: Float32Array): number {
  let most = 0;
  for (let v = 0; v < a.length; v++) {
    if (a[v] === b[v]) continue; // masked tokens too, which are -Infinity
    most = Math.max(most, Math.abs((a[v] as number) - (b[v] as number)));
  }
  return most;
}

function deviationOf(values: Float32Array): number {
  let [count, sum, squares] = [0, 0, 0];
  for (const value of values) {
    if (!Number.isFinite(value)) continue;
    count++;
    sum += value;
    squares += value * value;
  }
  return Math.sqrt(Math.max(Number.MIN_VALUE, squares / count - (sum / count) ** 2));
}
