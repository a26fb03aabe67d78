import type { Decoder } from './decoder';
import { passesUntilComplete } from './passes';

/**
 * Jacobi decoding (Song et al. 2021, arXiv 2002.03629; Santilli et al. 2023, arXiv 2305.10427):
 * every position of the window is set to the most likely token given the drafts to its left, again
 * and again; what agrees with the drafts from the left on is the greedy AR sequence and is
 * committed. The sampler's temperature is 0, which makes every law one-hot: a draft is then kept
 * exactly when it is the maximum, with any coupling.
 */
export const jacobi: Decoder = {
  name: 'jacobi',
  decode: (state, _options, window) => passesUntilComplete(state, window),
};
