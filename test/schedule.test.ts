import { cleanSchedule, karrasRatio, noiseSchedule, trainedLevel } from '../src/decoding/schedule';
import type { Tables } from '../src/model/tables';

const denoising = {
  schedule: 'karras' as const,
  levels: 8,
  sigmaMin: 0.1,
  sigmaMax: 20,
  rho: 7,
  steps: 1,
};
const tables = {
  mean: new Float32Array(2),
  timestepEmbedding: Float32Array.from({ length: 18 }, (_, i) => i),
} as Tables;

test('the noisiest level has the ratio sigmaMax and the ratios fall towards sigmaMin', () => {
  expect(karrasRatio(8, denoising)).toBeCloseTo(20, 10);
  expect(karrasRatio(0, denoising)).toBeCloseTo(0.1, 10);
  for (let level = 1; level <= 8; level++) {
    expect(karrasRatio(level, denoising)).toBeGreaterThan(karrasRatio(level - 1, denoising));
  }
});

test('level 4 of 8 is the value of the published formula', () => {
  // ((20^(1/7) + 0.1^(1/7)) / 2)^7, computed in Python.
  expect(karrasRatio(4, denoising)).toBeCloseTo(2.3078909921, 8);
});

test('alpha and sigma are the shares of a unit variance, and level 0 is clean', () => {
  for (const steps of [1, 2, 3, 8]) {
    const { alpha, sigma } = noiseSchedule(denoising, steps, tables);
    expect(alpha).toHaveLength(steps + 1);
    expect([alpha[0], sigma[0]]).toEqual([1, 0]);
    alpha.forEach((a, k) => {
      expect(a * a + (sigma[k] as number) ** 2).toBeCloseTo(1, 6);
    });
    expect((sigma[steps] as number) / (alpha[steps] as number)).toBeCloseTo(20, 3);
  }
});

test('K steps use trained levels with their own timestep embedding', () => {
  expect([1, 2, 3, 4].map((step) => trainedLevel(step, 4, 8))).toEqual([2, 4, 6, 8]);
  expect([1, 2, 3].map((step) => trainedLevel(step, 3, 8))).toEqual([3, 5, 8]);
  const { tau } = noiseSchedule(denoising, 2, tables);
  expect([...tau]).toEqual([0, 0, 8, 9, 16, 17]);
});

test('a decoder without noise has the clean level alone', () => {
  expect(cleanSchedule(3)).toEqual({
    alpha: new Float32Array([1]),
    sigma: new Float32Array([0]),
    tau: new Float32Array(3),
  });
});
