/** TESTING 1b and 1c on the default model: what decoders promise, token by token. */
import { loadModel } from '../src';
import type { ImageModel } from '../src/image-model';
import type { GenerateOptions } from '../src/options';
import { gumbelNoise } from './philox';

jest.setTimeout(120_000);

let model: ImageModel;
beforeAll(async () => {
  model = await loadModel('emoji');
});
afterAll(() => model.dispose());

/**
 * At the model's own temperature a common concept is drawn alike from most seeds, and what ignores its seed
 * would go unnoticed.
 */
const LIVELY = { temperature: 1 };

/**
 * The margin of the decision at the first position where two images differ: both have the same
 * prefix there, so the same law, and log p + g of the two tokens can be compared.
 */
async function tieMargin(prompt: string, seed: bigint, a: Int32Array, b: Int32Array) {
  const at = a.findIndex((token, i) => token !== b[i]);
  if (at < 0) return 0;
  const value = async (tokens: Int32Array) => {
    const { nll } = await model.score(prompt, tokens, LIVELY);
    return gumbelNoise(seed, at, tokens[at] as number) - (nll[at] as number);
  };
  return Math.abs((await value(a)) - (await value(b)));
}

const parallel: GenerateOptions[] = [
  { decoder: 'sjd', window: 8, initial: 'left' },
  { decoder: 'sjd', window: 16, initial: 'uniform' },
  { decoder: 'sjd', window: 33, initial: 'up' },
  { decoder: 'sjd2', window: 4 },
  { decoder: 'sjd2', window: 16, steps: 2 },
  { decoder: 'sjd2', window: 64, steps: 4, levels: 'staggered' },
  { decoder: 'sjd2' },
];

test.each([
  ['a red heart', 1n],
  ['a smiling face', 2n],
  ['a green tree', 3n],
])('with Gumbel coupling every decoder draws the AR image of %s', async (prompt, seed) => {
  const ar = await model.generate(prompt, { decoder: 'ar', seed, ...LIVELY });
  const reference = ar.tokens[0] as Int32Array;
  for (const options of parallel) {
    const { tokens, stats } = await model.generate(prompt, { ...options, seed, ...LIVELY });
    // The window's width changes the order of additions inside the transformer, so a tie may fall
    // the other way; fp32 logits agree to about 1e-5, a tenth of the margin that is accepted.
    expect(await tieMargin(prompt, seed, reference, tokens[0] as Int32Array)).toBeLessThan(1e-4);
    expect(stats[0]?.passes).toBeLessThan(256);
  }
});

// Seeds with which it did not, as long as a pass of one row rounded otherwise than a wider one.
test.each([
  ['a cat', 1024n],
  ['a cat', 1044n],
])('in fp16, too, sjd2 draws the AR image of %s, seed %i', async (prompt, seed) => {
  await using half = await loadModel('emoji', { precision: 'fp16' });
  const draw = async (options: GenerateOptions) =>
    (await half.generate(prompt, { seed, ...options, ...LIVELY })).tokens[0];
  const reference = await draw({ decoder: 'ar' });
  for (const window of [2, 16, 33]) expect(await draw({ window })).toEqual(reference);
});

test('at temperature 0 every decoder and coupling draws the greedy AR image', async () => {
  const greedy = { temperature: 0 };
  const prompt = 'a yellow star';
  const reference = (await model.generate(prompt, { decoder: 'ar', ...greedy })).tokens[0];
  const others: GenerateOptions[] = [
    { decoder: 'jacobi', window: 16 },
    { decoder: 'sjd', coupling: 'maximal', window: 8, ...greedy },
    { decoder: 'sjd', coupling: 'independent', window: 16, ...greedy },
    { decoder: 'sjd2', coupling: 'maximal', window: 16, ...greedy },
    { decoder: 'sjd2', window: 8, ...greedy },
  ];
  for (const options of others) {
    const { tokens } = await model.generate(prompt, options);
    expect(tokens[0]).toEqual(reference);
  }
});

test('the same seed draws the same image again, another seed another one', async () => {
  for (const coupling of ['gumbel', 'maximal', 'independent'] as const) {
    const draw = async (seed: number) =>
      (await model.generate('a cat', { seed, coupling, window: 16, ...LIVELY })).tokens[0];
    const first = await draw(5);
    expect(await draw(5)).toEqual(first);
    expect(await draw(6)).not.toEqual(first);
  }
});

test.each<GenerateOptions>([
  { coupling: 'maximal' },
  { coupling: 'independent' },
  { relaxed: 1, steps: 2 },
])('with the window auto the seed decides the image whatever was measured: %o', async (options) => {
  // The first image of a model probes widths, later ones choose by what it measured.
  await using fresh = await loadModel('emoji');
  const draw = async () => {
    const { tokens, stats } = await fresh.generate('a cat', { seed: 5, ...options, ...LIVELY });
    return { tokens: tokens[0], windows: stats[0]?.windowPerPass };
  };
  const first = await draw();
  for (let i = 0; i < 2; i++) expect(await draw()).toEqual(first);
});

test('image i of a batch is the image of seed + i alone', async () => {
  const batch = await model.generate('a house', { seed: 40, count: 3, window: 16, ...LIVELY });
  expect(batch.tokens).toHaveLength(3);
  expect(batch.stats.map((stats) => stats.seed)).toEqual([40n, 41n, 42n]);
  const alone = await model.generate('a house', { seed: 42, window: 16, ...LIVELY });
  expect(batch.tokens[2]).toEqual(alone.tokens[0]);
  expect(batch.tokens[1]).not.toEqual(batch.tokens[2]);
});

test('statistics add up', async () => {
  for (const decoder of ['ar', 'sjd', 'sjd2'] as const) {
    const { stats, tokens } = await model.generate('a dog', { decoder, coupling: 'maximal' });
    const s = stats[0] as NonNullable<(typeof stats)[0]>;
    expect(s.tokens).toBe(tokens[0]?.length);
    expect(s.committedPerPass.reduce((sum, n) => sum + n, 0)).toBe(s.tokens);
    expect(s.committedPerPass).toHaveLength(s.passes);
    expect(s.accepted).toBe(s.tokens - s.passes);
    expect(s.tokensPerPass).toBeCloseTo(s.tokens / s.passes, 10);
    expect(s.modelSeconds + s.kernelSeconds).toBeLessThan(s.seconds);
    if (decoder === 'ar') expect(s.tokensPerPass).toBe(1);
    else expect(s.tokensPerPass).toBeGreaterThan(1.2);
  }
});

test('guidance 1 takes one row and equals two rows at scale 1', async () => {
  // 1 + 2^-20 forces the second row; its effect on a logit is below 1e-5.
  const one = await model.generate('a fish', { guidance: 1, seed: 9, ...LIVELY });
  const two = await model.generate('a fish', { guidance: 1 + 2 ** -20, seed: 9, ...LIVELY });
  const same = one.tokens[0]?.filter((token, i) => token === two.tokens[0]?.[i]).length;
  expect(same).toBeGreaterThan(250);
});

test('verification is strict unless relaxed is asked for, which draws another image', async () => {
  const options = { window: 32, steps: 4, seed: 1 };
  const draw = async (relaxed?: number) =>
    (
      await model.generate('a rocket', {
        ...options,
        ...(relaxed === undefined ? {} : { relaxed }),
      })
    ).tokens[0];
  const strict = await draw();
  expect(await draw(0)).toEqual(strict);
  expect(await draw(4)).not.toEqual(strict);
});

/**
 * Passing noisy positions costs likelihood, and more if their refinement does not start from their own noise:
 * over these images 0.053 nats a token (`ar` 0.025). With an earlier model it was 0.108, and 0.267 when the last
 * position of each window was refined from what its slot had held before; the bound is as far above the right value
 * as it was then. The same seeds give the same images, so it need not allow for chance.
 */
test('relaxed verification stays near the law of ar', async () => {
  const UNCUT = { topK: 0, topP: 1 };
  const nll = async (options: GenerateOptions) => {
    let sum = 0;
    for (const prompt of ['a red apple', 'a yellow star', 'a green tree', 'a rocket']) {
      const { tokens } = await model.generate(prompt, { seed: 100, count: 2, ...options });
      for (const image of tokens) sum += (await model.score(prompt, image, UNCUT)).mean / 8;
    }
    return sum;
  };
  const relaxed = await nll({ window: 32, steps: 4, relaxed: 1 });
  expect(relaxed).toBeLessThan(0.08);
  expect(relaxed).toBeGreaterThan(await nll({ window: 32, steps: 4 }));
});

test('score is the likelihood that sampling would have had', async () => {
  const { tokens } = await model.generate('a book', { seed: 3 });
  const drawn = await model.score('a book', tokens[0] as Int32Array);
  expect(drawn.nll).toHaveLength(256);
  expect([...drawn.nll].every((value) => value >= -1e-6 && Number.isFinite(value))).toBe(true);
  const shuffled = (tokens[0] as Int32Array).slice().reverse();
  const unlikely = await model.score('a book', shuffled, { topK: 0 });
  expect(unlikely.mean).toBeGreaterThan(
    (await model.score('a book', tokens[0] as Int32Array, { topK: 0 })).mean + 1,
  );
});
