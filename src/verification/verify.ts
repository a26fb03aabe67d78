import { type Driver, decodeTokens } from '../decoding/driver';
import { shown } from '../errors';
import type { Manifest } from '../model/manifest-types';
import { imageTokens } from '../model/sequence';
import {
  COUPLING_NAMES,
  type CouplingName,
  checkFields,
  checkFunction,
  checkSignal,
  type DecoderName,
  type DecodingOptions,
  integer,
  resolveOptions,
  SAMPLER_FIELDS,
  type SamplerOptions,
} from '../options';
import { CHI_SQUARE_LIMIT, compareLaw, FALSE_ALARM, type LawComparison } from './law';
import { compareTokens, type TokenComparison } from './tokens';
import {
  type Arithmetic,
  compareWindows,
  WINDOW_TOLERANCE,
  type WindowComparison,
} from './windows';

export interface VerifyOptions extends SamplerOptions {
  /** What is drawn. Default "a red apple". */
  prompt?: string;
  /** Images whose tokens are compared with those of `ar`, 1 to 1000. Default 4. */
  images?: number;
  /** Tokens of them that are compared, from the first on. Default: all. */
  tokens?: number;
  /** Images whose first tokens are held against their exact laws, 16 to 100,000. Default 64. */
  samples?: number;
  /** Ends the verification, which then rejects with an `AbortError`. */
  signal?: AbortSignal;
  /** Called between checks. */
  onProgress?: (event: VerifyProgress) => void;
}

/** How far a verification is. */
export interface VerifyProgress {
  /** What is being checked. */
  check: string;
  /** Of all checks, 0 to 1. */
  done: number;
}

/** One line of the table. */
export interface VerifyCheck {
  /** What was checked. */
  name: string;
  /** Whether what was found is allowed. */
  passed: boolean;
  /** What was found, in words. */
  found: string;
  /** What is allowed, in words. */
  allowed: string;
  /** Of a check of windows: each width. */
  windows?: WindowComparison[];
  /** Of a check of tokens: each image. */
  tokens?: TokenComparison[];
  /** Of a check of laws. */
  law?: LawComparison;
}

/** What `verify` found. */
export interface Verification {
  /** All checks did. */
  passed: boolean;
  /** Line by line. */
  checks: VerifyCheck[];
  /** What it took. */
  seconds: number;
}

/** A loaded model, as far as it has to be known here. */
export interface Subject {
  readonly manifest: Manifest;
  readonly arithmetic: Arithmetic;
  drive(text: string | null, decoding: DecodingOptions, signal?: AbortSignal): Promise<Driver>;
}

const FIELDS = [
  ...['prompt', 'images', 'tokens', 'samples', 'signal', 'onProgress'],
  ...SAMPLER_FIELDS,
];
/** 31, 32 and 33: an execution provider was wrong from 32 rows on. */
const WIDTHS = [2, 3, 5, 8, 16, 31, 32, 33, 64];
/** Of decoders: one that ends inside a row of tokens, and the width that `auto` settles on. */
const DECODER_WINDOWS = [5, 16];
const CAPACITY = 96;
const POSITIONS = 8;
/**
 * Rounding errs by what windows and single steps were seen to differ by, at each of two tokens; and at positions that
 * were not looked at, perhaps by twice as much.
 */
const MARGIN_FACTOR = 4;
/** Of a difference that nobody has seen any error for: the last bits of a float. */
const LEAST_MARGIN = 1e-5;

/**
 * Whether a model does here what it should: see docs/decoding.md, "Proof on your own model".
 * @throws {Sjd2Error} ERR_ARGUMENT, ERR_ABORTED, ERR_NUMERICS; what is merely wrong is in the result.
 */
export async function verify(model: Subject, options: VerifyOptions = {}): Promise<Verification> {
  checkFields('options', options, FIELDS);
  const { prompt = 'a red apple', sampler: named, guidance, temperature, topK, topP } = options;
  const { image, denoising } = model.manifest;
  const length = imageTokens(model.manifest);
  const images = integer('images', options.images ?? 4, 1, 1000);
  const count = integer('tokens', options.tokens ?? length, 1, length);
  const samples = integer('samples', options.samples ?? 64, 16, 100_000);
  const signal = checkSignal(options.signal);
  const onProgress = checkFunction('onProgress', options.onProgress);
  const drive = (decoder: DecoderName, coupling?: CouplingName) => {
    const sampler = {
      sampler: named,
      guidance,
      topK,
      topP,
      ...(decoder !== 'jacobi' && { temperature }),
    };
    return model.drive(
      prompt,
      resolveOptions({ decoder, ...(coupling && { coupling }), ...sampler }, model.manifest),
      signal,
    );
  };

  const started = performance.now();
  const ar = await drive('ar');
  // Traces feed drafts, for which `ar` has no room.
  const tracer = await drive('sjd');
  const parallel: DecoderName[] = denoising ? ['sjd', 'sjd2'] : ['sjd'];
  const sampled = tracer.sampler.temperature > 0;
  const positions = Math.min(POSITIONS, length);
  const widths = WIDTHS.filter((width) => width < length);
  const laws = sampled ? 1 + parallel.length * COUPLING_NAMES.length : 0;
  const total = 2 * widths.length + images * (4 + 3 * parallel.length) + (laws * samples) / 8;
  let done = 0;
  const progress = (check: string, units: number) => {
    done += units;
    onProgress?.({ check: shown(check), done: Math.min(1, done / total) });
  };
  const checks: VerifyCheck[] = [];

  const references: Int32Array[] = [];
  for (let image = 0; image < images; image++) {
    progress('tokens of ar', 0);
    references.push((await decodeTokens(ar, BigInt(image), 1, count)).tokens);
    progress('tokens of ar', 3);
  }
  const whole = withFiller(references[0] as Int32Array, length, image.vocabulary);
  const comparisons: WindowComparison[] = [];
  const capacity = Math.min(CAPACITY, length);
  const widest = Math.max(...widths, 1);
  for (const committed of new Set([Math.min(7, length - widest), length - widest])) {
    if (committed < 1 || widths.length === 0) continue;
    const first = committed + widest <= capacity ? [0] : [];
    comparisons.push(
      ...(await compareWindows(tracer, whole, committed, [...widths, ...first], capacity, () =>
        progress('windows', 1),
      )),
    );
  }
  const tolerance = WINDOW_TOLERANCE[model.arithmetic];
  checks.push(...windowChecks(comparisons, tolerance));
  // What is no rounding explains nothing.
  const rounds = comparisons.every(({ difference }) => difference <= tolerance);
  const error = rounds ? Math.max(0, ...comparisons.map(({ guided }) => guided)) : 0;
  const allowedMargin = Math.max(LEAST_MARGIN, MARGIN_FACTOR * error);

  const greedy = await drive('jacobi');
  const greedyReference = await decodeTokens(greedy, 0n, 1, count);
  for (const decoder of [...parallel, 'jacobi'] as const) {
    const driver = decoder === 'jacobi' ? greedy : await drive(decoder);
    for (const window of DECODER_WINDOWS.filter((width) => width <= length)) {
      const name = `tokens of ${decoder}, window ${window}, against ar`;
      const found: TokenComparison[] = [];
      for (let image = 0; image < (decoder === 'jacobi' ? 1 : images); image++) {
        const reference = decoder === 'jacobi' ? greedyReference.tokens : references[image];
        found.push(
          await compareTokens(driver, reference as Int32Array, BigInt(image), window, count),
        );
        progress(name, 1);
      }
      checks.push(tokenCheck(name, found, count, allowedMargin));
    }
  }

  let drawn = 0;
  let outside = 0;
  if (sampled) {
    for (const decoder of ['ar', ...parallel] as DecoderName[]) {
      for (const coupling of decoder === 'ar' ? (['gumbel'] as const) : COUPLING_NAMES) {
        const name = `law of ${decoder}${decoder === 'ar' ? '' : `, ${coupling}`}`;
        const driver = await drive(decoder, coupling);
        const window = decoder === 'ar' ? 1 : positions;
        const law = await compareLaw(
          driver,
          window,
          tracer,
          samples,
          positions,
          allowedMargin,
          () => progress(name, 1 / 8),
        );
        drawn += law.tokens;
        outside += law.outside;
        checks.push(lawCheck(name, law));
      }
    }
    checks.push({
      name: 'vocabulary and cuts of the sampler',
      passed: outside === 0,
      found: `${outside} of ${drawn} tokens outside`,
      allowed: 'none',
    });
  }
  progress('done', total);
  const seconds = (performance.now() - started) / 1000;
  return { passed: checks.every(({ passed }) => passed), checks, seconds };
}

/** Some tokens behind the ones that were drawn, for windows further on. */
function withFiller(tokens: Int32Array, length: number, vocabulary: number): Int32Array {
  const whole = Int32Array.from({ length }, (_, i) => (i * 7919) % vocabulary);
  whole.set(tokens.subarray(0, length));
  return whole;
}

function windowChecks(comparisons: WindowComparison[], tolerance: number): VerifyCheck[] {
  const widths = [...new Set(comparisons.map(({ width }) => width))];
  return widths.map((width) => {
    const windows = comparisons.filter((comparison) => comparison.width === width);
    const difference = Math.max(...windows.map((comparison) => comparison.difference));
    return {
      name:
        width === 0 ? 'first pass against single steps' : `window ${width} against single steps`,
      passed: difference <= tolerance,
      found: `logits differ by ${difference.toExponential(1)} of their deviation`,
      allowed: String(tolerance),
      windows,
    };
  });
}

function tokenCheck(
  name: string,
  tokens: TokenComparison[],
  count: number,
  allowed: number,
): VerifyCheck {
  const same = tokens.reduce((sum, comparison) => sum + comparison.same, 0);
  const margins = tokens.flatMap(({ difference }) => difference?.margin ?? []);
  const all = tokens.length * count;
  const found =
    margins.length === 0
      ? `${same} of ${all} the same`
      : `${margins.length} of ${tokens.length} images part, margins up to ${Math.max(...margins).toExponential(1)}`;
  return {
    name,
    passed: margins.every((margin) => margin <= allowed),
    found,
    allowed: `margins up to ${allowed.toExponential(1)}`,
    tokens,
  };
}

function lawCheck(name: string, law: LawComparison): VerifyCheck {
  return {
    name,
    passed: law.chiSquare <= CHI_SQUARE_LIMIT,
    found: `chi-square ${law.chiSquare.toFixed(1)} over ${law.tokens} tokens`,
    allowed: `${CHI_SQUARE_LIMIT} (false alarm ${FALSE_ALARM.toExponential(0)})`,
    law,
  };
}
