import { plainDecoding } from '../decoding/driver';
import { Sjd2Error } from '../errors';
import { resolveSampler } from '../options';
import { uniform } from './gumbel';
import type { Subject } from './verify';
import { compareWindows, WINDOW_TOLERANCE, type WindowComparison } from './windows';

/** Of the check: a window, the tokens before it, and room for both. */
const WIDTH = 5;
const COMMITTED = 4;
/** As wide as `auto` ever asks for, so that the first image takes over the check's buffers. */
const CAPACITY = 64;

/** A check that takes longer, on a machine that is overloaded or with a graph that never ends, is given up. */
const PATIENCE_MS = 2000;

/**
 * A handful of passes over tokens at random: a window behind a past that another window was rolled back from, and
 * the first pass of an image, against single steps.
 * @param where What is checked, in words, for the error.
 * @throws {Sjd2Error} ERR_VERIFY when they contradict each other.
 */
export async function selfCheck(
  model: Subject,
  where: string,
  signal?: AbortSignal,
): Promise<void> {
  const decoding = plainDecoding(resolveSampler({}, model.manifest), 1);
  const driver = await model.drive(null, decoding, signal);
  const { length, vocabulary } = driver;
  const width = Math.min(WIDTH, length - 1);
  const committed = Math.min(COMMITTED, length - width);
  if (width < 2) return;
  const tokens = Int32Array.from({ length }, (_, i) => Math.floor(uniform(1, i) * vocabulary));
  const widths = [width, 0];
  const { operation } = driver;
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    operation.stop();
  }, PATIENCE_MS);
  let found: WindowComparison[];
  try {
    found = await compareWindows(driver, tokens, committed, widths, Math.min(CAPACITY, length));
  } catch (error) {
    if (late && (error as Sjd2Error).code === 'ERR_ABORTED') return;
    throw error;
  } finally {
    clearTimeout(timer);
  }
  const difference = Math.max(...found.map((comparison) => comparison.difference));
  const tolerance = WINDOW_TOLERANCE[model.arithmetic];
  if (difference <= tolerance) return;
  throw new Sjd2Error(
    'ERR_VERIFY',
    `${where}: a pass over several positions contradicts single steps (logits differ by ` +
      `${difference.toPrecision(2)} of their deviation, at most ${tolerance} is rounding): the graph, or this ` +
      'ONNX Runtime, gets mask, positions or KV cache wrong',
  );
}
