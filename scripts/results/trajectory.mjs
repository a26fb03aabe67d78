/**
 * The state of every position in every pass of a generation. The library reports what each pass
 * committed and how wide it was, not levels; they follow from that: a position enters at level K when
 * the window first reaches it, loses a level in every pass, and is a draft at level 0
 * (native/decode/generation.cc, `enter`).
 */
import { rect, svgDocument, text } from '../../bench/svg.mjs';

export const COMMITTED = -1;
export const AHEAD = -2;

/**
 * @param stats committedPerPass and windowPerPass of one image
 * @param steps K; 0 for a decoder without noise
 * @returns states[p][position] as pass p feeds them: level K..1, 0 for a clean draft, COMMITTED, or
 *   AHEAD of the window; the last entry is what the last pass left, all committed
 */
export function trajectory({ committedPerPass, windowPerPass }, steps, staggered = false) {
  const length = committedPerPass.reduce((sum, n) => sum + n, 0);
  const level = new Array(length).fill(AHEAD);
  const states = [];
  let committed = 0;
  committedPerPass.forEach((count, pass) => {
    const width = windowPerPass[pass];
    const end = Math.min(committed + width, length);
    for (let i = committed; i < end; i++) {
      if (level[i] !== AHEAD) continue;
      const rises = staggered && pass === 0;
      level[i] = rises ? Math.min(steps, 1 + Math.floor((i * steps) / width)) : steps;
    }
    states.push([...level]);
    level.fill(COMMITTED, committed, committed + count);
    committed += count;
    for (let i = committed; i < end; i++) level[i] = Math.max(0, level[i] - 1);
  });
  states.push([...level]);
  return states;
}

/** [red, green, blue] of a state. */
export function colourOf(state, steps) {
  if (state === AHEAD) return [255, 255, 255];
  if (state === COMMITTED) return [203, 213, 225];
  if (state === 0) return [37, 99, 235];
  // Noise: the more of it, the darker.
  const share = state / steps;
  return [253, 224, 160].map((light, i) => Math.round(light + ([180, 60, 20][i] - light) * share));
}

const [CELL_WIDTH, CELL_HEIGHT, LEFT, TOP] = [3, 5, 56, 64];

/** Positions from left to right, passes from top to bottom, as SVG. */
export function trajectoryPlot(states, steps, title) {
  const length = states[0].length;
  const parts = [text(12, 22, title, 'font-weight="bold"')];
  const key = [
    ['noise', steps],
    ['clean draft', 0],
    ['committed in this pass', 'now'],
    ['committed', COMMITTED],
  ];
  key.forEach(([label, state], i) => {
    parts.push(rect(LEFT + i * 170, 36, 12, 12, fill(state, steps)));
    parts.push(text(LEFT + i * 170 + 18, 47, label, 'font-size="12"'));
  });
  states.slice(0, -1).forEach((row, pass) => {
    const y = TOP + pass * CELL_HEIGHT;
    const shown = row.map((state, i) =>
      state !== COMMITTED && states[pass + 1][i] === COMMITTED ? 'now' : state,
    );
    for (const [from, to] of runs(shown)) {
      if (shown[from] === AHEAD) continue;
      const width = (to - from) * CELL_WIDTH;
      parts.push(rect(LEFT + from * CELL_WIDTH, y, width, CELL_HEIGHT, fill(shown[from], steps)));
    }
    if ((pass + 1) % 10 === 0 || pass === 0) {
      parts.push(text(LEFT - 6, y + 5, pass + 1, 'text-anchor="end" font-size="11"'));
    }
  });
  const bottom = TOP + (states.length - 1) * CELL_HEIGHT;
  parts.push(text(12, TOP - 4, 'pass', 'font-size="11"'));
  parts.push(text(LEFT, bottom + 18, 'position 1', 'font-size="11"'));
  const right = LEFT + length * CELL_WIDTH;
  parts.push(text(right, bottom + 18, length, 'text-anchor="end" font-size="11"'));
  return svgDocument(right + 16, bottom + 30, title, parts);
}

function fill(state, steps) {
  if (state === 'now') return 'fill="#16a34a"';
  return `fill="rgb(${colourOf(state, steps).join(',')})"`;
}

/** [from, to) of every run of equal entries. */
function runs(row) {
  const starts = row.flatMap((state, i) => (i === 0 || state !== row[i - 1] ? [i] : []));
  return starts.map((from, i) => [from, starts[i + 1] ?? row.length]);
}
