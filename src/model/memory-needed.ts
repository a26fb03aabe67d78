import { stat } from 'node:fs/promises';
import { Sjd2Error } from '../errors';
import type { ModelPackage } from './package';
import { imageInputs } from './sequence';
import { partBytes, weightBytes } from './weight-bytes';

/** Bytes that a model takes at least, by what they are for. */
export interface MemoryNeeded {
  weights: number;
  /** Of one image. */
  cache: number;
  tables: number;
  imageDecoder: number;
}

/** Of the image decoder's activations: Janus' takes as much for each pixel of its picture. */
const BYTES_PER_PIXEL = 2048;
/** Of the shortest prompts. */
const PROMPT = 8;

/**
 * What loading the model and drawing one image with its own sampler takes of memory at least: what is needed
 * for sure, so that a refusal is right.
 */
export async function memoryNeeded(contents: ModelPackage, half: boolean): Promise<MemoryNeeded> {
  const { manifest, files, published } = contents;
  const { decoder, halfDecoder, imageDecoder } = manifest.files;
  const { image, layers, kvHeads, headSize, hiddenSize, sampler } = manifest;
  // Weights of fp16 become floats once, when graphs compute in fp32.
  const widened = halfDecoder && !half ? 2 : 1;
  const rows = sampler.guidance === 1 && decoder['1'] ? 1 : 2;
  // Where a growing cache is copied it is there twice, which shows when the graph is loaded.
  const positions = published ? imageInputs(manifest) + PROMPT : manifest.maxLength;
  const element = half || published?.half ? 2 : 4;
  let pixels = 0;
  if (imageDecoder) {
    const file = files.pathOf(imageDecoder);
    pixels = published ? await partBytes(file) : (await stat(file)).size;
    pixels += image.width * image.height * BYTES_PER_PIXEL;
  }
  return {
    weights: widened * (await weightBytes(contents)),
    cache: rows * layers * 2 * kvHeads * headSize * positions * element,
    tables: image.vocabulary * hiddenSize * 4,
    imageDecoder: pixels,
  };
}

/** @throws {Sjd2Error} ERR_MEMORY, before anything of it is taken. */
export function checkMemory(folder: string, needed: MemoryNeeded): void {
  const total = Object.values(needed).reduce((sum, bytes) => sum + bytes, 0);
  const available = process.availableMemory();
  if (total <= available) return;
  const megabytes = (bytes: number) => Math.ceil(bytes / 2 ** 20);
  const { weights, cache, tables, imageDecoder } = needed;
  throw new Sjd2Error(
    'ERR_MEMORY',
    `${folder} needs ${megabytes(total)} MB of memory at least (weights ${megabytes(weights)}, KV cache of one image ` +
      `${megabytes(cache)}, tables ${megabytes(tables)}, image decoder ${megabytes(imageDecoder)}), and ` +
      `${megabytes(available)} MB are free: close other programs, or take the model in fewer bits`,
  );
}
