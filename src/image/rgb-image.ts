import { types } from 'node:util';
import { PNG } from 'pngjs';
import { Sjd2Error, shown, unexpected } from '../errors';
import { encodePng, encodePngNow } from './png';
import { writeWhole } from './write-whole';

/** Pixels of a side, and of a picture: 800 MB. */
const LONGEST_SIDE = 65_535;
const MOST_PIXELS = 2 ** 28;

/**
 * A picture in memory: `width` times `height` pixels of three bytes (red, green, blue), row by row
 * from the top left, without padding. `data.length` is always `3 * width * height`.
 */
export class RgbImage {
  /** In pixels. */
  readonly width: number;
  /** In pixels. */
  readonly height: number;
  /** Red, green, blue of each pixel, 0 to 255; writing here changes the picture. */
  readonly data: Uint8Array;

  /**
   * @param width pixels, at least 1
   * @param height pixels, at least 1
   * @param data taken over, not copied; a black picture when left out
   * @throws Sjd2Error `ERR_ARGUMENT` when the length of `data` does not fit the size
   */
  constructor(width: number, height: number, data?: Uint8Array) {
    checkSize(width, height);
    const length = 3 * width * height;
    if (data && (!types.isUint8Array(data) || data.length !== length)) {
      throw unexpected('data', `a Uint8Array of ${length} bytes (3 x ${width} x ${height})`, data);
    }
    this.width = width;
    this.height = height;
    this.data = data ?? allocate(length);
  }

  /**
   * Pixels from what an image decoder computes.
   *
   * @param pixels `[3, height, width]`, values in [-1, 1]; a value `x` becomes the byte
   *   `round((x + 1) * 127.5)`, and decoders overshoot a little, so what lies outside is cut off
   * @throws Sjd2Error `ERR_ARGUMENT` for a wrong length, `ERR_NUMERICS` for NaN (which would
   *   otherwise turn into black without a word)
   */
  static fromPlanes(pixels: Float32Array, width: number, height: number): RgbImage {
    checkSize(width, height);
    const area = width * height;
    if (!types.isFloat32Array(pixels) || pixels.length !== 3 * area) {
      throw unexpected('pixels', `a Float32Array of shape [3, ${height}, ${width}]`, pixels);
    }
    const image = new RgbImage(width, height);
    for (let channel = 0; channel < 3; channel++) {
      for (let i = 0; i < area; i++) {
        const x = pixels[channel * area + i];
        if (Number.isNaN(x)) {
          throw new Sjd2Error(
            'ERR_NUMERICS',
            `The image decoder computed NaN (channel ${channel}, pixel ${i})`,
          );
        }
        image.data[3 * i + channel] = Math.round(Math.min(255, Math.max(0, (x + 1) * 127.5)));
      }
    }
    return image;
  }

  /**
   * Pixels of a PNG file; transparency is dropped, not blended.
   *
   * @throws Sjd2Error `ERR_ARGUMENT` for bytes that are no whole PNG file, `ERR_MEMORY`
   */
  static fromPNG(file: Uint8Array): RgbImage {
    const png = readPng(file);
    const image = new RgbImage(png.width, png.height);
    for (let from = 0, to = 0; to < image.data.length; from += 4, to += 3) {
      image.data.set(png.data.subarray(from, from + 3), to);
    }
    return image;
  }

  /**
   * The picture as a PNG file, 8 bits a channel, no alpha. It takes the thread that calls it: a
   * millisecond for 64 x 64 pixels, seconds for a large photograph. `toPNGAsync` does not.
   */
  toPNG(): Buffer {
    return encodePngNow(this);
  }

  /** As `toPNG`, compressed on another thread; `data` has to stay as it is until then. */
  async toPNGAsync(): Promise<Buffer> {
    return encodePng(this);
  }

  /**
   * Writes the picture as a PNG file. The file appears whole or not at all: the bytes go to a
   * temporary file beside it, which is then renamed. An existing file is replaced and keeps its mode;
   * a symbolic link stays, and the file that it leads to is written.
   *
   * @throws Sjd2Error `ERR_OUTPUT` when the folder is missing or cannot be written to,
   *   `ERR_ARGUMENT` for a path that is not a string
   */
  async save(path: string): Promise<void> {
    if (typeof path !== 'string' || path === '')
      throw unexpected('path', 'the name of a file', path);
    await writeWhole(path, await this.toPNGAsync());
  }

  /**
   * Every pixel repeated `factor` times in both directions, so that a small picture can be looked
   * at without a viewer's blur.
   *
   * @param factor an integer between 1 and 64
   */
  upscale(factor: number): RgbImage {
    if (!Number.isInteger(factor) || factor < 1 || factor > 64) {
      throw unexpected('factor', 'an integer between 1 and 64', factor);
    }
    if (factor * Math.max(this.width, this.height) > LONGEST_SIDE) {
      const size = `${this.width} x ${this.height}`;
      throw unexpected('factor', `one that makes ${size} at most ${LONGEST_SIDE} long`, factor);
    }
    const large = new RgbImage(this.width * factor, this.height * factor);
    const length = 3 * large.width;
    for (let y = 0; y < this.height; y++) {
      const start = y * factor * length;
      let to = start;
      for (let from = 3 * y * this.width; from < 3 * (y + 1) * this.width; from += 3) {
        for (let i = 0; i < factor; i++, to += 3) {
          large.data[to] = this.data[from] as number;
          large.data[to + 1] = this.data[from + 1] as number;
          large.data[to + 2] = this.data[from + 2] as number;
        }
      }
      for (let i = 1; i < factor; i++) {
        large.data.copyWithin(start + i * length, start, start + length);
      }
    }
    return large;
  }

  /** Copies `other` into this picture with its top left corner at (`left`, `top`). */
  paste(other: RgbImage, left: number, top: number): void {
    const fits =
      Number.isInteger(left) &&
      Number.isInteger(top) &&
      left >= 0 &&
      top >= 0 &&
      left + other.width <= this.width &&
      top + other.height <= this.height;
    if (!fits) {
      throw new Sjd2Error(
        'ERR_ARGUMENT',
        `Expected a picture of ${other.width} x ${other.height} at (${left}, ${top}) to lie inside ` +
          `${this.width} x ${this.height}`,
      );
    }
    for (let y = 0; y < other.height; y++) {
      const row = other.data.subarray(3 * y * other.width, 3 * (y + 1) * other.width);
      this.data.set(row, 3 * ((top + y) * this.width + left));
    }
  }
}

function checkSize(width: number, height: number): void {
  for (const [name, value] of [
    ['width', width],
    ['height', height],
  ] as const) {
    if (!Number.isInteger(value) || value < 1 || value > LONGEST_SIDE) {
      throw unexpected(name, `an integer between 1 and ${LONGEST_SIDE}`, value);
    }
  }
  if (width * height > MOST_PIXELS) {
    throw new Sjd2Error(
      'ERR_ARGUMENT',
      `Expected at most ${MOST_PIXELS} pixels but received ${width} x ${height}`,
    );
  }
}

function allocate(length: number): Uint8Array {
  try {
    return new Uint8Array(length);
  } catch (cause) {
    throw new Sjd2Error('ERR_MEMORY', `No memory for ${length} bytes of pixels`, { cause });
  }
}

function readPng(file: unknown): PNG {
  if (!types.isUint8Array(file)) throw unexpected('file', 'the bytes of a PNG file', file);
  const bytes = Buffer.from(file.buffer, file.byteOffset, file.byteLength);
  // Sizes first: a few bytes may claim a picture of gigabytes.
  if (bytes.length >= 24 && bytes.toString('latin1', 12, 16) === 'IHDR') {
    checkSize(bytes.readUInt32BE(16), bytes.readUInt32BE(20));
  }
  try {
    return PNG.sync.read(bytes);
  } catch (cause) {
    const reason = cause instanceof Error ? shown(cause.message, 100) : String(cause);
    throw new Sjd2Error('ERR_ARGUMENT', `Expected file to be a whole PNG file: ${reason}`, {
      cause,
    });
  }
}
