import type { Decoder } from './decoder';
import { passesUntilComplete } from './passes';

/**
 * Speculative Jacobi-Denoising Decoding (SJD2, arXiv 2510.08994). The model was fine-tuned to
 * predict the next CLEAN token from noisy input embeddings, so positions enter the window as pure
 * Gaussian noise z ~ N(0, I) at level K of the schedule and lose one level per pass. In every pass
 *
 * 1. noise   level k > 0 is fed as mean + std * z_k + tau(k), level 0 as the embedding of its draft
 *            (native/kernels: `noise`); the transformer gives p_i for every position;
 * 2. verify  every position draws or keeps a token from p_i, with the same couplings as `sjd`; the
 *            accepted prefix is committed (native/kernels: `verify`). STRICT: a position passes only
 *            if the input of this very pass was the clean embedding of its draft, because only then
 *            are the laws to its right conditioned on that token. Strict is lossless;
 * 3. refine  every open position at level k moves to k - 1 by a DDIM step towards its token's
 *            embedding, the prediction of its LEFT neighbour's output (native/kernels: `refine`);
 * 4. slide   new positions enter at level K.
 *
 * A position at level 0 is an ordinary SJD position, so with K = 1 a position is noise for one pass
 * and a draft from then on. `relaxed` lets positions up to that level pass: faster, not lossless.
 */
export const sjd2: Decoder = {
  name: 'sjd2',
  decode: (state, { relaxed }, window) => passesUntilComplete(state, window, relaxed),
};
