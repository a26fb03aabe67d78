/**
 * Models of the known families with random weights, exported by scripts/export (write_fixture.py wrote
 * packages and expectations), against their public PyTorch classes.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadModel } from '../src';
import type { ImageModel } from '../src/image-model';
import { readModelPackage } from '../src/model/package';
import { COUPLING_NAMES } from '../src/options';
import { type Json, PackageCopies } from './package-copy';

const folderOf = (family: string) => join(__dirname, 'fixtures', family);

describe.each(['janus', 'lumina-mgpt', 'emu3'])('%s', (family) => {
  const folder = folderOf(family);
  const fixture = JSON.parse(readFileSync(join(folder, 'parity.json'), 'utf8'));
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

  test.each(
    (['ar', 'jacobi', 'sjd'] as const).flatMap((decoder) =>
      COUPLING_NAMES.map((coupling) => [decoder, coupling] as const),
    ),
  )('%s, %s: the greedy tokens and pixels of PyTorch under guidance', async (decoder, coupling) => {
    const options = { decoder, coupling, temperature: 0, guidance: fixture.guidance };
    for (const { prompt, greedy, pixels } of fixture.cases) {
      const { tokens, images } = await model.generate(prompt, options);
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

  test.each([1, undefined])(
    'with Gumbel coupling every window draws the AR image, guidance %s',
    async (guidance) => {
      const prompt = 'a big red car';
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

  test('every token that was drawn has a likelihood', async () => {
    const { tokens } = await model.generate('a fox', { seed: 7 });
    const { nll } = await model.score('a fox', tokens[0] as Int32Array);
    expect(nll).toHaveLength(36);
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
