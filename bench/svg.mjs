/** The few marks that the plots here are made of, as SVG. */

/** One file: white paper, a title for readers of screens, and the marks. */
export function svgDocument(width, height, title, parts) {
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" ` +
    `font-family="system-ui, sans-serif" font-size="13">\n` +
    `<title>${escaped(title)}</title>\n` +
    `<rect width="100%" height="100%" fill="white"/>\n${parts.join('\n')}\n</svg>\n`
  );
}

export function text(x, y, content, attributes = '') {
  return `<text x="${digits(x)}" y="${digits(y)}" ${attributes}>${escaped(String(content))}</text>`;
}

export function line(x1, y1, x2, y2, attributes = 'stroke="#111"') {
  return (
    `<line x1="${digits(x1)}" y1="${digits(y1)}" x2="${digits(x2)}" y2="${digits(y2)}" ` +
    `${attributes}/>`
  );
}

export function rect(x, y, width, height, attributes) {
  return (
    `<rect x="${digits(x)}" y="${digits(y)}" width="${digits(width)}" ` +
    `height="${digits(height)}" ${attributes}/>`
  );
}

export function polyline(points, attributes) {
  const path = points.map(([x, y]) => `${digits(x)},${digits(y)}`).join(' ');
  return `<polyline points="${path}" fill="none" ${attributes}/>`;
}

export function dot(x, y, colour, radius = 3.5) {
  return `<circle cx="${digits(x)}" cy="${digits(y)}" r="${radius}" fill="${colour}"/>`;
}

/** A linear map of [from, to] to pixels. */
export function linear([from, to], [low, high]) {
  return (value) => low + ((value - from) / (to - from)) * (high - low);
}

/** About `count` round numbers that cover [from, to]. */
export function ticks([from, to], count = 5) {
  const rough = (to - from) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 5, 10].find((factor) => factor * power >= rough);
  const first = Math.ceil(from / step - 1e-9);
  const last = Math.floor(to / step + 1e-9);
  return Array.from({ length: last - first + 1 }, (_, i) =>
    Number(((first + i) * step).toPrecision(12)),
  );
}

function digits(value) {
  return Number(value.toFixed(1));
}

function escaped(content) {
  return content.replace(/&/g, '&amp;').replace(/</g, '&lt;');
}
