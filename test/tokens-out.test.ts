/**
 * Models whose tokens go on to something that is not in the package: no image decoder, a sketch before the
 * picture, an image that begins at one row of the rotary table whatever the prompt's length.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { loadModel } from '../src';
import type { ImageModel } from '../src/image-model';
import { readModelPackage } from '../src/model/package';
import type { PromptEncoder } from '../src/model/prompt';
import { Workplace } from './cli/command-line';
import { type Json, PackageCopies } from './package-copy';

const FOLDER = join(__dirname, 'fixtures', 'glm-image');
const PROMPT = 'a red fox in the snow';
const SKETCH = 19 * 13;
const TOKENS = SKETCH + 6 * 4;
/** Positions for a prompt, of which the size and the begin token take 34 in the fixture's byte vocabulary. */
const ROOM = 256;

const noPixels = {
  code: 'ERR_MODEL',
  message: expect.stringMatching(
    /^The model glm-image has no image decoder, so there are tokens and no pixels: they are for GLM-Image's/,
  ),
};

function thrown(body: () => unknown): unknown {
  try {
    return body();
  } catch (error) {
    return error;
  }
}

describe('a model without an image decoder', () => {
  let model: ImageModel;
  beforeAll(async () => {
    model = await loadModel(FOLDER);
  });
  afterAll(() => model.dispose());

  test('generates tokens, and says who makes pixels of them when these are read', async () => {
    const result = await model.generate(PROMPT, { count: 2 });
    expect(result.tokens.map((tokens) => tokens.length)).toEqual([TOKENS, TOKENS]);
    expect(result.stats.map(({ tokens }) => tokens)).toEqual([TOKENS, TOKENS]);
    expect(thrown(() => result.images)).toMatchObject(noPixels);
    // Whoever copies or prints the result does not read them.
    expect(Object.keys({ ...result }).sort()).toEqual(['stats', 'tokens']);
  });

  test('streams them alike', async () => {
    for await (const event of model.stream(PROMPT)) {
      if (event.type === 'progress') expect(event.total).toBe(TOKENS);
      if (event.type !== 'completed') continue;
      expect(event.tokens).toHaveLength(TOKENS);
      expect(thrown(() => event.pixels)).toMatchObject(noPixels);
      expect(event.stats.imageSeconds).toBe(0);
    }
  });

  test('has no previews and decodes no tokens', async () => {
    await expect(model.stream(PROMPT, { previewEvery: 4 }).next()).rejects.toMatchObject(noPixels);
    const { tokens } = await model.generate(PROMPT);
    await expect(model.decodeTokens(tokens[0] as Int32Array)).rejects.toMatchObject(noPixels);
  });

  test('two rows with prompts of different lengths draw the AR image in every window', async () => {
    const guided = { seed: 5, guidance: 3 };
    const { tokens } = await model.generate(PROMPT, { ...guided, decoder: 'ar' });
    for (const window of [7, 64]) {
      const found = await model.generate(PROMPT, { ...guided, decoder: 'sjd', window });
      expect(found.tokens).toEqual(tokens);
    }
  });

  test('reads prompts up to its length, and refuses longer ones', async () => {
    const prompts = (await readModelPackage(FOLDER, false)).prompts as PromptEncoder;
    const frame = prompts.encode('q').length - 1;
    const longest = 'q'.repeat(ROOM - frame);
    for (const guidance of [1, 3]) {
      const ar = await model.generate(longest, { decoder: 'ar', guidance });
      const { tokens } = await model.generate(longest, { window: 16, guidance });
      expect(tokens).toEqual(ar.tokens);
    }
    await expect(model.generate(`${longest}q`)).rejects.toMatchObject({
      code: 'ERR_ARGUMENT',
      message: expect.stringMatching(/256/),
    });
  });
});

const glm = new PackageCopies(FOLDER);

test.each<[string, (manifest: Json) => void, RegExp]>([
  [
    'neither image decoder nor what is in its place',
    (m) => delete m.image.decodedBy,
    /image\.decodedBy: must be without files\.imageDecoder/,
  ],
  [
    'both',
    (m) => (m.files.imageDecoder = m.files.tokenizer),
    /image\.decodedBy: must not be beside an image decoder/,
  ],
  ['a sketch without rows', (m) => (m.sequence.sketch.rows = 0), /sequence\.sketch\.rows/],
  ['a sketch of unknown kind', (m) => (m.sequence.sketch.scale = 2), /sequence\.sketch/],
  [
    'a cache without room for the sketch',
    (m) => (m.maxLength -= 1),
    /maxLength: must hold prompt, begin token and image: at least 527/,
  ],
  [
    'an unconditional prompt longer than prompts may be',
    (m) => (m.prompt.length = 8),
    /prompt\.unconditional\.text takes \d+ positions .* leaves 8/,
  ],
])('%s is an error of the package', async (_what, edit, message) => {
  const error = await loadModel(glm.make(edit)).catch((reason: Error) => reason);
  expect(error).toMatchObject({ code: 'ERR_MODEL', message: expect.stringMatching(message) });
});

const janus = new PackageCopies(join(__dirname, 'fixtures', 'janus'));

test('a padded prompt needs a graph that takes offsets', async () => {
  const error = await loadModel(janus.make((m) => (m.prompt.length = 64))).catch((e: Error) => e);
  expect(error).toMatchObject({
    code: 'ERR_MODEL',
    message: expect.stringMatching(/position_offset/),
  });
});

test('a sketch is drawn first, and is no part of the picture', async () => {
  // Its positions are taken from those for a prompt.
  const sketching = janus.make((m) => (m.sequence = { sketch: { rows: 2, columns: 5 } }));
  await using model = await loadModel(sketching);
  await using plain = await loadModel(join(__dirname, 'fixtures', 'janus'));
  for (const initial of ['up', 'left'] as const) {
    const ar = await model.generate(PROMPT, { decoder: 'ar', seed: 3 });
    const { tokens, images } = await model.generate(PROMPT, { window: 7, initial, seed: 3 });
    expect(tokens).toEqual(ar.tokens);
    expect(tokens[0]).toHaveLength(46);
    const picture = (tokens[0] as Int32Array).slice(10);
    expect(images[0]?.data).toEqual((await plain.decodeTokens(picture)).data);
  }
  for await (const event of model.stream(PROMPT, { previewEvery: 1, decoder: 'ar' })) {
    if (event.type === 'preview') expect(event.pixels.width).toBe(model.manifest.image.width);
  }
});

describe('on the command line', () => {
  const work = new Workplace();

  test('the tokens are a file of JSON, and a line says who takes them', async () => {
    const { code, stdout, stderr } = await work.run('generate', PROMPT, '--model', FOLDER);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(
      /^a-red-fox-in-the-snow\.json: 271 tokens in [^\n]+\nTokens for GLM-Image's diffusion stage[^\n]+\n$/,
    );
    expect(await work.files()).toEqual(['a-red-fox-in-the-snow.json']);
    const file = JSON.parse(
      await readFile(join(work.folder, 'a-red-fox-in-the-snow.json'), 'utf8'),
    );
    expect(file).toMatchObject({
      prompt: PROMPT,
      model: { name: 'glm-image' },
      sketch: { rows: 19, columns: 13 },
      image: { rows: 6, columns: 4, width: 128, height: 192 },
      options: { seed: 0 },
    });
    expect(file.tokens).toHaveLength(TOKENS);
  });

  test('several images are several files, and --json tells the same', async () => {
    const args = ['generate', PROMPT, '--model', FOLDER, '-o', 'fox.json', '--count', '2'];
    const { images } = await work.json(...args);
    expect(images.map(({ path }: Json) => path)).toEqual(['fox-1.json', 'fox-2.json']);
    const second = JSON.parse(await readFile(join(work.folder, 'fox-2.json'), 'utf8'));
    expect(second.tokens).toEqual(images[1].tokens);
  });

  test('a picture cannot be had', async () => {
    const picture = await work.run('generate', PROMPT, '--model', FOLDER, '-o', 'fox.png');
    expect(picture).toMatchObject({ code: 2, stdout: '' });
    expect(picture.stderr).toMatch(
      /^sjd2: Expected --output to be a file name that ends in \.json/,
    );
    const sheet = await work.run('compare', PROMPT, '--model', FOLDER);
    expect(sheet).toMatchObject({ code: 1, stdout: '' });
    expect(sheet.stderr).toMatch(/^sjd2: The model glm-image has no image decoder[^\n]+\n$/);
    expect(await work.files()).toEqual([]);
  });

  test('any model writes tokens where a .json is asked for', async () => {
    const { code, stdout } = await work.run('generate', 'a red apple', '-o', 'apple.json');
    expect({ code, stdout }).toEqual({
      code: 0,
      stdout: expect.stringMatching(/^apple\.json: 256/),
    });
    const file = JSON.parse(await readFile(join(work.folder, 'apple.json'), 'utf8'));
    expect(file.tokens).toHaveLength(256);
    expect(file).not.toHaveProperty('sketch');
  });

  test('it is described, and proves itself', async () => {
    const info = await work.run('info', '--model', FOLDER);
    expect(info.stdout).toMatch(/128 x 192 pixels, 6 x 4 tokens of 64, behind a sketch of 19 x 13/);
    expect(info.stdout).toMatch(/pixels +none: tokens for GLM-Image's diffusion stage/);
    const args = ['verify', '--model', FOLDER, '--images', '1', '--samples', '16'];
    expect(await work.run(...args)).toMatchObject({ code: 0 });
  });
});
