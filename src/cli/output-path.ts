import path from 'node:path';
import { unexpected } from '../errors';

/** In characters: four bytes each at most, and file systems allow 255 bytes. */
const LONGEST_NAME = 40;

/**
 * The files of `count` pictures: `output` itself for one, else `apple-1.png`, `apple-2.png`, ...
 *
 * @param output what came after -o; left out, the prompt gives the name, and the first ending its end
 * @throws Sjd2Error `ERR_ARGUMENT` for a name with another ending
 */
export function outputPaths(
  output: string | undefined,
  prompt: string,
  count: number,
  endings: readonly string[] = ['.png'],
): string[] {
  const target = output ?? `${nameFrom(prompt)}${endings[0]}`;
  if (!endings.includes(path.extname(target).toLowerCase())) {
    throw unexpected('output', `a file name that ends in ${endings.join(' or ')}`, target);
  }
  if (count === 1) return [target];
  const { dir, name, ext } = path.parse(target);
  return Array.from({ length: count }, (_, i) => path.join(dir, `${name}-${i + 1}${ext}`));
}

/** "A red apple!" -> "a-red-apple" */
function nameFrom(prompt: string): string {
  const words = prompt.toLowerCase().match(/[\p{L}\p{M}\p{N}]+/gu) ?? ['picture'];
  return [...words.join('-')].slice(0, LONGEST_NAME).join('').replace(/-+$/, '');
}
