/**
 * A Janus with random weights, exported by scripts/export (write_fixture.py wrote package and
 * expectations), against transformers' JanusForConditionalGeneration.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadModel } from '../src';
import type { ImageModel } from '../src/image-model';
import { readModelPackage } from '../src/model/package';
import { COUPLING_NAMES } from '../src/options';
import { type Json, PackageCopies } from './package-copy';

const folder = join(__dirname, 'fixtures', 'janus');
const fixture = JSON.parse(readFileSync(join(folder, 'parity.json'), 'utf8'));
const copies = new PackageCopies(folder);

let model: ImageModel;
beforeAll(async () => {
  model = await loadModel(folder);
});
afterAll(() => model.dispose());

test('prompts get the ids of the authors, the unconditional one too', async () => {
  const { prompts } = await readModelPackage(folder, true);
  for (const { prompt, ids, unconditionalIds } of fixture.cases) {
    expect(prompts.encode(prompt)).toEqual(ids);
    expect(prompts.encode(`  ${prompt}\n`)).toEqual(ids);
    expect(prompts.unconditional(ids)).toEqual(unconditionalIds);
  }
});

test('a special token that is typed is text', async () => {
  const { prompts } = await readModelPackage(folder, false);
  const begin = prompts.encode('a fox').at(-1);
  const ids = prompts.encode('a <begin_of_image> fox');
  expect(ids.indexOf(begin as number)).toBe(ids.length - 1);
});

test.each(
  (['ar', 'jacobi', 'sjd'] as const).flatMap((decoder) =>
    COUPLING_NAMES.map((coupling) => [decoder, coupling] as const),
  ),
)('%s, %s: the greedy tokens and pixels of PyTorch under guidance', async (decoder, coupling) => {
  for (const { prompt, greedy, pixels } of fixture.cases) {
    const { tokens, images } = await model.generate(prompt, { decoder, coupling, temperature: 0 });
    expect([...(tokens[0] as Int32Array)]).toEqual(greedy);
    const { data, width, height } = images[0] as {
      data: Uint8Array;
      width: number;
      height: number;
    };
    for (let i = 0; i < width * height * 3; i++) {
      const plane = pixels[i % 3] as number[][];
      const pixel = Math.floor(i / 3);
      const value = (plane[Math.floor(pixel / width)] as number[])[pixel % width] as number;
      // Half a level of rounding, and the fixture's four decimals.
      expect(Math.abs((data[i] as number) - (value + 1) * 127.5)).toBeLessThan(0.52);
    }
  }
});

test('with Gumbel coupling every window draws the AR image', async () => {
  const prompt = 'a big red car';
  for (const seed of [1, 2, 3]) {
    const { tokens } = await model.generate(prompt, { decoder: 'ar', seed });
    for (const window of [1, 7, 16, 64]) {
      for (const initial of ['left', 'up', 'uniform'] as const) {
        const found = await model.generate(prompt, { decoder: 'sjd', window, initial, seed });
        expect(found.tokens).toEqual(tokens);
      }
    }
  }
});

test('defaults are those of the authors: guidance 5, the whole vocabulary at temperature 1', async () => {
  expect(model.manifest.sampler).toEqual({ guidance: 5, temperature: 1, topK: 0, topP: 1 });
  const [plain, named] = await Promise.all([
    model.generate('a fox', { seed: 4 }),
    model.generate('a fox', { seed: 4, decoder: 'sjd', guidance: 5, temperature: 1, topK: 0 }),
  ]);
  expect(plain.tokens).toEqual(named.tokens);
});

test('what it cannot do is an error that says so', async () => {
  const refused = (prompt: string, options: object) =>
    model.generate(prompt, options).catch((error: Error & { code: string }) => error);
  expect(await refused('a fox', { decoder: 'sjd2' })).toMatchObject({
    code: 'ERR_ARGUMENT',
    message: expect.stringContaining('was not fine-tuned for denoising'),
  });
  expect(await refused('zq '.repeat(40), {})).toMatchObject({
    code: 'ERR_ARGUMENT',
    message: expect.stringMatching(/at most 64 tokens but received \d+: shorten it/),
  });
  expect(await refused(' \n', {})).toMatchObject({ code: 'ERR_ARGUMENT' });
});

test.each<[string, (manifest: Json) => void, RegExp]>([
  ['a prompt of an unknown kind', (m) => (m.prompt.kind = 'song'), /prompt\.kind/],
  ['a template without a place for words', (m) => (m.prompt.template = 'x'), /prompt\.template/],
  [
    'a padding token that does not exist',
    (m) => (m.prompt.unconditional.token = '<padding>'),
    /padding token <padding> of model\.json to be in/,
  ],
  [
    'an unknown unconditional prompt',
    (m) => (m.prompt.unconditional = {}),
    /prompt\.unconditional/,
  ],
  ['a field of version 1', (m) => (m.files.weights = m.files.weights[0]), /files\.weights/],
])('%s is an error of the package', async (_what, edit, message) => {
  const error = await loadModel(copies.make(edit)).catch((reason: Error) => reason);
  expect(error).toMatchObject({ code: 'ERR_MODEL', message: expect.stringMatching(message) });
});
