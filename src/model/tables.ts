import { setImmediate } from 'node:timers/promises';
import { Sjd2Error, shown } from '../errors';
import type { ImageTableSource } from '../native/addon';
import type { Manifest } from './manifest-types';
import { SafetensorsFile, type Tensor } from './safetensors';

/** The embedding tables of a model package, row-major, 32-bit floats whatever they are stored in. */
export interface Tables {
  /** E [V, d]: what layer 0 receives for an image token. The addon fetches it when it loads graphs. */
  imageEmbedding: ImageTableSource;
  text: TextTable;
  /** tau [N + 1, d], row 0 is zero; null for a model without denoising. */
  timestepEmbedding: Float32Array | null;
  /** Frozen statistics of E: e(v) = (E[v] - mean) / std. */
  mean: Float32Array;
  std: Float32Array;
}

/**
 * The text embedding [Vt, d], from which a prompt needs a few dozen rows. Where prompts are embeddings,
 * the unconditional one.
 */
export interface TextTable {
  /** Rows Vt. */
  readonly vocabulary: number;
  /**
   * The input rows [ids, d] of a prompt.
   * @throws {Sjd2Error} ERR_MODEL for a value that is not finite.
   */
  rows(ids: readonly number[]): Promise<Float32Array>;
  dispose(): void;
}

/**
 * A table in a file, read when it is asked for: it may be larger than all else that a generation keeps
 * in memory.
 */
class StoredText implements TextTable {
  constructor(
    private readonly path: string,
    private readonly name: string,
    readonly vocabulary: number,
  ) {}

  async rows(ids: readonly number[]): Promise<Float32Array> {
    const file = await SafetensorsFile.open(this.path);
    try {
      const rows = await file.readRows(this.name, ids);
      const width = rows.length / ids.length;
      const broken = rows.findIndex((value) => !Number.isFinite(value));
      if (broken < 0) return rows;
      const id = ids[Math.floor(broken / width)];
      throw fault(file, `${this.name} to be finite but row ${id} holds ${rows[broken]}`);
    } finally {
      await file.close();
    }
  }

  dispose(): void {}
}

const IMAGE = 'image_embedding';
const TEXT = 'text_embedding';
/** In its place where prompts are embeddings: what guidance's second row reads. */
const UNCONDITIONAL = 'unconditional_embedding';

/** Elements that are looked at before other work has its turn. */
const SLICE = 2 ** 18;

/**
 * Reads the tables that the model uses; what else the file holds stays where it is.
 * @throws {Sjd2Error} ERR_MODEL for a missing tensor, a wrong shape, or a value that is not finite.
 */
export async function readTables(path: string, manifest: Manifest): Promise<Tables> {
  const file = await SafetensorsFile.open(path);
  try {
    return await tablesOf(file, manifest);
  } finally {
    await file.close();
  }
}

async function tablesOf(file: SafetensorsFile, manifest: Manifest): Promise<Tables> {
  const d = manifest.hiddenSize;
  const { prompt } = manifest;
  const name = prompt.kind === 'embeddings' ? UNCONDITIONAL : TEXT;
  const [vocabulary] = checkShape(file, name, [
    prompt.kind === 'embeddings' ? prompt.length : null,
    d,
  ]);
  checkShape(file, IMAGE, [manifest.image.vocabulary, d]);
  const tables = {
    imageEmbedding: { computed: false as const, ...file.place(IMAGE) },
    text: new StoredText(file.path, name, vocabulary as number),
  };
  if (!manifest.denoising) {
    const mean = new Float32Array(d);
    return { ...tables, timestepEmbedding: null, mean, std: new Float32Array(d).fill(1) };
  }
  const std = (await take(file, 'embedding_std', [d])).data;
  const flat = std.findIndex((value) => value <= 0);
  if (flat >= 0) {
    throw fault(file, `embedding_std to be positive but element ${flat} is ${std[flat]}`);
  }
  return {
    ...tables,
    timestepEmbedding: (await take(file, 'timestep_embedding', [manifest.denoising.levels + 1, d]))
      .data,
    mean: (await take(file, 'embedding_mean', [d])).data,
    std,
  };
}

/** @param shape null where any extent will do */
function checkShape(file: SafetensorsFile, name: string, shape: (number | null)[]): number[] {
  const found = file.shapeOf(name);
  const wanted = `[${shape.map((extent) => extent ?? '?').join(', ')}]`;
  if (!found) throw fault(file, `a tensor ${name} ${wanted}, found none`);
  const fits =
    found.length === shape.length &&
    shape.every((extent, i) => extent === null || extent === found[i]);
  if (fits) return found;
  const extents = shown(found.join(', '), 60);
  throw fault(file, `${name} to have shape ${wanted} but found [${extents}]`);
}

async function take(file: SafetensorsFile, name: string, shape: number[]): Promise<Tensor> {
  checkShape(file, name, shape);
  const tensor = await file.read(name);
  for (let begin = 0; begin < tensor.data.length; begin += SLICE) {
    const slice = tensor.data.subarray(begin, begin + SLICE);
    const broken = slice.findIndex((value) => !Number.isFinite(value));
    if (broken >= 0) {
      throw fault(file, `${name} to be finite but element ${begin + broken} is ${slice[broken]}`);
    }
    if (slice.length === SLICE) await setImmediate();
  }
  return tensor;
}

function fault({ path }: SafetensorsFile, expectation: string): Sjd2Error {
  return new Sjd2Error('ERR_MODEL', `${path}: expected ${expectation}`);
}
