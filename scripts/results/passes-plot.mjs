/** Tokens per pass against the window, one line per decoder and coupling, as SVG. */
import { dot, line, linear, polyline, svgDocument, text, ticks } from '../../bench/svg.mjs';
import { best, COLOURS, families, familyOf, strict, windowsOf } from './rows.mjs';

const [WIDTH, HEIGHT] = [760, 400];
const [LEFT, RIGHT, TOP, BOTTOM] = [60, 560, 30, 350];

export function passesPlot({ results, samples }) {
  const rows = strict(results);
  const windows = windowsOf(rows);
  const high = Math.max(...rows.map((r) => r.tokensPerPass + r.standardError)) * 1.05;
  const y = linear([0, high], [BOTTOM, TOP]);
  const scale = linear([0, Math.max(1, windows.length - 1)], [LEFT + 30, RIGHT - 20]);
  const x = (window) => scale(windows.indexOf(window));

  const parts = [text(LEFT, 18, 'tokens per pass', 'font-weight="bold"')];
  for (const tick of ticks([0, high], 8)) {
    parts.push(line(LEFT, y(tick), RIGHT, y(tick), 'stroke="#e5e7eb"'));
    parts.push(text(LEFT - 8, y(tick) + 4, tick, 'text-anchor="end"'));
  }
  for (const window of windows) {
    parts.push(text(x(window), BOTTOM + 20, window, 'text-anchor="middle"'));
  }
  parts.push(text((LEFT + RIGHT) / 2, BOTTOM + 42, 'window', 'text-anchor="middle"'));
  parts.push(line(LEFT, y(1), RIGHT, y(1), 'stroke="#111" stroke-dasharray="4 3"'));

  let legend = TOP + 10;
  families(rows).forEach((family, at) => {
    // Side by side, so that error bars can be told apart.
    const aside = (at - 3.5) * 4;
    const colour = COLOURS[family];
    parts.push(line(RIGHT + 16, legend - 4, RIGHT + 40, legend - 4, stroke(colour)));
    parts.push(text(RIGHT + 48, legend, family.replace(' ', ', ')));
    legend += 22;
    if (family === 'ar') return;
    const points = windows
      .map((window) => rows.filter((r) => familyOf(r) === family && r.window === window))
      .filter((some) => some.length > 0)
      .map((some) => best(some, (r) => r.tokensPerPass));
    parts.push(
      polyline(
        points.map((r) => [x(r.window) + aside, y(r.tokensPerPass)]),
        stroke(colour),
      ),
    );
    for (const r of points) {
      const [low, top] = [r.tokensPerPass - r.standardError, r.tokensPerPass + r.standardError];
      const centre = x(r.window) + aside;
      parts.push(line(centre, y(low), centre, y(top), `stroke="${colour}"`));
      parts.push(dot(centre, y(r.tokensPerPass), colour));
    }
  });
  parts.push(text(RIGHT + 16, legend + 10, 'sjd2 with K = 1;', 'fill="#6b7280"'));
  parts.push(text(RIGHT + 16, legend + 28, `± standard error, n = ${samples}`, 'fill="#6b7280"'));
  return svgDocument(WIDTH, HEIGHT, 'Tokens per pass against the window, by decoder', parts);
}

function stroke(colour) {
  return `stroke="${colour}" stroke-width="2"`;
}
