import { contactSheet } from '../../src/image/contact-sheet';
import { drawText, textWidth } from '../../src/image/lettering';
import { RgbImage } from '../../src/image/rgb-image';

const GAP = 8;

function filled(width: number, height: number, byte: number): RgbImage {
  return new RgbImage(width, height, new Uint8Array(3 * width * height).fill(byte));
}

function red(image: RgbImage, x: number, y: number): number | undefined {
  return image.data[3 * (y * image.width + x)];
}

describe('a contact sheet', () => {
  test('puts pictures row by row, with a gap around each', () => {
    const sheet = contactSheet(
      [1, 2, 3].map((byte) => filled(10, 6, byte)),
      2,
    );
    expect([sheet.width, sheet.height]).toEqual([3 * GAP + 20, 3 * GAP + 12]);
    expect(red(sheet, GAP, GAP)).toBe(1);
    expect(red(sheet, 2 * GAP + 10, GAP)).toBe(2);
    expect(red(sheet, GAP, 2 * GAP + 6)).toBe(3);
    expect(red(sheet, 2 * GAP + 10, 2 * GAP + 6)).toBe(red(sheet, 0, 0));
  });

  test('with fewer pictures than columns is no wider than they are', () => {
    expect(contactSheet([filled(10, 6, 1)], 5).width).toBe(2 * GAP + 10);
  });

  test('writes captions below the pictures and not into them', () => {
    const image = filled(60, 20, 200);
    const sheet = contactSheet([image, image], 2, ['ar\n256 passes', 'sjd2']);
    expect(sheet.height).toBeGreaterThan(2 * GAP + 20);
    const black = new Set<number>();
    for (let y = 0; y < sheet.height; y++) {
      for (let x = 0; x < sheet.width; x++) if (red(sheet, x, y) === 0) black.add(y);
    }
    expect(Math.min(...black)).toBeGreaterThanOrEqual(GAP + 20);
    expect(black.size).toBeGreaterThan(7);
  });

  test('shortens a caption that is wider than its picture', () => {
    const narrow = contactSheet([filled(30, 5, 9)], 1, ['a caption that does not fit']);
    expect(narrow.width).toBe(2 * GAP + 30);
    for (let y = GAP + 5; y < narrow.height; y++) {
      for (let x = GAP + 30; x < narrow.width; x++) expect(red(narrow, x, y)).not.toBe(0);
    }
  });

  test.each([
    ['no pictures', () => contactSheet([], 1)],
    ['no columns', () => contactSheet([filled(1, 1, 0)], 0)],
    ['pictures of two sizes', () => contactSheet([filled(1, 1, 0), filled(2, 1, 0)], 2)],
    ['captions for some pictures', () => contactSheet([filled(1, 1, 0)], 1, [])],
  ])('does not take %s', (_, attempt) => {
    expect(attempt).toThrow(expect.objectContaining({ code: 'ERR_ARGUMENT' }));
  });
});

describe('lettering', () => {
  test('draws each character as another shape', () => {
    const shapes = [...'ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 .,:-+=/()%#'].map((letter) => {
      const image = filled(5, 7, 255);
      drawText(image, letter, 0, 0);
      return Buffer.from(image.data).toString('hex');
    });
    expect(new Set(shapes).size).toBe(shapes.length);
  });

  test('leaves out what reaches over the border', () => {
    const image = filled(8, 8, 255);
    drawText(image, 'WWW', -3, 5);
    expect(textWidth('WWW')).toBe(17);
    expect(image.data).toContain(0);
  });
});
