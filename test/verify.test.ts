/** `model.verify()`, `sjd2 verify` and the check at load: what is right passes, what is wrong is noticed. */
import { join } from 'node:path';
import { loadModel } from '../src';
import { exactLaw } from '../src/verification/exact-law';
import { gumbelNoise as gumbelOfVerify } from '../src/verification/gumbel';
import type { VerifyProgress } from '../src/verification/verify';
import { start } from './cli/command-line';
import { MUTANTS, mutant } from './mutants';
import { gumbelNoise } from './philox';

const fixtures = join(__dirname, 'fixtures');
const quick = { prompt: 'a red car', images: 1, samples: 16 };

test.each(['random', 'janus', 'janus-published'])('%s passes', async (name) => {
  await using model = await loadModel(join(fixtures, name), { device: 'cpu' });
  const events: VerifyProgress[] = [];
  const { passed, checks } = await model.verify({
    ...quick,
    samples: 32,
    onProgress: (event) => events.push(event),
  });
  expect(checks.filter((check) => !check.passed)).toEqual([]);
  expect(passed).toBe(true);
  const names = checks.map((check) => check.name).join('\n');
  for (const part of [
    'window 33',
    'first pass',
    'tokens of sjd, window 16',
    'law of sjd, maximal',
  ]) {
    expect(names).toContain(part);
  }
  expect(names.includes('sjd2')).toBe(name === 'random');
  const done = events.map((event) => event.done);
  expect(done).toEqual([...done].sort((a, b) => a - b));
  expect(done.at(-1)).toBe(1);
});

test.each(Object.entries(MUTANTS))('%s (%s) is refused at load and fails', async (name) => {
  const folder = mutant(name as keyof typeof MUTANTS);
  await expect(loadModel(folder, { device: 'cpu' })).rejects.toMatchObject({
    code: 'ERR_VERIFY',
    message: expect.stringContaining('contradicts single steps'),
  });
  await using model = await loadModel(folder, { device: 'cpu', check: false });
  const { passed, checks } = await model.verify(quick);
  expect(passed).toBe(false);
  expect(checks.filter((check) => check.windows && !check.passed)).not.toEqual([]);
});

test('a wrong mask also shows in the tokens: other windows draw other images', async () => {
  await using model = await loadModel(mutant('mask'), { device: 'cpu', check: false });
  const { checks } = await model.verify({ ...quick, images: 3 });
  const tokens = checks.filter((check) => check.tokens && !check.name.includes('jacobi'));
  expect(tokens.some((check) => !check.passed)).toBe(true);
});

test('options are checked, and it can be aborted', async () => {
  await using model = await loadModel(join(fixtures, 'random'), { device: 'cpu' });
  for (const options of [
    { images: 0 },
    { tokens: 65 },
    { samples: 1 },
    { onProgress: 1 },
    { x: 1 },
  ]) {
    await expect(model.verify(options as object)).rejects.toMatchObject({ code: 'ERR_ARGUMENT' });
  }
  const controller = new AbortController();
  const verification = model.verify({
    ...quick,
    signal: controller.signal,
    onProgress: () => controller.abort(),
  });
  await expect(verification).rejects.toMatchObject({ code: 'ERR_ABORTED' });
});

test('the sampler by definition: guidance, then temperature, top-k, top-p; ties at a cut stay', () => {
  const logits = Float32Array.from([1, 2, 3, 3, 0, 0, 0, 1, 1, 0]);
  const sampler = { guidance: 2, temperature: 1, topK: 2, topP: 1 };
  // Guided: [2, 4, 5, 5, 0], since 2c - u; top-k 2 keeps the two fives.
  const law = exactLaw(logits, 2, 0, 5, sampler);
  expect([...law.logits]).toEqual([2, 4, 5, 5, 0]);
  expect([...law.probabilities]).toEqual([0, 0, 0.5, 0.5, 0]);
  expect(law.cut).toBe(5);
  const nucleus = exactLaw(logits, 2, 0, 5, { ...sampler, topK: 0, topP: 0.9 });
  expect(nucleus.cut).toBe(4);
  const greedy = exactLaw(logits, 2, 0, 5, { ...sampler, temperature: 0 });
  expect([...greedy.probabilities]).toEqual([0, 0, 1, 0, 0]);
});

test('its Gumbel noise is that of the tests', () => {
  for (const token of [0, 1, 511]) {
    expect(gumbelOfVerify(7n, 3, token)).toBe(gumbelNoise(7n, 3, token));
  }
});

test('sjd2 verify: a table, JSON, and exit code 1 for what is wrong', async () => {
  const run = (args: string[]) => start(fixtures, args).outcome;
  const options = ['--images', '1', '--samples', '16', '--device', 'cpu'];
  const prompt = ['--prompt', 'a red car'];
  const good = await run(['verify', '--model', join(fixtures, 'random'), ...prompt, ...options]);
  expect(good).toMatchObject({ code: 0, stderr: '' });
  expect(good.stdout).toMatch(/^verdict +check +found +allowed\npassed +window 2 /);
  expect(good.stdout).toMatch(/\nall \d+ checks passed, \d+ s\n$/);
  const bad = await run(['verify', '--model', mutant('row'), '--json', ...prompt, ...options]);
  expect(bad).toMatchObject({ code: 1, stderr: '' });
  const report = JSON.parse(bad.stdout);
  expect(report).toMatchObject({ device: 'cpu', prompt: 'a red car', passed: false });
  expect(report.checks[0]).toMatchObject({ name: 'window 2 against single steps', passed: false });
});
