/** TESTING 3: the same checkpoint in PyTorch (scripts/export/parity.py wrote the fixture) and here. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadModel } from '../src';
import { readModelPackage } from '../src/model/package';
import type { PromptEncoder } from '../src/model/prompt';

const fixture = JSON.parse(readFileSync(join(__dirname, 'fixtures', 'parity.json'), 'utf8'));

test('the fixture belongs to the weights that are shipped', async () => {
  const { folder } = await readModelPackage('emoji', true);
  const weights = readFileSync(join(folder, 'decoder.weights'));
  expect(createHash('sha256').update(weights).digest('hex')).toBe(fixture.decoderSha256);
});

test('prompts get the token ids that the training tokenizer gives', async () => {
  const prompts = (await readModelPackage('emoji', false)).prompts as PromptEncoder;
  for (const { prompt, ids } of fixture.cases) expect(prompts.encode(prompt)).toEqual(ids);
  expect(prompts.unconditional([])).toEqual(fixture.unconditionalIds);
});

test.each([
  ['greedyGuided', 'greedyGuidedMargins', fixture.guidance],
  ['greedy', 'greedyMargins', 1],
])('%s: AR and Jacobi draw the greedy tokens of PyTorch', async (name, margins, guidance) => {
  await using model = await loadModel('emoji');
  for (const expected of fixture.cases) {
    for (const decoder of ['ar', 'jacobi'] as const) {
      const result = await model.generate(expected.prompt, { decoder, guidance, temperature: 0 });
      const tokens = result.tokens[0] as Int32Array;
      const differs = tokens.findIndex((token, i) => token !== expected[name][i]);
      // Logits agree to 2e-5 (the fixture's measured errors, times the guidance): only a tie
      // closer than that may fall the other way, and everything after it is another image.
      if (differs >= 0) expect(expected[margins][differs]).toBeLessThan(1e-4);
    }
  }
});

test('pixels are those of the PyTorch image decoder', async () => {
  await using model = await loadModel('emoji');
  for (const { greedyGuided, pixels } of fixture.cases) {
    const image = await model.decodeTokens(Int32Array.from(greedyGuided));
    const step = image.width / pixels[0].length; // the fixture holds every `step`-th pixel
    for (const [channel, plane] of (pixels as number[][][]).entries()) {
      for (const [y, row] of plane.entries()) {
        for (const [x, expected] of row.entries()) {
          const at = ((y * step + step / 2) * image.width + x * step + step / 2) * 3 + channel;
          const value = Math.min(1, Math.max(-1, expected));
          // Half a grey level of rounding and the fixture's four digits.
          expect(Math.abs((image.data[at] as number) - (value + 1) * 127.5)).toBeLessThan(0.51);
        }
      }
    }
  }
});
