/** The judge of scenes (scripts/train/judge.py) on ONNX Runtime. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

// A CommonJS package whose names an import cannot list.
const { InferenceSession, Tensor } = createRequire(import.meta.url)('onnxruntime-node');

const SIDE = 128;

export class Judge {
  static async load(folder) {
    const judge = new Judge();
    judge.config = JSON.parse(readFileSync(join(folder, 'judge.json'), 'utf8'));
    judge.session = await InferenceSession.create(join(folder, 'judge.onnx'), {
      intraOpNumThreads: 1,
      extra: { session: { intra_op: { allow_spinning: '0' } } },
    });
    return judge;
  }

  /** What it sees in pixels (RGB bytes, row by row, 128 x 128): [{ object, colour, size, x, y, sure }]. */
  async see({ width, height, data }) {
    if (width !== SIDE || height !== SIDE) {
      throw new Error(
        `Expected pictures of ${SIDE} x ${SIDE}, which the judge was trained on, but received ${width} x ${height}`,
      );
    }
    const area = SIDE * SIDE;
    const planes = new Float32Array(3 * area);
    for (let i = 0; i < area; i++) {
      for (let c = 0; c < 3; c++) planes[c * area + i] = data[3 * i + c] / 127.5 - 1;
    }
    const image = new Tensor('float32', planes, [1, 3, SIDE, SIDE]);
    const { maps } = await this.session.run({ image });
    return detections(maps.data, this.config);
  }
}

/**
 * Peaks of the map of middles, and what the other maps say there.
 *
 * @param maps logits [1 + objects + colours + sizes, grid, grid]
 */
export function detections(maps, { grid, threshold, objects, colours, sizes }) {
  const area = grid * grid;
  const limit = Math.log(threshold / (1 - threshold));
  const best = (first, names, cell) => {
    let choice = 0;
    for (let i = 1; i < names.length; i++) {
      if (maps[(first + i) * area + cell] > maps[(first + choice) * area + cell]) choice = i;
    }
    return names[choice];
  };
  const seen = [];
  for (let row = 0; row < grid; row++) {
    for (let column = 0; column < grid; column++) {
      const cell = row * grid + column;
      if (maps[cell] <= limit || !isPeak(maps, grid, row, column)) continue;
      seen.push({
        object: best(1, objects, cell),
        colour: best(1 + objects.length, colours, cell),
        size: best(1 + objects.length + colours.length, sizes, cell),
        x: (column + 0.5) * (SIDE / grid),
        y: (row + 0.5) * (SIDE / grid),
        sure: 1 / (1 + Math.exp(-maps[cell])),
      });
    }
  }
  return seen;
}

/** Only a peak counts: neighbours of a middle are less sure of it. */
function isPeak(maps, grid, row, column) {
  const value = maps[row * grid + column];
  for (let y = Math.max(0, row - 1); y <= Math.min(grid - 1, row + 1); y++) {
    for (let x = Math.max(0, column - 1); x <= Math.min(grid - 1, column + 1); x++) {
      if (maps[y * grid + x] > value) return false;
    }
  }
  return true;
}
