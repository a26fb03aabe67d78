/**
 * `npm run results`: fills the tables of docs/results.md and draws its plots and pictures, from what
 * `npm run eval -- --json docs/results/NAME.json` measured; and the tables of benchmarks in other
 * documents, from what `npm run bench` and `npm run bench:kernels` saved in docs/bench.
 *
 *   npm run results -- [--model emoji] [--no-pictures]
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
    model: { type: 'string', default: 'emoji' },
    pictures: { type: 'boolean', default: true },
  },
});

const IMAGES = 'docs/images/results';
const DOCUMENTS = ['docs/results.md', 'docs/decoding.md', 'docs/kernels.md', 'README.md'];

const reports = new Map([...recorded('docs/results', ''), ...recorded('docs/bench', 'bench/')]);
if (!reports.has('sweep')) {
  console.error(
    'Expected docs/results/sweep.json: run npm run eval -- --json docs/results/sweep.json',
  );
  process.exit(1);
}

mkdirSync(IMAGES, { recursive: true });
const write = (name, contents) => writeFileSync(join(IMAGES, name), contents);

const sweep = reports.get('sweep');
const windows = windowsOf(sweep.results);
// Wide enough for the decoders to differ, and still of use on a CPU.
const window = windows.includes(32) ? 32 : windows.at(-1);
write('passes.svg', passesPlot(sweep));
write('histogram.svg', histogramPlot(sweep, window));
write('quality.svg', qualityPlot(sweep, reports.get('relaxed')));

for (const document of DOCUMENTS) {
  const text = readFileSync(document, 'utf8');
  writeFileSync(
    document,
    fillMarkers(text, (name) => viewOf(name, reports)),
  );
}
if (flags.pictures) await drawPictures(flags.model, IMAGES, write);
console.log(`${DOCUMENTS.join(', ')} and ${IMAGES}: from ${[...reports.keys()].join(', ')}`);

/** The reports in a folder: name without .json, and contents. */
function recorded(folder, prefix) {
  const files = existsSync(folder) ? readdirSync(folder) : [];
  return files
    .filter((file) => file.endsWith('.json'))
    .sort()
    .map((file) => [
      `${prefix}${basename(file, '.json')}`,
      JSON.parse(readFileSync(join(folder, file), 'utf8')),
    ]);
}
