import { Sjd2Error } from '../errors';
import type { Manifest } from './manifest';
import { readSafetensors, type Tensor } from './safetensors';

/** The embedding tables of a model package, all row-major 32-bit floats. */
export interface Tables {
  /** E [V, d]: what layer 0 receives for an image token. */
  imageEmbedding: Float32Array;
  /** [Vt, d] */
  textEmbedding: Float32Array;
  textVocabulary: number;
  /** tau [N + 1, d], row 0 is zero; null for a model without denoising. */
  timestepEmbedding: Float32Array | null;
  /** Frozen statistics of E: e(v) = (E[v] - mean) / std. */
  mean: Float32Array;
  std: Float32Array;
}

/** @throws {Sjd2Error} ERR_MODEL for a missing tensor, a wrong shape, or a value that is not finite. */
export async function readTables(path: string, manifest: Manifest): Promise<Tables> {
  const tensors = await readSafetensors(path);
  const d = manifest.hiddenSize;
  const take = (name: string, shape: (number | null)[]): Tensor => {
    const tensor = tensors.get(name);
    const wanted = `[${shape.map((extent) => extent ?? '?').join(', ')}]`;
    if (!tensor) {
      throw new Sjd2Error('ERR_MODEL', `${path}: expected a tensor ${name} ${wanted}, found none`);
    }
    const fits =
      tensor.shape.length === shape.length &&
      shape.every((extent, i) => extent === null || extent === tensor.shape[i]);
    if (!fits) {
      throw new Sjd2Error(
        'ERR_MODEL',
        `${path}: expected ${name} to have shape ${wanted} but found [${tensor.shape.join(', ')}]`,
      );
    }
    const broken = tensor.data.findIndex((value) => !Number.isFinite(value));
    if (broken >= 0) {
      throw new Sjd2Error(
        'ERR_MODEL',
        `${path}: expected ${name} to be finite but element ${broken} is ${tensor.data[broken]}`,
      );
    }
    return tensor;
  };

  const text = take('text_embedding', [null, d]);
  const embedding = take('image_embedding', [manifest.image.vocabulary, d]).data;
  if (!manifest.denoising) {
    return {
      imageEmbedding: embedding,
      textEmbedding: text.data,
      textVocabulary: text.shape[0] as number,
      timestepEmbedding: null,
      mean: new Float32Array(d),
      std: new Float32Array(d).fill(1),
    };
  }
  const std = take('embedding_std', [d]).data;
  const flat = std.findIndex((value) => value <= 0);
  if (flat >= 0) {
    throw new Sjd2Error(
      'ERR_MODEL',
      `${path}: expected embedding_std to be positive but element ${flat} is ${std[flat]}`,
    );
  }
  return {
    imageEmbedding: embedding,
    textEmbedding: text.data,
    textVocabulary: text.shape[0] as number,
    timestepEmbedding: take('timestep_embedding', [manifest.denoising.levels + 1, d]).data,
    mean: take('embedding_mean', [d]).data,
    std,
  };
}
