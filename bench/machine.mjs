import { arch, availableParallelism, cpus, platform } from 'node:os';

/** What a measurement has to name. */
export function describeMachine() {
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    platform: `${platform()}-${arch()}`,
    node: process.version,
  };
}
