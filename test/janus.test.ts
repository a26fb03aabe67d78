/** What is particular to Janus: a model with random weights, exported by scripts/export. */
import { join } from 'node:path';
import { loadModel } from '../src';
import type { ImageModel } from '../src/image-model';
import { readModelPackage } from '../src/model/package';
import { type Json, PackageCopies } from './package-copy';

const folder = join(__dirname, 'fixtures', 'janus');
const copies = new PackageCopies(folder);

let model: ImageModel;
beforeAll(async () => {
  model = await loadModel(folder);
});
afterAll(() => model.dispose());

test('a special token that is typed is text', async () => {
  const { prompts } = await readModelPackage(folder, false);
  const begin = prompts.encode('a fox').at(-1);
  const ids = prompts.encode('a <begin_of_image> fox');
  expect(ids.indexOf(begin as number)).toBe(ids.length - 1);
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
    message: expect.stringMatching(/was not fine-tuned for denoising.*docs\/finetuning.md/),
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
