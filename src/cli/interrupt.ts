/**
 * Runs `work` with a signal that Ctrl-C fires, so that the pass in flight is ended and no file is
 * left half written. A second Ctrl-C leaves at once: whatever then still runs may take its time to
 * end, and `process.exit` would wait for it, so the signal does what it does to other programs.
 */
export async function interruptible<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  const signals = ['SIGINT', 'SIGTERM'] as const;
  const deaf = () => {
    for (const signal of signals) process.off(signal, interrupt);
  };
  const interrupt = (signal: NodeJS.Signals) => {
    if (controller.signal.aborted) {
      deaf();
      process.kill(process.pid, signal);
    }
    controller.abort();
  };
  for (const signal of signals) process.on(signal, interrupt);
  try {
    return await work(controller.signal);
  } finally {
    deaf();
  }
}
