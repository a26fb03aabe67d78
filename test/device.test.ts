/**
 * The device `cuda`. Where CI runs there is no GPU: the engine runs over the tests' driver, whose
 * kernels are the CUDA kernels compiled for the CPU, and ONNX Runtime's CPU provider works on the
 * driver's memory. docs/cuda.md says what that shows and what it does not.
 */
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { openRuntime } from '../src/native/runtime';
import { EMULATED_DRIVER, evaluate, runWithDriver } from './emulated-gpu';

const NO_DRIVER = 'libno-such-driver.so';

/** The message of loadModel's error on device cuda. */
const REFUSAL = `
  try {
    await sjd2.loadModel('emoji', { device: 'cuda' });
    return 'no error';
  } catch (error) {
    return error.code + ': ' + error.message;
  }`;

// The emulated driver is built where its guard pages and fibers are: on Linux and its like.
const emulates = process.platform !== 'win32' && process.platform !== 'darwin';
const onEmulatedGpu = emulates ? test : test.failing;

describe('on an emulated GPU', () => {
  // What auto takes on cuda is fp16: transformer, cache and logits.
  onEmulatedGpu.each(['fp32', 'fp16'])(
    '%s: every decoder draws as on the CPU',
    async (precision) => {
      const pairs = await evaluate<Array<{ name: string; cpu: number[]; cuda: number[] }>>(
        EMULATED_DRIVER,
        `
      const [cpu, cuda] = await Promise.all(
        ['cpu', 'cuda'].map((device) => sjd2.loadModel('emoji', { device, precision: 'PRECISION' })),
      );
      const pairs = [];
      for (const options of [
        { decoder: 'ar' },
        { decoder: 'jacobi', window: 8 },
        { decoder: 'sjd', window: 12 },
        { decoder: 'sjd2', window: 16 },
        { decoder: 'sjd2', window: 8, coupling: 'maximal', steps: 2, topP: 0.9 },
        { decoder: 'sjd', window: 6, coupling: 'independent', initial: 'left', guidance: 1 },
      ]) {
        const draw = async (model) => {
          const lively = options.decoder === 'jacobi' ? {} : { temperature: 1 };
          const { tokens, stats } = await model.generate('a red apple', { seed: 5, ...lively, ...options });
          return [...tokens[0], stats[0].passes];
        };
        pairs.push({ name: JSON.stringify(options), cpu: await draw(cpu), cuda: await draw(cuda) });
      }
      return pairs;`.replace('PRECISION', precision),
      );
      // Laws differ by some ulp of a float. A decision that close would show here and had to be looked
      // at; with these seeds there is none, and with Gumbel coupling the kernels decide in double.
      for (const { name, cpu, cuda } of pairs)
        expect({ name, tokens: cuda }).toEqual({ name, tokens: cpu });
      // ar, sjd and sjd2 with Gumbel coupling: one picture, in fewer passes each. Not quite in fp16,
      // where a pass over more positions rounds its logits otherwise.
      if (precision === 'fp16') return;
      const [ar, , sjd, sjd2] = pairs.map(({ cuda }) => cuda);
      expect(sjd?.slice(0, -1)).toEqual(ar?.slice(0, -1));
      expect(sjd2?.slice(0, -1)).toEqual(ar?.slice(0, -1));
    },
  );

  onEmulatedGpu('scores, previews, batches side by side, aborts and disposals work', async () => {
    const result = await evaluate<Record<string, unknown>>(
      EMULATED_DRIVER,
      `
      const cpu = await sjd2.loadModel('emoji', { device: 'cpu' });
      const cuda = await sjd2.loadModel('emoji', { device: 'cuda', precision: 'fp32' });
      // At the default temperature two seeds may well draw the same cat.
      const options = { decoder: 'sjd2', window: 6, seed: 1, temperature: 1 };
      const { tokens } = await cpu.generate('a cat', options);
      const score = [cpu, cuda].map((model) => model.score('a cat', tokens[0], { temperature: 1 }));
      const [a, b] = (await Promise.all(score)).map(({ nll }) => nll);
      let previews = 0;
      for await (const event of cuda.stream('a cat', { ...options, previewEvery: 40 })) {
        if (event.type === 'preview') previews++;
      }
      const together = await Promise.all(
        [1, 2, 1].map((seed) => cuda.generate('a cat', { ...options, seed })),
      );
      const same = together.map((one) => one.tokens[0].every((token, i) => token === tokens[0][i]));
      const errors = [];
      for (const delay of [0, 3, 20, 50]) {
        const signal = AbortSignal.timeout(delay);
        await cuda.generate('a cat', { count: 100, signal }).catch(({ code }) => errors.push(code));
      }
      const running = cuda.generate('a cat', { count: 100 });
      setTimeout(() => cuda.dispose(), 30);
      await running.catch(({ code }) => errors.push(code));
      const drift = a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i])), 0);
      return { device: cuda.device, drift, previews: previews > 0, same, errors };`,
    );
    const { drift, ...rest } = result;
    // Within (1.5 |x| + 20) ulp of a float, with |x| below 40: 80 * 2^-23 (native/test/verify_checker.cc).
    expect(drift).toBeLessThan(1e-5);
    expect(rest).toEqual({
      device: 'cuda',
      previews: true,
      same: [true, false, true],
      errors: [...Array(4).fill('ERR_ABORTED'), 'ERR_STATE'],
    });
  });

  onEmulatedGpu('auto takes the CPU all the same, and sjd2 info names the GPU', async () => {
    const device = await evaluate(
      EMULATED_DRIVER,
      `return (await sjd2.loadModel('emoji')).device;`,
    );
    expect(device).toBe('cpu');
    const { stdout } = await runWithDriver(EMULATED_DRIVER, ['bin/sjd2.js', 'info', '--json']);
    expect(JSON.parse(stdout).devices).toContainEqual({
      name: 'cuda',
      usable: true,
      gpu: expect.stringMatching(/^cuda:0 \(emulated GPU\), compute capability 8\.9/),
    });
  });

  onEmulatedGpu('a driver of CUDA 12.2 will do', async () => {
    const environment = { SJD2_FAKE_CUDA_VERSION: '12020' };
    const { stdout } = await runWithDriver(
      EMULATED_DRIVER,
      ['bin/sjd2.js', 'info', '--json'],
      environment,
    );
    expect(JSON.parse(stdout).devices).toContainEqual(
      expect.objectContaining({ name: 'cuda', usable: true }),
    );
  });

  onEmulatedGpu.each([
    ['an old driver', { SJD2_FAKE_CUDA_VERSION: '12010' }, /supports CUDA 12\.1.*release 535/],
    [
      'an old GPU',
      { SJD2_FAKE_CUDA_CAPABILITY: '75' },
      /compute capability 7\.5; 8\.0 .* is needed/,
    ],
  ])('%s is named', async (_, environment, message) => {
    const refusal = await evaluate(EMULATED_DRIVER, REFUSAL, environment as Record<string, string>);
    expect(refusal).toMatch(/^ERR_DEVICE: /);
    expect(refusal).toMatch(message as RegExp);
  });
});

test('without a driver cuda is an error that says all there is to install, and auto is the CPU', async () => {
  const refusal = await evaluate(NO_DRIVER, REFUSAL);
  expect(refusal).toMatch(/^ERR_DEVICE: .*libno-such-driver\.so can not be loaded.*release 535/);
  expect(refusal).toMatch(/CUDA execution provider.*device cpu/);
  expect(refusal).not.toMatch('\n');
  expect(await evaluate(NO_DRIVER, `return (await sjd2.loadModel('emoji')).device;`)).toBe('cpu');
});

describe('a CUDA provider that ONNX Runtime can not load', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'sjd2-provider-'));
    const { path: library } = openRuntime();
    copyFileSync(library, path.join(folder, path.basename(library)));
    // Where ONNX Runtime was built for the provider it now finds one that is none.
    writeFileSync(path.join(folder, 'libonnxruntime_providers_cuda.so'), 'no library');
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test('is told from one that is not there, with the reason', async () => {
    const { path: library, providers } = openRuntime();
    const runtime = JSON.stringify(path.join(folder, path.basename(library)));
    const { stdout } = await runWithDriver(NO_DRIVER, [
      '-e',
      `require('./dist/native/loader.js').loadAddon().addon.probeCuda(${runtime})
         .then(({ missing }) => console.log(missing.at(-1)))`,
    ]);
    expect(stdout).toMatch(
      providers.includes('CUDAExecutionProvider') && process.platform === 'linux'
        ? /does not load: .*libonnxruntime_providers_cuda\.so.*ONNXRUNTIME_NODE_INSTALL=cuda12/
        : /CUDA execution provider/,
    );
  });
});
