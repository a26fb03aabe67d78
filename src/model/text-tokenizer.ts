import { readFile } from 'node:fs/promises';
import { Tokenizer } from '@huggingface/tokenizers';
import { describeValue, Sjd2Error, shown } from '../errors';

/**
 * Reads text with a Hugging Face tokenizer. Text is text: a special token's name in it ("<pad>") is
 * read as the characters it is made of, and only `special` gives the token itself.
 */
export class TextTokenizer {
  private constructor(
    private readonly path: string,
    private readonly tokenizer: Tokenizer,
    /** Ids of added tokens by their content, special ones included. */
    private readonly added: ReadonlyMap<string, number>,
    /** Ids that no text may have. */
    private readonly reserved: Set<number>,
    private readonly vocabulary: number,
  ) {}

  /**
   * @param vocabulary Rows of the text embedding: ids are below.
   * @throws {Sjd2Error} ERR_MODEL when tokenizer.json is damaged.
   */
  static async read(path: string, vocabulary: number): Promise<TextTokenizer> {
    try {
      const json = JSON.parse(await readFile(path, 'utf8'));
      const added: { content: string; id: number; special?: boolean }[] = json.added_tokens;
      const plain = added.filter(({ special }) => !special);
      const tokenizer = new Tokenizer({ ...json, added_tokens: plain }, {});
      checkIds(path, tokenizer.model?.tokens_to_ids ?? []);
      checkIds(
        path,
        added.map(({ content, id }) => [content, id]),
      );
      return new TextTokenizer(
        path,
        tokenizer,
        new Map(added.map(({ content, id }) => [content, id])),
        new Set(added.filter(({ special }) => special).map(({ id }) => id)),
        vocabulary,
      );
    } catch (error) {
      if (error instanceof Sjd2Error) throw error;
      const reason = shown((error as Error).message);
      throw new Sjd2Error('ERR_MODEL', `${path}: expected a Hugging Face tokenizer: ${reason}`, {
        cause: error,
      });
    }
  }

  /**
   * The id of a special token, which from now on no text has.
   * @throws {Sjd2Error} ERR_MODEL when the vocabulary lacks it.
   */
  special(role: string, content: string): number {
    const id: unknown = this.added.get(content) ?? this.tokenizer.token_to_id(content);
    if (id === undefined) {
      throw new Sjd2Error(
        'ERR_MODEL',
        `${this.path}: expected the ${role} token ${shown(content, 60)} of model.json to be in the ` +
          'vocabulary',
      );
    }
    const checked = this.checkId(id, `the ${role} token`);
    this.reserved.add(checked);
    return checked;
  }

  /** A text of the model's own: the ids of the special tokens in it, and what stands between them. */
  split(text: string): (number | string)[] {
    const names = [...this.added.keys()].sort((a, b) => b.length - a.length);
    const parts: (number | string)[] = [];
    let begin = 0;
    for (let at = 0; at < text.length; ) {
      const name = names.find((candidate) => candidate !== '' && text.startsWith(candidate, at));
      if (name === undefined) {
        at++;
        continue;
      }
      if (at > begin) parts.push(text.slice(begin, at));
      parts.push(this.special('template', name));
      at += name.length;
      begin = at;
    }
    return begin < text.length ? [...parts, text.slice(begin)] : parts;
  }

  /**
   * @param unknown The id of what the vocabulary lacks.
   * @throws {Sjd2Error} ERR_MODEL when the tokenizer fails or gives what is no id.
   */
  encode(text: string, unknown: number): number[] {
    let ids: unknown[];
    try {
      ids = this.tokenizer.encode(text, { add_special_tokens: false }).ids;
    } catch (error) {
      const reason = shown((error as Error).message);
      throw new Sjd2Error('ERR_MODEL', `${this.path}: the tokenizer failed: ${reason}`, {
        cause: error,
      });
    }
    return ids.map((value) => {
      const id = this.checkId(value, 'a word');
      // A vocabulary may hold a special token's name as a word, too.
      return this.reserved.has(id) ? unknown : id;
    });
  }

  private checkId(id: unknown, of: string): number {
    if (Number.isInteger(id) && (id as number) >= 0 && (id as number) < this.vocabulary) {
      return id as number;
    }
    throw new Sjd2Error(
      'ERR_MODEL',
      `${this.path}: expected the id of ${of} to be an integer between 0 and ` +
        `${this.vocabulary - 1} (text_embedding has ${this.vocabulary} rows) but found ` +
        describeValue(id),
    );
  }
}

/** The tokenizer would take what is no id for an unknown word, or hand it on as it is. */
function checkIds(path: string, ids: Iterable<[content: string, id: unknown]>): void {
  for (const [content, id] of ids) {
    if (Number.isSafeInteger(id) && (id as number) >= 0) continue;
    throw new Sjd2Error(
      'ERR_MODEL',
      `${path}: expected the id of ${shown(content, 60)} to be an integer from 0 on but found ` +
        describeValue(id),
    );
  }
}
