import type { Decoder } from './decoder';
import { passesUntilComplete } from './passes';

/**
 * Autoregressive decoding, the baseline: feed the last token, draw the next one from its law.
 * It is a window of one, so that it shares sampler, randomness and kernels with all the others.
 */
export const ar: Decoder = {
  name: 'ar',
  decode: (state, _options, window) => passesUntilComplete(state, window),
};
