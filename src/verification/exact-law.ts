import type { Sampler } from '../options';

/**
 * The sampler by definition, in double precision: a second opinion on what the kernels draw from, which shares
 * nothing with them but docs/decoding.md.
 */
export interface ExactLaw {
  /** After guidance, [V], as 32-bit floats, since cuts have to fall between the same tokens. */
  logits: Float32Array;
  /** The least logit that top-k and top-p leave. */
  cut: number;
  /** Probabilities [V]; one-hot at temperature 0. */
  probabilities: Float64Array;
}

/**
 * @param logits [rows, positions, V]
 * @param rows 2 with guidance: conditional, unconditional.
 */
export function exactLaw(
  logits: Float32Array,
  rows: number,
  position: number,
  vocabulary: number,
  sampler: Sampler,
): ExactLaw {
  const guided = guidedLogits(logits, rows, position, vocabulary, sampler.guidance);
  const cut = cutOf(guided, sampler);
  const probabilities = new Float64Array(vocabulary);
  const maximum = guided.reduce((most, logit) => Math.max(most, logit), Number.NEGATIVE_INFINITY);
  if (sampler.temperature === 0) {
    probabilities[guided.indexOf(maximum)] = 1;
    return { logits: guided, cut, probabilities };
  }
  let total = 0;
  guided.forEach((logit, v) => {
    if (logit < cut) return;
    const weight = Math.exp((logit - maximum) / sampler.temperature);
    probabilities[v] = weight;
    total += weight;
  });
  for (let v = 0; v < vocabulary; v++) (probabilities[v] as number) /= total;
  return { logits: guided, cut, probabilities };
}

/** unconditional + guidance (conditional - unconditional), [V]. */
export function guidedLogits(
  logits: Float32Array,
  rows: number,
  position: number,
  vocabulary: number,
  guidance: number,
): Float32Array {
  const row = (r: number) => {
    const positions = logits.length / rows / vocabulary;
    const begin = (r * positions + position) * vocabulary;
    return logits.subarray(begin, begin + vocabulary);
  };
  const conditional = row(0);
  if (rows === 1) return conditional.slice();
  const unconditional = row(1);
  return conditional.map((c, v) => {
    const u = unconditional[v] as number;
    if (c === Number.NEGATIVE_INFINITY || u === Number.NEGATIVE_INFINITY) {
      return Number.NEGATIVE_INFINITY;
    }
    return Math.fround(guidance * Math.fround(c - u) + u);
  });
}

/** Top-k first, then top-p of what it left; tokens tied with the last one stay. */
function cutOf(logits: Float32Array, { topK, topP, temperature }: Sampler): number {
  if ((topK === 0 || topK >= logits.length) && topP === 1) return -Number.MAX_VALUE;
  const sorted = logits.filter((logit) => logit > Number.NEGATIVE_INFINITY).sort();
  sorted.reverse();
  let cut = sorted[sorted.length - 1] as number;
  if (topK > 0 && topK < sorted.length) cut = sorted[topK - 1] as number;
  if (topP === 1 || temperature === 0) return cut;
  const left = sorted.filter((logit) => logit >= cut);
  const weights = Float64Array.from(left, (logit) =>
    Math.exp((logit - (left[0] as number)) / temperature),
  );
  const wanted = topP * weights.reduce((sum, weight) => sum + weight, 0);
  let mass = 0;
  for (let i = 0; i < left.length; i++) {
    mass += weights[i] as number;
    if (mass >= wanted && left[i] !== left[i + 1]) return left[i] as number;
  }
  return cut;
}
