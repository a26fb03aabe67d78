import { unexpected } from '../errors';
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

  /**
   * @param room Positions of the KV cache that are not the image's.
   * @throws {Sjd2Error} ERR_MODEL when the tokenizer lacks the token for padding.
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
    if (unconditional.kind === 'text') this.fill(unconditional.text);
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
        return this.fill(rule.text);
    }
  }

  unknownWords(prompt: unknown): string[] {
    return unknownWords(checkPrompt(prompt), (text) => this.tokenizer.encode(text, NONE), NONE);
  }

  private fill(text: string): number[] {
    const ids = this.parts.flatMap((part) =>
      typeof part === 'number'
        ? [part]
        : // A function, since a replacement of text may not read `$` as a pattern.
          this.tokenizer.encode(
            part.replace('{prompt}', () => text),
            NONE,
          ),
    );
    if (ids.includes(NONE)) {
      throw unexpected('prompt', 'free of the names of special tokens', text);
    }
    checkLength(ids, this.room);
    return ids;
  }
}
