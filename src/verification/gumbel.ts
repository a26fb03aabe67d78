/**
 * The Gumbel noise of a position, which a seed fixes for a whole generation: native/kernels/philox.h and
 * coupling.h, written again from the paper (Salmon et al. 2011).
 */

const MASK = 0xffffffffn;
/** `Purpose::Gumbel` */
const GUMBEL = 4n;

/** Philox-4x32-10. */
function philox(key: bigint, counter: [bigint, bigint, bigint, bigint]): bigint[] {
  let [c0, c1, c2, c3] = counter;
  let k0 = key & MASK;
  let k1 = key >> 32n;
  for (let round = 0; round < 10; round++) {
    const p0 = 0xd2511f53n * c0;
    const p1 = 0xcd9e8d57n * c2;
    [c0, c1, c2, c3] = [(p1 >> 32n) ^ c1 ^ k0, p1 & MASK, (p0 >> 32n) ^ c3 ^ k1, p0 & MASK];
    k0 = (k0 + 0x9e3779b9n) & MASK;
    k1 = (k1 + 0xbb67ae85n) & MASK;
  }
  return [c0, c1, c2, c3];
}

/** g = -log(-log1p(-u)), u = (word + 1/2) 2^-32. */
export function gumbelNoise(seed: bigint, position: number, token: number): number {
  const words = philox(seed, [BigInt(position), 0n, GUMBEL, BigInt(token >> 2)]);
  const u = (Number(words[token & 3]) + 0.5) / 2 ** 32;
  return -Math.log(-Math.log1p(-u));
}

/** A uniform in (0, 1) that is a function of two numbers, for what draws no picture. */
export function uniform(seed: number, index: number): number {
  const [word] = philox(BigInt(seed), [BigInt(index), 0n, 0x7fffffffn, 0n]);
  return (Number(word) + 0.5) / 2 ** 32;
}
