import type { Manifest } from './manifest-types';
import { TemplatePrompts } from './prompt-template';
import { WordPrompts } from './prompt-words';
import { imageInputs } from './sequence';
import type { TextTokenizer } from './text-tokenizer';

/**
 * Turns prompts into ids of the text embedding; the last one is the token that begins the image.
 * One class for each `prompt.kind` of the manifest.
 */
export interface PromptEncoder {
  /**
   * @throws {Sjd2Error} ERR_ARGUMENT for a prompt that is not text, is empty, or is too long.
   */
  encode(prompt: unknown): number[];
  /** What the second row of guidance reads beside `ids`; it may be shorter or longer. */
  unconditional(ids: readonly number[]): number[];
  /** The words of a prompt that have no influence on the picture, as they were written, each once. */
  unknownWords(prompt: unknown): string[];
  dispose?(): void;
}

/** A prompt's input rows [length, d] of each row, one behind the other, the begin token included. */
export interface PromptRows {
  embeddings: Float32Array;
  /** [rows] */
  lengths: Int32Array;
}

/** @throws {Sjd2Error} ERR_MODEL when the tokenizer lacks a special token. */
export function promptEncoder(tokenizer: TextTokenizer, manifest: Manifest): PromptEncoder {
  const { prompt } = manifest;
  if (prompt.kind === 'embeddings') throw new Error('Prompts of this kind are never text');
  if (prompt.kind === 'words') return new WordPrompts(tokenizer, prompt);
  const room = manifest.maxLength - imageInputs(manifest);
  return new TemplatePrompts(tokenizer, prompt, Math.min(room, prompt.length ?? room));
}
