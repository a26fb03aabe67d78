import { aborted, fromNative, Sjd2Error } from './errors';
import type { InterruptHandle, ModelHandle } from './native/addon';

/**
 * What a model has under way. It holds what has native work in flight and nothing else: a stream
 * that its consumer has dropped between two passes is garbage.
 */
export class Operations {
  private readonly inFlight = new Set<() => void>();
  private ended = false;

  constructor(private readonly native: ModelHandle) {}

  begin(signal?: AbortSignal): Operation {
    this.checkAlive();
    return new Operation(this, this.inFlight, this.native.interrupt(), signal);
  }

  /** Stops what is in flight; whatever comes later is refused. */
  end(): void {
    this.ended = true;
    for (const stop of [...this.inFlight]) stop();
  }

  checkAlive(): void {
    if (this.ended) throw new Sjd2Error('ERR_STATE', 'The model was disposed');
  }
}

/** One thing that a caller waits for, and may stop: the images of a stream, a score. */
export class Operation {
  private readonly leaves = new Set<() => void>();
  private stopped = false;

  constructor(
    private readonly operations: Operations,
    private readonly inFlight: Set<() => void>,
    readonly interrupt: InterruptHandle,
    private readonly signal?: AbortSignal,
  ) {}

  /** @throws {Sjd2Error} ERR_ABORTED or ERR_STATE once nobody wants the result any more. */
  check(): void {
    this.operations.checkAlive();
    if (this.signal?.aborted) throw aborted(this.signal);
    if (this.stopped) throw aborted();
  }

  /**
   * Starts native work and waits for it. Nothing is started for a signal that has fired: the
   * promise would be nobody's, and its rejection the end of the process. A signal that fires
   * meanwhile ends the wait at once and the work soon.
   */
  async run<T>(start: () => Promise<T>): Promise<T> {
    this.check();
    let leave = () => {};
    const left = new Promise<never>((_, reject) => {
      leave = () => reject(aborted(this.signal));
    });
    const stop = () => {
      this.interrupt.fire();
      leave();
    };
    const forget = this.signal ? whenAborted(this.signal, stop) : () => {};
    this.inFlight.add(stop);
    this.leaves.add(stop);
    try {
      const result = await Promise.race([start(), left]);
      this.check();
      return result;
    } catch (error) {
      this.check();
      throw fromNative(error);
    } finally {
      forget();
      this.inFlight.delete(stop);
      this.leaves.delete(stop);
    }
  }

  /** Ends what is in flight; later runs are refused. */
  stop(): void {
    this.stopped = true;
    for (const leave of [...this.leaves]) leave();
  }
}

/** Node.js warns of more than ten listeners on one signal, so all who wait share one. */
const waiting = new WeakMap<AbortSignal, { callbacks: Set<() => void>; listener: () => void }>();

/** @returns What forgets the callback again. */
function whenAborted(signal: AbortSignal, callback: () => void): () => void {
  let shared = waiting.get(signal);
  if (!shared) {
    const callbacks = new Set<() => void>();
    const listener = () => {
      for (const call of [...callbacks]) call();
    };
    shared = { callbacks, listener };
    waiting.set(signal, shared);
    signal.addEventListener('abort', listener);
  }
  const { callbacks, listener } = shared;
  callbacks.add(callback);
  return () => {
    callbacks.delete(callback);
    if (callbacks.size > 0) return;
    signal.removeEventListener('abort', listener);
    waiting.delete(signal);
  };
}
