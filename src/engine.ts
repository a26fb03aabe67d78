import { types } from 'node:util';
import { cleanSchedule, noiseSchedule } from './decoding/schedule';
import { fromNative, Sjd2Error, unexpected } from './errors';
import { RgbImage } from './image/rgb-image';
import type { ModelPackage } from './model/package';
import type { PromptEncoder, PromptRows } from './model/prompt';
import type { EmbeddingPrompts } from './model/prompt-embeddings';
import { imageInputs, imageTokens, paddedPrompt } from './model/sequence';
import {
  COUPLINGS,
  type DeviceName,
  type GenerationHandle,
  type GenerationSettings,
  INITIALS,
  type ModelHandle,
} from './native/addon';
import { noPixels } from './no-pixels';
import type { Operation } from './operation';
import type { DecodingOptions, Sampler } from './options';
import type { Arithmetic } from './verification/windows';

/** What the generations of one call have in common. */
export interface Task {
  prompt: PromptRows;
  rows: number;
  /** Inside one operator; of the decoder graph that was loaded with them. */
  threads: number;
  decoding: DecodingOptions;
  operation: Operation;
}

/** A loaded model behind its public face: graphs, tables, and what opens a generation on them. */
export class Engine {
  constructor(
    readonly model: ModelPackage,
    readonly native: ModelHandle,
    readonly device: DeviceName,
    readonly resources: {
      /** Threads inside one operator; 0 takes one per physical core. */
      threads: number;
      /** Of the files that hold the transformer. */
      weightBytes: number;
      /** How much its logits may be rounded. */
      arithmetic: Arithmetic;
    },
  ) {}

  get tokensPerImage(): number {
    return imageTokens(this.model.manifest);
  }

  /** Guidance needs the unconditional row too; without guidance one row does. */
  rowsFor({ guidance }: Sampler): number {
    const available = this.model.manifest.files.decoder;
    if (guidance === 1 && available['1']) return 1;
    if (available['2']) return 2;
    throw new Sjd2Error(
      'ERR_ARGUMENT',
      `Expected guidance to be 1, since the model ${this.model.manifest.name} has no decoder for ` +
        `two rows, but received ${guidance} of type number`,
    );
  }

  /**
   * What the transformer reads of a prompt, in one or two rows.
   * @param prompt Of this model's `prompts.encode`.
   */
  async read(prompt: number[] | Float32Array, rows: number): Promise<PromptRows> {
    const { prompts, tables } = this.model;
    if (prompt instanceof Float32Array) {
      return (prompts as EmbeddingPrompts).read(prompt, rows, tables.text);
    }
    const unconditional = () => (prompts as PromptEncoder).unconditional(prompt);
    const sequences = rows === 2 ? [prompt, unconditional()] : [prompt];
    const lengths = Int32Array.from(sequences, (sequence) => sequence.length);
    return { embeddings: await tables.text.rows(sequences.flat()), lengths };
  }

  /** A prompt that says nothing in particular: other words in every position and row. */
  async readAny(rows: number): Promise<PromptRows> {
    const { manifest, tables } = this.model;
    const room = manifest.maxLength - imageInputs(manifest);
    const length = Math.min(8, paddedPrompt(manifest.prompt) || room);
    const ids = Array.from({ length: rows * length }, (_, i) => i % tables.text.vocabulary);
    const lengths = new Int32Array(rows).fill(length);
    return { embeddings: await tables.text.rows(ids), lengths };
  }

  private settings(
    { prompt: { embeddings, lengths }, rows, threads, decoding }: Task,
    seed: bigint,
    capacity: number,
  ): GenerationSettings {
    const { denoising, image, hiddenSize, prompt, sequence } = this.model.manifest;
    return {
      rows,
      threads,
      prompt: embeddings,
      promptLengths: lengths,
      paddedPrompt: paddedPrompt(prompt),
      rowEnd: this.model.rowEnd,
      length: this.tokensPerImage,
      sketchRows: sequence?.sketch?.rows ?? 0,
      sketchColumns: sequence?.sketch?.columns ?? 0,
      columns: image.columns,
      capacity,
      seed,
      coupling: COUPLINGS[decoding.coupling],
      initial: INITIALS[decoding.initial],
      sampler: decoding.sampler,
      schedule: {
        ...(decoding.initial === 'noise' && denoising
          ? noiseSchedule(denoising, decoding.steps, this.model.tables)
          : cleanSchedule(hiddenSize)),
        staggered: decoding.staggered,
      },
    };
  }

  /** What `open` would take of memory; for rows and threads that are loaded. */
  generationBytes(task: Task, capacity: number): number {
    return this.native.generationBytes(this.settings(task, 0n, capacity));
  }

  /** @throws {Sjd2Error} ERR_MEMORY before it takes what is not there. */
  open(task: Task, seed: bigint, capacity: number): GenerationHandle {
    const { operation } = task;
    operation.check();
    const settings = this.settings(task, seed, capacity);
    try {
      const needed = this.native.generationBytes(settings);
      const available = process.availableMemory();
      if (needed > available) throw tooLarge(needed, available);
      return this.native.generation(settings, operation.interrupt);
    } catch (error) {
      throw fromNative(error);
    }
  }

  /** Whether the model makes pixels of its tokens. */
  get decodes(): boolean {
    return this.model.manifest.files.imageDecoder !== undefined;
  }

  /** @throws {Sjd2Error} ERR_MODEL for a model without an image decoder. */
  async decode(tokens: Int32Array, operation: Operation): Promise<RgbImage> {
    const { manifest } = this.model;
    if (!this.decodes) throw noPixels(manifest);
    const { rows, columns } = manifest.image;
    // Behind the sketch.
    const picture = tokens.subarray(tokens.length - rows * columns);
    const { pixels, width, height } = await operation.run(() =>
      this.native.decodeImage(picture, operation.interrupt),
    );
    return RgbImage.fromPlanes(pixels, width, height);
  }

  checkTokens(tokens: unknown): void {
    const { vocabulary } = this.model.manifest.image;
    const wanted = `an Int32Array of ${this.tokensPerImage} ids between 0 and ${vocabulary - 1}`;
    if (!types.isInt32Array(tokens) || tokens.length !== this.tokensPerImage) {
      throw unexpected('tokens', wanted, tokens);
    }
    const outside = tokens.find((token) => token < 0 || token >= vocabulary);
    if (outside !== undefined) throw unexpected('every token', wanted, outside);
  }
}

function tooLarge(needed: number, available: number): Sjd2Error {
  const megabytes = (bytes: number) => Math.ceil(bytes / 2 ** 20);
  return new Sjd2Error(
    'ERR_MEMORY',
    `An image of this model needs ${megabytes(needed)} MB of memory, most of it for the KV cache, ` +
      `and ${megabytes(available)} MB are free`,
  );
}
