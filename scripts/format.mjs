/**
 * Formats C++ and CUDA (clang-format) and Python (Ruff), both from npm, so that one `npm ci` brings
 * every tool. TypeScript and JSON belong to Biome. With `--check` nothing is written and a file
 * that would change is a failure.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const require = createRequire(import.meta.url);
const check = process.argv.includes('--check');

const files = tracked();
const wrong = [
  ...clangFormat(files.filter((file) => /^native\/.*\.(cc|h|cu|cuh)$/.test(file))),
  ...ruff(files.filter((file) => file.endsWith('.py'))),
];
for (const line of wrong) console.error(line);
if (wrong.length > 0) {
  console.error('\nRun npm run format; what it leaves has to be repaired by hand.');
  process.exit(1);
}

/** Files of the repository, new ones included, ignored ones not. */
function tracked() {
  const args = ['ls-files', '--cached', '--others', '--exclude-standard', '--deduplicate'];
  const { stdout, status } = spawnSync('git', args, { cwd: root, encoding: 'utf8' });
  if (status !== 0) throw new Error('Formatting needs a git checkout: git ls-files failed');
  const deleted = spawnSync('git', ['ls-files', '--deleted'], { cwd: root, encoding: 'utf8' });
  const gone = new Set(deleted.stdout.split('\n'));
  return stdout.split('\n').filter((file) => file && !gone.has(file));
}

function clangFormat(sources) {
  const program = require.resolve('clang-format');
  const run = (...args) =>
    spawnSync(process.execPath, [program, ...args], { cwd: root, encoding: 'utf8' });
  const result = run('--version');
  if (result.status !== 0) throw new Error(`clang-format does not run here:\n${result.stderr}`);
  if (!check) {
    const { status, stderr } = run('-i', ...sources);
    return status === 0 ? [] : [stderr];
  }
  const { stderr } = run('--dry-run', '--Werror', ...sources);
  return [...new Set([...stderr.matchAll(/^(.+?):\d+:\d+: error:/gm)].map((match) => match[1]))];
}

function ruff(sources) {
  const { Workspace, PositionEncoding } = require('@astral-sh/ruff-wasm-nodejs');
  const settings = {
    'line-length': 100,
    'target-version': 'py311',
    lint: { select: ['E4', 'E7', 'E9', 'F'], ignore: ['E731'] },
  };
  const workspace = new Workspace(settings, PositionEncoding.Utf16);
  const found = [];
  for (const file of sources) {
    const path = join(root, file);
    const before = readFileSync(path, 'utf8');
    for (const { code, message, start_location: at } of workspace.check(before)) {
      found.push(`${file}:${at.row}: ${code} ${message}`);
    }
    const after = workspace.format(before);
    if (after === before) continue;
    if (check) found.push(file);
    else writeFileSync(path, after);
  }
  return found;
}
