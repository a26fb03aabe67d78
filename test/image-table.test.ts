/** The image embedding may be the largest thing in memory: the thread that loads graphs fetches it, once. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadModel } from '../src';
import { ended, inChild } from './child';
import { tinyModel, WIDE } from './tiny-model';

jest.setTimeout(120_000);

const TABLE = 4 * WIDE.hidden * WIDE.vocabulary;

function wideModel(): string {
  return tinyModel({ decoder: 'wide-decoder', tables: WIDE });
}

test('it never enters JavaScript, and is in memory once', async () => {
  const ending = await inChild(`
    const before = process.memoryUsage();
    let buffers = 0;
    const look = () => { buffers = Math.max(buffers, process.memoryUsage().arrayBuffers); };
    const timer = setInterval(look, 1);
    const options = { device: 'cpu', check: false, onProgress: look };
    const model = await sjd2.loadModel(${JSON.stringify(wideModel())}, options);
    clearInterval(timer);
    const taken = process.memoryUsage().rss - before.rss;
    const { tokens } = await model.generate('cat', { decoder: 'ar', seed: 1 });
    await model.dispose();
    return [buffers < ${TABLE / 8}, taken > ${0.9 * TABLE}, taken < ${1.7 * TABLE}, tokens.length].join();`);
  expect(ending).toEqual(ended('true,true,true,1'));
});

test('it draws the same whatever it is stored as', async () => {
  const drawn = [];
  for (const dtype of ['F32', 'F16', 'BF16'] as const) {
    await using model = await loadModel(tinyModel({ tables: { dtype } }), { device: 'cpu' });
    const { tokens } = await model.generate('cat', { decoder: 'ar', count: 8, seed: 1 });
    drawn.push(tokens);
  }
  expect(drawn[0]?.flatMap((image) => [...image]).some((token) => token > 0)).toBe(true);
  expect(drawn[1]).toEqual(drawn[0]);
  expect(drawn[2]).toEqual(drawn[0]);
});

test.each([
  ['F32', 0xff800000, '-Infinity'],
  ['F16', 0x7c00, 'Infinity'],
  ['BF16', 0x7fc0, 'NaN'],
] as const)('a value of a table in %s that is not finite is named', async (dtype, bits, shown) => {
  const folder = tinyModel({ tables: { dtype } });
  const file = join(folder, 'tables.safetensors');
  const bytes = readFileSync(file);
  const width = dtype === 'F32' ? 4 : 2;
  const at = 8 + Number(bytes.readBigUInt64LE()) + 5 * width;
  bytes.writeUIntLE(bits, at, width);
  writeFileSync(file, bytes);
  await expect(loadModel(folder, { device: 'cpu' })).rejects.toMatchObject({
    code: 'ERR_MODEL',
    message: `${file}: expected image_embedding to be finite but element 5 is ${shown}`,
  });
});

describe('while it is fetched', () => {
  const LOAD = (folder: string) =>
    `sjd2.loadModel(${JSON.stringify(folder)}, { device: 'cpu', check: false, onProgress, signal })`;

  test('the process can leave', async () => {
    const folder = wideModel();
    for (let delay = 0; delay < 60; delay += 12) {
      const ending = await inChild(`
        const signal = undefined;
        const onProgress = ({ stage }) => {
          if (stage === 'graphs') setTimeout(() => process.exit(7), ${delay});
        };
        await ${LOAD(folder)};
        await sleep(1000);`);
      expect(ending).toEqual({ code: 7, signal: null, stdout: '', stderr: '' });
    }
  });

  test('an abort ends it, and other loads go on', async () => {
    const folder = wideModel();
    const ending = await inChild(`
      const codes = new Set();
      for (let delay = 0; delay < 60; delay += 12) {
        const controller = new AbortController();
        const { signal } = controller;
        const onProgress = ({ stage }) => {
          if (stage === 'graphs') setTimeout(() => controller.abort(), delay);
        };
        codes.add(await codeOf(${LOAD(folder)}));
      }
      codes.delete('fulfilled');
      const model = await sjd2.loadModel(${JSON.stringify(tinyModel())}, { device: 'cpu' });
      codes.add((await model.generate('cat', { decoder: 'ar' })).tokens.length);
      return [...codes].join();`);
    expect(ending).toEqual(ended('ERR_ABORTED,1'));
  });
});
