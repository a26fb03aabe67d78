/** Fixtures whose graph is wrong in one place (scripts/export/write_mutants.py). */
import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { editFile } from './package-copy';

export const MUTANTS = {
  mask: 'every position sees one more than it may',
  positions: 'positions count from the beginning of each pass',
  slot: 'new keys and values are kept in front of the past',
  layer: 'attention reads the cache of another layer',
  row: 'attention reads the cache of the other row',
} as const;

const fixtures = join(__dirname, 'fixtures');
const scratch = mkdtempSync(join(tmpdir(), 'sjd2-mutants-'));
afterAll(() => rmSync(scratch, { recursive: true }));

/** A folder with that mutant. */
export function mutant(name: keyof typeof MUTANTS): string {
  const inPlace = name === 'layer' || name === 'row';
  const folder = join(scratch, name);
  cpSync(join(fixtures, inPlace ? 'random' : 'janus-published'), folder, { recursive: true });
  const graph = join(fixtures, 'mutants', `${name}.onnx`);
  if (inPlace) editFile(folder, 'decoder_guided.onnx', () => readFileSync(graph));
  else cpSync(graph, join(folder, 'onnx', 'language_model.onnx'));
  return folder;
}
