/**
 * The device `webgpu`, end to end, against the CPU's tokens. `npm run test:webgpu` runs this where there
 * is an adapter; a software Vulkan is one, whose memory is really separate from the host's. A pass takes
 * a second of such a GPU with the default model, so most of it draws with a random model of 64 tokens.
 */
import path from 'node:path';
import { Worker } from 'node:worker_threads';
import { type GenerateOptions, type ImageModel, loadModel } from '../../src';
import { probeWebGpu } from '../../src/native/device';

const RANDOM = path.join(__dirname, '..', 'fixtures', 'random');
const DIST = path.join(__dirname, '..', '..', 'dist', 'index.js');

let cpu: ImageModel;
let gpu: ImageModel;
beforeAll(async () => {
  cpu = await loadModel(RANDOM, { device: 'cpu' });
  gpu = await loadModel(RANDOM, { device: 'webgpu', precision: 'fp32' });
});
afterAll(async () => {
  await cpu.dispose();
  await gpu.dispose();
});

async function draw(model: ImageModel, options: GenerateOptions) {
  const { tokens, stats } = await model.generate('a red apple', { seed: 5, ...options });
  return { tokens: [...(tokens[0] as Int32Array)], passes: stats[0]?.passes };
}

test('ar draws the picture of the CPU, in one row and with guidance in two', async () => {
  for (const guidance of [1, 1.5]) {
    const options: GenerateOptions = { decoder: 'ar', guidance };
    expect(await draw(gpu, options)).toEqual(await draw(cpu, options));
  }
});

// ONNX Runtime's kernels change at 2, 4 and 32 rows of attention; wide windows go in pieces of 31 rows
// where the last change is for the worse. A first pass has three rows of prompt besides.
test.each([2, 3, 4, 5, 16, 31, 32, 33, 64])(
  'sjd2 with a window of %i draws the picture of the CPU, drafts rejected alike',
  async (window) => {
    expect(await draw(gpu, { window })).toEqual(await draw(cpu, { window }));
  },
);

const WAYS: GenerateOptions[] = [
  { decoder: 'jacobi', window: 8 },
  { decoder: 'sjd', window: 12, guidance: 1 },
  { decoder: 'sjd', window: 33, coupling: 'maximal' },
  { decoder: 'sjd', window: 9, coupling: 'independent', initial: 'up' },
  { window: 24, coupling: 'maximal', steps: 2, topP: 0.9 },
  { window: 35, coupling: 'independent', levels: 'staggered', steps: 3, guidance: 1 },
];
test.each(WAYS)('%o draws the picture of the CPU', async (options) => {
  expect(await draw(gpu, options)).toEqual(await draw(cpu, options));
});

test('score agrees with the CPU, in pieces of 64 rows too', async () => {
  const { tokens } = await cpu.generate('a red apple', { seed: 2, window: 8 });
  const [a, b] = [cpu, gpu].map((model) => model.score('a red apple', tokens[0] as Int32Array));
  const [{ nll: expected }, { nll }] = [await a, await b] as [
    { nll: Float64Array },
    { nll: Float64Array },
  ];
  // Logits agree to 1e-5, guidance and the sums of the law make a few times that of it.
  const apart = nll.map((value, i) => Math.abs(value - (expected[i] as number)));
  expect(Math.max(...apart)).toBeLessThan(1e-3);
});

test('generations side by side, of two models, draw what each draws alone', async () => {
  const other = await loadModel(RANDOM, { device: 'webgpu', precision: 'fp32' });
  const seeds = [1, 2, 3, 4];
  const together = await Promise.all(
    seeds.map((seed) => draw(seed % 2 ? gpu : other, { seed, window: 12 + seed })),
  );
  await other.dispose();
  for (const [i, seed] of seeds.entries()) {
    expect(together[i]).toEqual(await draw(cpu, { seed, window: 12 + seed }));
  }
});

test('an abort ends the pass in flight, and the next picture is right', async () => {
  for (const delay of [0, 20, 100]) {
    const signal = AbortSignal.timeout(delay);
    const drawing = gpu.generate('a cat', { count: 100, window: 16, signal });
    await expect(drawing).rejects.toMatchObject({ code: 'ERR_ABORTED' });
  }
  expect(await draw(gpu, { window: 16 })).toEqual(await draw(cpu, { window: 16 }));
});

test('a worker thread draws the picture of the main thread, at the same time', async () => {
  const worker = new Worker(
    `const { parentPort, workerData } = require('node:worker_threads');
     (async () => {
       const { loadModel } = require(workerData.dist);
       const model = await loadModel(workerData.model, { device: 'webgpu', precision: 'fp32' });
       const { tokens } = await model.generate('a red apple', { seed: 5, window: 16 });
       await model.dispose();
       parentPort.postMessage([...tokens[0]]);
     })();`,
    { eval: true, workerData: { dist: DIST, model: RANDOM } },
  );
  const there = new Promise((resolve, reject) => {
    worker.once('message', resolve);
    worker.once('error', reject);
  });
  const here = await draw(gpu, { window: 16 });
  expect(await there).toEqual(here.tokens);
});

test('disposed in mid-pass, and loaded again ten times, it keeps its memory flat', async () => {
  const megabytes: number[] = [];
  for (let round = 0; round < 10; round++) {
    const model = await loadModel(RANDOM, { device: 'webgpu', precision: 'fp32' });
    const running = model.generate('a cat', { count: 100, window: 8 });
    const ended = expect(running).rejects.toMatchObject({ code: 'ERR_STATE' });
    await new Promise((resolve) => setTimeout(resolve, 50));
    await model.dispose();
    await ended;
    megabytes.push(process.memoryUsage().rss / 2 ** 20);
  }
  // A round takes some 5 MB of weights, caches and compiled shaders; ONNX Runtime and Dawn keep what they
  // have warmed up, which the first rounds do.
  expect((megabytes[9] as number) - (megabytes[3] as number)).toBeLessThan(40);
});

test('fp16 is taken where the adapter has it, and refused with a reason where it has not', async () => {
  const half = await loadModel(RANDOM, { device: 'webgpu', precision: 'fp16' }).catch(
    (error) => error,
  );
  const chosen = await loadModel(RANDOM, { device: 'webgpu' });
  if (half instanceof Error) {
    expect(half).toMatchObject({ code: 'ERR_DEVICE', message: expect.stringContaining('f16') });
    expect(chosen.precision).toBe('fp32');
  } else {
    expect(chosen.precision).toBe('fp16');
    await half.dispose();
  }
  await chosen.dispose();
});

test('auto never takes a software adapter', async () => {
  const { software, gpu: name } = await probeWebGpu();
  expect(name).not.toBe('');
  if (!software) return;
  const model = await loadModel(RANDOM);
  expect(model.device).toBe('cpu');
  await model.dispose();
});

test('the default model draws the apple of the CPU', async () => {
  const onCpu = await loadModel('emoji', { device: 'cpu' });
  const onGpu = await loadModel('emoji', { device: 'webgpu', precision: 'fp32' });
  // Its first pass, behind 25 rows of prompt, goes in pieces; minutes of a software adapter in all.
  expect(await draw(onGpu, { window: 31 })).toEqual(await draw(onCpu, { window: 31 }));
  await onCpu.dispose();
  await onGpu.dispose();
});
