import { type FileHandle, open } from 'node:fs/promises';
import { Sjd2Error, shown } from '../errors';
import { ELEMENT_TYPES, type TensorPlace } from '../native/addon';
import { toFloats } from './float-types';

/** A 32-bit float tensor in row-major order. */
export interface Tensor {
  shape: number[];
  data: Float32Array;
}

/** What the header says of one tensor. */
interface Entry {
  dtype: string;
  shape: number[];
  /** Bytes of the data section, `to` excluded. */
  from: number;
  to: number;
}

/** Bytes of an element, for the types that this library knows. */
const ELEMENT_BYTES: Record<string, number> = {
  ...{ F64: 8, F32: 4, F16: 2, BF16: 2 },
  ...{ I64: 8, U64: 8, I32: 4, U32: 4, I16: 2, U16: 2, I8: 1, U8: 1, BOOL: 1 },
};

/** Types of tables. */
const FLOATS = {
  F32: ELEMENT_TYPES.float32,
  F16: ELEMENT_TYPES.float16,
  BF16: ELEMENT_TYPES.bfloat16,
};

/** The format's own bound. */
const LONGEST_HEADER = 100_000_000;
/** One read asks for this much: below what any system reads at once, and short enough for others' turns. */
const PIECE = 2 ** 24;
/** Bytes of halves that become floats before other work has its turn: about a millisecond. */
const HALVES_PIECE = 2 ** 20;

/**
 * A safetensors file: eight bytes of header length, a JSON header, data. The header is checked when
 * the file is opened; data is read when it is asked for, in pieces, so that a file may be larger than
 * memory. (No maintained npm library reads safetensors files; the format is this small.)
 */
export class SafetensorsFile {
  private constructor(
    readonly path: string,
    private readonly file: FileHandle,
    private readonly entries: ReadonlyMap<string, Entry>,
    /** Where the data section begins. */
    private readonly begin: number,
  ) {}

  /** @throws {Sjd2Error} ERR_MODEL naming file, field, what was found and what was expected. */
  static async open(path: string): Promise<SafetensorsFile> {
    const file = await open(path, 'r');
    try {
      const { size } = await file.stat();
      const { header, begin } = await readHeader(path, file, size);
      const entries = new Map<string, Entry>();
      for (const [name, value] of Object.entries(header)) {
        if (name !== '__metadata__') entries.set(name, checkEntry(path, name, value));
      }
      checkCover(path, entries, size - begin);
      return new SafetensorsFile(path, file, entries, begin);
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  shapeOf(name: string): number[] | undefined {
    return this.entries.get(name)?.shape;
  }

  /**
   * The elements of a tensor that `shapeOf` knows, as 32-bit floats.
   * @throws {Sjd2Error} ERR_MODEL for a type other than F32, F16 and BF16, ERR_MEMORY.
   */
  async read(name: string): Promise<Tensor> {
    const entry = this.floats(name);
    const size = entry.to - entry.from;
    const begin = this.begin + entry.from;
    if (entry.dtype === 'F32') {
      const bytes = allocate(this.path, name, size);
      await readFully(this.path, this.file, bytes, begin);
      return { shape: entry.shape, data: toFloats(entry.dtype, bytes) };
    }
    // Piece by piece: the event loop has its turn between two, and nothing is in memory twice.
    const data = new Float32Array(allocate(this.path, name, 2 * size).buffer);
    const piece = new Uint8Array(Math.min(size, HALVES_PIECE));
    for (let done = 0; done < size; done += piece.length) {
      const bytes = piece.subarray(0, Math.min(piece.length, size - done));
      await readFully(this.path, this.file, bytes, begin + done);
      data.set(toFloats(entry.dtype, bytes), done / 2);
    }
    return { shape: entry.shape, data };
  }

  /**
   * Where the elements of a tensor that `shapeOf` knows lie, for others to read.
   * @throws {Sjd2Error} ERR_MODEL for a type other than F32, F16 and BF16.
   */
  place(name: string): TensorPlace {
    const { dtype, from } = this.floats(name);
    const type = FLOATS[dtype as keyof typeof FLOATS];
    return { path: this.path, name, begin: this.begin + from, type };
  }

  /**
   * Rows of a matrix that `shapeOf` knows, as 32-bit floats, in the order asked for.
   * @throws {Sjd2Error} As `read`.
   */
  async readRows(name: string, rows: readonly number[]): Promise<Float32Array> {
    const { dtype, shape, from, to } = this.floats(name);
    const [count, width] = shape as [number, number];
    const size = (to - from) / count;
    const all = new Float32Array(rows.length * width);
    const bytes = new Uint8Array(size);
    for (const [i, row] of rows.entries()) {
      await readFully(this.path, this.file, bytes, this.begin + from + row * size);
      all.set(toFloats(dtype, bytes), i * width);
    }
    return all;
  }

  private floats(name: string): Entry {
    const entry = this.entries.get(name) as Entry;
    if (Object.hasOwn(FLOATS, entry.dtype)) return entry;
    const found = shown(entry.dtype, 20);
    const types = Object.keys(FLOATS).join(', ');
    throw fault(this.path, `expected ${name} to be ${types} but found ${found}`);
  }

  close(): Promise<void> {
    return this.file.close();
  }
}

async function readHeader(
  path: string,
  file: FileHandle,
  size: number,
): Promise<{ header: object; begin: number }> {
  if (size < 8) throw fault(path, `expected a safetensors header but found ${size} bytes`);
  const prefix = Buffer.alloc(8);
  await readFully(path, file, prefix, 0);
  const length = prefix.readBigUInt64LE(0);
  if (length > BigInt(Math.min(size - 8, LONGEST_HEADER))) {
    throw fault(path, `the header says it has ${length} bytes but the file has ${size}`);
  }
  const text = Buffer.alloc(Number(length));
  await readFully(path, file, text, 8);
  let header: unknown;
  try {
    header = JSON.parse(text.toString('utf8'));
  } catch {
    throw fault(path, 'the header is not JSON: the file is damaged');
  }
  if (typeof header !== 'object' || header === null || Array.isArray(header)) {
    throw fault(path, 'the header is not an object');
  }
  return { header, begin: 8 + text.length };
}

function checkEntry(path: string, tensor: string, value: unknown): Entry {
  const name = shown(tensor, 60);
  if (typeof value !== 'object' || value === null) throw fault(path, `${name} is not described`);
  const { dtype, shape, data_offsets: offsets } = value as Record<string, unknown>;
  if (typeof dtype !== 'string' || !isCounts(shape) || !isCounts(offsets) || offsets.length !== 2) {
    throw fault(path, `${name} has a damaged dtype, shape or data_offsets`);
  }
  const [from, to] = offsets as [number, number];
  const size = shape.reduce((product, extent) => product * extent, ELEMENT_BYTES[dtype] ?? 0);
  if (from > to || (dtype in ELEMENT_BYTES && to - from !== size)) {
    throw fault(
      path,
      `${name} of shape [${shown(shape.join(', '), 60)}] needs ${size} bytes but data_offsets are ` +
        `[${from}, ${to}]`,
    );
  }
  return { dtype, shape, from, to };
}

/** The format: data without holes and overlaps, to the end of the file. */
function checkCover(path: string, entries: ReadonlyMap<string, Entry>, size: number): void {
  const inOrder = [...entries].sort(([, a], [, b]) => a.from - b.from || a.to - b.to);
  let end = 0;
  for (const [name, { from, to }] of inOrder) {
    if (from !== end) {
      const what = from < end ? 'overlaps the tensor before it' : 'leaves a hole before it';
      throw fault(path, `${shown(name, 60)} ${what}: expected it at ${end}, found it at ${from}`);
    }
    end = to;
  }
  if (end !== size) throw fault(path, `the tensors need ${end} bytes but the file holds ${size}`);
}

/** `size` is that of a part of the file, so nothing is asked for that the file does not hold. */
function allocate(path: string, name: string, size: number): Uint8Array {
  try {
    return new Uint8Array(size);
  } catch (error) {
    throw new Sjd2Error('ERR_MEMORY', `${path}: no memory for the ${size} bytes of ${name}`, {
      cause: error,
    });
  }
}

async function readFully(
  path: string,
  file: FileHandle,
  bytes: Uint8Array,
  position: number,
): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const length = Math.min(PIECE, bytes.length - done);
    const { bytesRead } = await file.read(bytes, done, length, position + done);
    if (bytesRead === 0) throw fault(path, 'the file became shorter while it was read');
    done += bytesRead;
  }
}

function fault(path: string, what: string): Sjd2Error {
  return new Sjd2Error('ERR_MODEL', `${path}: ${what}`);
}

function isCounts(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((n) => Number.isSafeInteger(n) && n >= 0);
}
