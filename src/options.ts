import { DECODER_SETTINGS } from './decoding/decoder';
import { describeValue, Sjd2Error, shown, unexpected } from './errors';
import { GUIDANCE, TEMPERATURE } from './model/manifest';
import type { Manifest } from './model/manifest-types';

export const DECODERS = ['ar', 'jacobi', 'sjd', 'sjd2'] as const;
export const COUPLING_NAMES = ['gumbel', 'maximal', 'independent'] as const;
export const INITIAL_NAMES = ['noise', 'uniform', 'left', 'up'] as const;
export const SAMPLER_NAMES = ['model', 'transformers.js'] as const;
export const LEVEL_SCHEDULES = ['flat', 'staggered'] as const;
export const MAX_WINDOW = 256;
export const MAX_COUNT = 1000;

/** A decoder's name; src/decoding/decoder.ts says what each is. */
export type DecoderName = (typeof DECODERS)[number];
/** How a draft of one pass is tied to the draft of the next. All three are lossless. */
export type CouplingName = (typeof COUPLING_NAMES)[number];
/** What a position holds when it enters the window. */
export type InitialName = (typeof INITIAL_NAMES)[number];

/** The law that tokens are drawn from, the same in every decoder. */
export interface SamplerOptions {
  /**
   * Whose defaults the options below have. `transformers.js` is what that library does with a published Janus folder:
   * no guidance, temperature 0.7, top-k 50. Default `model`: the model's own, which are its authors'.
   */
  sampler?: (typeof SAMPLER_NAMES)[number];
  /** Classifier-free guidance scale, 0 to 100; 1 is none. Default: the model's. */
  guidance?: number;
  /** 0 (greedy) to 100. Default: the model's; 0 for `jacobi`. */
  temperature?: number;
  /**
   * Keep the k most likely tokens, 0 (all) to the image vocabulary. Default: the model's. Tokens tied with the
   * k-th stay, so 1 draws among equal maxima; temperature 0 takes the first of them.
   */
  topK?: number;
  /**
   * Keep the most likely tokens until their mass reaches p, above 0 to 1; tokens tied with the last one stay.
   * Default: the model's.
   */
  topP?: number;
}

/** How `generate` draws. Left out, everything is the fastest that returns the tokens of `ar`. */
export interface GenerateOptions extends SamplerOptions {
  /** Default `sjd2` where the model was fine-tuned for it, else `sjd`. */
  decoder?: DecoderName;
  /** Default `gumbel`: the tokens of `ar` with the same seed. */
  coupling?: CouplingName;
  /**
   * Positions a pass works on, 1 to 256, or `auto`. Default `auto`: the fastest by what passes cost on this
   * machine, or 16 where the image depends on it (another coupling than `gumbel`, `relaxed` above 0). Not for `ar`.
   */
  window?: number | 'auto';
  /** Denoising steps K, 1 to the model's trained levels. Default: the model's. For `sjd2` only. */
  steps?: number;
  /** Whether the first window starts at level K throughout or rises to it. For `sjd2` only. */
  levels?: 'flat' | 'staggered';
  /**
   * RELAXED verification: positions fed at a noise level up to this one may be accepted, too. Faster,
   * NOT lossless: keys and values of accepted noisy positions stay approximate. 0 (strict) to
   * `steps`; default 0. For `sjd2` only.
   */
  relaxed?: number;
  /** Default `noise` for `sjd2`, `left` for `sjd` and `jacobi`. */
  initial?: InitialName;
  /** 0 to 2^64 - 1; image i of `count` uses seed + i. Default 0. */
  seed?: number | bigint;
  /** Images to draw, 1 to 1000. Default 1. */
  count?: number;
  /** Ends the pass in flight and rejects with an `AbortError`. */
  signal?: AbortSignal;
}

export interface Sampler {
  guidance: number;
  temperature: number;
  topK: number;
  topP: number;
}

/** Options with every default filled in and every value checked. */
export interface DecodingOptions {
  decoder: DecoderName;
  coupling: CouplingName;
  window: number | 'auto';
  steps: number;
  staggered: boolean;
  relaxed: number;
  initial: InitialName | 'none';
  sampler: Sampler;
}

export const SAMPLER_FIELDS = ['guidance', 'temperature', 'topK', 'topP', 'sampler'];
const GENERATE_FIELDS = [
  ...['decoder', 'coupling', 'window', 'steps', 'levels', 'relaxed', 'initial'],
  ...['seed', 'count', 'signal', 'previewEvery'],
  ...SAMPLER_FIELDS,
];

/** @throws {Sjd2Error} ERR_ARGUMENT naming the option, what was expected and what came. */
export function resolveOptions(options: GenerateOptions, manifest: Manifest): DecodingOptions {
  checkFields('options', options, GENERATE_FIELDS);
  const denoising = manifest.denoising;
  const decoder = oneOf('decoder', options.decoder ?? (denoising ? 'sjd2' : 'sjd'), DECODERS);
  const { initials, denoises } = DECODER_SETTINGS[decoder];
  if (denoises && !denoising) {
    throw new Sjd2Error(
      'ERR_ARGUMENT',
      `Expected decoder to be one of ar, jacobi, sjd: the model ${manifest.name} was not ` +
        'fine-tuned for denoising, which sjd2 needs (scripts/train/finetune.py, docs/finetuning.md)',
    );
  }
  for (const name of ['steps', 'levels', 'relaxed'] as const) {
    if (options[name] !== undefined && !denoises) {
      throw inapplicable(name, options[name], decoder, 'it belongs to sjd2');
    }
  }
  if (initials.length === 0) {
    for (const name of ['window', 'initial'] as const) {
      if (options[name] !== undefined) {
        throw inapplicable(name, options[name], decoder, 'it decodes one token a pass');
      }
    }
  }
  const maxSteps = denoising?.levels ?? 1;
  const steps = integer('steps', options.steps ?? denoising?.steps ?? 1, 1, maxSteps);
  return {
    decoder,
    coupling: oneOf('coupling', options.coupling ?? 'gumbel', COUPLING_NAMES),
    window: resolveWindow(decoder, options.window ?? 'auto'),
    steps,
    staggered: oneOf('levels', options.levels ?? 'flat', LEVEL_SCHEDULES) === 'staggered',
    relaxed: integer('relaxed', options.relaxed ?? 0, 0, steps),
    initial: resolveInitial(decoder, options.initial),
    sampler: fillSampler(options, manifest, decoder),
  };
}

/** The options of `generate` that draw the same image again, with nothing left to a default. */
export function explicitOptions(decoding: DecodingOptions, seed: bigint): GenerateOptions {
  const { decoder, coupling, window, steps, staggered, relaxed, initial, sampler } = decoding;
  const options: GenerateOptions = { decoder, coupling, seed, ...sampler };
  if (decoder !== 'ar') Object.assign(options, { window, initial });
  if (decoder !== 'sjd2') return options;
  return { ...options, steps, levels: staggered ? 'staggered' : 'flat', relaxed };
}

/** @throws {Sjd2Error} ERR_ARGUMENT naming the option, what was expected and what came. */
export function resolveSampler(sampler: SamplerOptions, manifest: Manifest): Sampler {
  checkFields('sampler', sampler, SAMPLER_FIELDS);
  return fillSampler(sampler, manifest);
}

/** Its own defaults, and the temperature of the published folder's generation_config.json. */
const TRANSFORMERS_JS: Sampler = { guidance: 1, temperature: 0.7, topK: 50, topP: 1 };

function fillSampler(options: SamplerOptions, manifest: Manifest, decoder?: DecoderName): Sampler {
  const named = oneOf('sampler', options.sampler ?? 'model', SAMPLER_NAMES);
  const defaults = named === 'model' ? manifest.sampler : TRANSFORMERS_JS;
  const greedy = decoder !== undefined && DECODER_SETTINGS[decoder].greedy;
  if (greedy && options.temperature !== undefined && options.temperature !== 0) {
    throw inapplicable('temperature', options.temperature, decoder, 'it is greedy: temperature 0');
  }
  return {
    guidance: real('guidance', options.guidance ?? defaults.guidance, GUIDANCE),
    temperature: real(
      'temperature',
      options.temperature ?? (greedy ? 0 : defaults.temperature),
      TEMPERATURE,
    ),
    topK: integer(
      'topK',
      options.topK ?? Math.min(defaults.topK, manifest.image.vocabulary),
      0,
      manifest.image.vocabulary,
    ),
    topP: positive('topP', options.topP ?? defaults.topP, 1),
  };
}

/** @throws {Sjd2Error} ERR_ARGUMENT */
export function resolveSeed(seed: unknown = 0): bigint {
  const wanted = 'an integer between 0 and 2^64 - 1 (a bigint above 2^53 - 1)';
  if (typeof seed === 'number' && Number.isSafeInteger(seed) && seed >= 0) return BigInt(seed);
  if (typeof seed === 'bigint' && seed >= 0n && seed < 1n << 64n) return seed;
  throw unexpected('seed', wanted, seed);
}

/** A misspelt option would otherwise be a default without a word. */
export function checkFields(name: string, options: unknown, known: readonly string[]): void {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw unexpected(name, 'an object', options);
  }
  for (const [field, value] of Object.entries(options)) {
    if (known.includes(field) || value === undefined) continue;
    throw new Sjd2Error(
      'ERR_ARGUMENT',
      `Expected ${name} to have no field named ${shown(field, 60)}: there are ${known.join(', ')}`,
    );
  }
}

export function boolean(name: string, value: unknown): boolean {
  if (typeof value === 'boolean') return value;
  throw unexpected(name, 'true or false', value);
}

export function integer(name: string, value: unknown, min: number, max: number): number {
  if (Number.isSafeInteger(value) && (value as number) >= min && (value as number) <= max) {
    return value as number;
  }
  throw unexpected(name, `an integer between ${min} and ${max}`, value);
}

export function oneOf<T extends string>(name: string, value: unknown, choices: readonly T[]): T {
  if (choices.includes(value as T)) return value as T;
  throw unexpected(name, `one of ${choices.join(', ')}`, value);
}

export function checkFunction<T extends (...args: never[]) => unknown>(
  name: string,
  value: T | undefined,
): T | undefined {
  if (value === undefined || typeof value === 'function') return value;
  throw unexpected(name, 'a function', value);
}

export function checkSignal(signal: unknown): AbortSignal | undefined {
  // Not instanceof: a signal may come from another realm (a vm context, a test runner).
  if (signal === undefined) return undefined;
  const candidate = signal as Partial<AbortSignal> | null;
  if (typeof candidate?.aborted === 'boolean' && typeof candidate.addEventListener === 'function') {
    return candidate as AbortSignal;
  }
  throw unexpected('signal', 'an AbortSignal', signal);
}

function real(name: string, value: unknown, { min, max }: typeof GUIDANCE): number {
  if (typeof value === 'number' && value >= min && value <= max) return value;
  throw unexpected(name, `a number between ${min} and ${max}`, value);
}

function positive(name: string, value: unknown, max: number): number {
  if (typeof value === 'number' && value > 0 && value <= max) return value;
  throw unexpected(name, `a number above 0 and at most ${max}`, value);
}

function resolveWindow(decoder: DecoderName, window: unknown): number | 'auto' {
  if (DECODER_SETTINGS[decoder].initials.length === 0) return 1;
  if (window === 'auto') return window;
  if (Number.isSafeInteger(window)) return integer('window', window, 1, MAX_WINDOW);
  throw unexpected('window', `an integer between 1 and ${MAX_WINDOW} or auto`, window);
}

function resolveInitial(decoder: DecoderName, initial: unknown): InitialName | 'none' {
  const { initials } = DECODER_SETTINGS[decoder];
  return initials.length === 0 ? 'none' : oneOf('initial', initial ?? initials[0], initials);
}

function inapplicable(name: string, value: unknown, decoder: DecoderName, why: string): Sjd2Error {
  return new Sjd2Error(
    'ERR_ARGUMENT',
    `Expected ${name} to be absent with the decoder ${decoder} (${why}) but received ` +
      describeValue(value),
  );
}
