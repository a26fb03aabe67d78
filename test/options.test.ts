/** Abuse of the library: every option out of range or of the wrong type is named, and nothing runs. */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ImageModel, loadModel } from '../src';
import type { GenerateOptions, SamplerOptions } from '../src/options';

let model: ImageModel;
beforeAll(async () => {
  model = await loadModel('emoji');
});
afterAll(() => model.dispose());

const wrong: [string, unknown, RegExp][] = [
  ['decoder', 'magic', /decoder to be one of ar, jacobi, sjd, sjd2 but received "magic"/],
  ['decoder', 7, /but received 7 of type number/],
  ['coupling', 'loose', /coupling to be one of gumbel, maximal, independent/],
  ['window', 0, /window to be an integer between 1 and 256 but received 0 of type number/],
  ['window', 257, /between 1 and 256/],
  ['window', 2.5, /window/],
  ['window', '8', /window to be an integer between 1 and 256 or auto but received "8"/],
  ['window', Number.NaN, /NaN/],
  ['steps', 0, /steps to be an integer between 1 and 8/],
  ['steps', 9, /steps/],
  ['levels', 'steep', /levels to be one of flat, staggered/],
  ['relaxed', 2, /relaxed to be an integer between 0 and 1/],
  ['initial', 'left', /initial to be one of noise/],
  ['seed', -1, /seed/],
  ['seed', 0.5, /seed/],
  ['seed', 2 ** 53, /bigint above/],
  ['seed', 1n << 64n, /seed/],
  ['seed', 'random', /seed/],
  ['count', 0, /count to be an integer between 1 and 1000/],
  ['guidance', -1, /guidance to be a number between 0 and 100/],
  ['guidance', Number.POSITIVE_INFINITY, /guidance/],
  ['temperature', -0.1, /temperature/],
  ['temperature', Number.NaN, /temperature/],
  ['topK', -1, /topK/],
  ['topK', 1025, /topK to be an integer between 0 and 1024/],
  ['topK', 1.5, /topK/],
  ['topP', 0, /topP to be a number above 0 and at most 1/],
  ['topP', 1.01, /topP/],
  ['signal', {}, /signal to be an AbortSignal/],
  ['previewEvery', -1, /previewEvery/],
  ['widnow', 8, /no field named widnow/],
];

test.each(wrong)('%s = %p is refused by name', async (name, value, message) => {
  const work = model.generate('a cat', { [name]: value } as GenerateOptions);
  await expect(work).rejects.toMatchObject({ code: 'ERR_ARGUMENT' });
  await expect(model.generate('a cat', { [name]: value } as GenerateOptions)).rejects.toThrow(
    message,
  );
});

test.each([
  [{ decoder: 'ar', window: 8 }, /window to be absent with the decoder ar/],
  [{ decoder: 'sjd', steps: 2 }, /steps to be absent with the decoder sjd \(it belongs to sjd2\)/],
  [{ decoder: 'jacobi', temperature: 1 }, /temperature to be absent with the decoder jacobi/],
  [{ decoder: 'ar', initial: 'left' }, /initial to be absent/],
  [{ decoder: 'sjd', initial: 'noise' }, /initial to be one of left, uniform, up/],
  [{ seed: (1n << 64n) - 1n, count: 2 }, /seed/],
])('%p is a contradiction, not a silent choice', async (options, message) => {
  await expect(model.generate('a cat', options as GenerateOptions)).rejects.toThrow(message);
});

test.each([
  ['', /prompt to be at least one word/],
  ['  \n', /prompt to be at least one word/],
  ['яблоко', /at least one word that the model can read/],
  [42, /prompt to be a string but received 42/],
  [undefined, /prompt to be a string but received undefined/],
  ['apple '.repeat(40), /at most 24 tokens but received 40: shorten it/],
])('the prompt %p is refused', async (prompt, message) => {
  await expect(model.generate(prompt as string)).rejects.toThrow(message);
});

test.each([
  [undefined, undefined, null],
  ['no-such-model', undefined, 'ERR_MODEL'],
  ['', undefined, 'ERR_ARGUMENT'],
  [5, undefined, 'ERR_ARGUMENT'],
  [mkdtempSync(join(tmpdir(), 'sjd2-empty-')), undefined, 'ERR_MODEL'],
  ['emoji', { device: 'tpu' }, 'ERR_ARGUMENT'],
  ['emoji', { threads: -1 }, 'ERR_ARGUMENT'],
  ['emoji', { threads: 1.5 }, 'ERR_ARGUMENT'],
  ['emoji', { onProgress: 1 }, 'ERR_ARGUMENT'],
  ['emoji', { signal: AbortSignal.abort() }, 'ERR_ABORTED'],
  ['emoji', { signal: {} }, 'ERR_ARGUMENT'],
  ['emoji', { verify: 'yes' }, 'ERR_ARGUMENT'],
  ['emoji', { verfy: true }, 'ERR_ARGUMENT'],
  ['emoji', { seed: 1 }, 'ERR_ARGUMENT'],
  ['emoji', { verfy: undefined }, null],
  ['emoji', [], 'ERR_ARGUMENT'],
  ['emoji', 'cpu', 'ERR_ARGUMENT'],
  ['emoji', null, 'ERR_ARGUMENT'],
])('loadModel(%p, %p) ends with %p', async (name, options, code) => {
  const work = loadModel(name as string, options as Parameters<typeof loadModel>[1]);
  if (code === null) await (await work).dispose();
  else await expect(work).rejects.toMatchObject({ code });
});

test('score refuses what has no likelihood', async () => {
  const tokens = new Int32Array(256);
  await expect(model.score('a cat', tokens, { temperature: 0 })).rejects.toThrow(/temperature/);
  await expect(model.score('a cat', tokens.subarray(1))).rejects.toThrow(/256 ids/);
  await expect(model.score('a cat', tokens.fill(1024))).rejects.toThrow(/between 0 and 1023/);
  await expect(model.decodeTokens([] as unknown as Int32Array)).rejects.toThrow(/Int32Array/);
});

test.each([
  [
    { topk: 1 },
    /sampler to have no field named topk: there are guidance, temperature, topK, topP, sampler/,
  ],
  [{ seed: 1 }, /no field named seed/],
  [[], /sampler to be an object/],
  [null, /sampler to be an object/],
  [{ topK: 1025 }, /topK to be an integer/],
])('score refuses the sampler %p', async (sampler, message) => {
  const work = model.score('a cat', new Int32Array(256), sampler as SamplerOptions);
  await expect(work).rejects.toMatchObject({ code: 'ERR_ARGUMENT' });
  await expect(work).rejects.toThrow(message);
});

test('score has read the tokens when it returns, whatever becomes of the array', async () => {
  await using fresh = await loadModel('emoji');
  const tokens = Int32Array.from({ length: 256 }, (_, i) => (7 * i) % 1024);
  const sampler = { temperature: 1, topK: 0, guidance: 2 };
  const { nll } = await fresh.score('a cat', tokens, sampler);
  const changed = tokens.slice();
  // The graph for two rows of this one is still to be loaded.
  await using other = await loadModel('emoji');
  const work = other.score('a cat', changed, sampler);
  changed.fill(1_000_000);
  expect((await work).nll).toEqual(nll);
});

test('an unknown option is named, shortened and without what a terminal obeys', async () => {
  const name = `\u001b[31m${'x'.repeat(100_000)}`;
  const error = await model.generate('a cat', { [name]: 1 } as never).catch((reason) => reason);
  expect(error).toMatchObject({ code: 'ERR_ARGUMENT' });
  expect(error.message).toMatch(
    /^Expected options to have no field named x{20,60}\.\.\.: there are/,
  );
});
