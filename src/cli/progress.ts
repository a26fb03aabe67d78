import { SingleBar } from 'cli-progress';

/** Shows how far a picture is. */
export interface Progress {
  start(title: string, total: number): void;
  update(committed: number, passes: number): void;
  stop(): void;
}

/**
 * A bar on standard error if that is a terminal, and nothing at all in a pipe: logs and scripts
 * have no use for it, and standard output belongs to the result.
 */
export function createProgress(): Progress {
  return process.stderr.isTTY ? new Bar() : silent;
}

const silent: Progress = { start() {}, update() {}, stop() {} };

class Bar implements Progress {
  private readonly bar = new SingleBar({
    stream: process.stderr,
    format: '{title} [{bar}] {value}/{total} tokens in {passes} passes, {duration} s',
    barCompleteChar: '#',
    barIncompleteChar: '-',
    barsize: 24,
    clearOnComplete: true,
    // Ctrl-C is handled in interrupt.ts; the bar's own handler would end the process.
    gracefulExit: false,
    linewrap: null,
  });

  start(title: string, total: number): void {
    this.bar.start(total, 0, { title, passes: 0 });
  }

  update(committed: number, passes: number): void {
    this.bar.update(committed, { passes });
  }

  stop(): void {
    this.bar.stop();
  }
}
