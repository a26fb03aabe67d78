import { existsSync, readdirSync } from 'node:fs';
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

/** The devices that `auto` chooses among, `cpu` first: real GPUs with nothing missing. */
export async function autoDevices(): Promise<DeviceName[]> {
  const devices: DeviceName[] = ['cpu'];
  if (!mayHaveGpu()) return devices;
  const [cuda, webgpu] = [await probeCuda(), await probeWebGpu()];
  if (cuda.missing.length === 0 && !cuda.emulated) devices.push('cuda');
  if (webgpu.missing.length === 0 && webgpu.gpu !== '' && !webgpu.software) devices.push('webgpu');
  return devices;
}

/** Looking for a GPU takes drivers' time and some memory; Linux shows for nothing that there is none. */
function mayHaveGpu(): boolean {
  if (process.platform !== 'linux') return true;
  if (existsSync('/dev/nvidia0') || existsSync('/dev/dxg')) return true;
  return existsSync('/dev/dri') && readdirSync('/dev/dri').some((name) => /^renderD/.test(name));
}

/** Why a device cannot be had, in one line, and what to do instead. */
export function deviceMissing(device: 'webgpu' | 'cuda', missing: string[]): string {
  const reasons = missing.map((reason) => reason.replace(/\s*\n\s*/g, ' ').replace(/\.?$/, '.'));
  const name = device === 'cuda' ? 'CUDA' : 'WebGPU';
  return `Expected a ${name} device but not all is there. ${reasons.join(' ')} Without: device cpu (or auto)`;
}
