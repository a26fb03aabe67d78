import { types } from 'node:util';
import { unexpected } from '../errors';
import type { GraphHandle } from '../native/addon';
import type { EmbeddingsPrompt } from './manifest-types';
import type { PromptRows } from './prompt';
import type { TextTable } from './tables';

/**
 * Prompts that somebody else has encoded: features of a text encoder, which a graph turns into input
 * rows. There are no words in them to ask about.
 */
export class EmbeddingPrompts {
  /** @param hidden d of an input row. */
  constructor(
    private readonly graph: GraphHandle,
    private readonly prompt: EmbeddingsPrompt,
    private readonly hidden: number,
  ) {}

  /**
   * A copy of a prompt [n, width], since the caller's array may change while the model reads it.
   * @throws {Sjd2Error} ERR_ARGUMENT for what is no such array.
   */
  encode(prompt: unknown): Float32Array {
    const { length, width } = this.prompt;
    const wanted = `a Float32Array of embeddings, 1 to ${length} of ${width} finite numbers each`;
    if (!types.isFloat32Array(prompt)) throw unexpected('prompt', wanted, prompt);
    const copy = prompt.slice();
    const count = copy.length / width;
    const fits = Number.isInteger(count) && count >= 1 && count <= length;
    if (!fits || !copy.every(Number.isFinite)) throw unexpected('prompt', wanted, prompt);
    return copy;
  }

  unknownWords(): string[] {
    return [];
  }

  /** @param unconditional Input rows [length, d], of which as many as the prompt has are read, the last. */
  async read(prompt: Float32Array, rows: number, unconditional: TextTable): Promise<PromptRows> {
    const { length, width } = this.prompt;
    const count = prompt.length / width;
    const given = await this.graph.run(
      [{ name: 'embeddings', shape: [1, count, width], data: prompt }],
      { name: 'inputs_embeds', shape: [1, count, this.hidden] },
    );
    const lengths = new Int32Array(rows).fill(count);
    if (rows === 1) return { embeddings: given, lengths };
    const other = await unconditional.rows(
      Array.from({ length: count }, (_, i) => length - count + i),
    );
    const embeddings = new Float32Array(given.length + other.length);
    embeddings.set(given);
    embeddings.set(other, given.length);
    return { embeddings, lengths };
  }

  dispose(): void {
    this.graph.dispose();
  }
}
