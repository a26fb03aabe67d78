/**
 * Philox-4x32-10 and the Gumbel noise of a position, written again from the paper (Salmon et al.
 * 2011) with BigInt, so that tests do not lean on the code they test.
 */
const MASK = 0xffffffffn;
const GUMBEL = 4n; // Purpose::Gumbel

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

/** g_i[v] = -log(-log1p(-u)) with u = (word + 0.5) / 2^32. */
export function gumbelNoise(seed: bigint, position: number, token: number): number {
  const words = philox(seed, [BigInt(position), 0n, GUMBEL, BigInt(token >> 2)]);
  const u = (Number(words[token & 3]) + 0.5) / 2 ** 32;
  return -Math.log(-Math.log1p(-u));
}
