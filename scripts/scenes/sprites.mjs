#!/usr/bin/env node
// Renders the drawings that scenes are made of, with transparency, at every size that scenes use.
//
//   node scripts/scenes/sprites.mjs --out ~/.cache/sjd2/training/scenes
//
// A drawing is fitted to the box of its size and stands on the box's bottom. Writes `objects.json`,
// `sets.json`, `drawings.jsonl` and, for each size S, `drawings_S.bin` (uint8 RGBA, [drawings, S, S, 4]).
import { fork } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync, writeFileSync, writeSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { nameIndex, normalise } from '../data/icon-names.mjs';
import { SHAPES } from './shapes.mjs';

const HELP = `Usage: node scripts/scenes/sprites.mjs --out DIR [--tiny]
  --out DIR   folder to write to
  --tiny      every eighth object, one style, for a trial of the whole chain`;
// Pixels; multiples of 8, the side of an image token.
export const SIZES = [40, 56, 72, 104];
// The first is the default style.
const SETS = [
  ['twemoji', 'twemoji'],
  ['noto', 'noto'],
  ['fluent-emoji-flat', 'flat'],
];

const { values: options } = parseArgs({
  options: {
    out: { type: 'string' },
    tiny: { type: 'boolean', default: false },
    child: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
if (options.help || !options.out) {
  console.log(HELP);
  process.exit(options.help ? 0 : 2);
}

const require = createRequire(new URL('../data/package.json', import.meta.url));
const readJson = (name) => JSON.parse(readFileSync(require.resolve(name), 'utf8'));

/** objects.txt: [{ name, plural, labels, others, common }]. */
function readObjects() {
  const objects = [];
  let common = true;
  const text = readFileSync(new URL('objects.txt', import.meta.url), 'utf8');
  for (const line of text.split('\n')) {
    if (line === '# others') common = false;
    if (line.startsWith('#') || !line.trim()) continue;
    const [, names, labels, others] = line.match(/^([^:]+): ([^=]+)(?:= (.+))?$/);
    const [name, plural] = names.split(', ');
    objects.push({
      name,
      plural,
      labels: labels.trim().split(' | '),
      others: others?.trim().split(' ') ?? [],
      common,
    });
  }
  return options.tiny ? objects.filter((_, index) => index % 8 === 0) : objects;
}

/** The drawings of every object: { object, style, variant, set, icon }. */
function chooseDrawings(objects) {
  const emojis = readJson('emojibase-data/en/data.json').filter((e) => e.group !== undefined);
  const byName = nameIndex(emojis, readJson);
  const drawings = [];
  const sets = [];
  const missing = [];
  for (const [set, style] of options.tiny ? SETS.slice(0, 1) : SETS) {
    const { icons } = readJson(`@iconify-json/${set}/icons.json`);
    const info = readJson(`@iconify-json/${set}/info.json`);
    const iconOf = new Map();
    for (const icon of Object.keys(icons)) {
      const emoji = byName.get(normalise(icon));
      // A set's own name for an emoji comes before one that only a nickname knows.
      if (emoji && (!iconOf.has(emoji.label) || normalise(icon) === normalise(emoji.label)))
        iconOf.set(emoji.label, icon);
    }
    let count = 0;
    objects.forEach((object, index) => {
      object.labels.forEach((label, variant) => {
        const shape = label.startsWith('shape:') ? label.slice(6) : undefined;
        const icon = shape ?? iconOf.get(label);
        if (!icon) missing.push(`${set}/${label}`);
        else drawings.push({ object: index, style, variant, set: shape ? 'own' : set, icon });
        if (icon && !shape) count++;
      });
    });
    const { version } = readJson(`@iconify-json/${set}/package.json`);
    const { author, license } = info;
    sets.push({
      set,
      style,
      package: `@iconify-json/${set}`,
      version,
      author,
      license,
      drawings: count,
    });
  }
  return { drawings, sets, missing };
}

function svgOf(icon, view, flag = '') {
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" ` +
    `width="256" height="256" viewBox="${view.join(' ')}" color="#000" ${flag}>${icon.body}</svg>`
  );
}

/** [left, top, right, bottom] of what is not transparent. */
function boundsOf(pixels, size) {
  let [left, top, right, bottom] = [size, size, 0, 0];
  for (let i = 0; i < size * size; i++) {
    if (pixels[i * 4 + 3] < 8) continue;
    const x = i % size;
    const y = Math.floor(i / size);
    left = Math.min(left, x);
    right = Math.max(right, x + 1);
    top = Math.min(top, y);
    bottom = Math.max(bottom, y + 1);
  }
  return [left, top, right, bottom];
}

function child() {
  const { Resvg } = require('@resvg/resvg-js');
  const sets = new Map([['own', { icons: SHAPES }]]);
  const files = SIZES.map((size) => openSync(join(options.out, `drawings_${size}.raw`), 'r+'));
  const render = (svg, size) => new Resvg(svg, { fitTo: { mode: 'width', value: size } }).render();
  process.on('message', (jobs) => {
    for (const job of jobs) {
      if (!sets.has(job.set)) sets.set(job.set, readJson(`@iconify-json/${job.set}/icons.json`));
      process.send({ started: job.index });
      const { icons, ...defaults } = sets.get(job.set);
      const icon = { width: 16, height: 16, left: 0, top: 0, ...defaults, ...icons[job.icon] };
      const whole = [icon.left, icon.top, icon.width, icon.height];
      const { pixels, width } = render(svgOf(icon, whole), 256);
      const unit = icon.width / width;
      const [left, top, right, bottom] = boundsOf(pixels, width).map((value) => value * unit);
      const side = Math.max(right - left, bottom - top);
      const view = [icon.left + (left + right - side) / 2, icon.top + bottom - side, side, side];
      SIZES.forEach((size, i) => {
        const { pixels: drawn } = render(svgOf(icon, view), size);
        writeSync(files[i], drawn, 0, size * size * 4, job.index * size * size * 4);
      });
      process.send({ finished: job.index });
    }
    process.send({ idle: true });
  });
}

async function parent() {
  mkdirSync(options.out, { recursive: true });
  const objects = readObjects();
  const { drawings, sets, missing } = chooseDrawings(objects);
  const jobs = drawings.map((drawing, index) => ({ index, ...drawing }));
  for (const size of SIZES) writeFileSync(join(options.out, `drawings_${size}.raw`), '');
  const finished = new Set();
  let queue = jobs;
  // A few icons abort resvg, and with it the process: a new one starts behind the icon.
  while (queue.length > 0) {
    let current;
    await new Promise((resolve) => {
      const worker = fork(fileURLToPath(import.meta.url), ['--child', '--out', options.out], {
        stdio: ['ignore', 'inherit', 'ignore', 'ipc'],
      });
      worker.on('message', (message) => {
        current = message.started ?? current;
        if (message.finished !== undefined) finished.add(message.finished);
        if (message.idle) worker.disconnect();
      });
      worker.on('exit', resolve);
      worker.send(queue);
    });
    queue = queue.filter((job) => job.index > (current ?? queue[0].index));
  }
  const kept = jobs.filter((job) => finished.has(job.index));
  for (const size of SIZES) {
    const raw = readFileSync(join(options.out, `drawings_${size}.raw`));
    const out = openSync(join(options.out, `drawings_${size}.bin`), 'w');
    const bytes = size * size * 4;
    for (const { index } of kept) writeSync(out, raw, index * bytes, bytes);
    closeSync(out);
  }
  const lines = kept.map(({ index, ...drawing }) => JSON.stringify(drawing)).join('\n');
  writeFileSync(join(options.out, 'objects.json'), JSON.stringify(objects, null, 1));
  writeFileSync(join(options.out, 'sets.json'), JSON.stringify(sets, null, 1));
  writeFileSync(join(options.out, 'drawings.jsonl'), `${lines}\n`);
  const failed = jobs.filter((job) => !finished.has(job.index));
  console.log(`${objects.length} objects, ${kept.length} drawings`);
  console.log(`failed: ${failed.map((job) => `${job.set}/${job.icon}`).join(', ') || 'none'}`);
  console.log(`missing: ${missing.join(', ') || 'none'}`);
}

await (options.child ? child() : parent());
