import path from 'node:path';
import { Engine } from './engine';
import { aborted, fromNative, Sjd2Error } from './errors';
import { openFastest } from './fastest-device';
import { ImageModel } from './image-model';
import { checkMemory, memoryNeeded } from './model/memory-needed';
import { DEFAULT_MODEL, findModel, type ModelPackage, readModelPackage } from './model/package';
import {
  type PartName,
  type PartType,
  PRECISIONS,
  type Precision,
  resolvePrecision,
} from './model/part-types';
import { isPublished, readPublished } from './model/published';
import { paddedPrompt } from './model/sequence';
import { weightBytes } from './model/weight-bytes';
import type { DeviceName, ModelSettings } from './native/addon';
import { autoDevices, checkDevice } from './native/device';
import { loadAddon } from './native/loader';
import { openRuntime } from './native/runtime';
import { boolean, checkFields, checkFunction, checkSignal, integer, oneOf } from './options';
import { selfCheck } from './verification/self-check';
import type { Arithmetic } from './verification/windows';

export const DEVICES = ['auto', 'cpu', 'webgpu', 'cuda'] as const;
const MAX_THREADS = 1024;
/** Weights of which a CPU makes the ten passes of a self-check within 50 ms. */
const CHECKED_BYTES = 2 ** 25;
const LOAD_FIELDS = ['device', 'precision', 'threads', 'verify', 'check', 'signal', 'onProgress'];

/** Where and how a model runs. */
export interface LoadOptions {
  /**
   * Where the transformer runs, and on `cuda` the kernels too; all else runs on the CPU. `auto`
   * times a few passes on the CPU and on each GPU that can be had, the first time that it meets the
   * model in a process, and takes the fastest; never a software adapter. `deviceReason` says why.
   * Default `auto`.
   */
  device?: (typeof DEVICES)[number];
  /**
   * What the transformer computes in; its KV cache and logits are of the same type, laws are fp32.
   *
   * In a folder as transformers.js publishes it, the type of the files, as its `dtype`: one for all parts or one for
   * each that is named, such as `{ language_model: 'q4', gen_head: 'fp16' }`. `auto` takes the most exact file.
   *
   * `auto` is fp16 on a GPU that has it, if the package has such graphs, else fp32. `cuda` takes
   * nothing else (its attention has no fp32 kernel). Default `auto`.
   */
  precision?: 'auto' | PartType | Partial<Record<PartName, PartType>>;
  /** Threads inside one operator, 1 to 1024; 0 takes one per physical core. Default 0. */
  threads?: number;
  /**
   * Compare tables and weights with their SHA-256 first, too; graphs and the tokenizer always are.
   * Default false.
   */
  verify?: boolean;
  /**
   * Compare some passes of a small model with each other, a few milliseconds: a wrong graph or ONNX Runtime is
   * ERR_VERIFY and not another picture. For larger models there is `model.verify()`. Default true.
   */
  check?: boolean;
  /** Ends the loading, which then rejects with an `AbortError`. */
  signal?: AbortSignal;
  /** Called when a stage begins, and once at the end. */
  onProgress?: (event: LoadProgress) => void;
}

/** How far the loading of a model is. */
export interface LoadProgress {
  /** `package`: files and tables, `graphs`: sessions for the transformer. */
  stage: 'package' | 'graphs' | 'ready';
  /** Stages done, of `total`. */
  loaded: number;
  /** Stages there are. */
  total: number;
}

/**
 * Loads a model package from disk; nothing is ever downloaded.
 * @param model Name of a shipped model, a folder with a model.json, or a Janus folder as it is
 *   published for transformers.js (config.json, onnx/). Default `emoji`.
 * @throws {Sjd2Error} ERR_MODEL for a missing or damaged package, ERR_VERIFY for a small one whose passes contradict
 *   each other (a wrong graph or ONNX Runtime), ERR_MEMORY before memory is taken that is not
 *   there, ERR_DEVICE, ERR_ADDON, ERR_RUNTIME, ERR_ARGUMENT.
 */
export async function loadModel(
  model: string = DEFAULT_MODEL,
  options: LoadOptions = {},
): Promise<ImageModel> {
  checkFields('options', options, LOAD_FIELDS);
  const device = oneOf('device', options.device ?? 'auto', DEVICES);
  const precision = resolvePrecision(options.precision ?? 'auto');
  const threads = integer('threads', options.threads ?? 0, 0, MAX_THREADS);
  const verify = boolean('verify', options.verify ?? false);
  const check = boolean('check', options.check ?? true);
  const signal = checkSignal(options.signal);
  const onProgress = checkFunction('onProgress', options.onProgress);
  const report = (stage: LoadProgress['stage'], loaded: number) => {
    if (signal?.aborted) throw aborted(signal);
    onProgress?.({ stage, loaded, total: 2 });
  };

  report('package', 0);
  try {
    const { addon } = loadAddon();
    const runtime = openRuntime();
    const openGraph = (path: string) => new addon.Graph(runtime.path, path, threads);
    const folder = findModel(model);
    const contents = isPublished(folder)
      ? await readPublished(folder, openGraph, precision.parts)
      : await readModelPackage(folder, verify, signal, openGraph);
    report('graphs', 1);
    const bytes = await weightBytes(contents);
    const open = async (place: DeviceName, half: boolean) => {
      // On a GPU the weights lie elsewhere.
      if (place === 'cpu') checkMemory(contents.folder, await memoryNeeded(contents, half));
      const options = nativeOptions(contents, half, runtime.path, place, threads);
      const native = new addon.Model(options);
      const computes = half ? 'fp16' : 'fp32';
      const arithmetic = arithmeticOf(contents, half);
      const engine = new Engine(contents, native, place, {
        threads,
        weightBytes: bytes,
        arithmetic,
      });
      const model = new ImageModel(engine, runtime, computes);
      try {
        await model.load(signal);
        // On a GPU the addon has compared wide and narrow passes already (native/decode/provider_check.h).
        if (check && place === 'cpu' && bytes <= CHECKED_BYTES) {
          await selfCheck(model, `${contents.folder} on ONNX Runtime ${runtime.version}`, signal);
        }
        return model;
      } catch (error) {
        await model.dispose();
        throw error;
      }
    };
    const openOn = async (place: DeviceName) => {
      const half = computesInHalf(contents, precision, place);
      try {
        return await open(place, half);
      } catch (error) {
        // Whether an adapter has fp16 shows when the first shader is compiled.
        const refused = place === 'webgpu' && (error as Sjd2Error).code === 'ERR_DEVICE';
        if (!(refused && half && precision.compute === 'auto')) throw error;
        return open(place, false);
      }
    };
    let loaded: ImageModel;
    if (device === 'auto') {
      const key = [contents.folder, JSON.stringify(precision), threads].join('\n');
      loaded = await openFastest(key, await autoDevices(), openOn, signal);
    } else {
      await checkDevice(device);
      loaded = await openOn(device);
    }
    report('ready', 2);
    return loaded;
  } catch (error) {
    throw signal?.aborted ? aborted(signal) : fromNative(error);
  }
}

function arithmeticOf({ files, published }: ModelPackage, half: boolean): Arithmetic {
  if (files.quantised) return 'quantised';
  return half || published?.half ? 'fp16' : 'fp32';
}

function computesInHalf(
  { folder, manifest, published }: ModelPackage,
  { compute }: Precision,
  device: DeviceName,
): boolean {
  if (published) {
    if (device === 'cpu') return false;
    throw new Sjd2Error(
      'ERR_ARGUMENT',
      `${folder}: graphs as transformers.js publishes them run on device cpu: scripts/export/export.py makes ` +
        'packages for other devices',
    );
  }
  if (compute === null) {
    throw new Sjd2Error(
      'ERR_ARGUMENT',
      `Expected precision to be one of ${PRECISIONS.join(', ')}: ${folder} is a package, whose weights have the type ` +
        'that they were exported in (scripts/export/export.py --dtype)',
    );
  }
  const { halfDecoder } = manifest.files;
  if (compute === 'fp16' && !halfDecoder) {
    throw new Sjd2Error(
      'ERR_MODEL',
      `${path.join(folder, 'model.json')}: expected files.halfDecoder for precision fp16, found none`,
    );
  }
  if (compute === 'auto') return device !== 'cpu' && halfDecoder !== undefined;
  return compute === 'fp16';
}

/** Paths of the decoder graphs by number of rows. */
function decoderPaths({ manifest, files }: ModelPackage, half: boolean): Record<string, string> {
  const { decoder, halfDecoder } = manifest.files;
  const paths: Record<string, string> = {};
  for (const [rows, file] of Object.entries((half && halfDecoder) || decoder)) {
    if (file) paths[rows] = files.pathOf(file);
  }
  return paths;
}

function nativeOptions(
  contents: ModelPackage,
  half: boolean,
  runtime: string,
  device: DeviceName,
  threads: number,
): ModelSettings {
  const { manifest, tables, files, published } = contents;
  const { imageDecoder } = manifest.files;
  return {
    runtime,
    device,
    threads,
    hidden: manifest.hiddenSize,
    vocabulary: manifest.image.vocabulary,
    maxLength: manifest.maxLength,
    layers: manifest.layers,
    kvHeads: manifest.kvHeads,
    headSize: manifest.headSize,
    rowEnd: manifest.sequence?.rowEnd !== undefined,
    paddedPrompt: paddedPrompt(manifest.prompt) > 0,
    decoders: decoderPaths(contents, half),
    languageModel: published?.languageModel ?? '',
    head: published?.head ?? '',
    imageInput: published ? 'generated_tokens' : 'tokens',
    imageOutput: published ? 'decoded_image' : 'image',
    imageDecoder: imageDecoder ? files.pathOf(imageDecoder) : '',
    imageTokens: manifest.image.rows * manifest.image.columns,
    imageWidth: manifest.image.width,
    imageHeight: manifest.image.height,
    embedding: tables.imageEmbedding,
    mean: tables.mean,
    std: tables.std,
  };
}
