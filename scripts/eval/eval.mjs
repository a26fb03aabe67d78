/**
 * `npm run eval`: passes, time and quality of every decoder, coupling, window and number of denoising
 * steps, on the same prompts and seeds. Rows take turns sample by sample, so that their ratios hold on
 * a machine whose speed drifts. An interrupted sweep goes on where it was: the same command again.
 */
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { SingleBar } from 'cli-progress';
import { describeMachine } from '../../bench/machine.mjs';
import { configurations, nameOf } from './configurations.mjs';
import { draw } from './draw.mjs';
import { ENCODER, EvaluationEncoder } from './encoder.mjs';
import { Journal } from './journal.mjs';
import { readOptions, USAGE } from './options.mjs';
import { PROMPTS, sampleOf } from './prompts.mjs';
import { judge, qualityOf } from './quality.mjs';
import { summarise } from './summary.mjs';
import { resultsTable } from './table.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const require = createRequire(import.meta.url);
const { loadModel } = require('../../dist/index.js');

const options = orExit(2, () => readOptions(process.argv.slice(2)));
if (options.help) console.log(USAGE);
else await evaluate().catch(fail);

async function evaluate() {
  // Now, and not after an hour of measuring.
  if (options.json && options.json !== '-') mkdirSync(dirname(options.json), { recursive: true });
  const model = await loadModel(options.model, { threads: options.threads });
  const encoder = await EvaluationEncoder.load();
  const rows = rowsFor(model.manifest);
  const journal = new Journal(join(root, 'build', 'eval'), identityOf(model, rows), options.fresh);
  say(
    `${rows.length} rows, ${options.samples} samples each; journal ${relative(process.cwd(), journal.path)}`,
  );
  if (journal.turns.length > 0) say(`${journal.turns.length} turns were measured before`);

  await measure(model, encoder, rows, journal);
  const report = await reportOf(model, encoder, rows, journal);
  await model.dispose();

  const json = JSON.stringify(report, null, 2);
  if (options.json === '-') console.log(json);
  else console.log(resultsTable(report));
  if (options.json && options.json !== '-') writeFileSync(options.json, `${json}\n`);
}

/** @throws {Error} for a grid that the model cannot honour */
function rowsFor({ name, denoising }) {
  const { grid } = options;
  const wanted = grid.decoders.includes('sjd2');
  if (wanted && !denoising) say(`${name} was not fine-tuned for denoising: no sjd2 rows`);
  const most = Math.max(...grid.steps);
  if (wanted && denoising && most > denoising.levels) {
    throw new Error(
      `Expected --steps of at most ${denoising.levels}, the levels that ${name} was trained on, ` +
        `but received ${most}`,
    );
  }
  return configurations(grid, denoising);
}

/** What the numbers depend on: with any of it changed, earlier turns do not count. */
function identityOf({ manifest, folder }, rows) {
  const hash = (path) => createHash('sha256').update(readFileSync(path)).digest('hex');
  return {
    version: require('../../package.json').version,
    model: manifest.name,
    // It holds the SHA-256 of every other file of the model.
    manifest: hash(join(folder, 'model.json')),
    encoder: hash(join(ENCODER, 'image.onnx')),
    machine: describeMachine(),
    threads: options.threads,
    sampler: options.sampler,
    prompts: PROMPTS.slice(0, options.prompts),
    rows: rows.map(nameOf),
  };
}

async function measure(model, encoder, rows, journal) {
  const first = journal.turns.length;
  if (first >= options.samples) return;
  const bar = progressBar();
  // An end by Ctrl-C loses the turn in progress and nothing else.
  process.once('SIGINT', () => {
    bar.stop();
    say(`${journal.turns.length} turns are kept; the same command goes on from there`);
    process.exit(130);
  });
  await model.generate(PROMPTS[0], { decoder: 'ar' }); // the first run warms caches and pages
  bar.start((options.samples - first) * rows.length, 0, { row: '' });
  for (let turn = first; turn < options.samples; turn++) {
    const start = performance.now();
    const sample = sampleOf(turn, options.prompts);
    const records = new Array(rows.length);
    const judged = new Map();
    for (let i = 0; i < rows.length; i++) {
      // Each turn starts at another row: none is always measured behind the same neighbour.
      const at = (i + turn) % rows.length;
      bar.update((turn - first) * rows.length + i, { row: nameOf(rows[at]) });
      records[at] = await draw(model, encoder, rows[at], sample, options.sampler, judged);
    }
    journal.append(records);
    if (turn === first) estimate((performance.now() - start) / 1000, options.samples - turn - 1);
  }
  bar.stop();
}

function estimate(secondsPerTurn, left) {
  if (left === 0) return;
  const minutes = (secondsPerTurn * left) / 60;
  say(
    `a turn took ${secondsPerTurn.toFixed(1)} s; ${left} more take about ` +
      `${minutes.toFixed(minutes < 10 ? 1 : 0)} minutes`,
  );
}

async function reportOf(model, encoder, rows, journal) {
  const turns = journal.turns.slice(0, options.samples);
  const texts = new Map();
  for (const prompt of PROMPTS.slice(0, options.prompts)) {
    texts.set(prompt, await encoder.text(prompt));
  }
  const column = (i) => turns.map((records) => records[i]);
  const baseline = judge(column(0), encoder, texts);
  const results = rows.map((row, i) => {
    const own = judge(column(i), encoder, texts);
    return summarise(row, own.records, baseline.records, qualityOf(own, baseline));
  });
  return {
    command: `npm run eval -- ${process.argv.slice(2).join(' ')}`.trim(),
    model: model.manifest.name,
    manifest: identityOf(model, rows).manifest,
    sampler: { ...model.manifest.sampler, ...options.sampler },
    machine: describeMachine(),
    threads: options.threads,
    samples: turns.length,
    prompts: [...texts.keys()],
    tokens: model.manifest.image.rows * model.manifest.image.columns,
    encoder: judgeOf(encoder.statistics),
    results,
  };
}

/** What the encoder makes of real drawings, so that results say how far their judge can be trusted. */
function judgeOf({ scores, floor, damage }) {
  return { scores, floor, damage };
}

function progressBar() {
  if (!process.stderr.isTTY) return { start() {}, update() {}, stop() {} };
  return new SingleBar({
    stream: process.stderr,
    format: '[{bar}] {value}/{total} images, {duration_formatted}, {eta_formatted} left  {row}',
    barCompleteChar: '#',
    barIncompleteChar: '-',
    barsize: 24,
    etaBuffer: 100,
    gracefulExit: false,
    clearOnComplete: true,
  });
}

/** Standard output belongs to the result. */
function say(line) {
  process.stderr.write(`${line}\n`);
}

function orExit(code, read) {
  try {
    return read();
  } catch (error) {
    fail(error, code);
  }
}

function fail(error, code = 1) {
  say(process.env.DEBUG === 'sjd2' ? error.stack : error.message);
  process.exit(code);
}
