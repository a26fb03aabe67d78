import type { PassReport } from '../native/addon';
import type { WindowController } from './window';

/** One image in the making. */
export interface DecodingState {
  /** n: tokens that are final. */
  readonly committed: number;
  /** Tokens of the whole image. */
  readonly length: number;
  /**
   * Passes over `window` positions (native/decode/generation.cc), on a worker thread. Each commits at least
   * one token.
   * @param count At most so many; fewer if they take long or the image is complete. At least 1.
   * @param relaxed Highest noise level at which a fed position may be accepted; 0 is STRICT.
   */
  passes(window: number, count: number, relaxed: number): Promise<PassReport[]>;
}

/** Passes until the image is complete; the controller chooses every window and sees every result. */
export async function* passesUntilComplete(
  state: DecodingState,
  window: WindowController,
  relaxed: number,
): AsyncGenerator<PassReport> {
  while (state.committed < state.length) {
    const { width, passes } = window.next();
    for (const pass of await state.passes(width, passes, relaxed)) {
      window.observe(pass);
      yield pass;
    }
  }
}
