/**
 * `npm run bench:kernels`: the native kernels against the memory floor, against the same work in
 * typed-array JavaScript, and against PyTorch where a Python with torch is present. One thread; all
 * in one run.
 *
 *   npm run bench:kernels -- [--calls 20] [--json] [--plot docs/images/kernels.svg]
 *                            [--save docs/bench/kernels.json]
 *
 * SJD2_PYTHON names the Python to try for PyTorch (default python3).
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { makeVerifier } from './baselines/javascript.mjs';
import { kernelPlot } from './kernel-plot.mjs';
import { describeMachine } from './machine.mjs';
import { median } from './statistics.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const kernels = createRequire(import.meta.url)('../dist/kernels.js');

const { values: flags } = parseArgs({
  options: {
    calls: { type: 'string', default: '20' },
    json: { type: 'boolean', default: false },
    plot: { type: 'string' },
    save: { type: 'string' },
  },
});
const calls = Number(flags.calls);
const SHAPES = [
  { count: 96, vocabulary: 16384 },
  { count: 32, vocabulary: 65536 },
];
const GUIDANCE = 3;
const TOP_K = 2000;

const native = runNative();
const floors = new Map(
  native.results.map((r) => [[r.kernel, r.shape, r.dtype, r.coupling].join(' '), r.floorMs]),
);
const results = [...native.results];
for (const shape of SHAPES) {
  for (const coupling of ['maximal', 'gumbel']) {
    results.push(throughJavaScript(shape, coupling), await heldByAsync(shape, coupling));
  }
  results.push(javaScript(shape));
}
results.push(...pyTorch());

const report = {
  command: `npm run bench:kernels -- ${process.argv.slice(2).join(' ')}`.trim(),
  machine: { ...describeMachine(), ...native.machine },
  results,
};
if (flags.plot) {
  mkdirSync(dirname(flags.plot), { recursive: true });
  writeFileSync(flags.plot, kernelPlot(results));
}
const json = JSON.stringify(report, null, 2);
if (flags.save) writeFileSync(flags.save, `${json}\n`);
if (flags.json) console.log(json);
else printTable(report);

/** Builds kernels_bench (its own build folder) and runs it. */
function runNative() {
  const build = join(root, 'build', 'bench');
  must('cmake', ['-S', root, '-B', build, '-DSJD2_BENCH=ON', '-DCMAKE_BUILD_TYPE=Release']);
  must('cmake', ['--build', build, '--config', 'Release', '--target', 'kernels_bench']);
  return JSON.parse(must(join(build, 'kernels_bench'), ['--json', '--calls', String(calls)]));
}

function must(command, args) {
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    encoding: 'utf8',
    maxBuffer: 2 ** 26,
  });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${error ?? stderr}`);
  return stdout;
}

/** Normal logits in four buffers that take turns, so that no call finds its input in a cache. */
function makeLogits({ count, vocabulary }) {
  return Array.from({ length: 4 }, () => {
    const logits = new Float32Array(2 * count * vocabulary);
    for (let i = 0; i < logits.length; i += 2) {
      const radius = 2.5 * Math.sqrt(-2 * Math.log(1 - Math.random()));
      const angle = 2 * Math.PI * Math.random();
      logits[i] = radius * Math.cos(angle);
      logits[i + 1] = radius * Math.sin(angle);
    }
    return logits;
  });
}

function time(call) {
  const times = [];
  for (let i = -3; i < calls; i++) {
    const start = performance.now();
    call(i + 3);
    if (i >= 0) times.push(performance.now() - start);
  }
  return spread(times);
}

function spread(times) {
  return { medianMs: median(times), minMs: Math.min(...times), maxMs: Math.max(...times) };
}

/** The options of one call after the other, as a decoding loop makes them. */
function optionsOf(shape, coupling) {
  const { count, vocabulary } = shape;
  const logits = makeLogits(shape);
  const options = {
    window: { first: 0, count, capacity: count },
    vocabulary,
    rows: 2,
    guidance: GUIDANCE,
    topK: TOP_K,
    coupling,
    drafts: new Int32Array(count).fill(-1),
    level: new Int32Array(count),
  };
  if (coupling !== 'gumbel') options.laws = new Float32Array(count * vocabulary);
  return (i) => ({ ...options, logits: logits[i % 4], pass: i });
}

/** The native kernel as a JavaScript program calls it. */
function throughJavaScript(shape, coupling) {
  const options = optionsOf(shape, coupling);
  const times = time((i) => kernels.verify(options(i)));
  return row('verify from JavaScript', shape, coupling, 'native', times);
}

/** How long the calling thread is busy with a call that works on another one. */
async function heldByAsync(shape, coupling) {
  const options = optionsOf(shape, coupling);
  const times = [];
  for (let i = 0; i < calls + 3; i++) {
    await new Promise(setImmediate);
    const before = performance.eventLoopUtilization();
    await kernels.verifyAsync(options(i));
    times.push(performance.eventLoopUtilization(before).active);
  }
  return row('verifyAsync, calling thread', shape, coupling, 'native', spread(times.slice(3)));
}

function javaScript(shape) {
  const { count, vocabulary } = shape;
  const logits = makeLogits(shape);
  const verify = makeVerifier(count, vocabulary);
  const drafts = new Int32Array(count);
  const laws = new Float32Array(count * vocabulary).fill(1 / vocabulary);
  const times = time((i) => verify(logits[i % 4], laws, drafts, GUIDANCE, TOP_K));
  return row('verify', shape, 'maximal', 'javascript', times);
}

function row(kernel, { count, vocabulary }, coupling, implementation, times) {
  const shape = `[2,${count},${vocabulary}] normal top-k ${TOP_K} top-p 1`;
  const floorMs = floors.get(`verify ${shape} f32 ${coupling}`) ?? null;
  return { kernel, shape, dtype: 'f32', coupling, implementation, ...times, floorMs };
}

function pyTorch() {
  const python = process.env.SJD2_PYTHON ?? 'python3';
  const script = join(root, 'bench', 'baselines', 'pytorch.py');
  const { status, stdout } = spawnSync(python, [script, '--calls', String(calls)], {
    encoding: 'utf8',
  });
  if (status !== 0) {
    console.error(`no PyTorch baseline: ${python} has no torch (SJD2_PYTHON names another Python)`);
    return [];
  }
  return JSON.parse(stdout).results.map((result) => ({
    ...result,
    floorMs: floors.get(`verify ${result.shape} f32 ${result.coupling}`) ?? null,
  }));
}

function printTable({ machine, results: rows }) {
  const bandwidth = `read ${machine.readGBs} GB/s, write ${machine.writeGBs} GB/s`;
  console.log(`${machine.cpu}, ${machine.target}, one thread, ${bandwidth}; ${calls} calls\n`);
  console.log(
    '| kernel | shape | dtype | coupling | implementation | median ms (min-max) | floor ms | times the floor |',
  );
  console.log('| --- | --- | --- | --- | --- | --- | --- | --- |');
  for (const r of rows) {
    const ratio = r.floorMs ? (r.medianMs / r.floorMs).toFixed(2) : '';
    const spread = `${format(r.medianMs)} (${format(r.minMs)}-${format(r.maxMs)})`;
    const cells = [r.kernel, r.shape, r.dtype, r.coupling, r.implementation, spread];
    console.log(`| ${[...cells, r.floorMs ? format(r.floorMs) : '', ratio].join(' | ')} |`);
  }
}

function format(ms) {
  return ms >= 10 ? ms.toFixed(1) : ms >= 0.1 ? ms.toFixed(2) : ms.toFixed(4);
}
