/**
 * The hot path of Speculative Jacobi-Denoising Decoding on typed arrays, for users with a decoding
 * loop of their own (`import { verify } from 'sjd2/kernels'`). Three families:
 *
 * - `noise` writes the transformer's input rows of the window,
 * - `verify` turns logits into laws and keeps or redraws every draft,
 * - `refine` moves noisy positions one level down.
 *
 * Per-position arrays are rings: image position i sits in slot i % capacity, so that the window
 * slides by changing `first` and nothing is moved. Everything is row-major. The synchronous form
 * works on the calling thread; the `Async` form on a worker thread: do not touch the arrays until
 * its promise settles.
 */
import { types } from 'node:util';
import { fromNative, Sjd2Error, unexpected } from './errors';
import { type Addon, COUPLINGS, type NativeVerify, type NativeVerifyResult } from './native/addon';
import { loadAddon } from './native/loader';
import { COUPLING_NAMES, type CouplingName, integer, oneOf, resolveSeed } from './options';

/** `count` consecutive image positions from `first` on, in rings of `capacity` slots. */
export interface KernelWindow {
  first: number;
  count: number;
  /** At least `count`. */
  capacity: number;
}

/** Image-token embeddings E and their frozen statistics: e(v) = (E[v] - mean) / std. */
export interface EmbeddingTable {
  /** E [vocabulary, hidden] */
  embedding: Float32Array;
  /** [hidden] */
  mean: Float32Array;
  /** [hidden], above 0 */
  std: Float32Array;
}

/** Noise levels of a K-step schedule, z_k = alpha_k e0 + sigma_k eps; index 0 is clean (1, 0). */
export interface NoiseLevels {
  /** [K + 1] */
  alpha: Float32Array;
  /** [K + 1] */
  sigma: Float32Array;
  /** Timestep embedding [K + 1, hidden]; row 0 is not read. */
  tau: Float32Array;
}

export interface NoiseOptions {
  window: KernelWindow;
  /** The first `fed` positions get an input row, 0 to count. Default count. */
  fed?: number;
  /**
   * Positions of the window from this one on enter in this pass, fed or not: their z is made first.
   * Default: none does.
   */
  freshFrom?: number;
  /** 0 to 2^64 - 1; eps is a function of seed and position. Default 0. */
  seed?: number | bigint;
  table: EmbeddingTable;
  levels: NoiseLevels;
  /** Token ids [capacity], -1 for none (at levels above 0). */
  drafts: Int32Array;
  /** Noise level of every position [capacity], 0 (clean) to K. */
  level: Int32Array;
  /** Normalised noisy embeddings [capacity, hidden], read and written. */
  z: Float32Array;
  /** Input rows: copy r of position j starts at r * rowStride + j * hidden. */
  out: Float32Array;
  /** Copies to write; guidance feeds two. Default 1. */
  rows?: number;
  /** In floats. Default fed * hidden. */
  rowStride?: number;
}

/**
 * Writes one input row per fed position: E[draft] at level 0, mean + std z + tau(k) at level k.
 * A position that enters gets z = alpha_k e(draft) + sigma_k eps with a draft, N(0, I) without.
 * Source: SJD2, arXiv 2510.08994. CPU, 32-bit floats.
 * @throws {Sjd2Error} ERR_ARGUMENT
 */
export function noise(options: NoiseOptions): void {
  call((addon) => addon.noise(noiseArguments(options)));
}

/** `noise` on a worker thread. */
export function noiseAsync(options: NoiseOptions): Promise<void> {
  return callAsync((addon) => addon.noiseAsync(noiseArguments(options)));
}

export interface RefineOptions {
  /** The uncommitted positions. */
  window: KernelWindow;
  table: EmbeddingTable;
  levels: NoiseLevels;
  /** [capacity]; a token wherever the level is above 0. */
  drafts: Int32Array;
  /** [capacity], read and written: every level above 0 falls by one. */
  level: Int32Array;
  /** [capacity, hidden], read and written. */
  z: Float32Array;
}

/**
 * One deterministic (DDIM) step for every position of the window at level k > 0, with the token
 * drawn from its left neighbour's output as the prediction:
 * z_{k-1} = (sigma_{k-1} / sigma_k) z_k + (alpha_{k-1} - alpha_k sigma_{k-1} / sigma_k) e(draft).
 * @throws {Sjd2Error} ERR_ARGUMENT
 */
export function refine(options: RefineOptions): void {
  call((addon) => addon.refine(refineArguments(options)));
}

/** `refine` on a worker thread. */
export function refineAsync(options: RefineOptions): Promise<void> {
  return callAsync((addon) => addon.refineAsync(refineArguments(options)));
}

export interface VerifyOptions {
  window: KernelWindow;
  /**
   * [rows, count, vocabulary]; row 0 conditional, row 1 unconditional. 32-bit floats, or the bits
   * of 16-bit ones in a Uint16Array with `type`. -Infinity masks a token.
   */
  logits: Float32Array | Uint16Array;
  /** Of a Uint16Array. Default `float16`. */
  type?: 'float16' | 'bfloat16';
  vocabulary: number;
  /** 1, or 2 with guidance. Default 1. */
  rows?: 1 | 2;
  /** Highest noise level that may be passed; 0 is STRICT and lossless. Default 0. */
  passableLevel?: number;
  /** Default `gumbel`. */
  coupling?: CouplingName;
  /** Classifier-free guidance u + s (c - u), 0 to 100. Default 1. */
  guidance?: number;
  /** 0 (greedy) to 100. Default 1. */
  temperature?: number;
  /** 0 keeps all tokens. Default 0. */
  topK?: number;
  /** Above 0 to 1. Default 1. */
  topP?: number;
  /** Default 0. */
  seed?: number | bigint;
  /** Number of the pass: it must differ from pass to pass. Default 0. */
  pass?: number;
  /** [capacity] in: drafts, -1 for none; out: the new tokens. */
  drafts: Int32Array;
  /** [capacity], the noise level of every position's input in this pass. */
  level: Int32Array;
  /** [capacity, vocabulary] in: q, the law each draft was drawn from; out: p. Not with `gumbel`. */
  laws?: Float32Array;
  /** [count] out: 1 where the draft was kept. Default: not reported. */
  kept?: Uint8Array;
}

export interface Verdict {
  /** Length of the passed prefix, at most count - 1: the last position's input is not in its own pass. */
  passed: number;
  /** Tokens to commit from `drafts`: min(count, passed + 1). */
  commit: number;
  /** Drafts that stayed the same token, anywhere in the window. */
  kept: number;
}

/**
 * Keeps or redraws every draft of the window: logits -> guidance -> temperature -> top-k -> top-p ->
 * law p, then the coupling. `independent` and `maximal` keep x ~ q with probability
 * min(1, p(x) / q(x)), else draw from norm(max(0, p - q)); `gumbel` takes argmax(log p + g).
 * Sources: arXiv 2410.01699 (SJD), 2510.24211 (maximal coupling).
 * @throws {Sjd2Error} ERR_ARGUMENT, or ERR_NUMERICS naming the row that holds NaN or nothing finite.
 */
export function verify(options: VerifyOptions): Verdict {
  return call((addon) => verdict(addon.verify(verifyArguments(options)), options));
}

/** `verify` on a worker thread. */
export async function verifyAsync(options: VerifyOptions): Promise<Verdict> {
  return callAsync(async (addon) =>
    verdict(await addon.verifyAsync(verifyArguments(options)), options),
  );
}

function call<T>(body: (addon: Addon) => T): T {
  try {
    return body(loadAddon().addon);
  } catch (error) {
    throw fromNative(error);
  }
}

async function callAsync<T>(body: (addon: Addon) => Promise<T>): Promise<T> {
  try {
    return await body(loadAddon().addon);
  } catch (error) {
    throw fromNative(error);
  }
}

function checkWindow(window: KernelWindow): KernelWindow {
  if (typeof window !== 'object' || window === null)
    throw unexpected('window', 'an object', window);
  const count = integer('window.count', window.count, 1, 2 ** 30);
  return {
    first: integer('window.first', window.first, 0, 2 ** 30),
    count,
    capacity: integer('window.capacity', window.capacity, count, 2 ** 30),
  };
}

function tableArguments(table: EmbeddingTable) {
  const { embedding, mean, std } = table;
  const hidden = floats('table.mean', mean).length;
  if (hidden === 0 || floats('table.embedding', embedding).length % hidden !== 0) {
    throw unexpected('table.embedding', `a multiple of hidden (${hidden}) long`, embedding.length);
  }
  return { hidden, vocabulary: embedding.length / hidden, embedding, mean, std };
}

function levelArguments({ alpha, sigma, tau }: NoiseLevels) {
  return { steps: floats('levels.alpha', alpha).length - 1, alpha, sigma, tau };
}

function noiseArguments(options: NoiseOptions) {
  const window = checkWindow(options.window);
  const table = tableArguments(options.table);
  const fed = integer('fed', options.fed ?? window.count, 0, window.count);
  return {
    window,
    fed,
    freshFrom: integer(
      'freshFrom',
      options.freshFrom ?? window.first + window.count,
      0,
      2 ** 31 - 1,
    ),
    seed: resolveSeed(options.seed),
    table,
    levels: levelArguments(options.levels),
    drafts: options.drafts,
    level: options.level,
    z: options.z,
    out: options.out,
    rows: integer('rows', options.rows ?? 1, 1, 2 ** 20),
    rowStride: integer(
      'rowStride',
      options.rowStride ?? fed * table.hidden,
      fed * table.hidden,
      Number.MAX_SAFE_INTEGER,
    ),
  };
}

function refineArguments(options: RefineOptions) {
  return {
    window: checkWindow(options.window),
    table: tableArguments(options.table),
    levels: levelArguments(options.levels),
    drafts: options.drafts,
    level: options.level,
    z: options.z,
  };
}

/** `ElementType` of native/kernels/kernels.h. */
const ELEMENT_TYPES = { float32: 0, float16: 1, bfloat16: 2 } as const;

function verifyArguments(options: VerifyOptions): NativeVerify {
  const window = checkWindow(options.window);
  const coupling = oneOf('coupling', options.coupling ?? 'gumbel', COUPLING_NAMES);
  const half = oneOf('type', options.type ?? 'float16', ['float16', 'bfloat16'] as const);
  const args: NativeVerify = {
    window,
    passableLevel: integer('passableLevel', options.passableLevel ?? 0, 0, 2 ** 20),
    seed: resolveSeed(options.seed),
    pass: integer('pass', options.pass ?? 0, 0, 2 ** 31 - 1),
    coupling: COUPLINGS[coupling],
    sampler: {
      guidance: between('guidance', options.guidance ?? 1, 0, 100),
      temperature: between('temperature', options.temperature ?? 1, 0, 100),
      topK: integer('topK', options.topK ?? 0, 0, 2 ** 30),
      topP: between('topP', options.topP ?? 1, Number.MIN_VALUE, 1),
    },
    logits: options.logits,
    type: ELEMENT_TYPES[types.isUint16Array(options.logits) ? half : 'float32'],
    rows: integer('rows', options.rows ?? 1, 1, 2),
    vocabulary: integer('vocabulary', options.vocabulary, 1, 2 ** 24),
    drafts: options.drafts,
    level: options.level,
    kept: options.kept ?? new Uint8Array(window.count),
  };
  if (options.laws) args.laws = floats('laws', options.laws);
  return args;
}

function verdict(result: NativeVerifyResult, { window }: VerifyOptions): Verdict {
  if (result.fault !== 0) {
    const what = result.fault === 1 ? 'hold NaN or +Infinity' : 'are all masked';
    throw new Sjd2Error('ERR_NUMERICS', `The logits of window row ${result.badRow} ${what}`);
  }
  const commit = Math.min(window.count, result.passed + 1);
  return { passed: result.passed, commit, kept: result.kept };
}

function floats(name: string, value: unknown): Float32Array {
  if (types.isFloat32Array(value)) return value;
  throw unexpected(name, 'a Float32Array', value);
}

function between(name: string, value: unknown, min: number, max: number): number {
  if (typeof value === 'number' && value >= min && value <= max) return value;
  throw unexpected(name, `a number between ${min} and ${max}`, value);
}
