/**
 * The same random Janus (hidden 512, 8 layers, image vocabulary 16384, 576 tokens, guidance 5, fp32) with
 * transformers.js and with this library, one after the other in turns, each image in a process of its own.
 *
 *   python scripts/export/random_checkpoint.py janus --size peers
 *   python scripts/export/published_layout.py janus --out janus-published
 *   python scripts/export/export.py janus --out janus-fp32 --dtype fp32
 *   npm install --prefix bench/peers
 *   npm run bench:peers -- janus-published janus-fp32 [--rounds 3] [--tokens 576] [--only 'full vocabulary|ar']
 */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { describeMachine } from './machine.mjs';
import { median } from './statistics.mjs';

const require = createRequire(import.meta.url);
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string', default: '3' },
    tokens: { type: 'string', default: '576' },
    only: { type: 'string', default: '' }, // a regular expression: rows whose names it finds
    child: { type: 'string' },
  },
});
const PROMPT = 'a red fox in the snow';
const GUIDANCE = 5;
const count = Number(values.tokens);
const [published, converted] = positionals;

/** A drawing with this library: the moments at which tokens were final, as transformers.js tells them. */
async function draw({ folder, decoder, coupling, window, topK }) {
  const { loadModel } = require('../dist/index.js');
  const model = await loadModel(folder, { device: 'cpu' });
  const delay = monitorEventLoopDelay({ resolution: 1 });
  const options = { decoder, topK, guidance: GUIDANCE, ...(coupling && { coupling, window }) };
  const times = [];
  // Of all threads: what a busy machine disturbs less.
  const cpuTimes = [];
  const note = () => {
    times.push(performance.now());
    const { user, system } = process.cpuUsage();
    cpuTimes.push((user + system) / 1000);
  };
  let passes = 0;
  delay.enable();
  note();
  for await (const event of model.stream(PROMPT, options)) {
    if (event.type !== 'progress') continue;
    passes = event.passes;
    while (times.length <= event.committed) note();
    if (event.committed >= count) break;
  }
  const resident = process.resourceUsage().maxRSS / 1024;
  return { times, cpuTimes, delay: delay.percentile(99) / 1e6, resident, passes };
}

function rows() {
  const here = [
    ['ar', undefined, undefined],
    ['sjd', 'gumbel', 16],
    ['sjd', 'maximal', 16],
    ['sjd', 'independent', 16],
  ];
  const own = [
    ['published layout', published],
    ['converted package', converted],
  ].flatMap(([name, folder]) =>
    here.map(([decoder, coupling, window]) => ({
      name: `sjd2, ${name}: ${decoder}${coupling ? `, ${coupling}, window ${window}` : ''}`,
      settings: { folder, decoder, coupling, window, topK: 0 },
    })),
  );
  const peer = [
    ['greedy', 1],
    ['top-k 2000', 2000],
    ['full vocabulary', 0],
  ].map(([name, topK]) => ({ name: `transformers.js: ${name}`, topK }));
  return [...peer, ...own];
}

async function promptIds() {
  const { readModelPackage } = require('../dist/model/package.js');
  return (await readModelPackage(converted, false)).prompts.encode(PROMPT);
}

function run(row, ids) {
  const self = fileURLToPath(import.meta.url);
  const program = row.settings
    ? [self, '--tokens', values.tokens, '--child', JSON.stringify(row.settings)]
    : [
        path.join(path.dirname(self), 'peers/transformers-js.mjs'),
        ...[published, row.topK, JSON.stringify(ids), GUIDANCE, count].map(String),
      ];
  const output = execFileSync(process.execPath, program, { encoding: 'utf8', maxBuffer: 2 ** 26 });
  return JSON.parse(output.trim().split('\n').at(-1));
}

/** Milliseconds of a token: in all, over the first tenth behind the prompt, over the last tenth. */
function costs(times) {
  const tokens = times.length - 1;
  const tenth = Math.max(1, Math.floor(tokens / 10));
  const [first, last] = [times[1 + tenth] - times[1], times[tokens] - times[tokens - tenth]];
  return [(times[tokens] - times[0]) / tokens, first / tenth, last / tenth];
}

if (values.child) {
  process.stdout.write(`\n${JSON.stringify(await draw(JSON.parse(values.child)))}\n`);
  process.exit();
}
const { cpu, vectors, cores, node } = describeMachine();
const load = readFileSync('/proc/loadavg', 'utf8').split(' ')[0];
const ids = await promptIds();
const all = rows().filter((row) => new RegExp(values.only).test(row.name));
const found = new Map(all.map((row) => [row, []]));
console.log(
  `${cpu} (${vectors}), ${cores} cores, Node ${node}, load average ${load} at the start; medians of ${values.rounds}, ${count} tokens\n`,
);
console.log(
  '| | tokens/s | ms per token, start -> end | CPU ms per token | passes | event loop p99, ms | peak memory, MB |',
);
console.log('| --- | --- | --- | --- | --- | --- | --- |');
const rounds = Number(values.rounds);
for (let round = 0; round < rounds; round++) {
  for (const row of all) {
    const runs = found.get(row);
    runs.push(run(row, ids));
    if (round + 1 === rounds) report(row, runs);
  }
}

function report(row, runs) {
  const cost = (field, i) => median(runs.map((one) => costs(one[field])[i]));
  const [whole, start, end] = [0, 1, 2].map((i) => cost('times', i));
  const cpu = runs[0].cpuTimes ? [1, 2].map((i) => cost('cpuTimes', i).toFixed(1)) : [];
  const of = (field) => median(runs.map((one) => one[field] ?? count));
  console.log(
    `| ${row.name} | ${(1000 / whole).toFixed(1)} | ${start.toFixed(1)} -> ${end.toFixed(1)} | ${cpu.join(' -> ')} | ${of('passes')} | ${of('delay').toFixed(1)} | ${of('resident').toFixed(0)} |`,
  );
}
