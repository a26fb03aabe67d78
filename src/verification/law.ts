import { type Driver, decodeTokens } from '../decoding/driver';
import { exactLaw } from './exact-law';
import { uniform } from './gumbel';

/** What a decoder drew against the law that it should have drawn from. */
export interface LawComparison {
  /** Images that were drawn. */
  images: number;
  /** Tokens that were looked at. */
  tokens: number;
  /** Pearson's statistic over `BINS` equally likely bins. */
  chiSquare: number;
  /** Tokens that the sampler's cuts leave no probability, by more than rounding explains. */
  outside: number;
}

export const BINS = 16;
/** A right decoder exceeds the limit once in so many checks. */
export const FALSE_ALARM = 1e-6;
/** The chi-square distribution with 15 degrees of freedom is above this with that probability. */
export const CHI_SQUARE_LIMIT = 56.5;

/**
 * Draws the first `positions` tokens of many images. Each token is placed in the law of its position behind the
 * tokens that were drawn before it: u = the mass of likelier tokens + a uniform share of its own. Such u are
 * independent and uniform if, and only if, the tokens have these laws.
 * @param decoder What draws.
 * @param window Of the decoder.
 * @param reference The same prompt and sampler with Gumbel coupling, for the laws.
 * @param slack Logits this far below a cut may have been above it.
 */
export async function compareLaw(
  decoder: Driver,
  window: number,
  reference: Driver,
  images: number,
  positions: number,
  slack: number,
  onDone: () => void,
): Promise<LawComparison> {
  const { rows, vocabulary, sampler } = reference;
  const counts = new Array<number>(BINS).fill(0);
  let outside = 0;
  for (let image = 0; image < images; image++) {
    // Far from the seeds that images are compared with.
    const { tokens } = await decodeTokens(decoder, 1_000_000n + BigInt(image), window, positions);
    const logits = await prefixLogits(reference, tokens.subarray(0, positions));
    for (let position = 0; position < positions; position++) {
      const law = exactLaw(logits, rows, position, vocabulary, sampler);
      const token = tokens[position] as number;
      if ((law.logits[token] as number) < law.cut - slack) outside++;
      const u = placeOf(law.probabilities, token, uniform(image, position));
      (counts[Math.min(BINS - 1, Math.floor(u * BINS))] as number)++;
    }
    onDone();
  }
  const expected = (images * positions) / BINS;
  const chiSquare = counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
  return { images, tokens: images * positions, chiSquare, outside };
}

/** [rows, tokens, V]: the logits of every token of an image's beginning, in one pass. */
async function prefixLogits(driver: Driver, tokens: Int32Array): Promise<Float32Array> {
  const native = driver.open(0n, tokens.length);
  try {
    const fed = tokens.subarray(0, tokens.length - 1);
    return await driver.operation.run(() => native.trace(new Int32Array(), fed));
  } finally {
    native.dispose();
  }
}

function placeOf(law: Float64Array, token: number, share: number): number {
  const own = law[token] as number;
  let likelier = 0;
  for (let v = 0; v < law.length; v++) {
    const other = law[v] as number;
    if (other > own || (other === own && v < token)) likelier += other;
  }
  return likelier + share * own;
}
