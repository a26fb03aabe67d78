import { availableParallelism } from 'node:os';
import { types } from 'node:util';
import { passesUntilComplete } from './decoding/passes';
import { cleanSchedule, noiseSchedule } from './decoding/schedule';
import { type Statistics, StatisticsRecorder } from './decoding/statistics';
import {
  AutoWindow,
  FixedWindow,
  PassKnowledge,
  settledWindow,
  type WindowController,
  windowsDecide,
} from './decoding/window';
import { fromNative, Sjd2Error, unexpected } from './errors';
import { RgbImage } from './image/rgb-image';
import type { Manifest } from './model/manifest-types';
import type { ModelPackage } from './model/package';
import {
  COUPLINGS,
  type DeviceName,
  INITIALS,
  type NativeGeneration,
  type NativeModel,
  type NativePass,
  type NativeSettings,
  type RuntimeInfo,
} from './native/addon';
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
  type Sampler,
  type SamplerOptions,
} from './options';
import { sideBySide } from './side-by-side';

export interface StreamOptions extends GenerateOptions {
  /** A preview event every so many passes; 0 for none. Default 0. */
  previewEvery?: number;
}

export interface GenerateResult {
  /** One entry per image, in the order of the seeds. */
  images: RgbImage[];
  /** Token ids, rows x columns of the raster. */
  tokens: Int32Array[];
  stats: Statistics[];
}

export type GenerationEvent =
  | {
      type: 'progress';
      /** Index of the image, 0 to count - 1. */
      image: number;
      /** Tokens that are final. */
      committed: number;
      total: number;
      passes: number;
    }
  | {
      type: 'preview';
      image: number;
      /** Committed tokens, then the drafts of the window, then blank. */
      pixels: RgbImage;
      committed: number;
    }
  | {
      type: 'completed';
      image: number;
      pixels: RgbImage;
      tokens: Int32Array;
      stats: Statistics;
    };

/** A prompt's input rows [rows, length, d], the begin token included. */
interface PromptRows {
  embeddings: Float32Array;
  length: number;
}

/** How long the worker thread makes passes before their progress is reported: one frame. */
const TRIP_SECONDS = 1 / 60;
/** Weights up to this size are held twice where that makes several images of one call faster. */
const SECOND_COPY_BYTES = 2 ** 28;
/** Tokens that the widest scoring pass feeds; memory grows with it, speed hardly does. */
const SCORE_WINDOW = 64;

/** What the images of one call have in common. */
interface Task {
  prompt: PromptRows;
  rows: number;
  /** Inside one operator; of the decoder graph that was loaded with them. */
  threads: number;
  decoding: DecodingOptions;
  previewEvery: number;
  operation: Operation;
}

/**
 * A loaded model. `loadModel` makes one; `dispose()` (or `await using`) ends it. Several
 * generations may run at once: they share the weights and nothing else.
 */
export class ImageGenerator {
  /** Why `device: 'auto'` took this device, with the times; empty for one that was asked for. */
  deviceReason = '';
  private readonly operations: Operations;
  private readonly knowledge = new Map<string, PassKnowledge>();

  /** @internal Use `loadModel`. */
  constructor(
    private readonly model: ModelPackage,
    private readonly native: NativeModel,
    /** The ONNX Runtime in use. */
    readonly runtime: RuntimeInfo,
    /** Where the transformer and the kernels run. */
    readonly device: DeviceName,
    /** What the transformer computes in. */
    readonly precision: 'fp32' | 'fp16',
    private readonly resources: {
      /** Threads inside one operator; 0 takes one per physical core. */
      threads: number;
      /** Of the files that hold the transformer. */
      weightBytes: number;
    },
  ) {
    this.operations = new Operations(native);
  }

  /** SHA-256 of model.json, in hexadecimal. It names the hashes of all other files, and so the model. */
  get sha256(): string {
    return this.model.sha256;
  }

  /** The model's model.json. */
  get manifest(): Manifest {
    return this.model.manifest;
  }

  /** The folder that the model was read from. */
  get folder(): string {
    return this.model.folder;
  }

  /** @internal Loads and checks what images with the model's own sampler are drawn with. */
  async load(signal?: AbortSignal): Promise<void> {
    const rows = this.rowsFor(this.manifest.sampler);
    await this.operations.begin(signal).run(() => this.native.load(rows, this.resources.threads));
  }

  /** @internal Median seconds of a pass over `window` positions that says nothing in particular. */
  async passSeconds(window: number, passes: number, signal?: AbortSignal): Promise<number> {
    const sampler = resolveSampler({}, this.manifest);
    const rows = this.rowsFor(sampler);
    const operation = this.operations.begin(signal);
    const length = 8;
    const ids = new Array<number>(rows * length).fill(0);
    const embeddings = await operation.run(() => this.model.tables.text.rows(ids));
    const decoding: DecodingOptions = {
      decoder: 'sjd',
      coupling: 'gumbel',
      window,
      steps: 1,
      staggered: false,
      relaxed: 0,
      initial: 'uniform',
      sampler,
    };
    const { threads } = this.resources;
    const prompt = { embeddings, length };
    const task: Task = { prompt, rows, threads, decoding, previewEvery: 0, operation };
    const settings = this.settings(task, 0n, window);
    const native = this.open(settings, operation);
    try {
      // The first passes allocate, and compile shaders.
      const warm = 2;
      const make = (count: number) => native.passes(window, 0, count, Number.MAX_VALUE);
      await operation.run(() => make(warm));
      const seconds = (await operation.run(() => make(passes))).map((pass) => pass.seconds);
      return seconds.sort((a, b) => a - b)[seconds.length >> 1] as number;
    } finally {
      native.dispose();
    }
  }

  /**
   * Draws images.
   * @throws {Sjd2Error} ERR_ARGUMENT for options that cannot be honoured, ERR_ABORTED after the
   *   signal fired, ERR_NUMERICS when the model produces NaN, ERR_STATE after `dispose()`.
   */
  async generate(prompt: string, options: GenerateOptions = {}): Promise<GenerateResult> {
    const result: GenerateResult = { images: [], tokens: [], stats: [] };
    for await (const event of this.stream(prompt, options)) {
      if (event.type !== 'completed') continue;
      const { image, pixels, tokens, stats } = event;
      result.images[image] = pixels;
      result.tokens[image] = tokens;
      result.stats[image] = stats;
    }
    return result;
  }

  /**
   * Draws images and reports on the way; leaving the loop aborts the pass in flight. Images of one
   * call may be drawn at once: their events come mixed, those of one `image` in order.
   * @throws As `generate`; options are checked at the first step.
   */
  async *stream(text: string, options: StreamOptions = {}): AsyncGenerator<GenerationEvent> {
    this.operations.checkAlive();
    const decoding = resolveOptions(options, this.manifest);
    const count = integer('count', options.count ?? 1, 1, MAX_COUNT);
    const previewEvery = integer('previewEvery', options.previewEvery ?? 0, 0, 1_000_000);
    const signal = checkSignal(options.signal);
    const firstSeed = resolveSeed(options.seed);
    resolveSeed(firstSeed + BigInt(count - 1));
    const rows = this.rowsFor(decoding.sampler);
    const ids = this.model.prompts.encode(text);
    const operation = this.operations.begin(signal);
    const prompt = await operation.run(() => this.read(ids, rows));
    const threads = this.threadsFor(count);
    await operation.run(() => this.native.load(rows, threads));
    const task: Task = { prompt, rows, threads, decoding, previewEvery, operation };
    const draw = this.draw.bind(this);
    const images = (function* () {
      for (let image = 0; image < count; image++)
        yield draw(image, firstSeed + BigInt(image), task);
    })();
    yield* sideBySide(images, this.lanesFor(count, task), () => operation.stop());
  }

  /** One image. */
  private async *draw(image: number, seed: bigint, task: Task): AsyncGenerator<GenerationEvent> {
    const { decoding, previewEvery, operation } = task;
    const recorder = new StatisticsRecorder(seed);
    const window = this.windowFor(task);
    const native = this.open(this.settings(task, seed, window.capacity), operation);
    try {
      const tokens = new Int32Array(this.tokensPerImage);
      let committed = 0;
      const state = {
        length: tokens.length,
        get committed() {
          return committed;
        },
        passes: (width: number, count: number, passableLevel: number): Promise<NativePass[]> => {
          const untilPreview =
            previewEvery > 0 ? previewEvery - (recorder.passes % previewEvery) : count;
          const most = Math.min(count, untilPreview);
          return operation.run(() => native.passes(width, passableLevel, most, TRIP_SECONDS));
        },
      };
      for await (const pass of passesUntilComplete(state, window, decoding.relaxed)) {
        tokens.set(pass.tokens, committed);
        committed += pass.tokens.length;
        recorder.record(pass);
        yield { type: 'progress', image, committed, total: tokens.length, passes: recorder.passes };
        if (previewEvery > 0 && recorder.passes % previewEvery === 0 && committed < tokens.length) {
          const pixels = await this.preview(tokens, committed, native.drafts(), operation);
          yield { type: 'preview', image, pixels, committed };
        }
      }
      const decoded = performance.now();
      const pixels = await this.decode(tokens, operation);
      const stats = recorder.finish((performance.now() - decoded) / 1000);
      yield { type: 'completed', image, pixels, tokens, stats };
    } finally {
      native.dispose();
    }
  }

  /**
   * The words of a prompt, emoji included, that have no influence on the picture: the model has never
   * seen them.
   * @throws {Sjd2Error} ERR_ARGUMENT for a prompt that is not text or has more than 10,000 characters.
   */
  unknownWords(prompt: string): string[] {
    return this.model.prompts.unknownWords(prompt);
  }

  /**
   * Negative log-likelihood of an image's tokens under the AR law of the sampler, in nats.
   * @param tokens rows x columns ids.
   * @param sampler Temperature must not be 0; a token outside top-k or top-p scores Infinity.
   * @returns One value per token, and their mean.
   */
  async score(
    prompt: string,
    tokens: Int32Array,
    sampler: SamplerOptions = {},
    options: { signal?: AbortSignal } = {},
  ): Promise<{ nll: Float64Array; mean: number }> {
    const operation = this.operations.begin(checkSignal(options.signal));
    const resolved = resolveSampler(sampler, this.manifest);
    if (resolved.temperature === 0) {
      throw unexpected('temperature', 'above 0: a greedy law gives no likelihood', 0);
    }
    // The caller's array may change while the graph loads.
    const image = types.isInt32Array(tokens) ? tokens.slice() : tokens;
    this.checkTokens(image);
    const rows = this.rowsFor(resolved);
    const ids = this.model.prompts.encode(prompt);
    const read = await operation.run(() => this.read(ids, rows));
    const { threads } = this.resources;
    await operation.run(() => this.native.load(rows, threads));
    const decoding: DecodingOptions = {
      decoder: 'sjd',
      coupling: 'maximal',
      window: SCORE_WINDOW,
      steps: 1,
      staggered: false,
      relaxed: 0,
      initial: 'uniform',
      sampler: resolved,
    };
    const task: Task = { prompt: read, rows, threads, decoding, previewEvery: 0, operation };
    const native = this.open(this.settings(task, 0n, SCORE_WINDOW), operation);
    try {
      const nll = await operation.run(() => native.score(image));
      return { nll, mean: nll.reduce((sum, value) => sum + value, 0) / nll.length };
    } finally {
      native.dispose();
    }
  }

  /** Pixels of an image's tokens (rows x columns ids). */
  async decodeTokens(
    tokens: Int32Array,
    options: { signal?: AbortSignal } = {},
  ): Promise<RgbImage> {
    const operation = this.operations.begin(checkSignal(options.signal));
    this.checkTokens(tokens);
    return this.decode(tokens, operation);
  }

  /** Aborts what runs and frees the model. Calling it again does nothing. */
  async dispose(): Promise<void> {
    this.operations.end();
    this.native.dispose();
    this.model.tables.text.dispose();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.dispose();
  }

  private get tokensPerImage(): number {
    return this.manifest.image.rows * this.manifest.image.columns;
  }

  /** Guidance needs the unconditional row too; without guidance one row does. */
  private rowsFor({ guidance }: Sampler): number {
    const available = this.manifest.files.decoder;
    if (guidance === 1 && available['1']) return 1;
    if (available['2']) return 2;
    throw new Sjd2Error(
      'ERR_ARGUMENT',
      `Expected guidance to be 1, since the model ${this.manifest.name} has no decoder for ` +
        `two rows, but received ${guidance} of type number`,
    );
  }

  /**
   * Threads inside one operator. A pass of a small model is too short for two threads to share, so
   * several images get one each. That takes a session of its own, and with it a copy of the weights:
   * a larger model keeps the one it has.
   */
  private threadsFor(count: number): number {
    const { threads, weightBytes } = this.resources;
    const splits = count > 1 && this.device === 'cpu' && weightBytes <= SECOND_COPY_BYTES;
    return threads === 0 && splits ? 1 : threads;
  }

  /**
   * Images of one call that are drawn at once: two for each core that has none of the others'
   * threads, since between two passes of an image its core would idle; fewer where memory is short.
   */
  private lanesFor(count: number, task: Task): number {
    if (count === 1 || this.device !== 'cpu' || task.threads === 0) return 1;
    const cores = Math.max(1, Math.floor(availableParallelism() / task.threads));
    const needed = this.native.generationBytes(
      this.settings(task, 0n, this.windowFor(task).capacity),
    );
    const fitting = Math.floor(process.availableMemory() / 4 / needed);
    return Math.max(1, Math.min(count, 2 * cores, fitting));
  }

  /** What `auto` learns holds for one way of decoding on one decoder graph. */
  private windowFor({ decoding, rows, threads }: Task): WindowController {
    if (decoding.window !== 'auto') return new FixedWindow(decoding.window);
    if (windowsDecide(decoding)) return settledWindow(this.tokensPerImage);
    const key = [rows, threads, decoding.decoder, decoding.coupling, decoding.steps].join(' ');
    const knowledge = this.knowledge.get(key) ?? new PassKnowledge();
    this.knowledge.set(key, knowledge);
    return new AutoWindow(knowledge, this.tokensPerImage);
  }

  /** What the transformer reads of a prompt, in one or two rows. */
  private async read(ids: number[], rows: number): Promise<PromptRows> {
    const { prompts, tables } = this.model;
    const sequences = rows === 2 ? [ids, prompts.unconditional(ids)] : [ids];
    return { embeddings: await tables.text.rows(sequences.flat()), length: ids.length };
  }

  private settings(
    { prompt: { embeddings, length }, rows, threads, decoding }: Task,
    seed: bigint,
    capacity: number,
  ): NativeSettings {
    const { denoising, image, hiddenSize } = this.manifest;
    return {
      rows,
      threads,
      prompt: embeddings,
      promptLength: length,
      length: this.tokensPerImage,
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

  private open(settings: NativeSettings, operation: Operation): NativeGeneration {
    operation.check();
    try {
      const needed = this.native.generationBytes(settings);
      const available = process.availableMemory();
      if (needed > available) throw tooLarge(needed, available);
      return this.native.generation(settings, operation.interrupt);
    } catch (error) {
      throw fromNative(error);
    }
  }

  private async decode(tokens: Int32Array, operation: Operation): Promise<RgbImage> {
    const { pixels, width, height } = await operation.run(() =>
      this.native.decodeImage(tokens, operation.interrupt),
    );
    return RgbImage.fromPlanes(pixels, width, height);
  }

  private async preview(
    tokens: Int32Array,
    committed: number,
    drafts: Int32Array,
    operation: Operation,
  ): Promise<RgbImage> {
    // What is not drawn yet repeats the last token that is: usually the background.
    const shown = tokens.slice();
    shown.fill(tokens[committed - 1] as number, committed);
    drafts.forEach((draft, i) => {
      if (draft >= 0) shown[committed + i] = draft;
    });
    return this.decode(shown, operation);
  }

  private checkTokens(tokens: unknown): void {
    const { vocabulary } = this.manifest.image;
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
