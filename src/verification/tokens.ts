import { type Driver, decodeTokens } from '../decoding/driver';
import { exactLaw } from './exact-law';
import { gumbelNoise } from './gumbel';

/** Two images of one seed, token by token. */
export interface TokenComparison {
  /** Of the image. */
  seed: bigint;
  /** Tokens before the first difference; all that were compared if there is none. */
  same: number;
  /** The first one; null if there is none. */
  difference: TokenDifference | null;
}

/** Where two decoders part: everything after it is another image. */
export interface TokenDifference {
  /** Of the token in the raster. */
  position: number;
  /** Of `ar`, and of the decoder that is compared. */
  tokens: [number, number];
  /**
   * What decided between the two, in nats at temperature 1: with the logits of a single step, by how much the one
   * won against the other, or survived a cut. Small where rounding decides, as it does between two equals.
   */
  margin: number;
}

/** @param count Tokens to compare, from the first on. */
export async function compareTokens(
  driver: Driver,
  reference: Int32Array,
  seed: bigint,
  window: number,
  count: number,
): Promise<TokenComparison> {
  const { tokens } = await decodeTokens(driver, seed, window, count);
  let position = 0;
  while (position < count && tokens[position] === reference[position]) position++;
  if (position === count) return { seed, same: count, difference: null };
  const pair: [number, number] = [reference[position] as number, tokens[position] as number];
  const margin = await marginAt(driver, reference.subarray(0, position), seed, pair);
  return { seed, same: position, difference: { position, tokens: pair, margin } };
}

async function marginAt(
  driver: Driver,
  prefix: Int32Array,
  seed: bigint,
  [a, b]: [number, number],
): Promise<number> {
  const { rows, vocabulary, sampler, operation } = driver;
  const law = exactLaw(await logitsBehind(driver, prefix), rows, 0, vocabulary, sampler);
  operation.check();
  const logit = (token: number) => law.logits[token] as number;
  const below = Math.max(law.cut - logit(a), law.cut - logit(b));
  if (below > 0) return below;
  const noise = (token: number) => sampler.temperature * gumbelNoise(seed, prefix.length, token);
  return Math.abs(logit(a) + noise(a) - logit(b) - noise(b));
}

/** The logits [rows, 1, V] of a single step behind a prefix. */
async function logitsBehind(driver: Driver, prefix: Int32Array): Promise<Float32Array> {
  const capacity = Math.min(driver.length, 64);
  const native = driver.open(0n, capacity);
  const none = new Int32Array();
  try {
    let filled = 0;
    const step = Math.max(1, capacity - 1);
    for (; filled < prefix.length; filled += step) {
      const drafts = prefix.subarray(filled, Math.min(prefix.length, filled + step));
      await driver.operation.run(() => native.trace(prefix.subarray(0, filled), drafts));
    }
    return await driver.operation.run(() => native.trace(prefix, none));
  } finally {
    native.dispose();
  }
}
