/** The public kernels against laws and formulas written again in TypeScript. */
import { noise, refine, type VerifyOptions, verify, verifyAsync } from '../src/kernels';
import { gumbelNoise } from './philox';

const vocabulary = 6;
const window = { first: 10, count: 3, capacity: 4 };

function softmax(logits: number[]): number[] {
  const top = Math.max(...logits);
  const weights = logits.map((logit) => Math.exp(logit - top));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return weights.map((weight) => weight / total);
}

/** Logits of three rows that depend on position and token. */
const logits = Float32Array.from({ length: 3 * vocabulary }, (_, i) => 2 * Math.sin(1.7 * i));

function options(more: Partial<VerifyOptions> = {}): VerifyOptions {
  return {
    window,
    logits,
    vocabulary,
    drafts: new Int32Array(4).fill(-1),
    level: new Int32Array(4),
    ...more,
  };
}

test('Gumbel coupling takes argmax(log p + g) with the noise of position and seed', () => {
  for (let seed = 0; seed < 50; seed++) {
    const call = options({ seed });
    verify(call);
    for (let j = 0; j < 3; j++) {
      const position = window.first + j;
      const values = Array.from(
        { length: vocabulary },
        (_, v) => (logits[j * vocabulary + v] as number) + gumbelNoise(BigInt(seed), position, v),
      );
      expect(call.drafts[position % 4]).toBe(values.indexOf(Math.max(...values)));
    }
  }
});

test('the accepted prefix ends at the first draft that changes, and at a noisy input', () => {
  const settled = options({ temperature: 0 });
  verify(settled);
  const again = options({ temperature: 0, drafts: settled.drafts.slice() });
  expect(verify(again)).toEqual({ accepted: 2, committed: 3, kept: 3 });
  const noisy = options({ temperature: 0, drafts: settled.drafts.slice() });
  noisy.level[(window.first + 1) % 4] = 1;
  expect(verify(noisy)).toEqual({ accepted: 1, committed: 2, kept: 3 });
  expect(verify({ ...noisy, relaxed: 1 })).toEqual({ accepted: 2, committed: 3, kept: 3 });
});

test('laws come back as guidance, temperature and top-k define them', () => {
  const uncond = logits.map((value, i) => value * 0.5 + Math.cos(i));
  const both = new Float32Array([...logits, ...uncond]);
  const laws = new Float32Array(4 * vocabulary);
  verify(
    options({
      logits: both,
      rows: 2,
      guidance: 2.5,
      temperature: 0.7,
      topK: 3,
      coupling: 'maximal',
      pass: 0,
      laws,
    }),
  );
  for (let j = 0; j < 3; j++) {
    const guided = Array.from({ length: vocabulary }, (_, v) => {
      const [c, u] = [both[j * vocabulary + v], uncond[j * vocabulary + v]] as [number, number];
      return (u + 2.5 * (c - u)) / 0.7;
    });
    const third = [...guided].sort((a, b) => b - a)[2] as number;
    const law = softmax(guided.map((value) => (value >= third ? value : Number.NEGATIVE_INFINITY)));
    const slot = (window.first + j) % 4;
    law.forEach((p, v) => {
      // Laws are 32-bit floats.
      expect(laws[slot * vocabulary + v]).toBeCloseTo(p, 6);
    });
  }
});

test('16-bit logits are read as what their bits say', () => {
  // 1.0, 2.0, -1.0, 0.5, 0.25, -2.0
  const half = Uint16Array.of(0x3c00, 0x4000, 0xbc00, 0x3800, 0x3400, 0xc000);
  const brain = Uint16Array.of(0x3f80, 0x4000, 0xbf80, 0x3f00, 0x3e80, 0xc000);
  const law = softmax([1, 2, -1, 0.5, 0.25, -2]);
  for (const [type, bits] of [
    ['float16', half],
    ['bfloat16', brain],
  ] as const) {
    const laws = new Float32Array(vocabulary);
    verify({
      window: { first: 0, count: 1, capacity: 1 },
      logits: bits,
      type,
      vocabulary,
      coupling: 'independent',
      pass: 0,
      laws,
      drafts: Int32Array.of(-1),
      level: Int32Array.of(0),
    });
    law.forEach((p, v) => {
      expect(laws[v]).toBeCloseTo(p, 6);
    });
  }
});

test('the asynchronous form gives what the synchronous one gives', async () => {
  const one = options({ seed: 4 });
  const two = options({ seed: 4 });
  expect(await verifyAsync(two)).toEqual(verify(one));
  expect(two.drafts).toEqual(one.drafts);
});

test('a row with NaN, or without a finite logit, is an error that names it', () => {
  const broken = logits.slice();
  broken[vocabulary + 2] = Number.NaN;
  expect(() => verify(options({ logits: broken }))).toThrow(/row 1 hold NaN/);
  broken.fill(Number.NEGATIVE_INFINITY, vocabulary, 2 * vocabulary);
  expect(() => verify(options({ logits: broken }))).toThrow(/row 1 are all masked/);
});

const hidden = 5;
const table = {
  embedding: Float32Array.from({ length: vocabulary * hidden }, (_, i) => Math.sin(i)),
  mean: Float32Array.from({ length: hidden }, (_, c) => 0.1 * c),
  std: Float32Array.from({ length: hidden }, (_, c) => 1 + 0.2 * c),
};
const schedule = {
  alpha: Float32Array.of(1, 0.8, 0.1),
  sigma: Float32Array.of(0, 0.6, Math.sqrt(0.99)),
  tau: Float32Array.from({ length: 3 * hidden }, (_, i) => 0.01 * i),
};

test('noise feeds the embedding at level 0 and mean + std z + tau above', () => {
  const drafts = Int32Array.of(3, -1, -1, 2); // position 10 is slot 2, 11 is 3, 12 is 0
  const level = Int32Array.of(0, 0, 2, 0);
  const z = Float32Array.from({ length: 4 * hidden }, (_, i) => Math.cos(i));
  const out = new Float32Array(2 * 3 * hidden);
  noise({ window, table, schedule, drafts, level, z, out, rows: 2 });
  for (let c = 0; c < hidden; c++) {
    const noisy =
      (table.mean[c] as number) +
      (table.std[c] as number) * (z[2 * hidden + c] as number) +
      (schedule.tau[2 * hidden + c] as number);
    expect(out[c]).toBeCloseTo(noisy, 5);
    expect(out[hidden + c]).toBe(table.embedding[2 * hidden + c]);
    expect(out[2 * hidden + c]).toBe(table.embedding[3 * hidden + c]);
  }
  expect(out.subarray(3 * hidden)).toEqual(out.subarray(0, 3 * hidden));
});

test('a position that enters gets standard Gaussian noise, a function of seed and position', () => {
  const wide = 4096;
  const flat = {
    embedding: new Float32Array(wide),
    mean: new Float32Array(wide),
    std: new Float32Array(wide).fill(1),
  };
  const draw = (seed: number, first: number) => {
    const z = new Float32Array(wide);
    noise({
      window: { first, count: 1, capacity: 1 },
      freshFrom: 0,
      seed,
      table: flat,
      schedule: {
        alpha: Float32Array.of(1, 0),
        sigma: Float32Array.of(0, 1),
        tau: new Float32Array(2 * wide),
      },
      drafts: Int32Array.of(-1),
      level: Int32Array.of(1),
      z,
      out: new Float32Array(wide),
    });
    return z;
  };
  const z = draw(1, 7);
  const mean = z.reduce((sum, value) => sum + value, 0) / wide;
  const variance = z.reduce((sum, value) => sum + value * value, 0) / wide;
  // Five standard errors of the mean and of the variance of 4096 normals.
  expect(Math.abs(mean)).toBeLessThan(5 / Math.sqrt(wide));
  expect(Math.abs(variance - 1)).toBeLessThan(5 * Math.sqrt(2 / wide));
  expect(draw(1, 7)).toEqual(z);
  expect(draw(1, 8)).not.toEqual(z);
  expect(draw(2, 7)).not.toEqual(z);
});

test('refine takes one DDIM step towards the draft and lowers the level', () => {
  const drafts = Int32Array.of(1, 1, 4, 5);
  const level = Int32Array.of(0, 0, 2, 1);
  const z = Float32Array.from({ length: 4 * hidden }, (_, i) => Math.cos(i));
  const before = z.slice();
  refine({ window, table, schedule, drafts, level, z });
  expect([...level]).toEqual([0, 0, 1, 0]);
  const [a1, a2] = [schedule.alpha[1], schedule.alpha[2]] as [number, number];
  const ratio = (schedule.sigma[1] as number) / (schedule.sigma[2] as number);
  for (let c = 0; c < hidden; c++) {
    const e =
      ((table.embedding[4 * hidden + c] as number) - (table.mean[c] as number)) /
      (table.std[c] as number);
    const expected = ratio * (before[2 * hidden + c] as number) + (a1 - a2 * ratio) * e;
    expect(z[2 * hidden + c]).toBeCloseTo(expected, 5);
  }
});

test.each([
  ['a window wider than its ring', { window: { first: 0, count: 5, capacity: 4 } }, /capacity/],
  ['logits that are too short', { logits: logits.subarray(1) }, /logits to have at least 18/],
  ['a draft outside the vocabulary', { drafts: Int32Array.of(0, 0, 6, 0) }, /draft/],
  [
    'drafts of another type',
    { drafts: [0, 0, 0, 0] },
    /drafts to be an Int32Array but received an array of length 4/,
  ],
  ['no laws where the coupling needs them', { coupling: 'maximal', pass: 0 }, /laws/],
  ['three rows', { rows: 3 }, /rows to be an integer between 1 and 2/],
  ['a negative temperature', { temperature: -1 }, /temperature/],
])('%s is refused', (_what, more, message) => {
  expect(() => verify(options(more as Partial<VerifyOptions>))).toThrow(message);
});
