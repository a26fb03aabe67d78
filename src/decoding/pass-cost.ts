import { median } from '../median';

/** Passes remembered: at least 25 tries of other widths. */
const MEMORY = 640;
/** New passes before the line is fitted again, which takes less than a millisecond. */
const REFIT = 64;
/** Consecutive passes that are taken to run at one pace of the machine. */
const MOMENT = 16;
/** Rounds of reweighting, each fit going on from the line before. */
const ROUNDS = 6;
/**
 * What is believed before anything is measured: sixteen positions double the cost that a pass has anyway. At
 * each of two widths it weighs as much as one pass with an error of 100%: it counts where passes disagree.
 */
const PRIOR = { line: { offset: 1, slope: 1 / 16 }, widths: [4, 32], pivot: 16 };
/** Relative errors below this weigh the same, so that no weight becomes infinite. */
const NEGLIGIBLE = 0.02;

interface Timed {
  width: number;
  seconds: number;
}

interface Line {
  offset: number;
  slope: number;
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
  private line: Line = PRIOR.line;
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
    return at(this.line, width) * (width === 1 ? this.single : 1);
  }

  /**
   * The rising line with the smallest sum of absolute relative errors, by iteratively reweighted least
   * squares: passes that another program disturbed do not move it.
   */
  private fit(): void {
    this.unseen = 0;
    const moments = this.moments();
    for (let round = 0; round < ROUNDS; round++) {
      let [n, x, y, xx, xy] = [0, 0, 0, 0, 0];
      const add = (width: number, cost: number, error: number) => {
        const weight = 1 / (error * this.expected(width) ** 2);
        n += weight;
        x += weight * width;
        y += weight * cost;
        xx += weight * width * width;
        xy += weight * width * cost;
      };
      const singles: number[] = [];
      for (const { wide, single } of moments) {
        const pace = median(wide.map((p) => p.seconds / this.expected(p.width)));
        for (const { width, seconds } of wide) {
          const cost = seconds / pace;
          add(width, cost, Math.max(NEGLIGIBLE, Math.abs(cost / this.expected(width) - 1)));
        }
        for (const { seconds } of single) singles.push(seconds / pace / this.expected(1));
      }
      // The prior is about the slope only: it meets the line at the pivot.
      const scale = at(this.line, PRIOR.pivot) / at(PRIOR.line, PRIOR.pivot);
      for (const width of PRIOR.widths) add(width, scale * at(PRIOR.line, width), 1);
      // A cost that falls with the width is noise, not gain.
      const slope = Math.max(0, (n * xy - x * y) / (n * xx - x * x));
      this.line = { offset: Math.max(0, (y - slope * x) / n), slope };
      if (singles.length > 0) this.single *= median(singles);
    }
  }

  /** The moments with several widths: one width says nothing about another. */
  private moments(): { wide: Timed[]; single: Timed[] }[] {
    const moments = [];
    for (let start = 0; start < this.passes.length; start += MOMENT) {
      const moment = this.passes.slice(start, start + MOMENT);
      if (moment.every((p) => p.width === moment[0]?.width)) continue;
      const wide = moment.filter((p) => p.width > 1);
      moments.push({ wide, single: moment.filter((p) => p.width === 1) });
    }
    return moments;
  }
}

function at({ offset, slope }: Line, width: number): number {
  return offset + slope * width;
}
