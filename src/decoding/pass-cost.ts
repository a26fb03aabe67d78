/** Passes remembered: some seventy tries of other widths. */
const MEMORY = 640;
/** New passes before the line is fitted again, which takes half a millisecond. */
const REFIT = 32;
/** Consecutive passes that are taken to run at one pace of the machine. */
const MOMENT = 16;
/** Rounds of reweighting, each fit going on from the line before. */
const ROUNDS = 4;
/** Relative errors below this weigh the same, so that no weight becomes infinite. */
const NEGLIGIBLE = 0.02;

interface Timed {
  width: number;
  seconds: number;
}

/**
 * Seconds of a pass by its width, from the last passes. What one width costs is never looked at by itself: on
 * a shared machine, two widths that were timed at different moments differ more by the moment than by the
 * width. All of them share a line, up to the pace of their moment; and a single token, for which libraries
 * multiply a matrix by a vector in ways of their own, is known by its distance from the line.
 */
export class PassCost {
  private readonly passes: Timed[] = [];
  private unseen = 0;
  /** The line; undefined before the first fit. What no pass in memory says anything about stays as it was. */
  private line: { offset: number; slope: number } | undefined;
  /** Cost of a single token as a multiple of the line. */
  private single = 1;

  /** Passes in memory. */
  get count(): number {
    return this.passes.length;
  }

  record(width: number, seconds: number): void {
    this.passes.push({ width, seconds });
    if (this.passes.length > MEMORY) this.passes.shift();
    this.unseen++;
  }

  /** What a pass of this width costs, in a unit that holds for this moment only: the pace takes part of it. */
  of(width: number): number {
    if (this.unseen >= Math.min(REFIT, this.passes.length / 4)) this.fit();
    return this.expected(width);
  }

  private expected(width: number): number {
    const { offset, slope } = this.line ?? { offset: 1, slope: 0 };
    return (offset + slope * width) * (width === 1 ? this.single : 1);
  }

  /**
   * The rising line with the smallest sum of absolute relative errors, by iteratively reweighted least
   * squares: passes that another program disturbed do not move it.
   */
  private fit(): void {
    this.unseen = 0;
    for (let round = 0; round < ROUNDS; round++) {
      let [n, x, y, xx, xy] = [0, 0, 0, 0, 0];
      const singles: number[] = [];
      for (let start = 0; start < this.passes.length; start += MOMENT) {
        const moment = this.passes.slice(start, start + MOMENT);
        const pace = this.line ? median(moment.map((p) => p.seconds / this.expected(p.width))) : 1;
        for (const { width, seconds } of moment) {
          if (width === 1) singles.push(seconds / (pace * this.expected(1)));
          if (width === 1) continue;
          const expected = this.expected(width);
          const error = this.line ? Math.abs(seconds / (pace * expected) - 1) : 1;
          const weight = 1 / (Math.max(NEGLIGIBLE, error) * expected * expected);
          n += weight;
          x += weight * width;
          y += (weight * seconds) / pace;
          xx += weight * width * width;
          xy += (weight * width * seconds) / pace;
        }
      }
      const spread = n * xx - x * x;
      // One width, or none, says nothing of the line.
      if (spread > 1e-9 * n * xx) {
        // A cost that falls with the width is noise, not gain.
        const slope = Math.max(0, (n * xy - x * y) / spread);
        this.line = { offset: Math.max(0, (y - slope * x) / n), slope };
      }
      if (singles.length > 0 && this.line) this.single *= median(singles);
    }
  }
}

function median(values: number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[sorted.length >> 1] as number;
}
