import { Sjd2Error, shown } from '../errors';

/** What a shell script may rely on. */
export const EXIT = { done: 0, failure: 1, usage: 2, interrupted: 130 } as const;

/** Of an error's line: what comes after is not read any more. */
const LONGEST_LINE = 2000;

/**
 * Prints an error as one line, with the stack only for `DEBUG=sjd2`.
 *
 * @returns the exit code that belongs to it
 */
export function fail(error: unknown): number {
  const code = error instanceof Sjd2Error ? error.code : undefined;
  if (code === 'ERR_ABORTED') {
    process.stderr.write('sjd2: interrupted\n');
    return EXIT.interrupted;
  }
  const message = error instanceof Error ? error.message : String(error);
  const line = code === 'ERR_ARGUMENT' ? asTyped(message) : message;
  process.stderr.write(`sjd2: ${shown(line, LONGEST_LINE)}\n`);
  if (process.env.DEBUG?.split(/[\s,]+/).includes('sjd2')) {
    process.stderr.write(`${(error as Error)?.stack ?? ''}\n`);
  }
  return code === 'ERR_ARGUMENT' ? EXIT.usage : EXIT.failure;
}

/** "Expected topK to be ... of type number" in the words of the command line, which has only strings. */
function asTyped(message: string): string {
  return message
    .replace(/^Expected (?!prompt )([a-zA-Z]+) to be/, (_, name: string) => {
      return `Expected --${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)} to be`;
    })
    .replace(/ \(a bigint above [^)]*\)/, '')
    .replace(/ of type (string|number|bigint)$/, '');
}
