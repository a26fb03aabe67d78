/**
 * The hot path of Speculative Jacobi-Denoising Decoding on typed arrays, for users with a decoding
 * loop of their own (`import { verify } from 'sjd2/kernels'`). Three families:
 *
 * - `noise` writes the transformer's input rows of the window,
 * - `verify` turns logits into laws and keeps or redraws every draft,
 * - `refine` moves noisy positions one level down.
 *
 * Per-position arrays are rings: image position i sits in slot i % capacity, so that the window
 * slides by changing `first` and nothing is moved. Everything is row-major.
 *
 * The synchronous form works on the calling thread and in the caller's memory. The `Async` form
 * works on a worker thread and on copies, made before it returns: arrays may change meanwhile, and
 * results are written when its promise resolves. Copying takes the calling thread about as long as
 * the work would on a fast machine (docs/kernels.md): a loop on its own is best synchronous.
 *
 * No array that is written may share memory with another one of the call, and none may lie in a
 * buffer that can be resized, nor, for the `Async` form, in shared memory. A call that ends with an
 * error leaves every array as it was.
 *
 * @module
 */
import { types } from 'node:util';
import { fromNative, unexpected } from './errors';
import {
  type Addon,
  COUPLINGS,
  ELEMENT_TYPES,
  type NativeNoise,
  type NativePositions,
  type NativeVerify,
  type NativeVerifyResult,
} from './native/addon';
import { nativeArray } from './native/arrays';
import { loadAddon } from './native/loader';
import {
  COUPLING_NAMES,
  type CouplingName,
  checkFields,
  integer,
  oneOf,
  resolveSeed,
} from './options';

/** `count` consecutive image positions from `first` on, in rings of `capacity` slots. */
export interface KernelWindow {
  /** Image position of the window's first slot. */
  first: number;
  /** Positions, at least 1. */
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

/** The noise levels 0 to K of a K-step schedule, z_k = alpha_k e0 + sigma_k eps; index 0 is clean (1, 0). */
export interface NoiseSchedule {
  /** [K + 1] */
  alpha: Float32Array;
  /** [K + 1] */
  sigma: Float32Array;
  /** Timestep embedding [K + 1, hidden]; row 0 is not read. */
  tau: Float32Array;
}

/** What `noise` reads and writes. */
export interface NoiseOptions {
  /** The uncommitted positions. */
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
  /** The image tokens' embeddings. */
  table: EmbeddingTable;
  /** The noise levels that `level` counts. */
  schedule: NoiseSchedule;
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
  const args = noiseArguments(options, false);
  call((addon) => addon.noise(args));
}

/** `noise` on a worker thread. @throws {Sjd2Error} also ERR_STATE: `z` or `out` was transferred. */
export async function noiseAsync(options: NoiseOptions): Promise<void> {
  const args = noiseArguments(options, true);
  await callAsync((addon) => addon.noiseAsync(args));
}

/** What `refine` reads and writes. */
export interface RefineOptions {
  /** The uncommitted positions. */
  window: KernelWindow;
  /** The image tokens' embeddings. */
  table: EmbeddingTable;
  /** The noise levels that `level` counts. */
  schedule: NoiseSchedule;
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
  const args = positionArguments(take('options', options, POSITION_FIELDS), false);
  call((addon) => addon.refine(args));
}

/** `refine` on a worker thread. @throws {Sjd2Error} also ERR_STATE: an array was transferred. */
export async function refineAsync(options: RefineOptions): Promise<void> {
  const args = positionArguments(take('options', options, POSITION_FIELDS), true);
  await callAsync((addon) => addon.refineAsync(args));
}

/** What `verify` reads and writes. */
export interface VerifyOptions {
  /** The uncommitted positions. */
  window: KernelWindow;
  /**
   * [rows, count, vocabulary]; row 0 conditional, row 1 unconditional. 32-bit floats, or the bits
   * of 16-bit ones in a Uint16Array with `type`. -Infinity masks a token.
   */
  logits: Float32Array | Uint16Array;
  /** Of a Uint16Array, and for no other. Default `float16`. */
  type?: 'float16' | 'bfloat16';
  /** Image tokens, 1 to 2^24. */
  vocabulary: number;
  /** 1, or 2 with guidance. Default 1. */
  rows?: 1 | 2;
  /** Highest noise level that may be accepted; 0 is STRICT and lossless. Default 0. */
  relaxed?: number;
  /** Default `gumbel`. */
  coupling?: CouplingName;
  /** Classifier-free guidance u + s (c - u), 0 to 100. Default 1; another value needs two rows. */
  guidance?: number;
  /** 0 (greedy) to 100. Default 1. */
  temperature?: number;
  /** 0 keeps all tokens; ties at the cut stay. Default 0. */
  topK?: number;
  /** Above 0 to 1; ties at the cut stay. Default 1. */
  topP?: number;
  /** Default 0. */
  seed?: number | bigint;
  /**
   * Number of the pass, 0 to 2^31 - 1. It has to differ from pass to pass, as it numbers the coins:
   * a coin thrown twice is no coin. Not needed with `gumbel` and at temperature 0, which throw none.
   */
  pass?: number;
  /** [capacity] in: drafts, -1 for none; out: the new tokens. */
  drafts: Int32Array;
  /** [capacity], the noise level of every position's input in this pass. */
  level: Int32Array;
  /**
   * [capacity, vocabulary] in: q, the law that each draft was drawn from; out: p. `verify` writes
   * the rows of its own drafts; for a first guess `initialLaw` does. Needed unless the coupling is
   * `gumbel`, which writes p only.
   */
  laws?: Float32Array;
  /** [count] out: 1 where the draft was kept. Default: not reported. */
  kept?: Uint8Array;
}

/** What a pass of `verify` has decided. */
export interface Verdict {
  /** Length of the accepted prefix, at most count - 1: the last position's input is not in its own pass. */
  accepted: number;
  /** Tokens to commit from `drafts`: min(count, accepted + 1). */
  committed: number;
  /** Drafts that stayed the same token, anywhere in the window. */
  kept: number;
}

/**
 * Keeps or redraws every draft of the window: logits -> guidance -> temperature -> top-k -> top-p ->
 * law p, then the coupling. `independent` and `maximal` keep x ~ q with probability
 * min(1, p(x) / q(x)), else draw from norm(max(0, p - q)); `gumbel` takes argmax(log p + g).
 * Sources: arXiv 2410.01699 (SJD), 2510.24211 (maximal coupling).
 * @throws {Sjd2Error} ERR_ARGUMENT, also where a row of `laws` cannot be the law of its draft;
 * ERR_NUMERICS naming the row of logits that holds NaN or nothing finite.
 */
export function verify(options: VerifyOptions): Verdict {
  const args = verifyArguments(options, false);
  return verdict(
    call((addon) => addon.verify(args)),
    args,
  );
}

/** `verify` on a worker thread. @throws {Sjd2Error} also ERR_STATE: an array was transferred. */
export async function verifyAsync(options: VerifyOptions): Promise<Verdict> {
  const args = verifyArguments(options, true);
  return verdict(await callAsync((addon) => addon.verifyAsync(args)), args);
}

/**
 * Writes the row of `laws` [capacity, vocabulary] that a first guess needs. The law of a guess is
 * the one it was drawn from: `uniform` where each token was equally likely, and the token itself
 * where there was no choice (a copy of a neighbour, a constant).
 * @param slot of the position: position % capacity
 * @throws {Sjd2Error} ERR_ARGUMENT
 */
export function initialLaw(
  laws: Float32Array,
  vocabulary: number,
  slot: number,
  guess: 'uniform' | number,
): void {
  nativeArray('laws', laws, false, 'Float32Array');
  integer('vocabulary', vocabulary, 1, 2 ** 24);
  integer('slot', slot, 0, Math.floor(laws.length / vocabulary) - 1);
  const row = laws.subarray(slot * vocabulary, (slot + 1) * vocabulary);
  if (guess === 'uniform') {
    row.fill(1 / vocabulary);
    return;
  }
  const token = integer('guess', guess, 0, vocabulary - 1);
  row.fill(0);
  row[token] = 1;
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

/**
 * Reads every field once, before anything is looked at: a getter may give something else the next
 * time, or change what another field holds.
 */
function take<K extends string>(
  name: string,
  object: unknown,
  known: readonly K[],
): Record<K, unknown> {
  if (typeof object !== 'object' || object === null) throw unexpected(name, 'an object', object);
  const fields = new Set<string>([...known, ...Object.keys(object)]);
  const values: Record<string, unknown> = Object.create(null);
  for (const field of fields) values[field] = (object as Record<string, unknown>)[field];
  checkFields(name, values, known);
  return values as Record<K, unknown>;
}

const WINDOW_FIELDS = ['first', 'count', 'capacity'] as const;
const TABLE_FIELDS = ['embedding', 'mean', 'std'] as const;
const SCHEDULE_FIELDS = ['alpha', 'sigma', 'tau'] as const;
const POSITION_FIELDS = ['window', 'table', 'schedule', 'drafts', 'level', 'z'] as const;
const NOISE_FIELDS = [
  ...POSITION_FIELDS,
  ...(['fed', 'freshFrom', 'seed', 'out', 'rows', 'rowStride'] as const),
] as const;
const VERIFY_FIELDS = [
  ...(['window', 'logits', 'type', 'vocabulary', 'rows', 'relaxed'] as const),
  ...(['coupling', 'guidance', 'temperature', 'topK', 'topP', 'seed', 'pass'] as const),
  ...(['drafts', 'level', 'laws', 'kept'] as const),
] as const;

function checkWindow(window: Record<(typeof WINDOW_FIELDS)[number], unknown>): KernelWindow {
  const count = integer('window.count', window.count, 1, 2 ** 30);
  return {
    first: integer('window.first', window.first, 0, 2 ** 30),
    count,
    capacity: integer('window.capacity', window.capacity, count, 2 ** 30),
  };
}

function positionArguments(
  options: Record<(typeof POSITION_FIELDS)[number], unknown>,
  asynchronous: boolean,
): NativePositions {
  const window = take('window', options.window, WINDOW_FIELDS);
  const table = take('table', options.table, TABLE_FIELDS);
  const schedule = take('schedule', options.schedule, SCHEDULE_FIELDS);
  const floats = (name: string, value: unknown) =>
    nativeArray(name, value, asynchronous, 'Float32Array');
  const indices = (name: string, value: unknown) =>
    nativeArray(name, value, asynchronous, 'Int32Array');
  return {
    window: checkWindow(window),
    'table.embedding': floats('table.embedding', table.embedding),
    'table.mean': floats('table.mean', table.mean),
    'table.std': floats('table.std', table.std),
    'schedule.alpha': floats('schedule.alpha', schedule.alpha),
    'schedule.sigma': floats('schedule.sigma', schedule.sigma),
    'schedule.tau': floats('schedule.tau', schedule.tau),
    drafts: indices('drafts', options.drafts),
    level: indices('level', options.level),
    z: floats('z', options.z),
  };
}

function noiseArguments(options: NoiseOptions, asynchronous: boolean): NativeNoise {
  const given = take('options', options, NOISE_FIELDS);
  const positions = positionArguments(given, asynchronous);
  const { first, count } = positions.window;
  const args: NativeNoise = {
    ...positions,
    fed: integer('fed', given.fed ?? count, 0, count),
    freshFrom: integer('freshFrom', given.freshFrom ?? first + count, 0, 2 ** 31),
    seed: resolveSeed(given.seed),
    out: nativeArray('out', given.out, asynchronous, 'Float32Array'),
    rows: integer('rows', given.rows ?? 1, 1, 2 ** 20),
  };
  if (given.rowStride !== undefined) {
    args.rowStride = integer('rowStride', given.rowStride, 0, Number.MAX_SAFE_INTEGER);
  }
  return args;
}

/** `ElementType` of native/kernels/kernels.h. */

function verifyArguments(options: VerifyOptions, asynchronous: boolean): NativeVerify {
  const given = take('options', options, VERIFY_FIELDS);
  const window = checkWindow(take('window', given.window, WINDOW_FIELDS));
  const coupling = oneOf('coupling', given.coupling ?? 'gumbel', COUPLING_NAMES);
  const temperature = between('temperature', given.temperature ?? 1, 0, 100);
  const rows = integer('rows', given.rows ?? 1, 1, 2);
  const guidance = between('guidance', given.guidance ?? 1, 0, 100);
  if (rows === 1 && guidance !== 1) throw unexpected('guidance', '1 with one row', guidance);
  const throwsCoins = coupling !== 'gumbel' && temperature > 0;
  if (throwsCoins && given.pass === undefined) {
    throw unexpected('pass', `given, as it numbers the coins of ${coupling} coupling,`, undefined);
  }
  const logits = nativeArray('logits', given.logits, asynchronous, 'Float32Array', 'Uint16Array');
  const args: NativeVerify = {
    window,
    relaxed: integer('relaxed', given.relaxed ?? 0, 0, 2 ** 20),
    seed: resolveSeed(given.seed),
    pass: integer('pass', given.pass ?? 0, 0, 2 ** 31 - 1),
    coupling: COUPLINGS[coupling],
    sampler: {
      guidance,
      temperature,
      topK: integer('topK', given.topK ?? 0, 0, 2 ** 30),
      topP: between('topP', given.topP ?? 1, Number.MIN_VALUE, 1),
    },
    logits,
    type: ELEMENT_TYPES[elementType(logits, given.type)],
    rows,
    vocabulary: integer('vocabulary', given.vocabulary, 1, 2 ** 24),
    drafts: nativeArray('drafts', given.drafts, asynchronous, 'Int32Array'),
    level: nativeArray('level', given.level, asynchronous, 'Int32Array'),
  };
  if (given.laws !== undefined || coupling !== 'gumbel') {
    args.laws = nativeArray('laws', given.laws, asynchronous, 'Float32Array');
  }
  if (given.kept !== undefined) {
    args.kept = nativeArray('kept', given.kept, asynchronous, 'Uint8Array');
  }
  return args;
}

function elementType(logits: unknown, type: unknown): keyof typeof ELEMENT_TYPES {
  if (types.isUint16Array(logits)) {
    return oneOf('type', type ?? 'float16', ['float16', 'bfloat16'] as const);
  }
  if (type === undefined) return 'float32';
  throw unexpected('type', 'absent with logits in a Float32Array', type);
}

function verdict({ accepted, kept }: NativeVerifyResult, { window }: NativeVerify): Verdict {
  return { accepted, committed: Math.min(window.count, accepted + 1), kept };
}

function between(name: string, value: unknown, min: number, max: number): number {
  if (typeof value === 'number' && value >= min && value <= max) return value;
  throw unexpected(name, `a number between ${min} and ${max}`, value);
}
