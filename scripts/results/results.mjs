/**
 * `npm run results`: fills the tables of docs/results.md and draws its plots and pictures, from what
 * `npm run eval -- --json docs/results/NAME.json` measured.
 *
 *   npm run results -- [--results docs/results] [--document docs/results.md]
 *                      [--images docs/images/results] [--model emoji] [--no-pictures]
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { parseArgs } from 'node:util';
import { histogramPlot } from './histogram-plot.mjs';
import { fillMarkers } from './markers.mjs';
import { passesPlot } from './passes-plot.mjs';
import { drawPictures } from './pictures.mjs';
import { qualityPlot } from './quality-plot.mjs';
import { windowsOf } from './rows.mjs';
import { viewOf } from './views.mjs';

const { values: flags } = parseArgs({
  allowNegative: true,
  options: {
    results: { type: 'string', default: 'docs/results' },
    document: { type: 'string', default: 'docs/results.md' },
    images: { type: 'string', default: 'docs/images/results' },
    model: { type: 'string', default: 'emoji' },
    pictures: { type: 'boolean', default: true },
  },
});

const reports = new Map(
  (existsSync(flags.results) ? readdirSync(flags.results) : [])
    .filter((file) => file.endsWith('.json'))
    .sort()
    .map((file) => [
      basename(file, '.json'),
      JSON.parse(readFileSync(join(flags.results, file), 'utf8')),
    ]),
);
if (!reports.has('sweep')) {
  console.error(
    `Expected ${flags.results}/sweep.json: run npm run eval -- --json ${flags.results}/sweep.json`,
  );
  process.exit(1);
}

mkdirSync(flags.images, { recursive: true });
const write = (name, contents) => writeFileSync(join(flags.images, name), contents);

const sweep = reports.get('sweep');
const windows = windowsOf(sweep.results);
// Wide enough for the decoders to differ, and still of use on a CPU.
const window = windows.includes(32) ? 32 : windows.at(-1);
write('passes.svg', passesPlot(sweep));
write('histogram.svg', histogramPlot(sweep, window));
write('quality.svg', qualityPlot(sweep, reports.get('relaxed')));

const document = readFileSync(flags.document, 'utf8');
writeFileSync(
  flags.document,
  fillMarkers(document, (name) => viewOf(name, reports)),
);
if (flags.pictures) await drawPictures(flags.model, flags.images, write);
console.log(`${flags.document} and ${flags.images}: from ${[...reports.keys()].join(', ')}`);
