import { createHash } from 'node:crypto';
import { existsSync, readdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { Sjd2Error, shown, unexpected } from '../errors';
import { unpacked } from '../native/asar';
import { PackageFiles, placeOf } from './files';
import { manifestSchema } from './manifest';
import type { Manifest, ManifestFile } from './manifest-types';
import { type PromptEncoder, promptEncoder } from './prompt';
import { EmbeddingPrompts } from './prompt-embeddings';
import { isPublished, type OpenGraph } from './published';
import { rowEndIds } from './sequence';
import { readTables, type Tables } from './tables';
import { TextTokenizer } from './text-tokenizer';

export const DEFAULT_MODEL = 'emoji';

// From __dirname in one expression, so that tracers of files (@vercel/nft) see that the folder is needed.
const MODELS = unpacked(path.join(__dirname, '..', '..', 'models'));

/**
 * A model folder that was read and checked, but for the inputs and outputs of its graphs: the addon
 * checks those.
 */
export interface ModelPackage {
  folder: string;
  manifest: Manifest;
  /** SHA-256 of model.json, which holds those of all other files: it names the whole package. */
  sha256: string;
  files: PackageFiles;
  tables: Tables;
  prompts: PromptEncoder | EmbeddingPrompts;
  /** Input rows [tokens, d] of what ends every row of the picture. */
  rowEnd: Float32Array;
  /** Graphs in the layout of transformers.js; else null. */
  published: PublishedGraphs | null;
}

/** Paths of a language model whose KV cache grows, and of its head. */
export interface PublishedGraphs {
  languageModel: string;
  head: string;
  /** It computes in fp16. */
  half: boolean;
}

/** The models that ship with this package. */
export function shippedModels(): string[] {
  if (!existsSync(MODELS)) return [];
  return readdirSync(MODELS).filter((name) => existsSync(path.join(MODELS, name, 'model.json')));
}

/**
 * @param model Name of a shipped model, or a folder with a model.json.
 * @param verify Compare tables and weights with their SHA-256 in the manifest, too.
 * @throws {Sjd2Error} ERR_MODEL naming file, field, what was found and what was expected.
 */
export async function readModelPackage(
  model: unknown,
  verify: boolean,
  signal?: AbortSignal,
  openGraph?: OpenGraph,
): Promise<ModelPackage> {
  const folder = findModel(model);
  const { manifest, sha256 } = await readManifest(await placeOf(folder, 'model.json'));
  const files = await PackageFiles.check(folder, manifest, verify, signal);
  const tables = await readTables(files.pathOf(manifest.files.tables), manifest);
  const common = { folder, manifest, sha256, files, tables, published: null };
  const { prompt, hiddenSize } = manifest;
  const { promptEncoder: encoder, tokenizer: words } = manifest.files;
  if (prompt.kind === 'embeddings') {
    if (!openGraph) throw new Error('Prompts of this kind are read by a graph');
    const graph = openGraph(files.pathOf(encoder as ManifestFile));
    const prompts = new EmbeddingPrompts(graph, prompt, hiddenSize);
    return { ...common, prompts, rowEnd: new Float32Array() };
  }
  const path = files.pathOf(words as ManifestFile);
  const tokenizer = await TextTokenizer.read(path, tables.text.vocabulary);
  const prompts = promptEncoder(tokenizer, manifest);
  const rowEnd = await tables.text.rows(rowEndIds(tokenizer, manifest));
  return { ...common, prompts, rowEnd };
}

/** A folder with a model.json, or one that `isPublished`. */
export function findModel(model: unknown): string {
  if (typeof model !== 'string' || model === '') {
    throw unexpected('model', 'the name of a shipped model or a folder', model);
  }
  for (const folder of [path.join(MODELS, model), path.resolve(model)]) {
    if (existsSync(path.join(folder, 'model.json')) || isPublished(folder)) return folder;
  }
  throw new Sjd2Error(
    'ERR_MODEL',
    `Expected model to be one of ${shippedModels().join(', ') || '(none shipped)'} or a folder ` +
      `with a model.json, or with a config.json and onnx/, but found no ${path.join(path.resolve(model), 'model.json')}`,
  );
}

async function readManifest(file: string): Promise<{ manifest: Manifest; sha256: string }> {
  const bytes = await readFile(file).catch((error: Error) => {
    throw new Sjd2Error('ERR_MODEL', `Cannot read ${file}: ${error.message}`, { cause: error });
  });
  let json: unknown;
  try {
    json = JSON.parse(bytes.toString('utf8'));
  } catch (error) {
    throw new Sjd2Error('ERR_MODEL', `${file}: expected JSON: ${shown((error as Error).message)}`);
  }
  const result = manifestSchema.safeParse(json);
  if (result.success) {
    return { manifest: result.data, sha256: createHash('sha256').update(bytes).digest('hex') };
  }
  const problems = result.error.issues.map(
    (issue) => `${issue.path.join('.') || 'model.json'}: ${issue.message}`,
  );
  throw new Sjd2Error('ERR_MODEL', `${file}: ${shown(problems.join('; '))}`);
}
