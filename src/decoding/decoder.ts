import type { NativePass } from '../native/addon';
import type { DecoderName, DecodingOptions } from '../options';
import { ar } from './ar';
import { jacobi } from './jacobi';
import { sjd } from './sjd';
import { sjd2 } from './sjd2';
import type { WindowController } from './window';

/** One image in the making, as a decoder sees it. */
export interface DecodingState {
  /** n: tokens that are final. */
  readonly committed: number;
  /** Tokens of the whole image. */
  readonly length: number;
  /**
   * Passes over `window` positions: noise -> run -> verify -> commit -> refine -> slide, on a
   * worker thread (native/decode/generation.cc). Each commits at least one token.
   * @param count At most so many; fewer if they take long or the image is complete. At least 1.
   * @param passableLevel Highest noise level at which a fed position may be passed; 0 is STRICT.
   */
  passes(window: number, count: number, passableLevel: number): Promise<NativePass[]>;
}

/** Turns a state into an image, pass by pass. */
export interface Decoder {
  readonly name: DecoderName;
  decode(
    state: DecodingState,
    options: DecodingOptions,
    window: WindowController,
  ): AsyncGenerator<NativePass>;
}

export const decoders: Record<DecoderName, Decoder> = { ar, jacobi, sjd, sjd2 };
