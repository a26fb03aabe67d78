import { Sjd2Error, unexpected } from '../errors';
import type { Manifest } from './manifest';
import type { Tables } from './tables';
import { TextTokenizer } from './text-tokenizer';
import { unknownWords } from './unknown-words';

/** UTF-16 units of a prompt: more than any model reads, and little work for a tokenizer. */
const LONGEST_PROMPT = 10_000;

/** Turns prompts into token ids and ids into the transformer's first input rows. */
export class PromptEncoder {
  /** Input rows that a prompt takes: its padded length and the begin token. */
  readonly length: number;
  private readonly special: Record<'pad' | 'unknown' | 'begin' | 'unconditional', number>;

  private constructor(
    private readonly tokenizer: TextTokenizer,
    private readonly tables: Tables,
    private readonly manifest: Manifest,
  ) {
    this.length = manifest.prompt.length + 1;
    const { pad, unknown, begin, unconditional } = manifest.prompt;
    this.special = {
      pad: tokenizer.special('pad', pad),
      unknown: tokenizer.special('unknown', unknown),
      begin: tokenizer.special('begin', begin),
      unconditional: tokenizer.special('unconditional', unconditional),
    };
  }

  /** @throws {Sjd2Error} ERR_MODEL when tokenizer.json is damaged or lacks a special token. */
  static async read(path: string, tables: Tables, manifest: Manifest): Promise<PromptEncoder> {
    const tokenizer = await TextTokenizer.read(path, tables.textVocabulary);
    return new PromptEncoder(tokenizer, tables, manifest);
  }

  /**
   * The ids of a prompt, padded, with the begin token at the end: `length` of them.
   * @throws {Sjd2Error} ERR_ARGUMENT for a prompt that is not text, is empty, or is too long.
   */
  encode(prompt: unknown): number[] {
    const ids = this.tokenize(checkPrompt(prompt));
    if (ids.length === 0)
      throw unexpected('prompt', 'at least one word that the model can read', prompt);
    const { length } = this.manifest.prompt;
    if (ids.length > length) {
      throw new Sjd2Error(
        'ERR_ARGUMENT',
        `Expected prompt to have at most ${length} tokens but received ${ids.length}: shorten it`,
      );
    }
    return this.pad(ids);
  }

  /** The words of a prompt that have no influence on the picture, as they were written, each once. */
  unknownWords(prompt: unknown): string[] {
    return unknownWords(checkPrompt(prompt), (text) => this.tokenize(text), this.special.unknown);
  }

  /** The ids of the prompt that says nothing, for the second row of guidance. */
  unconditional(): number[] {
    return this.pad([this.special.unconditional]);
  }

  /** Input rows [sequences, length, d] for sequences of ids of equal length. */
  embed(...sequences: number[][]): Float32Array {
    const d = this.manifest.hiddenSize;
    const rows = new Float32Array(sequences.length * this.length * d);
    sequences.flat().forEach((id, i) => {
      rows.set(this.tables.textEmbedding.subarray(id * d, (id + 1) * d), i * d);
    });
    return rows;
  }

  private tokenize(text: string): number[] {
    return this.tokenizer.encode(text, this.special.unknown);
  }

  private pad(ids: number[]): number[] {
    const padding = new Array(this.manifest.prompt.length - ids.length).fill(this.special.pad);
    return [...ids, ...padding, this.special.begin];
  }
}

/** Before a tokenizer sees it: what its patterns do with a megabyte may take minutes. */
function checkPrompt(prompt: unknown): string {
  if (typeof prompt !== 'string') throw unexpected('prompt', 'a string', prompt);
  if (prompt.length <= LONGEST_PROMPT) return prompt;
  throw new Sjd2Error(
    'ERR_ARGUMENT',
    `Expected prompt to have at most ${LONGEST_PROMPT} characters but received ${prompt.length}: ` +
      'shorten it',
  );
}
