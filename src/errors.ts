import { stripVTControlCharacters, types } from 'node:util';

export const ERROR_CODES = [
  'ERR_ARGUMENT',
  'ERR_MODEL',
  'ERR_ADDON',
  'ERR_RUNTIME',
  'ERR_VERIFY',
  'ERR_NUMERICS',
  'ERR_STATE',
  'ERR_ABORTED',
  'ERR_OUTPUT',
  'ERR_DEVICE',
  'ERR_MEMORY',
  'ERR_INTERNAL',
] as const;

/**
 * What kind of failure an `Sjd2Error` is; stable from version to version.
 *
 * | code           | meaning                                                        |
 * | -------------- | -------------------------------------------------------------- |
 * | ERR_ARGUMENT   | an option or argument has the wrong type or lies out of range   |
 * | ERR_MODEL      | the model package is missing, damaged or contradicts itself     |
 * | ERR_ADDON      | the native addon could not be loaded                            |
 * | ERR_RUNTIME    | ONNX Runtime is missing or refused something                    |
 * | ERR_VERIFY     | passes contradict each other: a wrong graph or ONNX Runtime     |
 * | ERR_NUMERICS   | the model produced NaN, or a row of logits without a finite one |
 * | ERR_STATE      | used while busy, finished or disposed                           |
 * | ERR_ABORTED    | the AbortSignal fired (the error's name is `AbortError`)        |
 * | ERR_OUTPUT     | a file could not be written                                     |
 * | ERR_DEVICE     | the device that was asked for is not there                      |
 * | ERR_MEMORY     | not enough memory                                               |
 * | ERR_INTERNAL   | a defect of ours: please report it                              |
 */
export type ErrorCode = (typeof ERROR_CODES)[number];

/**
 * The one error class of the library. `code` is stable; the message says what was expected, what came
 * and what to do, and may change.
 */
export class Sjd2Error extends Error {
  /** The kind of failure, for programs. */
  readonly code: ErrorCode;

  /** @param message one line; `options.cause` is the error behind it */
  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = code === 'ERR_ABORTED' ? 'AbortError' : 'Sjd2Error';
    this.code = code;
  }
}

/** "Expected window to be an integer between 1 and 256 but received 0 of type number" */
export function unexpected(name: string, expected: string, received: unknown): Sjd2Error {
  return new Sjd2Error(
    'ERR_ARGUMENT',
    `Expected ${name} to be ${expected} but received ${describeValue(received)}`,
  );
}

/** The longest piece of someone else's text inside a message. */
const LONGEST = 500;

/**
 * Someone else's text on one line of a message: short, and without what a terminal would obey
 * (control characters, line breaks, changes of the writing direction).
 */
export function shown(text: string, longest = LONGEST): string {
  const cut = text.length > longest ? `${text.slice(0, longest - 3)}...` : text;
  return stripVTControlCharacters(cut)
    .replace(/\s*[\r\n\u2028\u2029]+\s*/g, ' ')
    .trim()
    .replace(/[\p{Cc}\p{Cf}\p{Co}\p{Cs}]/gu, (character) => {
      const code = character.codePointAt(0) as number;
      return JOINERS.has(code) ? character : `\\u{${code.toString(16)}}`;
    });
}

/** Format characters that emoji and many scripts need between visible ones. */
const JOINERS = new Set([0x200c, 0x200d]);

/** A value and its type, short enough for one line. */
export function describeValue(value: unknown): string {
  if (value === undefined || value === null) return String(value);
  if (typeof value === 'object') return describeObject(value);
  if (typeof value === 'function' || typeof value === 'symbol') return `a ${typeof value}`;
  const text = typeof value === 'string' ? JSON.stringify(value.slice(0, 60)) : String(value);
  return `${shown(text, 60)} of type ${typeof value}`;
}

/** Whatever the object's own getters do. */
function describeObject(value: object): string {
  try {
    if (Array.isArray(value)) return `an array of length ${value.length}`;
    return `an object of type ${shown(value.constructor?.name ?? 'Object', 60)}`;
  } catch {
    return 'an object';
  }
}

/** The reason of an aborted signal as an error of this library, with the user's reason as cause. */
export function aborted(signal?: AbortSignal): Sjd2Error {
  return new Sjd2Error('ERR_ABORTED', 'The operation was aborted', { cause: signal?.reason });
}

/** Gives an error that native code threw the class that everything else here throws. */
export function fromNative(error: unknown): unknown {
  if (!types.isNativeError(error) || error instanceof Sjd2Error) return error;
  const code = (error as { code?: unknown }).code;
  if (typeof code !== 'string' || !code.startsWith('ERR_')) return error;
  // ONNX Runtime writes several lines, sometimes coloured ones.
  return new Sjd2Error(code as ErrorCode, shown(error.message, 2000), { cause: error });
}
