import { readFileSync } from 'node:fs';
import { arch, availableParallelism, cpus, platform } from 'node:os';

/** What a measurement has to name. */
export function describeMachine() {
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    vectors: widestVectors(),
    cores: availableParallelism(),
    platform: `${platform()}-${arch()}`,
    node: process.version,
  };
}

/** The widest vector instructions of the processor where Linux tells: virtual machines hide the model. */
function widestVectors() {
  try {
    const flags = new Set(readFileSync('/proc/cpuinfo', 'utf8').split(/\s+/));
    return ['avx512f', 'avx2', 'sve', 'asimd'].find((name) => flags.has(name)) ?? 'unknown';
  } catch {
    return 'unknown';
  }
}
