import { SingleBar } from 'cli-progress';

/** Shows how far a picture is. */
export interface Progress {
  /** What happens before there is anything to count; gone when that begins, or with `stop`. */
  wait(text: string): void;
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

const ERASE_LINE = '\r\u001b[K';

const silent: Progress = { wait() {}, start() {}, update() {}, stop() {} };

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

  private waiting = false;

  wait(text: string): void {
    this.clear();
    process.stderr.write(text);
    this.waiting = true;
  }

  start(title: string, total: number): void {
    this.clear();
    this.bar.start(total, 0, { title, passes: 0 });
  }

  update(committed: number, passes: number): void {
    this.bar.update(committed, { passes });
  }

  stop(): void {
    this.clear();
    this.bar.stop();
  }

  private clear(): void {
    if (this.waiting) process.stderr.write(ERASE_LINE);
    this.waiting = false;
  }
}
