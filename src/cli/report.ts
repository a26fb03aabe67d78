import type { Statistics } from '../decoding/statistics';
import type { ImageModel } from '../image-model';
import { type DecodingOptions, explicitOptions } from '../options';

const { version } = require('../../package.json') as { version: string };

/** What the results of one command share. */
export interface RunReport {
  /** Of sjd2. */
  version: string;
  /** Of ONNX Runtime, whose rounding the pictures depend on. */
  onnxruntime: string;
  /** `sha256` is that of model.json. */
  model: { name: string; sha256: string };
  device: string;
  precision: string;
  /** null: the command's own. */
  prompt: string | null;
}

export function runReport(model: ImageModel, prompt: string | null): RunReport {
  const { manifest, sha256, device, precision, runtime } = model;
  return {
    version,
    onnxruntime: runtime.version,
    model: { name: manifest.name, sha256 },
    device,
    precision,
    prompt,
  };
}

/** One picture in the output of `--json`. */
export interface DrawingReport {
  /** For `model.generate(prompt, options)`, which draws it again. A seed above 2^53 - 1 is a string. */
  options: object;
  /** Token ids, row by row. */
  tokens: number[];
  passes: number;
  tokensPerPass: number;
  /** Positions that each pass worked on. */
  windowPerPass: number[];
  seconds: number;
  modelSeconds: number;
  kernelSeconds: number;
}

export function drawingReport(
  decoding: DecodingOptions,
  tokens: Int32Array,
  stats: Statistics,
): DrawingReport {
  const options = explicitOptions(decoding, stats.seed);
  const { passes, tokensPerPass, windowPerPass, seconds, modelSeconds, kernelSeconds } = stats;
  return {
    options: { ...options, seed: seedForJson(stats.seed) },
    tokens: [...tokens],
    ...{ passes, tokensPerPass, windowPerPass, seconds, modelSeconds, kernelSeconds },
  };
}

/** "256 tokens in 41 passes (6.2 a pass), 1.3 s" */
export function summary({ tokens, passes, tokensPerPass, seconds }: Statistics): string {
  return (
    `${tokens} tokens in ${passes} passes (${tokensPerPass.toFixed(1)} a pass), ` +
    `${seconds.toFixed(1)} s`
  );
}

/** JSON readers keep 53 bits of a number, so a larger seed travels as a string. */
function seedForJson(seed: number | bigint): number | string {
  return seed <= Number.MAX_SAFE_INTEGER ? Number(seed) : String(seed);
}

export function printJson(
  value: unknown,
  replacer?: (key: string, value: unknown) => unknown,
): void {
  process.stdout.write(`${JSON.stringify(value, replacer)}\n`);
}
