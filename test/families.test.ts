/**
 * Models of the known families with random weights, exported by scripts/export (write_fixture.py wrote
 * packages and expectations), against their public PyTorch classes.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadModel } from '../src';
import type { RgbImage } from '../src/image/rgb-image';
import type { ImageModel } from '../src/image-model';
import { readModelPackage } from '../src/model/package';
import type { PromptEncoder } from '../src/model/prompt';
import { COUPLING_NAMES } from '../src/options';
import { type Json, PackageCopies } from './package-copy';

const TEXT = ['janus', 'lumina-mgpt', 'emu3', 'glm-image'];
const folderOf = (family: string) => join(__dirname, 'fixtures', family);

interface Case {
  prompt?: string;
  embeddings?: number[][];
  ids: number[];
  unconditionalIds: number[];
  greedy: number[];
  /** Null where something that is not in the package makes them. */
  pixels: number[][][] | null;
}

function fixtureOf(family: string): { guidance: number; cases: Case[] } {
  return JSON.parse(readFileSync(join(folderOf(family), 'parity.json'), 'utf8'));
}

/** What `generate` takes for a case. */
function promptOf({ prompt, embeddings }: Case): string | Float32Array {
  return prompt ?? Float32Array.from((embeddings as number[][]).flat());
}

test.each(TEXT)(
  '%s: prompts get the ids of the authors, the unconditional one too',
  async (family) => {
    const folder = folderOf(family);
    const fixture = fixtureOf(family);
    const prompts = (await readModelPackage(folder, true)).prompts as PromptEncoder;
    for (const { prompt, ids, unconditionalIds } of fixture.cases) {
      expect(prompts.encode(prompt)).toEqual(ids);
      expect(prompts.encode(`  ${prompt}\n`)).toEqual(ids);
      expect(prompts.unconditional(ids)).toEqual(unconditionalIds);
    }
  },
);

describe.each([...TEXT, 'llamagen'])('%s', (family) => {
  const folder = folderOf(family);
  const fixture = fixtureOf(family);
  let model: ImageModel;
  beforeAll(async () => {
    model = await loadModel(folder);
  });
  afterAll(() => model.dispose());

  test.each(
    (['ar', 'jacobi', 'sjd'] as const).flatMap((decoder) =>
      COUPLING_NAMES.map((coupling) => [decoder, coupling] as const),
    ),
  )('%s, %s: the greedy tokens and pixels of PyTorch under guidance', async (decoder, coupling) => {
    const options = { decoder, coupling, temperature: 0, guidance: fixture.guidance };
    for (const expected of fixture.cases) {
      const { greedy, pixels } = expected;
      const result = await model.generate(promptOf(expected), options);
      expect([...(result.tokens[0] as Int32Array)]).toEqual(greedy);
      if (!pixels) continue;
      const { data, width, height } = result.images[0] as RgbImage;
      for (let i = 0; i < width * height * 3; i++) {
        const plane = pixels[i % 3] as number[][];
        const pixel = Math.floor(i / 3);
        const value = (plane[Math.floor(pixel / width)] as number[])[pixel % width] as number;
        // Half a level of rounding, and the fixture's four decimals.
        expect(Math.abs((data[i] as number) - (value + 1) * 127.5)).toBeLessThan(0.52);
      }
    }
  });

  test.each([1, undefined])(
    'with Gumbel coupling every window draws the AR image, guidance %s',
    async (guidance) => {
      const prompt = promptOf(fixture.cases[0] as Case);
      for (const seed of [1, 2, 3]) {
        const { tokens } = await model.generate(prompt, { decoder: 'ar', seed, guidance });
        for (const window of [1, 7, 16, 64]) {
          for (const initial of ['left', 'up', 'uniform'] as const) {
            const options = { decoder: 'sjd', window, initial, seed, guidance } as const;
            const found = await model.generate(prompt, options);
            expect(found.tokens).toEqual(tokens);
          }
        }
      }
    },
  );

  test('it proves itself', async () => {
    const { passed, checks } = await model.verify({ images: 1 });
    expect(checks.filter((check) => !check.passed)).toEqual([]);
    expect(passed).toBe(true);
  });

  test('every token that was drawn has a likelihood', async () => {
    const prompt = promptOf(fixture.cases[0] as Case);
    const { tokens } = await model.generate(prompt, { seed: 7 });
    const { nll } = await model.score(prompt, tokens[0] as Int32Array);
    expect(nll).toHaveLength(fixture.cases[0]?.greedy.length as number);
    expect(nll.every((value) => Number.isFinite(value) && value >= 0)).toBe(true);
  });
});

const janus = new PackageCopies(folderOf('janus'));

test('a grammar that the graph does not know is an error that names its input', async () => {
  const folder = janus.make((manifest) => {
    manifest.sequence = { rowEnd: ['<end_of_image>'] };
    manifest.maxLength += 5;
  });
  const error = await loadModel(folder).catch((reason: Error) => reason);
  expect(error).toMatchObject({ code: 'ERR_MODEL', message: expect.stringMatching(/logit_rows/) });
});

const lumina = new PackageCopies(folderOf('lumina-mgpt'));

test.each<[string, (manifest: Json) => void, RegExp]>([
  [
    'a row end that is no token',
    (m) => (m.sequence.rowEnd = ['<line>']),
    /sequence\.rowEnd token <line>/,
  ],
  ['an empty row end', (m) => (m.sequence.rowEnd = []), /sequence\.rowEnd/],
  ['an unknown grammar', (m) => (m.sequence.columnEnd = []), /sequence/],
  [
    'a cache without room for the ends of rows',
    (m) => (m.maxLength = 37),
    /maxLength: must hold prompt, begin token and image: at least 42/,
  ],
  [
    'an unconditional prompt that does not fit',
    (m) => (m.prompt.unconditional = { kind: 'text', text: 'a '.repeat(300) }),
    /prompt\.unconditional\.text takes \d+ positions .* leaves 256/,
  ],
])('%s is an error of the package', async (_what, edit, message) => {
  const error = await loadModel(lumina.make(edit)).catch((reason: Error) => reason);
  expect(error).toMatchObject({ code: 'ERR_MODEL', message: expect.stringMatching(message) });
});

test('prompts that are embeddings are checked', async () => {
  const model = await loadModel(folderOf('llamagen'));
  const refused = (prompt: unknown) =>
    model.generate(prompt as string).catch((error: Error & { code: string }) => error);
  const wanted = {
    code: 'ERR_ARGUMENT',
    message: expect.stringMatching(/a Float32Array of embeddings, 1 to 12 of 16 finite numbers/),
  };
  for (const prompt of [
    'a red fox',
    new Float32Array(0),
    new Float32Array(17),
    new Float32Array(13 * 16),
    new Float32Array(16).fill(Number.NaN),
    new Float64Array(16),
  ]) {
    expect(await refused(prompt)).toMatchObject(wanted);
  }
  expect(model.unknownWords('zq')).toEqual([]);
  await model.dispose();
});

const llamagen = new PackageCopies(folderOf('llamagen'));

test.each<[string, (manifest: Json) => void, RegExp]>([
  ['no prompt encoder', (m) => delete m.files.promptEncoder, /files\.promptEncoder: must be there/],
  ['a grammar of tokens', (m) => (m.sequence = { rowEnd: ['a'] }), /sequence: must not be/],
  ['another width', (m) => (m.hiddenSize = 64), /\[12, 64\]|\[64, 64\]/],
  ['longer prompts', (m) => (m.prompt.length = 13), /maxLength: must hold .* at least 49/],
  [
    'a table of fewer',
    (m) => (m.prompt.length = 11),
    /unconditional_embedding to have shape \[11, 32\]/,
  ],
])('embeddings: %s is an error of the package', async (_what, edit, message) => {
  const error = await loadModel(llamagen.make(edit)).catch((reason: Error) => reason);
  expect(error).toMatchObject({ code: 'ERR_MODEL', message: expect.stringMatching(message) });
});
