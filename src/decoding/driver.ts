import type { GenerationHandle, PassReport } from '../native/addon';
import type { Operation } from '../operation';
import type { DecodingOptions, Sampler } from '../options';

/** One prompt and one way of decoding it, for those who drive the passes themselves. */
export interface Driver {
  /** Whatever is waited for runs in it. */
  readonly operation: Operation;
  /** Of the transformer: 2 with guidance. */
  readonly rows: number;
  readonly sampler: Sampler;
  /** Tokens of an image. */
  readonly length: number;
  readonly vocabulary: number;
  /**
   * @param capacity The widest window that will be asked for.
   * @returns What has to be disposed of.
   */
  open(seed: bigint, capacity: number): GenerationHandle;
}

/** SJD over drafts that mean nothing: for passes that are made for another reason than their tokens. */
export function plainDecoding(sampler: Sampler, window: number): DecodingOptions {
  return {
    decoder: 'sjd',
    coupling: 'gumbel',
    window,
    steps: 1,
    staggered: false,
    relaxed: 0,
    initial: 'uniform',
    sampler,
  };
}

/** What a worker thread may do before the event loop hears of it. */
const TRIP_SECONDS = 1 / 20;

/** Decodes the first `count` tokens of an image or a few more, all of it by default. */
export async function decodeTokens(
  driver: Driver,
  seed: bigint,
  window: number,
  count = driver.length,
): Promise<{ tokens: Int32Array; passes: PassReport[] }> {
  const native = driver.open(seed, window);
  const tokens = new Int32Array(driver.length);
  const passes: PassReport[] = [];
  let committed = 0;
  try {
    while (committed < count) {
      // Every pass commits a token at least: no trip goes far beyond what is wanted.
      const most = Math.min(count - committed, 1024);
      for (const pass of await driver.operation.run(() =>
        native.passes(window, 0, most, TRIP_SECONDS),
      )) {
        tokens.set(pass.tokens, committed);
        committed += pass.tokens.length;
        passes.push(pass);
      }
    }
  } finally {
    native.dispose();
  }
  return { tokens: tokens.subarray(0, committed), passes };
}
