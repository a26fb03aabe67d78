/** `model.bench()` and `sjd2 bench`: numbers that belong together, a recommendation that follows from them. */
import { join } from 'node:path';
import { loadModel } from '../src';
import { start } from './cli/command-line';

const fixtures = join(__dirname, 'fixtures');

test('windows, break-even and speeds belong together, and the recommendation is the fastest', async () => {
  await using model = await loadModel(join(fixtures, 'random'), { device: 'cpu' });
  const events: number[] = [];
  const found = await model.bench({
    prompt: 'a red car',
    seconds: 1,
    onProgress: ({ done }) => events.push(done),
  });
  const { windows, decoders, recommended, tokens } = found;
  expect(windows.map(({ window }) => window).slice(0, 5)).toEqual([1, 2, 4, 8, 16]);
  for (const { seconds, breakEven } of windows) {
    expect(breakEven).toBeCloseTo(seconds / (windows[0]?.seconds as number), 9);
  }
  const [ar, ...parallel] = decoders;
  expect(ar).toMatchObject({ decoder: 'ar', window: 1, tokensPerPass: 1, speedUp: 1 });
  // Both decoders at every window with Gumbel coupling, and the other couplings at one.
  expect(parallel).toHaveLength(16);
  for (const { tokensPerPass, window } of parallel) {
    expect(tokensPerPass).toBeGreaterThanOrEqual(1);
    expect(tokensPerPass).toBeLessThanOrEqual(window);
  }
  expect(decoders).toContainEqual(recommended);
  const fastest = Math.max(...decoders.map(({ speedUp }) => speedUp));
  expect(recommended.speedUp * 1.03).toBeGreaterThanOrEqual(fastest);
  expect(tokens).toBeLessThanOrEqual(64);
  expect(events.at(-1)).toBe(1);
});

test('options are checked, and it can be aborted', async () => {
  await using model = await loadModel(join(fixtures, 'janus'), { device: 'cpu' });
  for (const options of [{ seconds: 0 }, { onProgress: 1 }, { windows: [1] }]) {
    await expect(model.bench(options as object)).rejects.toMatchObject({ code: 'ERR_ARGUMENT' });
  }
  const controller = new AbortController();
  const { signal } = controller;
  const work = model.bench({ signal, seconds: 1, onProgress: () => controller.abort() });
  await expect(work).rejects.toMatchObject({ code: 'ERR_ABORTED' });
});

test('sjd2 bench prints two tables and a line of advice', async () => {
  const folder = join(fixtures, 'janus-published');
  const { code, stdout, stderr } = await start(fixtures, [
    'bench',
    '--model',
    folder,
    '--seconds',
    '1',
  ]).outcome;
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(stdout).toMatch(/^window +ms a pass +tokens a pass to break even\n +1 /);
  expect(stdout).toMatch(/\ndecoder +coupling +window +tokens a pass +ms a token +speed\nar /);
  expect(stdout).toMatch(/\nrecommended: --decoder \w+/);
});
