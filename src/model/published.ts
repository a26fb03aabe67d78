import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { Sjd2Error, shown } from '../errors';
import type { GraphHandle, NativeFeed } from '../native/addon';
import { PackageFiles } from './files';
import { manifestSchema } from './manifest';
import type { Manifest } from './manifest-types';
import type { ModelPackage } from './package';
import { PART_SUFFIXES, PARTS, type PartName, type PartType, type Precision } from './part-types';
import { promptEncoder } from './prompt';
import type { TextTable } from './tables';
import { TextTokenizer } from './text-tokenizer';

export type OpenGraph = (path: string) => GraphHandle;

const count = z.int().min(1);

/** Janus' config.json; what it leaves out are LlamaConfig's defaults. */
const configSchema = z.object({
  model_type: z.literal('multi_modality'),
  language_config: z.object({
    hidden_size: count.default(4096),
    num_hidden_layers: count.default(32),
    num_attention_heads: count.default(32),
    num_key_value_heads: count.optional(),
    head_dim: count.optional(),
    vocab_size: count,
    max_position_embeddings: count.default(2048),
  }),
  gen_vision_config: z.object({ params: z.object({ image_token_size: count }) }),
});

const processorSchema = z.object({
  image_start_tag: z.string().default('<begin_of_image>'),
  pad_tag: z.string().default('<｜▁pad▁｜>'),
  num_image_tokens: count.default(576),
});

const preprocessorSchema = z.object({ image_size: count.default(384) });

/** The authors' template (generation_inference.py of deepseek-ai/Janus). */
const TEMPLATE = '<｜begin▁of▁sentence｜><|User|>: {prompt}\n\n<|Assistant|>:';

/** Whether a folder is laid out as transformers.js publishes models. */
export function isPublished(folder: string): boolean {
  return (
    !existsSync(path.join(folder, 'model.json')) &&
    existsSync(path.join(folder, 'config.json')) &&
    existsSync(path.join(folder, 'onnx'))
  );
}

/**
 * A Janus folder as it is published for transformers.js (onnx-community/Janus-Pro-1B-ONNX), without
 * conversion. Guidance, sampler and unconditional prompt are those of the model's authors.
 * @param types Of the parts whose type is asked for; of the others the most exact file is taken.
 * @throws {Sjd2Error} ERR_MODEL naming file and field.
 */
export async function readPublished(
  folder: string,
  openGraph: OpenGraph,
  types: Precision['parts'],
): Promise<ModelPackage> {
  const config = await read(folder, 'config.json', configSchema);
  const processor = await read(folder, 'processor_config.json', processorSchema);
  const preprocessor = await read(folder, 'preprocessor_config.json', preprocessorSchema);
  const places = PARTS.map((part) => [part, findPart(folder, part, types[part])]);
  const parts = Object.fromEntries(places) as Record<PartName, string>;
  const manifest = describe(folder, config, processor, preprocessor.image_size);
  const tokenizer = path.join(folder, 'tokenizer.json');
  if (!existsSync(tokenizer)) throw fault(tokenizer, 'expected a file, found none');
  const files = PackageFiles.unchecked(
    new Map([
      ['image_decode', parts.image_decode],
      ['language_model', parts.language_model],
      ['tokenizer', tokenizer],
    ]),
    /_(quantized|u?int8|q4|q4f16|bnb4)\.onnx$/.test(parts.language_model),
  );
  const { hiddenSize } = manifest;
  const text = new ComputedText(
    openGraph(parts.prepare_inputs_embeds),
    config.language_config.vocab_size,
    hiddenSize,
    preprocessor.image_size,
    processor.num_image_tokens,
  );
  const prompts = promptEncoder(await TextTokenizer.read(tokenizer, text.vocabulary), manifest);
  const tables = {
    imageEmbedding: { path: parts.gen_img_embeds, computed: true as const },
    text,
    timestepEmbedding: null,
    mean: new Float32Array(hiddenSize),
    std: new Float32Array(hiddenSize).fill(1),
  };
  const published = {
    languageModel: parts.language_model,
    head: parts.gen_head,
    half: parts.language_model.endsWith('_fp16.onnx'),
  };
  const sha256 = createHash('sha256')
    .update(JSON.stringify([config, parts]))
    .digest('hex');
  const rowEnd = new Float32Array();
  return { folder, manifest, sha256, files, tables, prompts, rowEnd, published };
}

async function read<T>(folder: string, name: string, schema: z.ZodType<T>): Promise<T> {
  const file = path.join(folder, name);
  let json: unknown;
  try {
    json = JSON.parse(await readFile(file, 'utf8'));
  } catch (error) {
    throw fault(file, `expected JSON: ${shown((error as Error).message)}`);
  }
  const result = schema.safeParse(json);
  if (result.success) return result.data;
  const problems = result.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`);
  throw fault(file, shown(problems.join('; ')));
}

/** The file of the type that is asked for, or the most exact of those that a part may be. */
function findPart(folder: string, part: PartName, type?: PartType): string {
  const suffixes = type ? [PART_SUFFIXES[type]] : Object.values(PART_SUFFIXES);
  const names = suffixes.map((suffix) => `${part}${suffix}.onnx`);
  const places = names.map((name) => path.join(folder, 'onnx', name));
  const found = places.find((place) => existsSync(place));
  if (found) return found;
  const wanted = type ? `${names[0]} for ${part} in ${type}` : `one of ${names.join(', ')}`;
  throw fault(path.join(folder, 'onnx'), `expected ${wanted}, found none`);
}

function describe(
  folder: string,
  config: z.infer<typeof configSchema>,
  processor: z.infer<typeof processorSchema>,
  pixels: number,
): Manifest {
  const { language_config: language } = config;
  const side = Math.sqrt(processor.num_image_tokens);
  const heads = language.num_attention_heads;
  const entry = (name: string) => ({ path: name, sha256: '0'.repeat(64) });
  const result = manifestSchema.safeParse({
    format: 'sjd2-model',
    version: 2,
    family: 'janus',
    name: path.basename(folder),
    license: 'see the folder',
    hiddenSize: language.hidden_size,
    layers: language.num_hidden_layers,
    heads,
    kvHeads: language.num_key_value_heads ?? heads,
    headSize: language.head_dim ?? language.hidden_size / heads,
    maxLength: language.max_position_embeddings,
    image: {
      vocabulary: config.gen_vision_config.params.image_token_size,
      rows: side,
      columns: side,
      width: pixels,
      height: pixels,
    },
    prompt: {
      kind: 'template',
      template: TEMPLATE + processor.image_start_tag,
      unconditional: { kind: 'pad', token: processor.pad_tag },
    },
    sampler: { guidance: 5, temperature: 1, topK: 0, topP: 1 },
    denoising: null,
    cache: { layout: 'rows' },
    files: {
      decoder: { 1: entry('language_model'), 2: entry('language_model') },
      imageDecoder: entry('image_decode'),
      tables: entry('gen_img_embeds'),
      tokenizer: entry('tokenizer'),
    },
  });
  if (result.success) return result.data;
  const problems = result.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`);
  throw fault(path.join(folder, 'config.json'), shown(problems.join('; ')));
}

/** The text embedding inside a graph that could read pictures, too; it gets none. */
class ComputedText implements TextTable {
  constructor(
    private readonly graph: GraphHandle,
    readonly vocabulary: number,
    private readonly hidden: number,
    private readonly pixels: number,
    private readonly tokens: number,
  ) {}

  async rows(ids: readonly number[]): Promise<Float32Array> {
    const { inputs } = await this.graph.open();
    const shape = [1, ids.length];
    const known: NativeFeed[] = [
      { name: 'input_ids', shape, data: BigInt64Array.from(ids, BigInt) },
      {
        name: 'pixel_values',
        shape: [0, 0, 3, this.pixels, this.pixels],
        data: new Float32Array(),
      },
      { name: 'images_seq_mask', shape, data: new Uint8Array(ids.length) },
      { name: 'images_emb_mask', shape: [1, 0, this.tokens], data: new Uint8Array() },
    ];
    const feeds = known.filter(({ name }) => inputs.some((input) => input.name === name));
    return this.graph.run(feeds, {
      name: 'inputs_embeds',
      shape: [1, ids.length, this.hidden],
    });
  }

  dispose(): void {
    this.graph.dispose();
  }
}

function fault(file: string, what: string): Sjd2Error {
  return new Sjd2Error('ERR_MODEL', `${file}: ${what}`);
}
