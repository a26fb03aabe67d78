/** What a model takes of memory: no more than its sizes say, asked for first, given back in the end. */
import { loadModel } from '../src';
import { ended, inChild } from './child';
import { tinyModel } from './tiny-model';

jest.setTimeout(120_000);

test('a graph has to state the sizes that the manifest states', async () => {
  const folder = tinyModel({ decoder: 'symbolic-decoder' });
  await expect(loadModel(folder)).rejects.toMatchObject({
    code: 'ERR_MODEL',
    message: expect.stringMatching(
      /past_key_values\.0\.0\.key .* to be float32 with shape \[1, 1, 8, 8\] but it is .*\[1, 1, \?, 8\]/,
    ),
  });
});

test('sizes that multiply to more than 64 bits are no small buffer', async () => {
  const sizes = { heads: 2 ** 20, kvHeads: 2 ** 20, maxLength: 2 ** 24, headSize: 2 ** 20 };
  const folder = tinyModel({ decoder: 'wrapping-decoder', manifest: sizes });
  await expect(loadModel(folder)).rejects.toMatchObject({ code: 'ERR_MEMORY' });
  const free = jest.spyOn(process, 'availableMemory').mockReturnValue(Number.POSITIVE_INFINITY);
  try {
    await using model = await loadModel(folder, { check: false });
    await expect(model.generate('cat')).rejects.toMatchObject({ code: 'ERR_MODEL' });
    const scored = model.score('cat', new Int32Array(4));
    await expect(scored).rejects.toMatchObject({ code: 'ERR_MODEL' });
  } finally {
    free.mockRestore();
  }
});

test('a cache that the machine can not hold is an error that says how much it takes', async () => {
  const sizes = { heads: 2 ** 6, kvHeads: 2 ** 6, maxLength: 2 ** 20, headSize: 2 ** 10 };
  const folder = tinyModel({ decoder: 'huge-decoder', manifest: sizes });
  await expect(loadModel(folder)).rejects.toMatchObject({
    code: 'ERR_MEMORY',
    message: expect.stringMatching(/needs 5242\d\d MB of memory.* \d+ MB are free/),
  });
});

test('what a model takes is said by part before any of it is taken', async () => {
  const free = jest.spyOn(process, 'availableMemory').mockReturnValue(20 * 2 ** 20);
  try {
    await expect(loadModel('emoji', { device: 'cpu' })).rejects.toMatchObject({
      code: 'ERR_MEMORY',
      message: expect.stringMatching(
        // 19 MB of fp16 weights become floats, and the cache of two rows holds floats.
        /needs \d+ MB of memory at least \(weights 39, KV cache of one image 7, tables 2, image decoder \d+\), and 20 MB are free/,
      ),
    });
  } finally {
    free.mockRestore();
  }
});

test('streams that are dropped without return() are freed', async () => {
  const ending = await inChild(
    `
    const model = await sjd2.loadModel();
    const start = async (signal) => {
      const stream = model.stream('a cat', { window: 32, count: 2, signal });
      for (let i = 0; i < 3; i++) await stream.next();
    };
    const { signal } = new AbortController();
    const dropped = async (count) => {
      for (let i = 0; i < count; i++) {
        await start(i % 2 ? signal : undefined);
        await sleep(0);
        gc();
      }
      await sleep(200);
      gc();
      await sleep(200);
      return process.memoryUsage().rss;
    };
    const before = await dropped(20);
    // 2.2 MB each, and two of them: were they kept, this would be 360 MB.
    const growth = (await dropped(80)) - before;
    return growth < 60 * 2 ** 20 ? 'freed' : growth;`,
    ['--expose-gc'],
  );
  expect(ending).toEqual(ended('freed'));
});

test('the collector learns of the memory behind a dropped stream', async () => {
  const ending = await inChild(`
    const model = await sjd2.loadModel();
    const dropped = async (count) => {
      for (let i = 0; i < count; i++) await model.stream('a cat', { window: 16 }).next();
      return process.memoryUsage().rss;
    };
    const before = await dropped(40);
    // Nobody asks for a collection. 2.2 MB each: 220 MB if they were small objects to the collector.
    const growth = (await dropped(100)) - before;
    return growth < 100 * 2 ** 20 ? 'freed' : growth;`);
  expect(ending).toEqual(ended('freed'));
});
