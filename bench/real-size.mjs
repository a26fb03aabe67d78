/**
 * What a model of real size takes here: memory, seconds per pass by window, cost of a token at the start and at the
 * end of an image, and how long the event loop waits. Each folder runs in a process of its own.
 *
 *   python scripts/export/random_checkpoint.py pro-1b
 *   python scripts/export/export.py pro-1b --out pro-1b-int8 --dtype int8
 *   python scripts/export/published_layout.py pro-1b --out pro-1b-published
 *   npm run bench:real -- pro-1b-int8 pro-1b-published [--windows 1,4,8,16,32] [--passes 3]
 */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { describeMachine } from './machine.mjs';
import { median } from './statistics.mjs';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    windows: { type: 'string', default: '1,4,8,16,32' },
    passes: { type: 'string', default: '3' },
    child: { type: 'boolean', default: false },
  },
});
const windows = values.windows.split(',').map(Number);
const passes = Number(values.passes);

/** MB of one line of /proc/self/status (Linux). */
function memory(field) {
  const line = readFileSync('/proc/self/status', 'utf8').match(
    new RegExp(`^${field}:\\s+(\\d+)`, 'm'),
  );
  return Number(line[1]) / 1024;
}

async function measure(folder) {
  const require = createRequire(import.meta.url);
  const { loadModel } = require('../dist/index.js');
  const { plainDecoding } = require('../dist/decoding/driver.js');
  const delay = monitorEventLoopDelay({ resolution: 1 });
  let anonymous = 0;
  const watch = setInterval(() => {
    anonymous = Math.max(anonymous, memory('RssAnon'));
  }, 50);
  delay.enable();
  let start = performance.now();
  const model = await loadModel(folder, { device: 'cpu' });
  const loadSeconds = (performance.now() - start) / 1000;
  const loaded = anonymous;
  const loadDelay = delay.max / 1e6;
  delay.reset();
  const { image, sampler } = model.manifest;
  const decoding = (window) => plainDecoding(sampler, window);
  const perPass = {};
  for (const window of windows) {
    const driver = await model.drive(null, decoding(window));
    const generation = driver.open(0n, window);
    await driver.operation.run(() => generation.passes(window, 0, 1, 1e9));
    const reports = await driver.operation.run(() => generation.passes(window, 0, passes, 1e9));
    perPass[window] = median(reports.map((report) => report.seconds));
    generation.dispose();
  }
  // Single steps at both ends of an image, whose tokens do not matter.
  const driver = await model.drive(null, decoding(64));
  const generation = driver.open(0n, 64);
  const tokens = Int32Array.from(
    { length: driver.length },
    (_, i) => (i * 7919) % image.vocabulary,
  );
  const step = async (position) => {
    const seconds = [];
    for (let i = 0; i < passes; i++) {
      start = performance.now();
      await generation.trace(tokens.subarray(0, position), new Int32Array());
      seconds.push((performance.now() - start) / 1000);
    }
    return median(seconds);
  };
  await generation.trace(new Int32Array(), tokens.subarray(0, 8));
  const first = await step(8);
  const last = driver.length - 2;
  for (let filled = 8; filled < last; filled += 63) {
    const drafts = tokens.subarray(filled, Math.min(filled + 63, last));
    await generation.trace(tokens.subarray(0, filled), drafts);
  }
  const end = await step(last);
  generation.dispose();
  start = performance.now();
  await model.decodeTokens(tokens);
  const imageSeconds = (performance.now() - start) / 1000;
  clearInterval(watch);
  const result = { loadSeconds, loaded, perPass, first, end, imageSeconds, loadDelay };
  Object.assign(result, { anonymous, resident: memory('VmHWM'), delay: delay.max / 1e6 });
  await model.dispose();
  return result;
}

function files(folder) {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => statSync(path.join(entry.parentPath ?? entry.path, entry.name)).size / 2 ** 20);
}

if (values.child) {
  process.stdout.write(JSON.stringify(await measure(positionals[0])));
} else {
  const { cpu, vectors, cores, node } = describeMachine();
  console.log(
    `${cpu} (${vectors}), ${cores} cores, Node ${node}; load average ${readFileSync('/proc/loadavg', 'utf8').split(' ')[0]}\n`,
  );
  const head = [
    'folder',
    'MB on disk (largest file)',
    'load s',
    'MB taken: loaded, most (resident)',
  ];
  head.push(
    ...windows.map((window) => `s at ${window}`),
    's a token: start, end',
    'image s',
    'longest wait ms: load, passes',
  );
  console.log(`| ${head.join(' | ')} |\n|${' --- |'.repeat(head.length)}`);
  for (const folder of positionals) {
    const program = fileURLToPath(import.meta.url);
    const flags = ['--child', '--windows', values.windows, '--passes', values.passes];
    const found = JSON.parse(execFileSync(process.execPath, [program, folder, ...flags]));
    const sizes = files(folder);
    const total = sizes.reduce((sum, size) => sum + size, 0);
    const row = [path.basename(folder), `${total.toFixed(0)} (${Math.max(...sizes).toFixed(0)})`];
    row.push(found.loadSeconds.toFixed(1));
    row.push(
      `${found.loaded.toFixed(0)}, ${found.anonymous.toFixed(0)} (${found.resident.toFixed(0)})`,
    );
    row.push(...windows.map((window) => found.perPass[window].toFixed(2)));
    row.push(`${found.first.toFixed(2)}, ${found.end.toFixed(2)}`, found.imageSeconds.toFixed(1));
    row.push(`${found.loadDelay.toFixed(0)}, ${found.delay.toFixed(0)}`);
    console.log(`| ${row.join(' | ')} |`);
  }
}
