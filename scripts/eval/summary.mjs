/** From the records of a configuration's samples to its row of results. */
import { histogram, mean, median, quantile, standardError } from '../../bench/statistics.mjs';

/**
 * @param configuration options of `generate`
 * @param own its records, one per turn
 * @param baseline those of `ar`: the ratio of times is taken within a turn, as machines drift
 * @param quality what quality.mjs makes of both
 */
export function summarise(configuration, own, baseline, quality) {
  const { decoder, coupling = 'gumbel', window = 1, steps = null } = configuration;
  const compressions = own.map((r) => r.tokens.length / r.committedPerPass.length);
  const ratios = own.map((r, turn) => baseline[turn].seconds / r.seconds);
  const seconds = own.map((r) => r.seconds);
  const perPass = (pick) => median(own.map((r) => (1000 * pick(r)) / r.committedPerPass.length));
  return {
    decoder,
    coupling,
    window,
    steps,
    levels: configuration.levels ?? null,
    relaxed: configuration.relaxed ?? null,
    samples: own.length,
    passes: mean(own.map((r) => r.committedPerPass.length)),
    tokensPerPass: mean(compressions),
    standardError: standardError(compressions),
    // counts[n] passes committed n tokens.
    committedPerPass: histogram(own.flatMap((r) => r.committedPerPass)),
    secondsPerImage: median(seconds),
    secondsQuartiles: quartiles(seconds),
    speedup: median(ratios),
    speedupQuartiles: quartiles(ratios),
    passMs: perPass((r) => r.seconds - r.imageSeconds),
    modelMs: perPass((r) => r.modelSeconds),
    kernelMs: perPass((r) => r.kernelSeconds),
    quality,
  };
}

function quartiles(values) {
  return [quantile(values, 0.25), quantile(values, 0.75)];
}
