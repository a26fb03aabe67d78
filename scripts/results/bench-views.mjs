/** Tables of README.md, docs/decoding.md and docs/kernels.md from what the benchmarks in docs/bench recorded. */
import { plusMinus, table } from '../eval/table.mjs';

export function benchMachine({ machine, command }) {
  const { cpu, vectors = machine.target, cores, node } = machine;
  return `${cpu} (${vectors}), ${cores} shared cores, Node ${node}; \`${command}\``;
}

/** Decoders, couplings and windows: tokens and time of a pass. */
export function decodersTable({ results }) {
  return table(
    [
      'decoder, coupling',
      'window',
      'passes',
      'tokens per pass',
      'speed-up',
      'ms per pass = transformer + kernels + rest',
      'NLL per token',
    ],
    results.map((r) => [
      r.decoder === 'ar' ? 'ar' : `${r.decoder}, ${r.coupling}`,
      r.window,
      r.passes.toFixed(0),
      plusMinus(r.tokensPerPass, r.standardError, 2),
      speedUp(r),
      `${r.passMs.toFixed(2)} = ${r.modelMs.toFixed(2)} + ${r.kernelMs.toFixed(2)} + ${r.otherMs.toFixed(2)}`,
      plusMinus(r.nll, r.nllStandardError, 2),
    ]),
  );
}

/** The clock first, for those who want to know no more: of each decoder the rows that draw the picture of `ar`. */
export function wallClockTable({ results }) {
  const rows = results.filter((r) => r.coupling === 'gumbel' && r.window !== 8);
  return table(
    [
      'decoder',
      'window',
      'milliseconds a picture',
      'speed-up',
      'passes',
      'tokens per pass',
      'nats per token',
    ],
    rows.map((r) => [
      r.decoder,
      r.window,
      (1000 * r.secondsPerImage).toFixed(0),
      speedUp(r),
      r.passes.toFixed(0),
      r.tokensPerPass.toFixed(1),
      r.nll.toFixed(2),
    ]),
  );
}

/** `auto` beside fixed windows: the time of all images, the first with its probes included. */
export function windowsTable({ results }) {
  const best = Math.min(...results.map((r) => r.secondsInAll));
  return table(
    ['decoder', 'window', 'tokens per pass', 'seconds in all', 'more than the least', 'speed-up'],
    results.map((r) => [
      r.decoder,
      r.window,
      plusMinus(r.tokensPerPass, r.standardError, 2),
      r.secondsInAll.toFixed(2),
      `${(100 * (r.secondsInAll / best - 1)).toFixed(0)}%`,
      speedUp(r),
    ]),
  );
}

/** Every kernel, native and from JavaScript, and the baselines. */
export function kernelsTable({ results }) {
  return table(
    [
      'kernel',
      'shape',
      'dtype',
      'coupling',
      'implementation',
      'median ms (min-max)',
      'floor ms',
      'floors',
    ],
    results.map((r) => [
      r.kernel,
      r.shape,
      r.dtype,
      r.coupling,
      r.implementation,
      `${ms(r.medianMs)} (${ms(r.minMs)}-${ms(r.maxMs)})`,
      r.floorMs ? ms(r.floorMs) : '',
      r.floorMs ? (r.medianMs / r.floorMs).toFixed(2) : '',
    ]),
  );
}

function speedUp({ speedup, speedupQuartiles }) {
  return `${speedup.toFixed(2)} (${speedupQuartiles.map((q) => q.toFixed(2)).join('-')})`;
}

function ms(value) {
  return value >= 10 ? value.toFixed(1) : value >= 0.1 ? value.toFixed(2) : value.toFixed(4);
}
