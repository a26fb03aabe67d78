/** Aborting, disposing, running side by side: nothing hangs, nothing crashes the process. */
import { type GenerationEvent, loadModel } from '../src';

jest.setTimeout(120_000);

test('the event loop stays free while a pass runs', async () => {
  await using model = await loadModel('emoji');
  let longest = 0;
  let last = performance.now();
  const timer = setInterval(() => {
    longest = Math.max(longest, performance.now() - last);
    last = performance.now();
  }, 1);
  const { stats } = await model.generate('a tree', { window: 256 });
  clearInterval(timer);
  const passSeconds = stats.map((s) => s.modelSeconds / s.passes);
  // A pass of 256 positions takes tens of milliseconds; the loop may not stop that long for each.
  expect(longest).toBeLessThan(1000 * Math.max(...passSeconds) * 3 + 100);
});

test('an abort ends the pass in flight with an AbortError that carries the reason', async () => {
  await using model = await loadModel('emoji');
  for (const delay of [0, 1, 5, 20, 60]) {
    const controller = new AbortController();
    const reason = new Error('the user left');
    setTimeout(() => controller.abort(reason), delay);
    const work = model.generate('a cat', { count: 100, signal: controller.signal });
    await expect(work).rejects.toMatchObject({
      name: 'AbortError',
      code: 'ERR_ABORTED',
      cause: reason,
    });
  }
  await expect(model.generate('a cat', { signal: AbortSignal.abort() })).rejects.toMatchObject({
    name: 'AbortError',
  });
  await model.generate('a cat');
});

test('the images of one call are those of their seeds, drawn alone, in that order', async () => {
  for (const threads of [undefined, 1]) {
    await using model = await loadModel('emoji', { threads });
    const options = { seed: 3, temperature: 1 };
    const together = await model.generate('a heart', { ...options, count: 5 });
    expect(together.stats.map(({ seed }) => seed)).toEqual([3n, 4n, 5n, 6n, 7n]);
    for (const i of [0, 4]) {
      const alone = await model.generate('a heart', { ...options, seed: 3 + i });
      expect(together.tokens[i]).toEqual(alone.tokens[0]);
      expect(together.images[i]?.data).toEqual(alone.images[0]?.data);
    }
  }
});

test('events of several images come mixed, those of one image in order', async () => {
  await using model = await loadModel('emoji');
  const events: GenerationEvent[] = [];
  const options = { count: 4, window: 16, previewEvery: 4 };
  for await (const event of model.stream('a sun', options)) events.push(event);
  for (let image = 0; image < 4; image++) {
    const own = events.filter((event) => event.image === image);
    const progress = own.filter((event) => event.type === 'progress');
    expect(progress.map(({ passes }) => passes)).toEqual(progress.map((_, i) => i + 1));
    expect(progress.at(-1)).toMatchObject({ committed: 256, total: 256 });
    expect(own.filter(({ type }) => type === 'completed')).toHaveLength(1);
    expect(own.at(-1)?.type).toBe('completed');
    // A preview stands behind the pass that it shows.
    own.forEach((event, i) => {
      if (event.type !== 'preview') return;
      expect(own[i - 1]).toMatchObject({ type: 'progress', committed: event.committed });
    });
  }
  const order = events.map(({ image }) => image);
  expect(order).not.toEqual([...order].sort());
});

test('leaving a stream ends the generation', async () => {
  await using model = await loadModel('emoji');
  for await (const event of model.stream('a sun', { count: 1000 })) {
    if (event.type === 'progress' && event.passes === 3) break;
  }
});

test('a stream reports progress after every pass, previews, and the image', async () => {
  await using model = await loadModel('emoji');
  const events: GenerationEvent[] = [];
  for await (const event of model.stream('a sun', { previewEvery: 10 })) events.push(event);
  const progress = events.filter((event) => event.type === 'progress');
  const completed = events.at(-1);
  expect(completed?.type).toBe('completed');
  if (completed?.type !== 'completed') return;
  expect(progress).toHaveLength(completed.stats.passes);
  expect(progress.at(-1)).toMatchObject({ committed: 256, total: 256 });
  const previews = events.filter((event) => event.type === 'preview');
  expect(previews.length).toBeGreaterThan(0);
  for (const preview of previews) {
    expect(preview.pixels).toMatchObject({ width: completed.pixels.width });
  }
});

test('disposing in mid-pass ends what runs, and what comes later is refused', async () => {
  await using model = await loadModel('emoji');
  const running = model.generate('a cat', { count: 100 });
  setTimeout(() => model.dispose(), 30);
  await expect(running).rejects.toMatchObject({ code: 'ERR_STATE' });
  await expect(model.generate('a cat')).rejects.toMatchObject({ code: 'ERR_STATE' });
});

test('generations side by side draw the images they draw alone', async () => {
  await using model = await loadModel('emoji');
  // At the default temperature most seeds draw the same heart.
  const options = { window: 16, temperature: 1 };
  const alone: Int32Array[] = [];
  for (let seed = 0; seed < 6; seed++) {
    alone.push((await model.generate('a heart', { seed, ...options })).tokens[0] as Int32Array);
  }
  const together = await Promise.all(
    alone.map((_, seed) => model.generate('a heart', { seed, ...options })),
  );
  together.forEach((result, seed) => {
    expect(result.tokens[0]).toEqual(alone[seed]);
  });
});
