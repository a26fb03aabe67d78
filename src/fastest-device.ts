import type { ImageModel } from './image-model';
import type { DeviceName } from './native/addon';

/** Where a CPU is content, and what a GPU does as fast as a single position. */
const WINDOW = 16;
const PASSES = 5;

/** What was found out in this process, by model and way of loading. */
const choices = new Map<string, { device: DeviceName; reason: string }>();

/** A loaded model, as far as choosing needs it. */
type Candidate = Pick<ImageModel, 'passSeconds' | 'dispose'> & { deviceReason: string };

/**
 * Loads a model on the fastest of some devices. The first time for a `key` it is loaded on all of
 * them and timed; a device that cannot run it is out, unless it is the first.
 * @param devices `cpu` first.
 */
export async function openFastest<Model extends Candidate>(
  key: string,
  devices: DeviceName[],
  open: (device: DeviceName) => Promise<Model>,
  signal?: AbortSignal,
): Promise<Model> {
  const known = choices.get(key);
  if (known && devices.includes(known.device)) {
    const model = await open(known.device);
    model.deviceReason = known.reason;
    return model;
  }
  const [first, ...others] = devices as [DeviceName, ...DeviceName[]];
  let best = { device: first, model: await open(first), seconds: 0 };
  if (others.length === 0) {
    best.model.deviceReason = `${first}: no other device can be had`;
    return best.model;
  }
  const timed: string[] = [];
  try {
    best.seconds = await time(best, timed, signal);
    for (const device of others) {
      const other = await open(device).catch(() => undefined);
      if (!other) {
        timed.push(`${device} cannot run this model`);
        continue;
      }
      const candidate = { device, model: other, seconds: Number.POSITIVE_INFINITY };
      try {
        candidate.seconds = await time(candidate, timed, signal);
      } finally {
        const slower = candidate.seconds < best.seconds ? best : candidate;
        if (slower === best) best = candidate;
        await slower.model.dispose();
      }
    }
  } catch (error) {
    await best.model.dispose();
    throw error;
  }
  const reason = `${best.device}: milliseconds a pass of ${WINDOW}: ${timed.join(', ')}`;
  best.model.deviceReason = reason;
  choices.set(key, { device: best.device, reason });
  return best.model;
}

async function time(
  { device, model }: { device: DeviceName; model: Candidate },
  timed: string[],
  signal?: AbortSignal,
): Promise<number> {
  const seconds = await model.passSeconds(WINDOW, PASSES, signal);
  timed.push(`${device} ${(1000 * seconds).toFixed(1)}`);
  return seconds;
}
