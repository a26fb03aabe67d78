import type { NativePass } from '../native/addon';
import type { DecodingOptions } from '../options';

/** Says how wide the next pass is. */
export interface WindowController {
  /** The widest window it will ever ask for. */
  readonly capacity: number;
  next(): number;
  observe(pass: NativePass): void;
}

export class FixedWindow implements WindowController {
  constructor(readonly capacity: number) {}
  next(): number {
    return this.capacity;
  }
  observe(): void {}
}

/** Seconds of a pass by window width, measured on this machine. */
export type PassCosts = Map<number, number>;

export function createWindow(options: DecodingOptions, _costs: PassCosts): WindowController {
  return new FixedWindow(options.window === 'auto' ? 16 : options.window);
}
