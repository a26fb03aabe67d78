/**
 * `npm run check:gpu`: what has to be seen on a machine with a GPU, as one command.
 *
 *   1. cuda: every kernel against the scalar reference, and how long it takes (build/gpu_check)
 *   2. cuda and webgpu, in each precision they have: the default model's images with the CPU's tokens,
 *      but for ties
 *   3. a table of all of it: milliseconds an image of ar, and of sjd and sjd2 by window, against the CPU's
 *
 * Without a GPU it says what is missing and ends with 1. Over the tests' driver (SJD2_CUDA_DRIVER) and
 * on a software adapter everything runs, smaller, and no time means anything.
 *
 *   npm run check:gpu -- [--no-build] [--prompts 8] [--windows 8,16,32,64]
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
    windows: { type: 'string', default: '8,16,32,64' },
  },
});
const PROMPTS = ['a red apple', 'a blue car', 'a cat', 'a smiling face', 'a tree', 'a house'];

/**
 * A margin below this is a tie. Other orders of summation move an fp32 logit by some 1e-5, an fp16 one
 * (ten bits of mantissa, eight layers, logits of deviation 5) by some 1e-2; the default temperature of 0.8
 * makes 1.25 times that of it, and both tokens of a margin move.
 */
const TIE = { fp32: 1e-3, fp16: 0.1 };

/** Nothing is cut off: at the edge of a cut a tie has an infinite margin. */
const UNCUT = { topK: 0, topP: 1 };

if (!flags['no-build']) build();
const { probeCuda, probeWebGpu } = require(join(root, 'dist/native/device.js'));
const { loadModel } = require(join(root, 'dist/index.js'));
const [cuda, webgpu] = [await probeCuda(), await probeWebGpu()];
// The CUDA kernels need no ONNX Runtime.
const nothing = !cuda.gpu && webgpu.missing.length > 0;
const say = nothing ? console.error : console.log;
for (const [device, { missing }] of Object.entries({ cuda, webgpu })) {
  if (missing.length === 0) continue;
  say(`The device ${device} can not be used here:`);
  for (const what of missing) say(`* ${what}`);
}
if (nothing) process.exit(1);
const { cpu, node } = describeMachine();
console.log(`${cpu}, Node.js ${node}`);

let failures = 0;
const table = [];
if (cuda.gpu) {
  console.log(`\nKernels on ${cuda.gpu}${untimed(cuda.emulated)}`);
  if (spawnSync(join(root, 'build', 'gpu_check'), { stdio: 'inherit' }).status !== 0) failures++;
  // On a GPU the provider's attention has no fp32 kernel; the emulation takes the CPU provider.
  if (cuda.missing.length > 0) failures++;
  else
    for (const precision of cuda.emulated ? ['fp32', 'fp16'] : ['fp16'])
      await engine('cuda', precision, cuda);
}
if (webgpu.missing.length === 0) {
  for (const precision of ['fp32', 'fp16']) await engine('webgpu', precision, webgpu);
}
printTable();
console.log(failures === 0 ? '\nEverything agrees.' : `\n${failures} checks failed.`);
process.exit(failures === 0 ? 0 : 1);

function untimed(notReal) {
  return notReal ? ' (no time means anything)' : '';
}

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

async function engine(device, precision, { gpu, emulated, software }) {
  const notReal = emulated || software;
  console.log(`\nThe default model on ${device}, ${gpu}, ${precision}${untimed(notReal)}`);
  let onGpu;
  try {
    onGpu = await loadModel('emoji', { device, precision });
  } catch (error) {
    if (device !== 'webgpu' || precision !== 'fp16' || error.code !== 'ERR_DEVICE') throw error;
    return console.log('not to be had: the adapter has no fp16');
  }
  const onCpu = await loadModel('emoji', { device: 'cpu', precision });
  const count = Number(flags.prompts ?? (notReal ? 1 : 8));
  const windows = flags.windows.split(',').map(Number);
  const ways = [
    { decoder: 'ar' },
    ...windows.flatMap((window) => ['sjd', 'sjd2'].map((decoder) => ({ decoder, window }))),
  ];
  const runs = ways.map(() => ({ here: [], cpu: [] }));
  // The first pass of each shape allocates, chooses algorithms and compiles.
  if (!notReal) for (const way of ways) await onGpu.generate('a cat', { ...way, seed: 999 });
  for (let seed = 0; seed < count; seed++) {
    const prompt = PROMPTS[seed % PROMPTS.length];
    let reference;
    for (const [i, way] of ways.entries()) {
      const expected = await onCpu.generate(prompt, { ...way, ...UNCUT, seed });
      reference ??= expected.tokens[0];
      const { tokens, stats } = await onGpu.generate(prompt, { ...way, ...UNCUT, seed });
      runs[i].here.push(stats[0]);
      runs[i].cpu.push(expected.stats[0]);
      const width = way.window ? ` ${way.window}` : '';
      const what = `${device} ${precision} ${way.decoder}${width}, "${prompt}", seed ${seed}`;
      await compare(onCpu, TIE[precision], what, { prompt, seed, reference, tokens: tokens[0] });
    }
  }
  for (const [i, way] of ways.entries()) {
    table.push({ device, precision, ...way, ...runs[i], ar: runs[0].here, notReal });
  }
  await onCpu.dispose();
  await onGpu.dispose();
}

/** Up to the first difference, which a tie may explain; behind it the prefixes are not the same. */
async function compare(model, limit, what, { prompt, seed, reference, tokens }) {
  const at = tokens.findIndex((token, i) => token !== reference[i]);
  if (at < 0) return console.log(`ok    ${what}: the CPU's tokens`);
  const margin = await winningMargin(model, prompt, seed, reference, at, tokens[at], UNCUT);
  const tie = Math.abs(margin) < limit;
  if (!tie) failures++;
  console.log(
    `${tie ? 'ok   ' : 'FAIL '} ${what}: token ${at} is ${tokens[at]}, on the CPU ${reference[at]}; ` +
      `the margin is ${margin.toExponential(1)}${tie ? ', a tie' : ''}`,
  );
}

function printTable() {
  if (table.length === 0) return;
  const milliseconds = (of) => 1000 * median(of.map((stats) => stats.seconds));
  console.log('\n| device | decoder, window | passes | ms an image | x ar here | ms on the CPU |');
  console.log('| --- | --- | --- | --- | --- | --- |');
  for (const { device, precision, decoder, window, here, cpu: there, ar, notReal } of table) {
    const cells = [
      `${device} ${precision}${notReal ? ' (not a GPU)' : ''}`,
      window ? `${decoder} ${window}` : decoder,
      median(here.map((stats) => stats.passes)),
      milliseconds(here).toFixed(1),
      (milliseconds(ar) / milliseconds(here)).toFixed(2),
      milliseconds(there).toFixed(1),
    ];
    console.log(`| ${cells.join(' | ')} |`);
  }
}
