import type { Manifest } from './manifest-types';
import type { TextTokenizer } from './text-tokenizer';

/**
 * Positions of the KV cache that an image takes: its tokens, and what stands between them. What would
 * follow the last one is never read.
 */
export function imageInputs({ image, sequence }: Pick<Manifest, 'image' | 'sequence'>): number {
  return image.rows * image.columns + (image.rows - 1) * (sequence?.rowEnd.length ?? 0);
}

/**
 * Ids of the tokens that end every row of the picture.
 * @throws {Sjd2Error} ERR_MODEL when the tokenizer lacks one.
 */
export function rowEndIds(tokenizer: TextTokenizer, { sequence }: Manifest): number[] {
  return (sequence?.rowEnd ?? []).map((token) => tokenizer.special('sequence.rowEnd', token));
}
