import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { constants, crc32, createDeflate, deflateSync } from 'node:zlib';

/** Three bytes a pixel, row by row. */
interface Pixels {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
}

const SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
const BYTES_PER_PIXEL = 3;
/** Bytes that are filtered before other work has its turn: about a millisecond. */
const SLICE = 2 ** 17;
/** Filtered rows compress better this way (zlib's manual); the level is a compromise that everyone makes. */
const DEFLATE = { level: 6, strategy: constants.Z_FILTERED };

/**
 * A PNG file (8 bits a channel, RGB), made off the JavaScript thread but for the filters, which take
 * short turns on it. (pngjs, which reads PNG files here, filters a whole picture in one go.)
 */
export async function encodePng(pixels: Pixels): Promise<Buffer> {
  const compressed: Buffer[] = [];
  // One slice at a time: the next one is filtered when zlib, on a thread of its own, asks for it.
  const slices = Readable.from(filteredSlices(pixels), { highWaterMark: 1 });
  await pipeline(slices, createDeflate(DEFLATE), async (source) => {
    for await (const piece of source) compressed.push(piece as Buffer);
  });
  return fileOf(pixels, compressed);
}

/** The same file, now. */
export function encodePngNow(pixels: Pixels): Buffer {
  return fileOf(pixels, [deflateSync(Buffer.concat([...filteredSlices(pixels)]), DEFLATE)]);
}

function fileOf({ width, height }: Pixels, compressed: Buffer[]): Buffer {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 2, 0, 0, 0], 8); // bits, RGB, and the one compression, filter method and interlace
  return Buffer.concat([
    SIGNATURE,
    ...chunk('IHDR', header),
    ...compressed.flatMap((data) => chunk('IDAT', data)),
    ...chunk('IEND', Buffer.alloc(0)),
  ]);
}

function chunk(type: string, data: Buffer): Buffer[] {
  const head = Buffer.alloc(8);
  head.writeUInt32BE(data.length, 0);
  head.write(type, 4, 'latin1');
  const checksum = Buffer.alloc(4);
  checksum.writeUInt32BE(crc32(data, crc32(head.subarray(4))), 0);
  return [head, data, checksum];
}

/** Rows as PNG compresses them, several together: a filter's number, then the filtered bytes. */
function* filteredSlices({ width, height, data }: Pixels): Generator<Buffer> {
  const length = BYTES_PER_PIXEL * width;
  const rowsPerSlice = Math.max(1, Math.floor(SLICE / length));
  let above: Uint8Array = new Uint8Array(length);
  for (let first = 0; first < height; first += rowsPerSlice) {
    const rows = Math.min(rowsPerSlice, height - first);
    const slice = Buffer.alloc(rows * (1 + length));
    for (let i = 0; i < rows; i++) {
      const row = data.subarray((first + i) * length, (first + i + 1) * length);
      filterRow(row, above, slice.subarray(i * (1 + length), (i + 1) * (1 + length)));
      above = row;
    }
    yield slice;
  }
}

const NONE = 0;
const SUB = 1;
const UP = 2;
const PAETH = 4;

/**
 * The filter whose bytes, taken as signed, have the smallest sum: the heuristic of the PNG
 * specification (12.8). A row that repeats the one above, as in an enlarged picture, needs no search.
 */
function filterRow(row: Uint8Array, above: Uint8Array, out: Uint8Array): void {
  if (Buffer.compare(row, above) === 0) {
    out[0] = UP;
    return; // `out` is zero
  }
  let best = NONE;
  let least = Number.POSITIVE_INFINITY;
  for (const filter of [NONE, SUB, UP, PAETH]) {
    const sum = applyFilter(filter, row, above, out);
    if (sum < least) [best, least] = [filter, sum];
  }
  if (best !== PAETH) applyFilter(best, row, above, out);
}

/** @returns the sum of the filtered bytes' distances to 0. */
function applyFilter(filter: number, row: Uint8Array, above: Uint8Array, out: Uint8Array): number {
  out[0] = filter;
  let sum = 0;
  for (let i = 0; i < row.length; i++) {
    const left = i < BYTES_PER_PIXEL ? 0 : (row[i - BYTES_PER_PIXEL] as number);
    const up = above[i] as number;
    let predicted = 0;
    if (filter === SUB) predicted = left;
    else if (filter === UP) predicted = up;
    else if (filter === PAETH) {
      const corner = i < BYTES_PER_PIXEL ? 0 : (above[i - BYTES_PER_PIXEL] as number);
      predicted = paeth(left, up, corner);
    }
    const byte = ((row[i] as number) - predicted) & 255;
    out[1 + i] = byte;
    sum += byte < 128 ? byte : 256 - byte;
  }
  return sum;
}

/** The neighbour nearest to left + up - corner (PNG specification, 9.4). */
function paeth(left: number, up: number, corner: number): number {
  const toLeft = Math.abs(up - corner);
  const toUp = Math.abs(left - corner);
  const toCorner = Math.abs(left + up - 2 * corner);
  if (toLeft <= toUp && toLeft <= toCorner) return left;
  return toUp <= toCorner ? up : corner;
}
