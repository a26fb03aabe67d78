import { Sjd2Error } from '../errors';
import type { CudaReport, DeviceName, WebGpuReport } from './addon';
import { loadAddon } from './loader';
import { openRuntime } from './runtime';

/** What this machine has and lacks for the CUDA device. */
export function probeCuda(): Promise<CudaReport> {
  return loadAddon().addon.probeCuda(openRuntime().path);
}

/** What this machine has and lacks for the WebGPU device. */
export function probeWebGpu(): Promise<WebGpuReport> {
  return loadAddon().addon.probeWebGpu(openRuntime().path);
}

/** @throws {Sjd2Error} ERR_DEVICE where something is missing for the device, with all of it. */
export async function checkDevice(device: DeviceName): Promise<void> {
  if (device === 'cpu') return;
  const { missing } = await (device === 'cuda' ? probeCuda() : probeWebGpu());
  if (missing.length > 0) throw new Sjd2Error('ERR_DEVICE', deviceMissing(device, missing));
}

/** Why a device cannot be had, in one line, and what to do instead. */
export function deviceMissing(device: 'webgpu' | 'cuda', missing: string[]): string {
  const reasons = missing.map((reason) => reason.replace(/\s*\n\s*/g, ' ').replace(/\.?$/, '.'));
  const name = device === 'cuda' ? 'CUDA' : 'WebGPU';
  return `Expected a ${name} device but not all is there. ${reasons.join(' ')} Without: device cpu (or auto)`;
}
