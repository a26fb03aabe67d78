import { availableParallelism } from 'node:os';
import { passesUntilComplete } from './decoding/passes';
import { type Statistics, StatisticsRecorder } from './decoding/statistics';
import {
  AutoWindow,
  FixedWindow,
  PassKnowledge,
  settledWindow,
  type WindowController,
  windowsDecide,
} from './decoding/window';
import type { Engine, Task } from './engine';
import type { RgbImage } from './image/rgb-image';
import type { PassReport } from './native/addon';
import { lackingPixels } from './no-pixels';
import type { Operation } from './operation';
import { sideBySide } from './side-by-side';

/** What `stream` reports of an image on the way. */
export type GenerationEvent =
  | {
      /** After each pass. */
      type: 'progress';
      /** Index of the image, 0 to count - 1. */
      image: number;
      /** Tokens that are final. */
      committed: number;
      /** Tokens of the image. */
      total: number;
      /** Passes made so far. */
      passes: number;
    }
  | {
      /** Every `previewEvery` passes. */
      type: 'preview';
      /** Index of the image, 0 to count - 1. */
      image: number;
      /** Committed tokens, then the drafts of the window, then blank. */
      pixels: RgbImage;
      /** Tokens that are final. */
      committed: number;
    }
  | {
      /** Once, at the end. */
      type: 'completed';
      /** Index of the image, 0 to count - 1. */
      image: number;
      /** The picture. Reading it is ERR_MODEL for a model without an image decoder. */
      pixels: RgbImage;
      /** Token ids in the order drawn: the sketch's, where the model makes one, and rows x columns of the picture. */
      tokens: Int32Array;
      /** What it cost. */
      stats: Statistics;
    };

/** How long the worker thread makes passes before their progress is reported: one frame. */
const TRIP_SECONDS = 1 / 60;
/** Weights up to this size are held twice where that makes several images of one call faster. */
const SECOND_COPY_BYTES = 2 ** 28;

/** Draws images with an engine, and remembers what its passes cost. */
export class Drawing {
  private readonly knowledge = new Map<string, PassKnowledge>();

  constructor(private readonly engine: Engine) {}

  /** `count` images with seeds from `firstSeed` on, side by side where that is faster. */
  images(
    task: Task,
    firstSeed: bigint,
    count: number,
    previewEvery: number,
  ): AsyncGenerator<GenerationEvent> {
    const draw = this.draw.bind(this);
    const images = (function* () {
      for (let image = 0; image < count; image++)
        yield draw(image, firstSeed + BigInt(image), task, previewEvery);
    })();
    return sideBySide(images, this.lanesFor(count, task), () => task.operation.stop());
  }

  /**
   * Threads inside one operator. A pass of a small model is too short for two threads to share, so
   * several images get one each, which makes twice as many a second (`npm run bench:count`, two cores).
   * That takes a session of its own, and with it a copy of the weights: a larger model keeps the one
   * it has.
   */
  threadsFor(count: number): number {
    const { device, model, resources } = this.engine;
    const { threads, weightBytes } = resources;
    const small = weightBytes <= SECOND_COPY_BYTES && !model.published;
    const splits = count > 1 && device === 'cpu' && small;
    return threads === 0 && splits ? 1 : threads;
  }

  /**
   * Images of one call that are drawn at once: two for each core that has none of the others'
   * threads, since between two passes of an image its core would idle; fewer where memory is short.
   */
  private lanesFor(count: number, task: Task): number {
    if (count === 1 || this.engine.device !== 'cpu' || task.threads === 0) return 1;
    const cores = Math.max(1, Math.floor(availableParallelism() / task.threads));
    const needed = this.engine.generationBytes(task, this.windowFor(task).capacity);
    const fitting = Math.floor(process.availableMemory() / 4 / needed);
    return Math.max(1, Math.min(count, 2 * cores, fitting));
  }

  /** One image. */
  private async *draw(
    image: number,
    seed: bigint,
    task: Task,
    previewEvery: number,
  ): AsyncGenerator<GenerationEvent> {
    const { decoding, operation } = task;
    const recorder = new StatisticsRecorder(seed);
    const window = this.windowFor(task);
    const generation = this.engine.open(task, seed, window.capacity);
    try {
      const tokens = new Int32Array(this.engine.tokensPerImage);
      let committed = 0;
      const state = {
        length: tokens.length,
        get committed() {
          return committed;
        },
        passes: (width: number, count: number, relaxed: number): Promise<PassReport[]> => {
          const untilPreview =
            previewEvery > 0 ? previewEvery - (recorder.passes % previewEvery) : count;
          const most = Math.min(count, untilPreview);
          return operation.run(() => generation.passes(width, relaxed, most, TRIP_SECONDS));
        },
      };
      for await (const pass of passesUntilComplete(state, window, decoding.relaxed)) {
        tokens.set(pass.tokens, committed);
        committed += pass.tokens.length;
        recorder.record(pass);
        yield { type: 'progress', image, committed, total: tokens.length, passes: recorder.passes };
        if (previewEvery > 0 && recorder.passes % previewEvery === 0 && committed < tokens.length) {
          const pixels = await this.preview(tokens, committed, generation.drafts(), operation);
          yield { type: 'preview', image, pixels, committed };
        }
      }
      const completed = { type: 'completed', image, tokens } as const;
      if (!this.engine.decodes) {
        const result = { ...completed, stats: recorder.finish(0) };
        yield lackingPixels(result, 'pixels', this.engine.model.manifest);
        return;
      }
      const decoded = performance.now();
      const pixels = await this.engine.decode(tokens, operation);
      const stats = recorder.finish((performance.now() - decoded) / 1000);
      yield { ...completed, pixels, stats };
    } finally {
      generation.dispose();
    }
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
    return this.engine.decode(shown, operation);
  }

  /** What `auto` learns holds for one way of decoding on one decoder graph. */
  private windowFor({ decoding, rows, threads }: Task): WindowController {
    if (decoding.window !== 'auto') return new FixedWindow(decoding.window);
    if (windowsDecide(decoding)) return settledWindow(this.engine.tokensPerImage);
    const key = [rows, threads, decoding.decoder, decoding.coupling, decoding.steps].join(' ');
    const knowledge = this.knowledge.get(key) ?? new PassKnowledge();
    this.knowledge.set(key, knowledge);
    return new AutoWindow(knowledge, this.engine.tokensPerImage);
  }
}
