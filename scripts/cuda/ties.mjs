/**
 * When two devices draw different tokens from one seed: was the decision a tie? With Gumbel coupling
 * a token is the argmax of log p + g, and g is a function of seed, position and token, so the margin
 * between two tokens can be computed from the likelihoods that `score` gives.
 */

import { createRequire } from 'node:module';

const { gumbelNoise } = createRequire(import.meta.url)('../../dist/verification/gumbel.js');

/**
 * By how much `tokens[position]` wins over `other` at that position; negative if it loses, Infinity
 * if the sampler's cuts leave `other` no chance. `sampler`: what `tokens` were drawn with; the model's.
 */
export async function winningMargin(model, prompt, seed, tokens, position, other, sampler = {}) {
  const changed = tokens.slice();
  changed[position] = other;
  const mine = await model.score(prompt, tokens, sampler);
  const theirs = await model.score(prompt, changed, sampler);
  const noise = (token) => gumbelNoise(BigInt(seed), position, token);
  // Later positions see another prefix; this one sees the same.
  return theirs.nll[position] - mine.nll[position] + noise(tokens[position]) - noise(other);
}
