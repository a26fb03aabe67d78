#!/usr/bin/env node
import { fork } from 'node:child_process';
import { closeSync, openSync, readFileSync, writeFileSync, writeSync } from 'node:fs';
// Renders the pictures of jobs.jsonl to 64x64 RGB on white.
//
//   node scripts/data/render.mjs --out training/data [--workers 2]
//
// A few icons abort resvg, and with it the whole process. So children render, and the parent starts a
// new one behind the icon that killed the last. Moved and mirrored versions are made here, from the
// vector drawing, because resampling pixels would blur them. Writes `pictures.bin` (uint8,
// [pictures, 64, 64, 3]) and `pictures.jsonl`, without the failed ones.
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const SIZE = 64;
const HELP = `Usage: node scripts/data/render.mjs [--out training/data] [--workers 2]
Renders jobs.jsonl to pictures.bin (uint8 RGB, 64x64) and pictures.jsonl.
  --out DIR      folder with jobs.jsonl, and to write to (default training/data)
  --workers N    processes that render (default 2)`;

const { values: options } = parseArgs({
  options: {
    out: { type: 'string', default: 'training/data' },
    workers: { type: 'string', default: '2' },
    child: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
if (options.help) {
  console.log(HELP);
  process.exit(0);
}

// mulberry32: the pictures must be the same on every machine.
function random(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

function svgOf(icons, job) {
  const icon = icons.icons[job.icon];
  const width = icon.width ?? icons.width ?? 16;
  const height = icon.height ?? icons.height ?? 16;
  const left = icon.left ?? 0;
  const top = icon.top ?? 0;
  const size = Math.max(width, height);
  const draw = random(job.index * 2654435761 + 12345);
  draw();
  const moved = job.version !== 'plain';
  const scale = moved ? 1 + 0.22 * (draw() - 0.35) : 1.04;
  const view = size * scale;
  const shift = moved ? size * 0.12 : 0;
  const x = left + width / 2 - view / 2 + shift * (draw() - 0.5);
  const y = top + height / 2 - view / 2 + shift * (draw() - 0.5);
  const body =
    job.version === 'mirrored'
      ? `<g transform="translate(${2 * left + width},0) scale(-1,1)">${icon.body}</g>`
      : icon.body;
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" ` +
    `width="${SIZE}" height="${SIZE}" viewBox="${x} ${y} ${view} ${view}" ` +
    `color="#000">${body}</svg>`
  );
}

async function child() {
  const require = createRequire(import.meta.url);
  const { Resvg } = require('@resvg/resvg-js');
  const sets = new Map();
  const file = openSync(join(options.out, 'pictures.raw'), 'r+');
  process.on('message', (jobs) => {
    for (const job of jobs) {
      if (!sets.has(job.set)) {
        const path = require.resolve(`@iconify-json/${job.set}/icons.json`);
        sets.set(job.set, JSON.parse(readFileSync(path, 'utf8')));
      }
      process.send({ started: job.index });
      const picture = new Resvg(svgOf(sets.get(job.set), job), {
        background: '#ffffff',
        fitTo: { mode: 'width', value: SIZE },
      }).render();
      const { pixels } = picture;
      const rgb = Buffer.alloc(SIZE * SIZE * 3);
      for (let i = 0; i < SIZE * SIZE; i++) pixels.copy(rgb, i * 3, i * 4, i * 4 + 3);
      writeSync(file, rgb, 0, rgb.length, job.index * rgb.length);
      process.send({ finished: job.index });
    }
    process.send({ idle: true });
  });
}

async function parent() {
  const lines = readFileSync(join(options.out, 'jobs.jsonl'), 'utf8').trim().split('\n');
  const jobs = lines.map((line) => JSON.parse(line));
  writeFileSync(join(options.out, 'pictures.raw'), Buffer.alloc(0));
  const finished = new Set();
  const failed = [];
  const workers = Number(options.workers);
  const report = setInterval(() => console.log(`${finished.size} of ${jobs.length}`), 5000);

  const run = (queue) =>
    new Promise((resolve) => {
      const start = () => {
        if (queue.length === 0) return resolve();
        let current = null;
        const worker = fork(fileURLToPath(import.meta.url), ['--child', '--out', options.out], {
          stdio: ['ignore', 'inherit', 'ignore', 'ipc'],
        });
        worker.on('message', (message) => {
          if (message.started !== undefined) current = message.started;
          if (message.finished !== undefined) {
            finished.add(message.finished);
            queue.shift();
          }
          if (message.idle) worker.disconnect();
        });
        worker.on('exit', () => {
          if (queue.length > 0) {
            const bad = queue.shift();
            if (bad.index === current) failed.push(`${bad.set}/${bad.icon}`);
            else queue.unshift(bad);
          }
          start();
        });
        worker.send(queue);
      };
      start();
    });

  const share = Math.ceil(jobs.length / workers);
  await Promise.all(
    Array.from({ length: workers }, (_, i) => run(jobs.slice(i * share, (i + 1) * share))),
  );
  clearInterval(report);

  const raw = readFileSync(join(options.out, 'pictures.raw'));
  const bytes = SIZE * SIZE * 3;
  const out = openSync(join(options.out, 'pictures.bin'), 'w');
  const kept = jobs.filter((job) => finished.has(job.index));
  for (const job of kept) writeSync(out, raw, job.index * bytes, bytes);
  closeSync(out);
  const meta = `${kept.map(({ index, ...job }) => JSON.stringify(job)).join('\n')}\n`;
  writeFileSync(join(options.out, 'pictures.jsonl'), meta);
  console.log(`${kept.length} pictures; failed: ${failed.join(', ') || 'none'}`);
}

await (options.child ? child() : parent());
