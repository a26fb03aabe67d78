/** What the documentation shows has to run, and to be right. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadModel } from '../src';
import { PACKAGE_ROOT } from '../src/native/loader';

test('a loop of one’s own over sjd2/kernels draws the image that the engine draws', async () => {
  const file = join(mkdtempSync(join(tmpdir(), 'sjd2-example-')), 'own.png');
  const example = join(PACKAGE_ROOT, 'docs', 'examples', 'own-loop.mjs');
  const output = execFileSync(process.execPath, [example, 'a red apple', file], {
    encoding: 'utf8',
  });
  expect(output).toMatch(/256 tokens in \d+ passes/);
  await using model = await loadModel('emoji');
  const { images } = await model.generate('a red apple', { decoder: 'ar', guidance: 1, seed: 7 });
  expect(readFileSync(file).equals(images[0]?.toPNG() as Buffer)).toBe(true);
});

test('with another coupling it states the laws of its guesses, and verify believes them', () => {
  const file = join(mkdtempSync(join(tmpdir(), 'sjd2-example-')), 'own.png');
  const example = join(PACKAGE_ROOT, 'docs', 'examples', 'own-loop.mjs');
  const output = execFileSync(process.execPath, [example, 'a red apple', file, 'maximal'], {
    encoding: 'utf8',
  });
  // Laws that were never written are refused; laws that hold let several tokens pass at once.
  expect(Number(/256 tokens in (\d+) passes/.exec(output)?.[1])).toBeLessThan(128);
});
