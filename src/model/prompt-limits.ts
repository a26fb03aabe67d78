import { Sjd2Error, unexpected } from '../errors';

/** UTF-16 units of a prompt: more than any model reads, and little work for a tokenizer. */
const LONGEST_PROMPT = 10_000;

/** Before a tokenizer sees it: what its patterns do with a megabyte may take minutes. */
export function checkPrompt(prompt: unknown): string {
  if (typeof prompt !== 'string') throw unexpected('prompt', 'a string', prompt);
  if (prompt.length <= LONGEST_PROMPT) return prompt;
  throw new Sjd2Error(
    'ERR_ARGUMENT',
    `Expected prompt to have at most ${LONGEST_PROMPT} characters but received ${prompt.length}: ` +
      'shorten it',
  );
}

/** @throws {Sjd2Error} ERR_ARGUMENT when a prompt takes more ids than there is room for. */
export function checkLength(ids: readonly number[], most: number): void {
  if (ids.length <= most) return;
  throw new Sjd2Error(
    'ERR_ARGUMENT',
    `Expected prompt to have at most ${most} tokens but received ${ids.length}: shorten it`,
  );
}
