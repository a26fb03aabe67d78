/** The pure parts of `npm run eval` and `npm run results`. */
import {
  histogram,
  jackknifeError,
  leaveOneOut,
  mean,
  standardError,
} from '../../bench/statistics.mjs';
import { configurations, nameOf } from '../../scripts/eval/configurations.mjs';
import { FrechetReference, moments } from '../../scripts/eval/frechet.mjs';
import { readOptions } from '../../scripts/eval/options.mjs';
import { fillMarkers } from '../../scripts/results/markers.mjs';
import { AHEAD, COMMITTED, trajectory } from '../../scripts/results/trajectory.mjs';

test('the Frechet distance of two Gaussians is that of the closed form', () => {
  const a = new FrechetReference({
    mean: [0, 0],
    covariance: [
      [4, 0],
      [0, 1],
    ],
  });
  const commuting = {
    mean: [3, 4],
    covariance: [
      [1, 0],
      [0, 9],
    ],
  };
  // |(3, 4)|^2 + (2 - 1)^2 + (1 - 3)^2
  expect(a.distance(commuting)).toBeCloseTo(30, 9);
  // Covariances that do not commute: 9.5 - 2 tr(AB)^1/2, with tr X^1/2 = (tr X + 2 det(X)^1/2)^1/2
  // for 2x2 matrices; tr(AB) = 4 * 2.5 + 2 = 12 and det(AB) = 4 * 4.75.
  const other = {
    mean: [0, 0],
    covariance: [
      [2.5, 0.5],
      [0.5, 2],
    ],
  };
  expect(a.distance(other)).toBeCloseTo(9.5 - 2 * Math.sqrt(12 + 2 * Math.sqrt(4 * 4.75)), 9);
  expect(a.distance(a)).toBeCloseTo(0, 9);
});

test('moments are the mean and the unbiased covariance, and one vector has none', () => {
  const {
    count,
    mean: centre,
    covariance,
  } = moments([Float32Array.of(1, 2), Float32Array.of(3, 6)]);
  expect([count, centre, covariance.to2DArray()]).toEqual([
    2,
    [2, 4],
    [
      [2, 4],
      [4, 8],
    ],
  ]);
  expect(moments([[5, 1]]).covariance.to2DArray()).toEqual([
    [0, 0],
    [0, 0],
  ]);
});

test('features of another width are an error that says whose they are', () => {
  const reference = new FrechetReference({ mean: [0], covariance: [[1]] });
  expect(() => reference.distance(moments([[1, 2]]))).toThrow(/width 1 but received 2/);
});

test('the jackknife of a mean is its standard error', () => {
  const values = [3, 1, 4, 1, 5, 9, 2, 6];
  expect(jackknifeError(leaveOneOut(values, mean))).toBeCloseTo(standardError(values), 12);
  expect(jackknifeError(leaveOneOut([7], mean))).toBe(0);
});

test('a histogram counts every whole number up to the greatest', () => {
  expect(histogram([1, 4, 1, 2])).toEqual([0, 2, 1, 0, 1]);
  expect(histogram([])).toEqual([0]);
});

test('rows: ar once, K only for sjd2, no relaxed level above K, no sjd2 without denoising', () => {
  const { grid } = readOptions(
    '--couplings gumbel --windows 8,auto --steps 1,2 --relaxed 0,2'.split(' '),
  );
  expect(configurations(grid, { levels: 8 }).map((row: any) => nameOf(row))).toEqual([
    'ar',
    'sjd gumbel W=8',
    'sjd gumbel W=auto',
    'sjd2 gumbel W=8 K=1',
    'sjd2 gumbel W=8 K=2',
    'sjd2 gumbel W=8 K=2 relaxed 2',
    'sjd2 gumbel W=auto K=1',
    'sjd2 gumbel W=auto K=2',
    'sjd2 gumbel W=auto K=2 relaxed 2',
  ]);
  expect(configurations(grid, null).map((row: any) => nameOf(row))).toHaveLength(3);
});

test.each([
  ['--samples 0', /--samples to be an integer between 1 and 100000 but received 0/],
  ['--windows 8,wide', /--windows to be an integer .* received wide/],
  ['--decoders jacobi', /--decoders to be of ar, sjd, sjd2 but received jacobi/],
  ['--sample 3', /--sample/],
])('%s is an error that says what was expected', (line, message) => {
  expect(() => readOptions(line.split(' '))).toThrow(message);
});

test('a trajectory: positions enter as noise, lose a level a pass, and are committed', () => {
  const stats = { committedPerPass: [1, 2, 1, 1], windowPerPass: [3, 3, 3, 3] };
  expect(trajectory(stats, 2)).toEqual([
    [2, 2, 2, AHEAD, AHEAD],
    [COMMITTED, 1, 1, 2, AHEAD],
    [COMMITTED, COMMITTED, COMMITTED, 1, 2],
    [COMMITTED, COMMITTED, COMMITTED, COMMITTED, 1],
    new Array(5).fill(COMMITTED),
  ]);
  // The first window may rise to level K; later positions still enter at it.
  expect(trajectory(stats, 2, true)[0]).toEqual([1, 1, 2, AHEAD, AHEAD]);
});

test('markers: what stands between them is replaced, an open one is an error', () => {
  const document = 'a\n<!-- begin sweep speed -->\nold\n<!-- end -->\nb\n';
  const filled = fillMarkers(document, (name: string) => `[${name}]`);
  expect(filled).toBe('a\n<!-- begin sweep speed -->\n\n[sweep speed]\n\n<!-- end -->\nb\n');
  expect(fillMarkers(filled, (name: string) => `[${name}]`)).toBe(filled);
  expect(() => fillMarkers('<!-- begin x -->\n', String)).toThrow(/begin/);
});
