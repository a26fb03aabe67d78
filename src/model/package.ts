import { createHash } from 'node:crypto';
import { createReadStream, existsSync, readdirSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { Sjd2Error, unexpected } from '../errors';
import { PACKAGE_ROOT } from '../native/loader';
import { type Manifest, type ManifestFile, manifestSchema } from './manifest';
import { PromptEncoder } from './prompt';
import { readTables, type Tables } from './tables';

export const DEFAULT_MODEL = 'emoji';

/** A model folder that was read and checked, graphs excepted: the addon checks those. */
export interface ModelPackage {
  folder: string;
  manifest: Manifest;
  tables: Tables;
  prompts: PromptEncoder;
  /** Absolute path of one of the manifest's files. */
  pathOf(file: ManifestFile): string;
}

/** The models that ship with this package. */
export function shippedModels(): string[] {
  const models = path.join(PACKAGE_ROOT, 'models');
  if (!existsSync(models)) return [];
  return readdirSync(models).filter((name) => existsSync(path.join(models, name, 'model.json')));
}

/**
 * @param model Name of a shipped model, or a folder with a model.json.
 * @param verify Compare every file with its SHA-256 in the manifest.
 * @throws {Sjd2Error} ERR_MODEL naming file, field, what was found and what was expected.
 */
export async function readModelPackage(model: unknown, verify: boolean): Promise<ModelPackage> {
  const folder = findFolder(model);
  const manifest = await readManifest(path.join(folder, 'model.json'));
  const pathOf = (file: ManifestFile) => path.join(folder, file.path);
  for (const file of listFiles(manifest)) await checkFile(pathOf(file), file, verify);
  const tables = await readTables(pathOf(manifest.files.tables), manifest);
  const prompts = await PromptEncoder.read(pathOf(manifest.files.tokenizer), tables, manifest);
  return { folder, manifest, tables, prompts, pathOf };
}

function findFolder(model: unknown): string {
  if (typeof model !== 'string' || model === '') {
    throw unexpected('model', 'the name of a shipped model or a folder', model);
  }
  for (const folder of [path.join(PACKAGE_ROOT, 'models', model), path.resolve(model)]) {
    if (existsSync(path.join(folder, 'model.json'))) return folder;
  }
  throw new Sjd2Error(
    'ERR_MODEL',
    `Expected model to be one of ${shippedModels().join(', ') || '(none shipped)'} or a folder ` +
      `with a model.json, but found no ${path.join(path.resolve(model), 'model.json')}`,
  );
}

async function readManifest(file: string): Promise<Manifest> {
  let json: unknown;
  try {
    json = JSON.parse(await readFile(file, 'utf8'));
  } catch (error) {
    throw new Sjd2Error('ERR_MODEL', `${file}: expected JSON: ${(error as Error).message}`);
  }
  const result = manifestSchema.safeParse(json);
  if (result.success) return result.data;
  const problems = result.error.issues.map(
    (issue) => `${issue.path.join('.') || 'model.json'}: ${issue.message}`,
  );
  throw new Sjd2Error('ERR_MODEL', `${file}: ${problems.join('; ')}`);
}

function listFiles({ files }: Manifest): ManifestFile[] {
  const { decoder, halfDecoder, ...others } = files;
  const all = [
    ...Object.values(decoder),
    ...(halfDecoder ? Object.values(halfDecoder) : []),
    ...Object.values(others),
  ];
  return all.filter((file) => file !== undefined);
}

async function checkFile(location: string, file: ManifestFile, verify: boolean): Promise<void> {
  const found = await stat(location).catch(() => null);
  if (!found?.isFile()) {
    throw new Sjd2Error(
      'ERR_MODEL',
      `${location}: expected a file (named by model.json), found none`,
    );
  }
  if (!verify) return;
  const hash = createHash('sha256');
  await pipeline(createReadStream(location), hash);
  const actual = hash.digest('hex');
  if (actual !== file.sha256) {
    throw new Sjd2Error(
      'ERR_MODEL',
      `${location}: expected SHA-256 ${file.sha256} but found ${actual}: the file is damaged`,
    );
  }
}
