import type { Decoder } from './decoder';
import { passesUntilComplete } from './passes';

/**
 * Speculative Jacobi Decoding (arXiv 2410.01699): Jacobi iteration for sampling. In every pass
 *
 * 1. the window's drafts x_i, each drawn from a known law q_i, are fed; the transformer gives p_i;
 * 2. verify from the left: x_i is accepted with probability min(1, p_i(x_i) / q_i(x_i)); at the
 *    first rejection the token is drawn from norm(max(0, p_i - q_i)); that prefix is committed;
 * 3. refine: every later position gets a new draft from p_i, and q_i := p_i;
 * 4. the window slides; new positions start with `initial` (a copy of the left or upper neighbour,
 *    or a uniform token), and q is the law that was really used.
 *
 * `coupling` is how step 3 ties the new draft to the old one: `independent` draws afresh (the ICLR
 * paper), `maximal` keeps the old draft as often as its law allows (MC-SJD, arXiv 2510.24211),
 * `gumbel` takes argmax(log p + g) with noise g fixed per position, which makes the image that of
 * `ar` token by token. Steps 1 to 4 are native/decode/generation.cc; step 2 and 3 are the kernel
 * `verify`.
 */
export const sjd: Decoder = {
  name: 'sjd',
  decode: (state, _options, window) => passesUntilComplete(state, window),
};
