/**
 * When two devices draw different tokens from one seed: was the decision a tie? With Gumbel coupling
 * a token is the argmax of log p + g, and g is a function of seed, position and token, so the margin
 * between two tokens can be computed from the likelihoods that `score` gives.
 */

const MASK = 0xffffffffn;
const GUMBEL = 4n; // Purpose::Gumbel of native/kernels/philox.h

/** Philox-4x32-10 (Salmon et al. 2011). */
function philox(key, counter) {
  let [c0, c1, c2, c3] = counter;
  let [k0, k1] = [key & MASK, key >> 32n];
  for (let round = 0; round < 10; round++) {
    const p0 = 0xd2511f53n * c0;
    const p1 = 0xcd9e8d57n * c2;
    [c0, c1, c2, c3] = [(p1 >> 32n) ^ c1 ^ k0, p1 & MASK, (p0 >> 32n) ^ c3 ^ k1, p0 & MASK];
    k0 = (k0 + 0x9e3779b9n) & MASK;
    k1 = (k1 + 0xbb67ae85n) & MASK;
  }
  return [c0, c1, c2, c3];
}

/** g = -log(-log1p(-u)), u = (word + 1/2) 2^-32, as native/kernels/coupling.h has it. */
function gumbelNoise(seed, position, token) {
  const words = philox(BigInt(seed), [BigInt(position), 0n, GUMBEL, BigInt(token >> 2)]);
  const u = (Number(words[token & 3]) + 0.5) / 2 ** 32;
  return -Math.log(-Math.log1p(-u));
}

/**
 * By how much `tokens[position]` wins over `other` at that position; negative if it loses, Infinity
 * if the sampler's cuts leave `other` no chance.
 */
export async function winningMargin(model, prompt, seed, tokens, position, other) {
  const changed = tokens.slice();
  changed[position] = other;
  const mine = await model.score(prompt, tokens);
  const theirs = await model.score(prompt, changed);
  // Later positions see another prefix; this one sees the same.
  return (
    theirs.nll[position] -
    mine.nll[position] +
    gumbelNoise(seed, position, tokens[position]) -
    gumbelNoise(seed, position, other)
  );
}
