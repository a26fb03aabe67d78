import { Sjd2Error } from '../errors';
import type { CudaReport } from './addon';
import { loadAddon } from './loader';
import { openRuntime } from './runtime';

/** What this machine has and lacks for the CUDA device. */
export function probeCuda(): Promise<CudaReport> {
  return loadAddon().addon.probeCuda(openRuntime().path);
}

/**
 * The device that a model goes to. `auto` is the CPU: no GPU has run this yet (docs/cuda.md).
 * @throws {Sjd2Error} ERR_DEVICE for `cuda` where something is missing, with all of it.
 */
export async function chooseDevice(asked: 'auto' | 'cpu' | 'cuda'): Promise<'cpu' | 'cuda'> {
  if (asked !== 'cuda') return 'cpu';
  const { missing } = await probeCuda();
  if (missing.length > 0) throw new Sjd2Error('ERR_DEVICE', cudaMissing(missing));
  return 'cuda';
}

/** Why the CUDA device cannot be had, in one line, and what to do instead. */
export function cudaMissing(missing: string[]): string {
  const reasons = missing.map((reason) => reason.replace(/\s*\n\s*/g, ' ').replace(/\.?$/, '.'));
  return `Expected a CUDA device but not all is there. ${reasons.join(' ')} Without: device cpu (or auto)`;
}
