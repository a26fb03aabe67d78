import type { Manifest } from './manifest-types';
import type { TextTokenizer } from './text-tokenizer';

/** Tokens that are drawn for an image: the sketch's, if the model makes one, and the picture's. */
export function imageTokens({ image, sequence }: Pick<Manifest, 'image' | 'sequence'>): number {
  const { rows, columns } = sequence?.sketch ?? { rows: 0, columns: 0 };
  return rows * columns + image.rows * image.columns;
}

/**
 * Positions of the KV cache that an image takes: its tokens, and what stands between them. What would
 * follow the last one is never read.
 */
export function imageInputs(manifest: Pick<Manifest, 'image' | 'sequence'>): number {
  const { image, sequence } = manifest;
  const ended = (sequence?.sketch?.rows ?? 0) + image.rows - 1;
  return imageTokens(manifest) + ended * (sequence?.rowEnd?.length ?? 0);
}

/**
 * Where the image's rows of the rotary table begin, whatever the prompt's length, as if prompts were padded
 * on the left; 0 for a model whose image goes on behind its prompt.
 */
export function paddedPrompt(prompt: Manifest['prompt']): number {
  return prompt.kind === 'words' ? 0 : (prompt.length ?? 0);
}

/**
 * Ids of the tokens that end every row of the picture.
 * @throws {Sjd2Error} ERR_MODEL when the tokenizer lacks one.
 */
export function rowEndIds(tokenizer: TextTokenizer, { sequence }: Manifest): number[] {
  return (sequence?.rowEnd ?? []).map((token) => tokenizer.special('sequence.rowEnd', token));
}
