import { Sjd2Error, unexpected } from '../errors';
import type { TemplatePrompt } from './manifest-types';
import type { PromptEncoder } from './prompt';
import { checkLength, checkPrompt } from './prompt-limits';
import type { TextTokenizer } from './text-tokenizer';
import { unknownWords } from './unknown-words';

/** What no vocabulary that reads bytes lacks; where one does, no text has this id. */
const NONE = -1;

/**
 * Prompts inside a chat template. Special tokens are read in the template only: in the user's words
 * their names are text.
 */
export class TemplatePrompts implements PromptEncoder {
  /** Ids of special tokens, and text between them; one text has the placeholder. */
  private readonly parts: readonly (number | string)[];
  private readonly pad: number;
  /** The unconditional prompt, where it is always the same. */
  private readonly fixed: readonly number[] = [];

  /**
   * @param room Positions of the KV cache that are not the image's.
   * @throws {Sjd2Error} ERR_MODEL when the tokenizer lacks the token for padding, or the unconditional
   *   prompt is longer than that.
   */
  constructor(
    private readonly tokenizer: TextTokenizer,
    private readonly prompt: TemplatePrompt,
    private readonly room: number,
  ) {
    const { unconditional } = prompt;
    this.parts = tokenizer.split(prompt.template);
    this.pad =
      unconditional.kind === 'pad' ? tokenizer.special('padding', unconditional.token) : NONE;
    if (unconditional.kind !== 'text') return;
    this.fixed = this.read(tokenizer.split(unconditional.text));
    if (this.fixed.length <= room) return;
    throw new Sjd2Error(
      'ERR_MODEL',
      `model.json: prompt.unconditional.text takes ${this.fixed.length} positions of the KV cache, but ` +
        `maxLength leaves ${room} for a prompt`,
    );
  }

  encode(prompt: unknown): number[] {
    // The authors' code of all families strips what surrounds the words.
    const text = checkPrompt(prompt).trim();
    if (text === '')
      throw unexpected('prompt', 'at least one word that the model can read', prompt);
    return this.fill(text);
  }

  unconditional(ids: readonly number[]): number[] {
    const rule = this.prompt.unconditional;
    switch (rule.kind) {
      case 'pad':
        return ids.map((id, i) => (i === 0 || i === ids.length - 1 ? id : this.pad));
      case 'tail':
        return ids.slice(-rule.length);
      case 'text':
        return [...this.fixed];
    }
  }

  unknownWords(prompt: unknown): string[] {
    return unknownWords(checkPrompt(prompt), (text) => this.tokenizer.encode(text, NONE), NONE);
  }

  private read(parts: readonly (number | string)[]): number[] {
    return parts.flatMap((part) =>
      typeof part === 'number' ? [part] : this.tokenizer.encode(part, NONE),
    );
  }

  private fill(text: string): number[] {
    const ids = this.read(
      this.parts.map((part) =>
        // A function, since a replacement of text may not read `$` as a pattern.
        typeof part === 'number' ? part : part.replace('{prompt}', () => text),
      ),
    );
    if (ids.includes(NONE)) {
      throw unexpected('prompt', 'free of the names of special tokens', text);
    }
    checkLength(ids, this.room);
    return ids;
  }
}
