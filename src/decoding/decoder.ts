import type { DecoderName, InitialName } from '../options';

/**
 * All decoders are one loop: passes until the image is complete (passes.ts), each of them
 *
 * 1. enter   new positions come into the window, as noise at level K or with a draft x_i of a known law q_i;
 * 2. run     the window through the transformer (level k is fed as mean + std * z_k + tau(k), level 0 as
 *            the embedding of its draft), which gives every position its law p_i;
 * 3. verify  from the left: the coupling keeps x_i under p_i or draws another token; the accepted prefix and
 *            one token more are committed. STRICT: a position is accepted only if the input of this very pass was
 *            the clean embedding of its draft, since only then are the laws to its right conditioned on that
 *            token. Strict is lossless; `relaxed` accepts positions up to that level, too;
 * 4. refine  positions at level k move to k - 1 by a DDIM step towards their new token's embedding;
 * 5. slide   the window starts behind the committed tokens.
 *
 * Steps 2 to 4 are native/decode/generation.cc and native/kernels. What differs is in the table below.
 */
export interface DecoderSettings {
  /** What a position may hold when it enters, the default first; nothing where the window is one position. */
  readonly initials: readonly InitialName[];
  /** The sampler's temperature is 0, which makes every law one-hot. */
  readonly greedy: boolean;
  /** Positions go through noise levels: `steps`, `levels` and `relaxed` apply. */
  readonly denoises: boolean;
}

export const DECODER_SETTINGS: Record<DecoderName, DecoderSettings> = {
  /** Autoregressive, the baseline: a window of one, so that it shares sampler, randomness and kernels. */
  ar: { initials: [], greedy: false, denoises: false },
  /**
   * Jacobi decoding (Song et al. 2021, arXiv 2002.03629; Santilli et al. 2023, arXiv 2305.10427): a draft is
   * kept exactly when it is the most likely token given the drafts to its left, with any coupling.
   */
  jacobi: { initials: ['left', 'uniform', 'up'], greedy: true, denoises: false },
  /**
   * Speculative Jacobi Decoding (arXiv 2410.01699): Jacobi iteration for sampling. The coupling `independent`
   * is that paper's, `maximal` that of MC-SJD (arXiv 2510.24211).
   */
  sjd: { initials: ['left', 'uniform', 'up'], greedy: false, denoises: false },
  /**
   * Speculative Jacobi-Denoising Decoding (arXiv 2510.08994), for models that were fine-tuned to predict the
   * next CLEAN token from noisy inputs. At level 0 a position is an ordinary SJD position, so with K = 1 it is
   * noise for one pass and a draft from then on.
   */
  sjd2: { initials: ['noise'], greedy: false, denoises: true },
};
