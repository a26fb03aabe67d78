/** The tables of the documents by the name in their marker: `FILE VIEW`. */
import {
  machineLine,
  passesTable,
  plusMinus,
  qualityTable,
  rowName,
  speedTable,
  table,
} from '../eval/table.mjs';
import {
  benchMachine,
  decodersTable,
  kernelsTable,
  wallClockTable,
  windowsTable,
} from './bench-views.mjs';
import { publishedTable } from './published.mjs';
import { best, families, familyOf, strict } from './rows.mjs';

const VIEWS = {
  machine: (report) => `${machineLine(report)} \`${report.command}\``,
  summary,
  speed: (report) => speedTable(report.results),
  passes: (report) => passesTable(report.results),
  quality: (report) => qualityTable(report.results),
  published: publishedTable,
  encoder: encoderTable,
  damage: damageTable,
  'bench-machine': benchMachine,
  'wall-clock': wallClockTable,
  decoders: decodersTable,
  windows: windowsTable,
  kernels: kernelsTable,
  composition: compositionTable,
  prompts: promptsTable,
};

/** @param reports file name without .json -> report */
export function viewOf(marker, reports) {
  const [file, name] = marker.split(' ');
  if (name === 'compare') return weightsTable(file, reports);
  if (!(name in VIEWS)) throw new Error(`A document asks for ${marker}, which nothing makes`);
  const report = reports.get(file);
  return report ? VIEWS[name](report) : `Not measured yet: there is no ${file}.json.`;
}

/** How many pictures of each prompt were right. */
function promptsTable({ results }) {
  return table(
    ['prompt', ...results.map(({ name }) => name)],
    results[0].prompts.map(({ prompt }, i) => [
      prompt,
      ...results.map(({ prompts }) => `${prompts[i].right} of ${prompts[i].pictures}`),
    ]),
  );
}

/** GenEval's kinds, seen / held out, of each decoder; and what they cost. */
function compositionTable({ results }) {
  const kinds = Object.keys(results[0].scores);
  const percent = (value) => (100 * (value.mean ?? value)).toFixed(0);
  const cell = ({ seen, held }) =>
    held === undefined ? percent(seen) : `${percent(seen)} / ${percent(held)}`;
  return table(
    ['decoder', ...kinds, 'nats per token', 'tokens per pass', 's per image', 'speed-up'],
    results.map((row) => [
      row.window ? `${row.name}, window ${row.window}` : row.name,
      ...kinds.map((kind) => cell(row.scores[kind])),
      row.natsPerToken.mean.toFixed(2),
      plusMinus(row.tokensPerPass.mean, row.tokensPerPass.standardError, 2),
      row.secondsPerImage.toFixed(2),
      row.speedup.toFixed(2),
    ]),
  );
}

/** Of each decoder and coupling the row with the fewest passes and the one with the least time. */
function summary({ results }) {
  const rows = strict(results);
  const header = ['decoder', 'fewest passes at', 'tokens per pass', 'least time at', 'speed-up'];
  const lines = families(rows).map((family) => {
    const own = rows.filter((row) => familyOf(row) === family);
    const few = best(own, (row) => row.tokensPerPass);
    const fast = best(own, (row) => row.speedup);
    return [
      rowName(few),
      where(few),
      plusMinus(few.tokensPerPass, few.standardError, 2),
      where(fast),
      `${fast.speedup.toFixed(2)} (${fast.speedupQuartiles.map((q) => q.toFixed(2)).join('-')})`,
    ];
  });
  return table(header, lines);
}

function where({ decoder, window, steps }) {
  if (decoder === 'ar') return '';
  return `window ${window}${steps ? `, K = ${steps}` : ''}`;
}

/** The same rows on different weights, every file named `SERIES-...`: fewest passes last. */
function weightsTable(series, reports) {
  const compared = [...reports].filter(([name]) => name.startsWith(`${series}-`));
  if (compared.length === 0) return `Not measured yet: no docs/results/${series}-*.json.`;
  const most = ({ results }) => Math.max(...results.map((row) => row.tokensPerPass));
  compared.sort(([, a], [, b]) => most(a) - most(b));
  const key = (row) => [rowName(row), where(row)].filter(Boolean).join(', ');
  const keys = [...new Set(compared.flatMap(([, { results }]) => results.map(key)))];
  const lines = compared.map(([name, { results }]) => {
    const cells = keys.slice(1).map((wanted) => {
      const row = results.find((r) => key(r) === wanted);
      return row ? plusMinus(row.tokensPerPass, row.standardError, 2) : '';
    });
    const { nll, found } = results[0].quality;
    const quality = [plusMinus(nll.mean, nll.standardError, 2), `${Math.round(100 * found)}%`];
    return [name.replace(`${series}-`, ''), ...cells, ...quality];
  });
  return table(['weights', ...keys.slice(1), 'NLL of ar', 'prompt found'], lines);
}

/** How far the judge can be trusted. */
function encoderTable({ encoder }) {
  return table(
    ['real drawings', 'caption found among', 'first', 'first five', 'cosine less that of others'],
    Object.entries(encoder.scores).map(([split, s]) => [
      split,
      s.among,
      `${Math.round(100 * s.first)}%`,
      `${Math.round(100 * s.first_five)}%`,
      s.margin.toFixed(2),
    ]),
  );
}

/** What the Frechet distance makes of real drawings, few or damaged. */
function damageTable({ encoder: { floor, damage } }) {
  return table(
    ['real drawings', 'Frechet, held-out'],
    [
      [`${floor.samples} of the held-out ones`, floor.heldOutOfHeldOut.toFixed(3)],
      ['those of the training split', floor.trainingOfHeldOut.toFixed(3)],
      ...damage.map(({ wrongTokens, frechetHeldOut }) => [
        `all held-out ones as image tokens, ${Math.round(100 * wrongTokens)}% of them wrong`,
        frechetHeldOut.toFixed(3),
      ]),
    ],
  );
}
