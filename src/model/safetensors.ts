import { readFile } from 'node:fs/promises';
import { Sjd2Error } from '../errors';

/** A 32-bit float tensor in row-major order. */
export interface Tensor {
  shape: number[];
  data: Float32Array;
}

/**
 * Reads the F32 tensors of a safetensors file: eight bytes of header length, a JSON header, data.
 * (No maintained npm library reads safetensors files; the format is this small.)
 * @throws {Sjd2Error} ERR_MODEL naming file, field, what was found and what was expected.
 */
export async function readSafetensors(path: string): Promise<Map<string, Tensor>> {
  const bytes = await readFile(path);
  const fail = (what: string) => new Sjd2Error('ERR_MODEL', `${path}: ${what}`);
  if (bytes.length < 8) throw fail(`expected a safetensors header but found ${bytes.length} bytes`);
  const headerLength = bytes.readBigUInt64LE(0);
  if (headerLength > BigInt(bytes.length - 8)) {
    throw fail(`the header says it has ${headerLength} bytes but the file has ${bytes.length}`);
  }
  const begin = 8 + Number(headerLength);
  let header: unknown;
  try {
    header = JSON.parse(bytes.toString('utf8', 8, begin));
  } catch {
    throw fail('the header is not JSON: the file is damaged');
  }
  if (typeof header !== 'object' || header === null) throw fail('the header is not an object');

  const tensors = new Map<string, Tensor>();
  for (const [name, entry] of Object.entries(header)) {
    if (name === '__metadata__') continue;
    if (typeof entry !== 'object' || entry === null) throw fail(`${name} is not described`);
    const { dtype, shape, data_offsets: offsets } = entry as Record<string, unknown>;
    if (dtype !== 'F32') throw fail(`expected ${name} to be F32 but found ${dtype}`);
    if (!isCounts(shape) || !isCounts(offsets) || offsets.length !== 2) {
      throw fail(`${name} has a damaged shape or data_offsets`);
    }
    const [from, to] = offsets as [number, number];
    const size = shape.reduce((product, extent) => product * extent, 4);
    if (to - from !== size || begin + to > bytes.length) {
      throw fail(
        `${name} of shape [${shape}] needs ${size} bytes but data_offsets are [${offsets}] ` +
          `in a file of ${bytes.length}`,
      );
    }
    // Copied, because a Float32Array must start at a multiple of four.
    const data = new Float32Array(size / 4);
    new Uint8Array(data.buffer).set(bytes.subarray(begin + from, begin + to));
    tensors.set(name, { shape, data });
  }
  return tensors;
}

function isCounts(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((n) => Number.isSafeInteger(n) && n >= 0);
}
