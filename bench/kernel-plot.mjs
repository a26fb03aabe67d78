/** A bar chart of `verify` by implementation on a logarithmic axis, with the memory floor, as SVG. */
import { line, rect, svgDocument, text } from './svg.mjs';

const WIDTH = 760;
const LEFT = 250;
const BAR = 22;
const COLOURS = { native: '#2563eb', javascript: '#f59e0b', pytorch: '#dc2626' };

export function kernelPlot(results) {
  const shown = results.filter(
    (r) =>
      (r.kernel === 'verify' || r.kernel === 'verify from JavaScript') &&
      / normal top-k 2000 top-p 1$/.test(r.shape) &&
      r.dtype === 'f32' &&
      (r.implementation !== 'native' || r.coupling === 'maximal') &&
      r.shape.startsWith('[2,'),
  );
  const groups = Map.groupBy
    ? Map.groupBy(shown, (r) => r.shape)
    : shown.reduce((map, r) => map.set(r.shape, [...(map.get(r.shape) ?? []), r]), new Map());
  const low = 0.1;
  const high = Math.max(...shown.map((r) => r.medianMs)) * 1.6;
  const x = (ms) => LEFT + ((WIDTH - LEFT - 70) * Math.log(ms / low)) / Math.log(high / low);

  const parts = [];
  let y = 34;
  for (const [shape, rows] of groups) {
    parts.push(text(12, y, `verify ${shape}`, 'font-weight="bold"'));
    y += 10;
    const floor = rows.find((r) => r.floorMs)?.floorMs;
    const top = y;
    for (const r of rows) {
      const label = r.kernel === 'verify' ? r.implementation : 'native, from JavaScript';
      parts.push(text(LEFT - 8, y + 16, label, 'text-anchor="end"'));
      parts.push(
        rect(
          LEFT,
          y + 2,
          x(r.medianMs) - LEFT,
          BAR - 4,
          `rx="2" fill="${COLOURS[r.implementation]}"`,
        ),
        text(x(r.medianMs) + 5, y + 16, `${r.medianMs.toPrecision(3)} ms`),
      );
      y += BAR;
    }
    if (floor) {
      parts.push(
        line(x(floor), top, x(floor), y, 'stroke="#111" stroke-dasharray="4 3"'),
        text(x(floor), y + 14, `memory floor ${floor.toPrecision(2)} ms`, 'text-anchor="middle"'),
      );
    }
    y += 44;
  }
  const title = 'Milliseconds of one verification, by implementation, on a logarithmic axis';
  return svgDocument(WIDTH, y, title, parts);
}
