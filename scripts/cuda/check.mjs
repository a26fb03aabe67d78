/**
 * `npm run check:gpu`: what has to be seen on a machine with an NVIDIA GPU, as one command.
 *
 *   1. every kernel against the scalar reference, and how long it takes (build/gpu_check)
 *   2. the engine on the default model, in fp32 and in fp16: the CPU's tokens, but for ties
 *   3. seconds per image and tokens per pass of sjd and sjd2 against ar, in both
 *
 * Without a GPU it says what is missing and ends with 1. Over the tests' driver (SJD2_CUDA_DRIVER)
 * everything runs, smaller, and no time means anything.
 *
 *   npm run check:gpu -- [--no-build] [--prompts 8] [--window 32]
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { describeMachine } from '../../bench/machine.mjs';
import { median } from '../../bench/statistics.mjs';
import { winningMargin } from './ties.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const require = createRequire(import.meta.url);
const { values: flags } = parseArgs({
  options: {
    'no-build': { type: 'boolean', default: false },
    prompts: { type: 'string' },
    window: { type: 'string', default: '32' },
  },
});
const PROMPTS = ['a red apple', 'a blue car', 'a cat', 'a smiling face', 'a tree', 'a house'];

/**
 * A margin below this is a tie. Other orders of summation move an fp32 logit by some 1e-5, an fp16 one
 * (ten bits of mantissa, six layers, logits of deviation 3) by some 1e-2; the default temperature of 0.4
 * makes 2.5 times that of it, and both tokens of a margin move.
 */
const TIE = { fp32: 1e-3, fp16: 0.1 };

if (!flags['no-build']) build();
const { probeCuda } = require(join(root, 'dist/native/device.js'));
const { loadModel } = require(join(root, 'dist/index.js'));
const { missing, emulated, gpu } = await probeCuda();
if (missing.length > 0) {
  console.error('The device cuda can not be used here:');
  for (const what of missing) console.error(`* ${what}`);
}
// The kernels need no ONNX Runtime.
if (!gpu) process.exit(1);
const { cpu, node } = describeMachine();
console.log(
  `${gpu}\n${cpu}, Node.js ${node}${emulated ? '\nemulated: no time means anything' : ''}`,
);

let failures = 0;
console.log('\nKernels');
if (spawnSync(join(root, 'build', 'gpu_check'), { stdio: 'inherit' }).status !== 0) failures++;
if (missing.length === 0) {
  // In fp32 the CUDA provider's attention runs on the CPU: a check of all else, not of speed.
  for (const precision of ['fp32', 'fp16']) await engine(precision);
} else failures++;
console.log(failures === 0 ? '\nEverything agrees.' : `\n${failures} checks failed.`);
process.exit(failures === 0 ? 0 : 1);

function build() {
  const steps = [
    [process.execPath, ['scripts/build-addon.mjs', '--tests']],
    [process.execPath, ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.json']],
  ];
  for (const [program, args] of steps) {
    if (spawnSync(program, args, { cwd: root, stdio: 'inherit' }).status !== 0) process.exit(1);
  }
  if (!existsSync(join(root, 'build', 'gpu_check'))) {
    console.error('The kernel check is not built on this platform: it needs Linux.');
    process.exit(1);
  }
}

async function engine(precision) {
  console.log(`\nThe engine on the default model, ${precision}`);
  const onCpu = await loadModel('emoji', { device: 'cpu', precision });
  const onGpu = await loadModel('emoji', { device: 'cuda', precision });
  const count = Number(flags.prompts ?? (emulated ? 1 : 8));
  const window = Number(flags.window);
  const decoders = [{ decoder: 'ar' }, { decoder: 'sjd', window }, { decoder: 'sjd2', window }];
  const runs = decoders.map(() => []);
  if (!emulated) {
    // The first pass of each shape allocates and chooses algorithms.
    for (const options of decoders) await onGpu.generate('a cat', { ...options, seed: 999 });
  }
  for (let seed = 0; seed < count; seed++) {
    const prompt = PROMPTS[seed % PROMPTS.length];
    const reference = (await onCpu.generate(prompt, { decoder: 'ar', seed })).tokens[0];
    for (const [i, options] of decoders.entries()) {
      const { tokens, stats } = await onGpu.generate(prompt, { ...options, seed });
      runs[i].push(stats[0]);
      const what = `${precision} ${options.decoder}, "${prompt}", seed ${seed}`;
      await compare(onCpu, TIE[precision], what, { prompt, seed, reference, tokens: tokens[0] });
    }
  }
  report(decoders, runs, window);
  await onCpu.dispose();
  await onGpu.dispose();
}

/** Up to the first difference, which a tie may explain; behind it the prefixes are not the same. */
async function compare(model, limit, what, { prompt, seed, reference, tokens }) {
  const at = tokens.findIndex((token, i) => token !== reference[i]);
  if (at < 0) return console.log(`ok    ${what}: the CPU's tokens`);
  const margin = await winningMargin(model, prompt, seed, reference, at, tokens[at]);
  const tie = Math.abs(margin) < limit;
  if (!tie) failures++;
  console.log(
    `${tie ? 'ok   ' : 'FAIL '} ${what}: token ${at} is ${tokens[at]}, on the CPU ${reference[at]}; ` +
      `the margin is ${margin.toExponential(1)}${tie ? ', a tie' : ''}`,
  );
}

function report(decoders, runs, window) {
  const seconds = runs.map((of) => median(of.map((stats) => stats.seconds)));
  console.log(`\nMedians of ${runs[0].length} images, window ${window}`);
  for (const [i, { decoder }] of decoders.entries()) {
    const passes = median(runs[i].map((stats) => stats.passes));
    const share = median(runs[i].map((s) => s.kernelSeconds / (s.kernelSeconds + s.modelSeconds)));
    console.log(
      `${decoder.padEnd(5)} ${(1000 * seconds[i]).toFixed(1)} ms an image, ${passes} passes, ` +
        `kernels and host ${(100 * share).toFixed(1)}% of a pass, ` +
        `${(seconds[0] / seconds[i]).toFixed(2)} x ar`,
    );
  }
  if (emulated) console.log('emulated: no time means anything');
}
