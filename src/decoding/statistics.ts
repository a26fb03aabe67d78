import type { PassReport } from '../native/addon';

/** What a generation cost. One per image. */
export interface Statistics {
  /** The image's own: the seed of the call plus the image's index. */
  seed: bigint;
  /** Forward passes of the transformer (NFE). */
  passes: number;
  /** Image tokens generated. */
  tokens: number;
  /** Step compression: tokens / passes. AR is 1 by definition. */
  tokensPerPass: number;
  /** Tokens that became final in each pass; they add up to `tokens`. */
  committedPerPass: number[];
  /** Positions every pass worked on. */
  windowPerPass: number[];
  /** Drafts that were committed as they were. */
  accepted: number;
  /** Drafts that were replaced by another token, anywhere in the window. */
  redrawn: number;
  /** Wall clock from the prompt to the pixels. */
  seconds: number;
  /** Of these, in the transformer. */
  modelSeconds: number;
  /** Of these, in our kernels: noise, verify, refine. */
  kernelSeconds: number;
  /** Of these, in the image decoder, once per image. */
  imageSeconds: number;
}

/** Adds passes up to statistics. */
export class StatisticsRecorder {
  private readonly start = performance.now();
  private readonly committedPerPass: number[] = [];
  private readonly windowPerPass: number[] = [];
  private tokens = 0;
  private accepted = 0;
  private redrawn = 0;
  private modelSeconds = 0;
  private kernelSeconds = 0;

  constructor(private readonly seed: bigint) {}

  get passes(): number {
    return this.committedPerPass.length;
  }

  record(pass: PassReport): void {
    this.committedPerPass.push(pass.tokens.length);
    this.windowPerPass.push(pass.window);
    this.tokens += pass.tokens.length;
    this.accepted += pass.accepted;
    this.redrawn += pass.drafts - pass.kept;
    this.modelSeconds += pass.modelSeconds;
    this.kernelSeconds += pass.kernelSeconds;
  }

  /** @param imageSeconds What turning the tokens into pixels took. */
  finish(imageSeconds: number): Statistics {
    return {
      seed: this.seed,
      passes: this.passes,
      tokens: this.tokens,
      tokensPerPass: this.tokens / this.passes,
      committedPerPass: this.committedPerPass,
      windowPerPass: this.windowPerPass,
      accepted: this.accepted,
      redrawn: this.redrawn,
      seconds: (performance.now() - this.start) / 1000,
      modelSeconds: this.modelSeconds,
      kernelSeconds: this.kernelSeconds,
      imageSeconds,
    };
  }
}
