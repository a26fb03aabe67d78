/** Quality against `ar` with standard errors, one line per decoder, one panel per measure, as SVG. */
import { dot, line, linear, svgDocument, text, ticks } from '../../bench/svg.mjs';
import { rowName } from '../eval/table.mjs';
import { COLOURS, familyOf, fewestPasses } from './rows.mjs';

const [LEFT, PANEL, GAP, TOP, ROW] = [300, 210, 40, 60, 24];

/** Each panel: what a row scores, and where `ar` is. */
const PANELS = [
  {
    title: 'NLL per token, less that of ar',
    score: ({ nllAgainstAr: d }) => [d.mean, d.standardError],
  },
  {
    title: 'Frechet, held-out, less that of ar',
    score: ({ frechetHeldOut: { againstAr: d } }) => [d.mean, d.standardError],
  },
  {
    title: 'Text-image cosine, less that of ar',
    score: ({ agreementAgainstAr: d }) => [d.mean, d.standardError],
  },
];

/** @param relaxed another report, for its relaxed rows; seeds are the same, so `ar` is too */
export function qualityPlot({ results }, relaxed) {
  const relaxedRows = [...results, ...(relaxed?.results ?? [])].filter((row) => row.relaxed);
  const rows = [...fewestPasses(results), ...relaxedRows];
  const shown = rows.filter(
    (row, i) => rows.findIndex((other) => label(other) === label(row)) === i,
  );
  const bottom = TOP + shown.length * ROW;
  const parts = shown.map((row, i) => text(12, TOP + i * ROW + 16, label(row)));
  PANELS.forEach((panel, i) => {
    parts.push(...panelOf(panel, shown, LEFT + i * (PANEL + GAP), bottom));
  });
  const width = LEFT + PANELS.length * (PANEL + GAP);
  return svgDocument(width, bottom + 40, 'Quality of every decoder against ar', parts);
}

function panelOf({ title, score }, rows, left, bottom) {
  const scores = rows.map((row) => score(row.quality));
  const low = Math.min(...scores.map(([value, error]) => value - error));
  const high = Math.max(...scores.map(([value, error]) => value + error));
  const margin = (high - low || 1) * 0.1;
  const range = [low - margin, high + margin];
  const x = linear(range, [left, left + PANEL]);
  const parts = [text(left, TOP - 30, title, 'font-weight="bold" font-size="12"')];
  for (const tick of ticks(range, 3)) {
    parts.push(line(x(tick), TOP - 10, x(tick), bottom, 'stroke="#e5e7eb"'));
    parts.push(text(x(tick), bottom + 18, tick, 'text-anchor="middle" font-size="11"'));
  }
  const [baseline] = scores[rows.findIndex((row) => row.decoder === 'ar')];
  parts.push(
    line(x(baseline), TOP - 10, x(baseline), bottom, 'stroke="#111" stroke-dasharray="4 3"'),
  );
  scores.forEach(([value, error], i) => {
    const y = TOP + i * ROW + 12;
    const colour = rows[i].relaxed ? '#dc2626' : COLOURS[familyOf(rows[i])];
    parts.push(
      line(x(value - error), y, x(value + error), y, `stroke="${colour}" stroke-width="2"`),
    );
    parts.push(dot(x(value), y, colour));
  });
  return parts;
}

function label(row) {
  if (row.decoder === 'ar') return 'ar';
  return `${rowName(row)}, W = ${row.window}${row.steps ? `, K = ${row.steps}` : ''}`;
}
