import type { NativePass } from '../native/addon';
import type { DecodingState } from './decoder';
import type { WindowController } from './window';

/** Passes until the image is complete; the controller chooses every window and sees every result. */
export async function* passesUntilComplete(
  state: DecodingState,
  window: WindowController,
  passableLevel = 0,
): AsyncGenerator<NativePass> {
  while (state.committed < state.length) {
    const { width, passes } = window.next();
    for (const pass of await state.passes(width, passes, passableLevel)) {
      window.observe(pass);
      yield pass;
    }
  }
}
