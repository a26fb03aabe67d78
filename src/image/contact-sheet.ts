import { Sjd2Error, unexpected } from '../errors';
import { drawText, lineHeight, textWidth } from './lettering';
import { RgbImage } from './rgb-image';

const GAP = 8;
const PAPER = 236;

/**
 * Several pictures of one size side by side on light grey, row by row, each with an optional caption
 * below it.
 *
 * @param images at least one, all of the same size
 * @param columns an integer of at least 1; fewer pictures than columns make a narrower sheet
 * @param labels one caption per picture (lines separated by `\n`), or none at all; a line that is
 *   wider than the picture ends in `..`, as the letters have a fixed size
 */
export function contactSheet(images: RgbImage[], columns: number, labels?: string[]): RgbImage {
  if (!Array.isArray(images) || images.length === 0) {
    throw unexpected('images', 'an array of at least one picture', images);
  }
  const other = images.find((image) => !(image instanceof RgbImage));
  if (other !== undefined) throw unexpected('every one of images', 'an RgbImage', other);
  if (!Number.isInteger(columns) || columns < 1) {
    throw unexpected('columns', 'an integer of at least 1', columns);
  }
  if (labels !== undefined && (!Array.isArray(labels) || labels.length !== images.length)) {
    throw unexpected('labels', `an array of ${images.length} captions`, labels);
  }
  const wrong = labels?.find((label) => typeof label !== 'string');
  if (wrong !== undefined) throw unexpected('every one of labels', 'a string', wrong);
  const { width, height } = images[0];
  for (const image of images) {
    if (image.width !== width || image.height !== height) {
      throw new Sjd2Error(
        'ERR_ARGUMENT',
        `Expected pictures of one size but received ${width} x ${height} and ` +
          `${image.width} x ${image.height}`,
      );
    }
  }

  const captions = (labels ?? []).map((label) => label.split('\n'));
  const captionLines = Math.max(0, ...captions.map((lines) => lines.length));
  const captionHeight = captionLines === 0 ? 0 : 2 + captionLines * lineHeight;
  const across = Math.min(columns, images.length);
  const down = Math.ceil(images.length / across);
  const sheet = new RgbImage(
    GAP + across * (width + GAP),
    GAP + down * (height + captionHeight + GAP),
  );
  sheet.data.fill(PAPER);

  images.forEach((image, i) => {
    const left = GAP + (i % across) * (width + GAP);
    const top = GAP + Math.floor(i / across) * (height + captionHeight + GAP);
    sheet.paste(image, left, top);
    captions[i]?.forEach((line, row) => {
      drawText(sheet, fitting(line, width), left, top + height + 2 + row * lineHeight);
    });
  });
  return sheet;
}

function fitting(line: string, width: number): string {
  if (textWidth(line) <= width) return line;
  let cut = line;
  while (cut.length > 0 && textWidth(`${cut}..`) > width) cut = cut.slice(0, -1);
  return `${cut}..`;
}
