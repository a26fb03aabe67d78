import { types } from 'node:util';
import { PNG } from 'pngjs';
import { Sjd2Error, unexpected } from '../errors';
import { writeWhole } from './write-whole';

/**
 * A picture in memory: `width` times `height` pixels of three bytes (red, green, blue), row by row
 * from the top left, without padding. `data.length` is always `3 * width * height`.
 */
export class RgbImage {
  readonly width: number;
  readonly height: number;
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
    this.data = data ?? new Uint8Array(length);
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

  /** Pixels of a PNG file; transparency is dropped, not blended. */
  static fromPNG(file: Uint8Array): RgbImage {
    const png = PNG.sync.read(Buffer.from(file));
    const image = new RgbImage(png.width, png.height);
    for (let from = 0, to = 0; to < image.data.length; from += 4, to += 3) {
      image.data.set(png.data.subarray(from, from + 3), to);
    }
    return image;
  }

  /** The picture as a PNG file, 8 bits a channel, no alpha. */
  toPNG(): Buffer {
    const { width, height, data } = this;
    const png = new PNG({ width, height, colorType: 2, inputHasAlpha: false });
    png.data = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
    return PNG.sync.write(png, { colorType: 2, inputHasAlpha: false });
  }

  /**
   * Writes the picture as a PNG file. The file appears whole or not at all: the bytes go to a
   * temporary file beside it, which is then renamed. An existing file is replaced.
   *
   * @throws Sjd2Error `ERR_OUTPUT` when the folder is missing or cannot be written to
   */
  async save(path: string): Promise<void> {
    await writeWhole(path, this.toPNG());
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
    const large = new RgbImage(this.width * factor, this.height * factor);
    for (let y = 0; y < large.height; y++) {
      const row = Math.floor(y / factor) * this.width;
      for (let x = 0; x < large.width; x++) {
        const from = 3 * (row + Math.floor(x / factor));
        large.data.set(this.data.subarray(from, from + 3), 3 * (y * large.width + x));
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
    if (!Number.isInteger(value) || value < 1 || value > 65535) {
      throw unexpected(name, 'an integer between 1 and 65535', value);
    }
  }
}
