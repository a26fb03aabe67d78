import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import type { ModelPackage } from './package';

/** Bytes of the files that hold the transformer: the graphs of one session and their external data. */
export async function weightBytes({
  manifest,
  files,
  published,
}: Pick<ModelPackage, 'manifest' | 'files' | 'published'>): Promise<number> {
  if (published)
    return (await partBytes(published.languageModel)) + (await partBytes(published.head));
  const { decoder, weights } = manifest.files;
  const held = [weights, decoder['1'] ?? decoder['2']].flat().filter((file) => file !== undefined);
  const sizes = await Promise.all(held.map((file) => stat(files.pathOf(file))));
  return sizes.reduce((sum, { size }) => sum + size, 0);
}

/** Of a graph as transformers.js publishes it, and of `<graph>_data`, `<graph>_data_1`, ... beside it. */
export async function partBytes(graph: string): Promise<number> {
  const [folder, name] = [path.dirname(graph), path.basename(graph)];
  const names = await readdir(folder);
  const held = names.filter((other) => other === name || other.startsWith(`${name}_data`));
  const sizes = await Promise.all(held.map((other) => stat(path.join(folder, other))));
  return sizes.reduce((sum, { size }) => sum + size, 0);
}
