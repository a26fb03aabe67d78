import {
  chmod,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  readlink,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { crc32 } from 'node:zlib';
import { PNG } from 'pngjs';
import { RgbImage } from '../../src/image/rgb-image';

/** Every byte differs from its neighbours, so that a swapped axis or channel shows. */
function pattern(width: number, height: number): RgbImage {
  const image = new RgbImage(width, height);
  for (let i = 0; i < image.data.length; i++) image.data[i] = (i * 37 + 11) % 256;
  return image;
}

function flipped(file: Buffer, at: number): Buffer {
  const copy = Buffer.from(file);
  copy[at] = (copy[at] as number) ^ 4;
  return copy;
}

/** A PNG file whose header says another size than its data. */
function claiming(width: number, height: number): Buffer {
  const file = Buffer.from(pattern(2, 2).toPNG());
  file.writeUInt32BE(width, 16);
  file.writeUInt32BE(height, 20);
  file.writeUInt32BE(crc32(file.subarray(12, 29)), 29);
  return file;
}

function pixel(image: RgbImage, x: number, y: number): number[] {
  const at = 3 * (y * image.width + x);
  return [...image.data.subarray(at, at + 3)];
}

describe('an image', () => {
  test('comes back from a PNG file as it went in', () => {
    const image = pattern(5, 3);
    const back = RgbImage.fromPNG(image.toPNG());
    expect([back.width, back.height]).toEqual([5, 3]);
    expect(back.data).toEqual(image.data);
  });

  test.each([
    [1, 1],
    [1, 200],
    [333, 1],
    [300, 250],
  ])('of %i x %i pixels comes back from either way of writing it', async (width, height) => {
    // Noise, a slope, and rows that repeat: every filter is best for some row.
    const image = pattern(width, height);
    for (let i = 0; i < image.data.length; i++) {
      const y = Math.floor(i / 3 / width);
      if (y % 4 === 1) image.data[i] = i >> 3;
      if (y % 4 > 1) image.data[i] = image.data[i - 3 * width] as number;
      if (y % 16 > 12) image.data[i] = (i % (3 * width)) + y;
    }
    for (const file of [image.toPNG(), await image.toPNGAsync()]) {
      expect(Buffer.compare(RgbImage.fromPNG(file).data, image.data)).toBe(0);
    }
  });

  test('leaves the event loop its turns while it is compressed', async () => {
    const large = pattern(1024, 1024);
    let turns = 0;
    let done = false;
    const count = () => {
      turns++;
      if (!done) setImmediate(count);
    };
    setImmediate(count);
    await large.toPNGAsync();
    done = true;
    // A turn for every 128 KB of the 3 MB, at least.
    expect(turns).toBeGreaterThanOrEqual(24);
  });

  test('is written as 8 bits a channel without alpha', () => {
    // Bytes 24 and 25 of a PNG file: bit depth, and colour type 2 for RGB.
    expect([...pattern(2, 2).toPNG().subarray(24, 26)]).toEqual([8, 2]);
  });

  test('that is a view into a larger buffer writes its own bytes only', () => {
    const image = pattern(4, 4);
    const large = new Uint8Array(100).fill(255);
    large.set(image.data, 7);
    const view = new RgbImage(4, 4, large.subarray(7, 7 + 48));
    expect(view.toPNG()).toEqual(image.toPNG());
  });

  test('turns planes from -1 to 1 into bytes, and cuts off what overshoots', () => {
    // One pixel per value; red holds the value, green and blue its negation and zero.
    const values = [-1, 1, 0, -1.5, 1.5, 0.5, -0.25, Number.POSITIVE_INFINITY];
    const bytes = [0, 255, 128, 0, 255, 191, 96, 255];
    const planes = Float32Array.of(...values, ...values.map((x) => -x), ...values.map(() => 0));
    const image = RgbImage.fromPlanes(planes, 4, 2);
    bytes.forEach((byte, i) => {
      expect(pixel(image, i % 4, Math.floor(i / 4))).toEqual([
        byte,
        Math.round(Math.min(255, Math.max(0, (1 - (values[i] as number)) * 127.5))),
        128,
      ]);
    });
  });

  test('refuses NaN instead of painting it black', () => {
    const planes = new Float32Array(12);
    planes[5] = Number.NaN;
    expect(() => RgbImage.fromPlanes(planes, 2, 2)).toThrow(
      expect.objectContaining({ code: 'ERR_NUMERICS', message: expect.stringMatching('pixel 1') }),
    );
  });

  test.each([
    ['planes of another length', () => RgbImage.fromPlanes(new Float32Array(11), 2, 2)],
    ['planes that are no Float32Array', () => RgbImage.fromPlanes([] as never, 2, 2)],
    ['bytes of another length', () => new RgbImage(2, 2, new Uint8Array(16))],
    ['no pixels', () => new RgbImage(0, 2)],
    ['half a pixel', () => new RgbImage(1.5, 2)],
    ['a size that is no number', () => new RgbImage('2' as never, 2)],
    ['a factor of 0', () => pattern(2, 2).upscale(0)],
    ['a factor of 1.5', () => pattern(2, 2).upscale(1.5)],
    ['a factor of 65', () => pattern(2, 2).upscale(65)],
    ['a factor that leads beyond PNG', () => new RgbImage(2000, 1).upscale(64)],
    ['a picture of 2^32 pixels', () => new RgbImage(65535, 65535)],
    ['a file that is text', () => RgbImage.fromPNG('png' as never)],
    ['an empty file', () => RgbImage.fromPNG(new Uint8Array(0))],
    ['garbage', () => RgbImage.fromPNG(new Uint8Array(1000).fill(7))],
    ['half a file', () => RgbImage.fromPNG(pattern(50, 50).toPNG().subarray(0, 100))],
    ['a file with a flipped bit', () => RgbImage.fromPNG(flipped(pattern(50, 50).toPNG(), 60))],
    ['a file that claims 2^32 pixels', () => RgbImage.fromPNG(claiming(65535, 65535))],
    ['a file that claims none', () => RgbImage.fromPNG(claiming(0, 1))],
    ['a picture pasted over the border', () => pattern(4, 4).paste(pattern(2, 2), 3, 0)],
    ['a picture pasted at a negative place', () => pattern(4, 4).paste(pattern(2, 2), 0, -1)],
  ])('does not take %s', (_, attempt) => {
    expect(attempt).toThrow(expect.objectContaining({ code: 'ERR_ARGUMENT' }));
  });

  test('is upscaled by repeating pixels', () => {
    const image = pattern(3, 2);
    const large = image.upscale(3);
    expect([large.width, large.height]).toEqual([9, 6]);
    for (let y = 0; y < 6; y++) {
      for (let x = 0; x < 9; x++) {
        expect(pixel(large, x, y)).toEqual(pixel(image, Math.floor(x / 3), Math.floor(y / 3)));
      }
    }
  });

  test('pasted into another lies where it was put, and nothing else changes', () => {
    const sheet = new RgbImage(6, 5);
    const image = pattern(2, 3);
    sheet.paste(image, 3, 1);
    for (let y = 0; y < 5; y++) {
      for (let x = 0; x < 6; x++) {
        const inside = x >= 3 && x < 5 && y >= 1 && y < 4;
        expect(pixel(sheet, x, y)).toEqual(inside ? pixel(image, x - 3, y - 1) : [0, 0, 0]);
      }
    }
  });
});

describe('saving an image', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'sjd2-image-'));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  test('leaves one file that any reader of PNG understands', async () => {
    const image = pattern(5, 4);
    await image.save(path.join(folder, 'picture.png'));
    expect(await readdir(folder)).toEqual(['picture.png']);
    const png = PNG.sync.read(await readFile(path.join(folder, 'picture.png')));
    expect([png.width, png.height]).toEqual([5, 4]);
    expect([...png.data.subarray(4, 8)]).toEqual([...pixel(image, 1, 0), 255]);
  });

  test('replaces a file that is there', async () => {
    const target = path.join(folder, 'picture.png');
    await pattern(9, 9).save(target);
    await pattern(2, 2).save(target);
    expect(RgbImage.fromPNG(await readFile(target)).width).toBe(2);
  });

  test('keeps the mode of the file that it replaces, whatever the mask', async () => {
    const target = path.join(folder, 'private.png');
    for (const mode of [0o600, 0o666, 0o640]) {
      await writeFile(target, '');
      await chmod(target, mode);
      await pattern(2, 2).save(target);
      expect((await stat(target)).mode & 0o777).toBe(mode);
    }
  });

  test('writes through a symbolic link, which stays one', async () => {
    const target = path.join(folder, 'deep', 'target.png');
    const link = path.join(folder, 'link.png');
    await mkdir(path.dirname(target));
    await symlink(path.join('deep', 'target.png'), link);
    // First to nothing, then to a file.
    for (const width of [3, 4]) {
      await pattern(width, 2).save(link);
      expect(await readlink(link)).toBe(path.join('deep', 'target.png'));
      expect(RgbImage.fromPNG(await readFile(target)).width).toBe(width);
      expect(await readdir(path.dirname(target))).toEqual(['target.png']);
    }
    await symlink('circle.png', path.join(folder, 'circle.png'));
    await expect(pattern(2, 2).save(path.join(folder, 'circle.png'))).rejects.toMatchObject({
      code: 'ERR_OUTPUT',
      message: expect.stringMatching('in a circle'),
    });
  });

  test('takes a name as long as the file system does', async () => {
    await pattern(2, 2).save(path.join(folder, `${'n'.repeat(251)}.png`));
    expect(await readdir(folder)).toHaveLength(1);
  });

  test.each([[5], [''], [undefined], [null], [['x.png']], ['x\0.png']])(
    'to %p is refused with a code',
    async (name) => {
      await expect(pattern(2, 2).save(name as string)).rejects.toMatchObject({
        code: name === 'x\0.png' ? 'ERR_OUTPUT' : 'ERR_ARGUMENT',
      });
    },
  );

  const device = process.platform === 'linux' ? test : test.skip;
  device('to a device writes to the device, and a full one says so', async () => {
    await pattern(2, 2).save('/dev/null');
    expect((await stat('/dev/null')).isCharacterDevice()).toBe(true);
    await expect(pattern(2, 2).save('/dev/full')).rejects.toMatchObject({
      code: 'ERR_OUTPUT',
      message: expect.stringMatching(/no space left \(ENOSPC\)/),
    });
  });

  test('into a folder that does not exist says so, and leaves nothing', async () => {
    await expect(pattern(2, 2).save(path.join(folder, 'no', 'picture.png'))).rejects.toMatchObject({
      code: 'ERR_OUTPUT',
      message: expect.stringMatching(/the folder .* does not exist, create it first/),
    });
    expect(await readdir(folder)).toEqual([]);
  });

  test('onto a folder says so, and leaves nothing', async () => {
    await expect(pattern(2, 2).save(folder)).rejects.toMatchObject({
      code: 'ERR_OUTPUT',
      message: expect.stringMatching('that is a folder'),
    });
    expect(await readdir(path.dirname(folder))).not.toContainEqual(
      expect.stringMatching(`^\\.${path.basename(folder)}\\..*part$`),
    );
  });
});
