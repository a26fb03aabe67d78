import { readFile } from 'node:fs/promises';
import { Tokenizer } from '@huggingface/tokenizers';
import { Sjd2Error, unexpected } from '../errors';
import type { Manifest } from './manifest';
import type { Tables } from './tables';

/** Turns prompts into token ids and ids into the transformer's first input rows. */
export class PromptEncoder {
  /** Input rows that a prompt takes: its padded length and the begin token. */
  readonly length: number;
  private readonly special: Record<'pad' | 'unknown' | 'begin' | 'unconditional', number>;

  private constructor(
    private readonly tokenizer: Tokenizer,
    private readonly tables: Tables,
    private readonly manifest: Manifest,
    path: string,
  ) {
    this.length = manifest.prompt.length + 1;
    const id = (role: 'pad' | 'unknown' | 'begin' | 'unconditional') => {
      const token = manifest.prompt[role];
      const found = tokenizer.token_to_id(token);
      if (found === undefined || found >= tables.textVocabulary) {
        throw new Sjd2Error(
          'ERR_MODEL',
          `${path}: expected the ${role} token ${token} of model.json to be in the vocabulary`,
        );
      }
      return found;
    };
    this.special = {
      pad: id('pad'),
      unknown: id('unknown'),
      begin: id('begin'),
      unconditional: id('unconditional'),
    };
  }

  /** @throws {Sjd2Error} ERR_MODEL when tokenizer.json is damaged or lacks a special token. */
  static async read(path: string, tables: Tables, manifest: Manifest): Promise<PromptEncoder> {
    let tokenizer: Tokenizer;
    try {
      tokenizer = new Tokenizer(JSON.parse(await readFile(path, 'utf8')), {});
    } catch (error) {
      throw new Sjd2Error(
        'ERR_MODEL',
        `${path}: expected a Hugging Face tokenizer: ${(error as Error).message}`,
        { cause: error },
      );
    }
    return new PromptEncoder(tokenizer, tables, manifest, path);
  }

  /**
   * The ids of a prompt, padded, with the begin token at the end: `length` of them.
   * @throws {Sjd2Error} ERR_ARGUMENT for a prompt that is not text, is empty, or is too long.
   */
  encode(prompt: unknown): number[] {
    if (typeof prompt !== 'string') throw unexpected('prompt', 'a string', prompt);
    const ids = this.tokenize(prompt);
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

  /** The words of a prompt that the vocabulary lacks, as they were written, each once. */
  unknownWords(prompt: string): string[] {
    const words = prompt.split(/\s+/).filter((word) => /[\p{L}\p{N}]/u.test(word));
    const unknown = words.filter((word) => {
      const ids = this.tokenize(word);
      // A normaliser may drop words on purpose ("a", "the"), but one that drops a word of another
      // script does not know it.
      return ids.includes(this.special.unknown) || (ids.length === 0 && /[^\p{ASCII}]/u.test(word));
    });
    return [
      ...new Set(unknown.map((word) => word.replace(/^[^\p{L}\p{N}]+|[^\p{L}\p{N}]+$/gu, ''))),
    ];
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
    const ids: number[] = this.tokenizer.encode(text, { add_special_tokens: false }).ids;
    const outside = ids.find((id: number) => id >= this.tables.textVocabulary);
    if (outside !== undefined) {
      throw new Sjd2Error(
        'ERR_MODEL',
        `The tokenizer gave id ${outside} but text_embedding has ${this.tables.textVocabulary} rows`,
      );
    }
    return ids;
  }

  private pad(ids: number[]): number[] {
    const padding = new Array(this.manifest.prompt.length - ids.length).fill(this.special.pad);
    return [...ids, ...padding, this.special.begin];
  }
}
