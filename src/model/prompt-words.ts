import { unexpected } from '../errors';
import type { WordsPrompt } from './manifest-types';
import type { PromptEncoder } from './prompt';
import { checkLength, checkPrompt } from './prompt-limits';
import type { TextTokenizer } from './text-tokenizer';
import { unknownWords } from './unknown-words';

/** Prompts of a fixed length: words, padding, the begin token. */
export class WordPrompts implements PromptEncoder {
  private readonly special: Record<'pad' | 'unknown' | 'begin' | 'unconditional', number>;

  /** @throws {Sjd2Error} ERR_MODEL when the tokenizer lacks a special token. */
  constructor(
    private readonly tokenizer: TextTokenizer,
    private readonly prompt: WordsPrompt,
  ) {
    const { pad, unknown, begin, unconditional } = prompt;
    this.special = {
      pad: tokenizer.special('pad', pad),
      unknown: tokenizer.special('unknown', unknown),
      begin: tokenizer.special('begin', begin),
      unconditional: tokenizer.special('unconditional', unconditional),
    };
  }

  encode(prompt: unknown): number[] {
    const ids = this.tokenize(checkPrompt(prompt));
    if (ids.length === 0)
      throw unexpected('prompt', 'at least one word that the model can read', prompt);
    checkLength(ids, this.prompt.length);
    return this.pad(ids);
  }

  unconditional(): number[] {
    return this.pad([this.special.unconditional]);
  }

  unknownWords(prompt: unknown): string[] {
    return unknownWords(checkPrompt(prompt), (text) => this.tokenize(text), this.special.unknown);
  }

  private tokenize(text: string): number[] {
    return this.tokenizer.encode(text, this.special.unknown);
  }

  private pad(ids: number[]): number[] {
    const padding = new Array(this.prompt.length - ids.length).fill(this.special.pad);
    return [...ids, ...padding, this.special.begin];
  }
}
