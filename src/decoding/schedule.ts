import type { Manifest } from '../model/manifest-types';
import type { Tables } from '../model/tables';

type Denoising = NonNullable<Manifest['denoising']>;

/** The noise levels of K denoising steps, index k = K (pure noise) down to 0 (clean). */
export interface NoiseSchedule {
  /** Signal share alpha_k, [K + 1]; alpha_0 = 1. */
  alpha: Float32Array;
  /** Noise share sigma_k, [K + 1]; sigma_0 = 0, alpha_k^2 + sigma_k^2 = 1. */
  sigma: Float32Array;
  /** Timestep embedding tau(k), [K + 1, d]; row 0 is zero. */
  tau: Float32Array;
}

/**
 * Noise-to-signal ratio of trained level k = 1..N (Karras et al. 2022, arXiv 2206.00364, eq. 5):
 * s_k = (s_max^(1/rho) + (1 - k/N) (s_min^(1/rho) - s_max^(1/rho)))^rho, so s_N = s_max.
 */
export function karrasRatio(level: number, denoising: Denoising): number {
  const { sigmaMin, sigmaMax, rho, levels } = denoising;
  const noisy = sigmaMax ** (1 / rho);
  const clean = sigmaMin ** (1 / rho);
  return (noisy + (1 - level / levels) * (clean - noisy)) ** rho;
}

/** The trained level that step k of K uses: the nearest one, so that its tau(k) was trained. */
export function trainedLevel(step: number, steps: number, levels: number): number {
  return Math.max(1, Math.round((step * levels) / steps));
}

/** @param steps K, 1 to the trained levels. */
export function noiseSchedule(denoising: Denoising, steps: number, tables: Tables): NoiseSchedule {
  const tauTable = tables.timestepEmbedding as Float32Array;
  const d = tables.mean.length;
  const alpha = new Float32Array(steps + 1).fill(1);
  const sigma = new Float32Array(steps + 1);
  const tau = new Float32Array((steps + 1) * d);
  for (let step = 1; step <= steps; step++) {
    const level = trainedLevel(step, steps, denoising.levels);
    const ratio = karrasRatio(level, denoising);
    alpha[step] = 1 / Math.sqrt(1 + ratio * ratio);
    sigma[step] = ratio / Math.sqrt(1 + ratio * ratio);
    tau.set(tauTable.subarray(level * d, (level + 1) * d), step * d);
  }
  return { alpha, sigma, tau };
}

/** The schedule of a decoder that never feeds noise: the clean level alone. */
export function cleanSchedule(d: number): NoiseSchedule {
  return {
    alpha: new Float32Array([1]),
    sigma: new Float32Array([0]),
    tau: new Float32Array(d),
  };
}
