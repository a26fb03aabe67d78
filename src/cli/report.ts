import type { Statistics } from '../decoding/statistics';

/** One picture in the output of `--json`. */
export interface ImageReport {
  path: string;
  /** Token ids, row by row. */
  tokens: number[];
  passes: number;
  tokensPerPass: number;
  seconds: number;
  modelSeconds: number;
  kernelSeconds: number;
}

export function imageReport(path: string, tokens: Int32Array, stats: Statistics): ImageReport {
  return { path, tokens: [...tokens], ...costs(stats) };
}

export function costs(stats: Statistics): Omit<ImageReport, 'path' | 'tokens'> {
  const { passes, tokensPerPass, seconds, modelSeconds, kernelSeconds } = stats;
  return { passes, tokensPerPass, seconds, modelSeconds, kernelSeconds };
}

/** "256 tokens in 41 passes (6.2 a pass), 1.3 s" */
export function summary({ tokens, passes, tokensPerPass, seconds }: Statistics): string {
  return (
    `${tokens} tokens in ${passes} passes (${tokensPerPass.toFixed(1)} a pass), ` +
    `${seconds.toFixed(1)} s`
  );
}

/** JSON readers keep 53 bits of a number, so a larger seed travels as a string. */
export function seedForJson(seed: number | bigint): number | string {
  return seed <= Number.MAX_SAFE_INTEGER ? Number(seed) : String(seed);
}

export function printJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}
