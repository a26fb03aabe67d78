import { types } from 'node:util';
import { type Benchmark, type BenchOptions, bench } from './benchmark/bench';
import { type Driver, plainDecoding } from './decoding/driver';
import type { Statistics } from './decoding/statistics';
import { Drawing, type GenerationEvent } from './drawing';
import type { Engine, Task } from './engine';
import { unexpected } from './errors';
import type { RgbImage } from './image/rgb-image';
import { median } from './median';
import type { Manifest } from './model/manifest-types';
import type { DeviceName, RuntimeInfo } from './native/addon';
import { lackingPixels, noPixels } from './no-pixels';
import { type Operation, Operations } from './operation';
import {
  checkSignal,
  type DecodingOptions,
  type GenerateOptions,
  integer,
  MAX_COUNT,
  resolveOptions,
  resolveSampler,
  resolveSeed,
  type SamplerOptions,
} from './options';
import { type Verification, type VerifyOptions, verify } from './verification/verify';
import type { Arithmetic } from './verification/windows';

/** How `stream` draws, and what it reports. */
export interface StreamOptions extends GenerateOptions {
  /** A preview event every so many passes; 0 for none. Default 0. */
  previewEvery?: number;
}

/** The images of one call of `generate`. */
export interface GenerateResult {
  /** One entry per image, in the order of the seeds. Reading it is ERR_MODEL for a model without an image decoder. */
  images: RgbImage[];
  /** Token ids in the order drawn: the sketch's, where the model makes one, and rows x columns of the picture. */
  tokens: Int32Array[];
  /** What each image cost. */
  stats: Statistics[];
}

/** Tokens that the widest scoring pass feeds; memory grows with it, speed hardly does. */
const SCORE_WINDOW = 64;

/**
 * A loaded model. `loadModel` makes one; `dispose()` (or `await using`) ends it. Several
 * generations may run at once: they share the weights and nothing else.
 */
export class ImageModel {
  /** Why `device: 'auto'` took this device, with the times; empty for one that was asked for. */
  deviceReason = '';
  private readonly operations: Operations;
  private readonly drawing: Drawing;

  /** @internal Use `loadModel`. */
  constructor(
    private readonly engine: Engine,
    /** The ONNX Runtime in use. */
    readonly runtime: RuntimeInfo,
    /** What the transformer computes in. */
    readonly precision: 'fp32' | 'fp16',
  ) {
    this.operations = new Operations(engine.native);
    this.drawing = new Drawing(engine);
  }

  /** Where the transformer and the kernels run. */
  get device(): DeviceName {
    return this.engine.device;
  }

  /** SHA-256 of model.json, in hexadecimal. It names the hashes of all other files, and so the model. */
  get sha256(): string {
    return this.engine.model.sha256;
  }

  /** The model's model.json. */
  get manifest(): Manifest {
    return this.engine.model.manifest;
  }

  /** The folder that the model was read from. */
  get folder(): string {
    return this.engine.model.folder;
  }

  /** @internal How much the transformer's logits may be rounded. */
  get arithmetic(): Arithmetic {
    return this.engine.resources.arithmetic;
  }

  /** @internal Loads and checks what images with the model's own sampler are drawn with. */
  async load(signal?: AbortSignal): Promise<void> {
    const rows = this.engine.rowsFor(this.manifest.sampler);
    const operation = this.operations.begin(signal);
    await operation.run(() =>
      this.engine.native.load(rows, this.engine.resources.threads, operation.interrupt),
    );
  }

  /** @internal Median seconds of a pass over `window` positions that says nothing in particular. */
  async passSeconds(window: number, passes: number, signal?: AbortSignal): Promise<number> {
    const decoding = plainDecoding(resolveSampler({}, this.manifest), window);
    const { operation, open } = await this.drive(null, decoding, signal);
    const generation = open(0n, window);
    try {
      // The first passes allocate, and compile shaders.
      const warm = 2;
      const make = (count: number) => generation.passes(window, 0, count, Number.MAX_VALUE);
      await operation.run(() => make(warm));
      const made = await operation.run(() => make(passes));
      return median(made.map((pass) => pass.seconds));
    } finally {
      generation.dispose();
    }
  }

  /** @internal For those who drive passes themselves; behind a prompt that says nothing where there is no text. */
  async drive(
    text: string | null,
    decoding: DecodingOptions,
    signal?: AbortSignal,
  ): Promise<Driver> {
    const { engine } = this;
    const { image, prompt } = this.manifest;
    const operation = this.operations.begin(signal);
    const words = prompt.kind === 'embeddings' ? null : text;
    const task = await this.prepare(words, decoding, operation);
    const open = (seed: bigint, capacity: number) => engine.open(task, seed, capacity);
    return {
      operation,
      rows: task.rows,
      sampler: decoding.sampler,
      length: engine.tokensPerImage,
      vocabulary: image.vocabulary,
      open,
    };
  }

  /**
   * Reads the prompt, and loads the graph that takes it.
   * @param prompt Null for one that says nothing.
   */
  private async prepare(
    prompt: string | Float32Array | null,
    decoding: DecodingOptions,
    operation: Operation,
    threads = this.engine.resources.threads,
  ): Promise<Task> {
    const { engine } = this;
    const rows = engine.rowsFor(decoding.sampler);
    const encoded = prompt === null ? null : engine.model.prompts.encode(prompt);
    const read = await operation.run(() =>
      encoded === null ? engine.readAny(rows) : engine.read(encoded, rows),
    );
    await operation.run(() => engine.native.load(rows, threads, operation.interrupt));
    return { prompt: read, rows, threads, decoding, operation };
  }

  /**
   * Draws images.
   * @param prompt Words; for a model whose prompts are embeddings, an array [n, width] of them, without
   *   padding (`manifest.prompt`).
   * @throws {Sjd2Error} ERR_ARGUMENT for options that cannot be honoured, ERR_ABORTED after the
   *   signal fired, ERR_NUMERICS when the model produces NaN, ERR_STATE after `dispose()`.
   */
  async generate(
    prompt: string | Float32Array,
    options: GenerateOptions = {},
  ): Promise<GenerateResult> {
    const { decodes } = this.engine;
    const images: RgbImage[] = [];
    const result: Omit<GenerateResult, 'images'> = { tokens: [], stats: [] };
    for await (const event of this.stream(prompt, options)) {
      if (event.type !== 'completed') continue;
      if (decodes) images[event.image] = event.pixels;
      result.tokens[event.image] = event.tokens;
      result.stats[event.image] = event.stats;
    }
    return decodes ? { images, ...result } : lackingPixels(result, 'images', this.manifest);
  }

  /**
   * Draws images and reports on the way; leaving the loop aborts the pass in flight. Images of one
   * call may be drawn at once: their events come mixed, those of one `image` in order.
   * @throws As `generate`; options are checked at the first step.
   */
  async *stream(
    prompt: string | Float32Array,
    options: StreamOptions = {},
  ): AsyncGenerator<GenerationEvent> {
    this.operations.checkAlive();
    const decoding = resolveOptions(options, this.manifest);
    const count = integer('count', options.count ?? 1, 1, MAX_COUNT);
    const previewEvery = integer('previewEvery', options.previewEvery ?? 0, 0, 1_000_000);
    if (previewEvery > 0 && !this.engine.decodes) throw noPixels(this.manifest);
    const signal = checkSignal(options.signal);
    const firstSeed = resolveSeed(options.seed);
    resolveSeed(firstSeed + BigInt(count - 1));
    const operation = this.operations.begin(signal);
    const threads = this.drawing.threadsFor(count);
    const task = await this.prepare(prompt, decoding, operation, threads);
    yield* this.drawing.images(task, firstSeed, count, previewEvery);
  }

  /**
   * The words of a prompt, emoji included, that have no influence on the picture: the model has never
   * seen them.
   * @throws {Sjd2Error} ERR_ARGUMENT for a prompt that is not text or has more than 10,000 characters.
   */
  unknownWords(prompt: string | Float32Array): string[] {
    return this.engine.model.prompts.unknownWords(prompt);
  }

  /**
   * Negative log-likelihood of an image's tokens under the AR law of the sampler, in nats.
   * @param tokens All ids of an image, as `generate` gives them.
   * @param sampler Temperature must not be 0; a token outside top-k or top-p scores Infinity.
   * @returns One value per token, and their mean.
   */
  async score(
    prompt: string | Float32Array,
    tokens: Int32Array,
    sampler: SamplerOptions = {},
    options: { signal?: AbortSignal } = {},
  ): Promise<{
    /** Of each token. */
    nll: Float64Array;
    /** Over the image. */
    mean: number;
  }> {
    const operation = this.operations.begin(checkSignal(options.signal));
    const resolved = resolveSampler(sampler, this.manifest);
    if (resolved.temperature === 0) {
      throw unexpected('temperature', 'above 0: a greedy law gives no likelihood', 0);
    }
    // The caller's array may change while the graph loads.
    const image = types.isInt32Array(tokens) ? tokens.slice() : tokens;
    this.engine.checkTokens(image);
    const decoding = { ...plainDecoding(resolved, SCORE_WINDOW), coupling: 'maximal' as const };
    const task = await this.prepare(prompt, decoding, operation);
    const generation = this.engine.open(task, 0n, SCORE_WINDOW);
    try {
      const nll = await operation.run(() => generation.score(image));
      return { nll, mean: nll.reduce((sum, value) => sum + value, 0) / nll.length };
    } finally {
      generation.dispose();
    }
  }

  /**
   * Proof on this model, device and ONNX Runtime that windows, decoders and laws are right; `passed` says whether.
   * Takes as long as some dozen images.
   * @throws {Sjd2Error} ERR_ARGUMENT, ERR_ABORTED, ERR_NUMERICS, ERR_MEMORY, ERR_STATE.
   */
  async verify(options: VerifyOptions = {}): Promise<Verification> {
    return verify(this, options);
  }

  /**
   * What windows cost and decoders gain with this model on this machine and device, and which setting is the fastest.
   * @throws {Sjd2Error} ERR_ARGUMENT, ERR_ABORTED, ERR_NUMERICS, ERR_MEMORY, ERR_STATE.
   */
  async bench(options: BenchOptions = {}): Promise<Benchmark> {
    return bench(this, options);
  }

  /**
   * Pixels of an image's tokens (all ids, as `generate` gives them).
   * @throws {Sjd2Error} ERR_ARGUMENT; ERR_MODEL for a model without an image decoder.
   */
  async decodeTokens(
    tokens: Int32Array,
    options: { signal?: AbortSignal } = {},
  ): Promise<RgbImage> {
    const operation = this.operations.begin(checkSignal(options.signal));
    this.engine.checkTokens(tokens);
    return this.engine.decode(tokens, operation);
  }

  /** Aborts what runs and frees the model. Calling it again does nothing. */
  async dispose(): Promise<void> {
    this.operations.end();
    this.engine.native.dispose();
    this.engine.model.tables.text.dispose();
    this.engine.model.prompts.dispose?.();
  }

  /** `dispose`, for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.dispose();
  }
}
