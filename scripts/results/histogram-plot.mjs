/**
 * How many tokens a pass commits, beside the mean: small charts on one scale, as SVG. The mean hides
 * that the commonest pass commits a single token.
 */
import { line, linear, rect, svgDocument, text, ticks } from '../../bench/svg.mjs';
import { rowName } from '../eval/table.mjs';
import { COLOURS, familyOf, fewestPasses } from './rows.mjs';

const [CHART_WIDTH, CHART_HEIGHT, GAP] = [250, 150, 64];
const [LEFT, TOP, ACROSS] = [44, 74, 3];
/** The last bar holds this many tokens and more. */
const LAST = 16;

export function histogramPlot({ results }, window) {
  const rows = fewestPasses(results, window).filter((row) => row.decoder !== 'ar');
  const shares = rows.map(shareOf);
  const high = Math.max(...shares.flat());
  const parts = rows.flatMap((row, i) => {
    const left = LEFT + (i % ACROSS) * (CHART_WIDTH + GAP);
    const top = TOP + Math.floor(i / ACROSS) * (CHART_HEIGHT + GAP + 20);
    return chart(row, shares[i], high, left, top);
  });
  const down = Math.ceil(rows.length / ACROSS);
  const width = LEFT + Math.min(ACROSS, rows.length) * (CHART_WIDTH + GAP);
  const title = `Share of passes by the number of tokens they commit, window ${window}`;
  parts.unshift(text(12, 22, title, 'font-weight="bold"'));
  return svgDocument(width, TOP + down * (CHART_HEIGHT + GAP + 20) - GAP + 12, title, parts);
}

/** Shares of passes that commit 1, 2, .. LAST and more tokens. */
function shareOf({ committedPerPass: counts }) {
  const passes = counts.reduce((sum, n) => sum + n, 0);
  return Array.from({ length: LAST }, (_, i) => {
    const n = i + 1 < LAST ? (counts[i + 1] ?? 0) : counts.slice(LAST).reduce((a, b) => a + b, 0);
    return n / passes;
  });
}

function chart(row, shares, high, left, top) {
  const bottom = top + CHART_HEIGHT;
  const x = linear([0.5, LAST + 0.5], [left, left + CHART_WIDTH]);
  const y = linear([0, high], [bottom, top]);
  const name = `${rowName(row)}${row.steps ? `, K = ${row.steps}` : ''}`;
  const parts = [text(left, top - 18, name)];
  for (const tick of ticks([0, high], 3)) {
    const label = `${Math.round(100 * tick)}%`;
    parts.push(line(left, y(tick), left + CHART_WIDTH, y(tick), 'stroke="#e5e7eb"'));
    parts.push(text(left - 6, y(tick) + 4, label, 'text-anchor="end" font-size="11"'));
  }
  shares.forEach((share, i) => {
    const fill = `fill="${COLOURS[familyOf(row)]}"`;
    parts.push(rect(x(i + 0.55), y(share), x(i + 1.45) - x(i + 0.55), bottom - y(share), fill));
  });
  for (const tokens of [1, 4, 8, 12, LAST]) {
    const label = tokens === LAST ? `${LAST}+` : tokens;
    parts.push(text(x(tokens), bottom + 16, label, 'text-anchor="middle" font-size="11"'));
  }
  const mean = x(row.tokensPerPass);
  parts.push(line(mean, top - 4, mean, bottom, 'stroke="#111" stroke-dasharray="4 3"'));
  parts.push(text(mean + 5, top + 8, `mean ${row.tokensPerPass.toFixed(2)}`, 'font-size="12"'));
  return parts;
}
