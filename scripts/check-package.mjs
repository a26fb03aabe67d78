/**
 * Installs what `npm run package` and `npm pack` make into empty projects, as a user would who has
 * no compiler and lets no install script run, and runs the programs of test/consumer there: ES
 * module, CommonJS, TypeScript, worker threads, command line. Needs the npm registry.
 */
import { spawnSync } from 'node:child_process';
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const scratch = realpathSync(mkdtempSync(join(tmpdir(), 'sjd2-package-')));
const npmCli = process.env.npm_execpath;
if (!npmCli) throw new Error('Run this with npm run test:package');

// Node and a shell, nothing else: whoever wants to compile here cannot.
const bin = join(scratch, 'bin');
mkdirSync(bin);
symlinkSync(process.execPath, join(bin, 'node'));
symlinkSync('/bin/sh', join(bin, 'sh'));
const bare = { ...process.env, PATH: bin };

try {
  run(process.execPath, ['scripts/package.mjs'], root, process.env);
  const packages = join(root, 'build', 'packages');
  const platform = `${process.platform}-${process.arch}`;
  check('the published packages', [
    join(packages, `sjd2-${version}.tgz`),
    join(packages, `sjd2-${platform}-${version}.tgz`),
  ]);
  npm(['pack', '--ignore-scripts', '--pack-destination', scratch], root, process.env);
  check('a plain npm pack', [join(scratch, `sjd2-${version}.tgz`)]);
} finally {
  rmSync(scratch, { recursive: true, force: true });
}

function check(what, tarballs) {
  console.log(`${what}: install`);
  const project = mkdtempSync(join(scratch, 'project-'));
  cpSync(join(root, 'test', 'consumer'), project, { recursive: true });
  writeFileSync(join(project, 'package.json'), '{ "name": "consumer", "version": "1.0.0" }\n');
  npm(['install', '--ignore-scripts', '--no-audit', '--no-fund', ...tarballs], project, bare);
  for (const program of ['esm.mjs', 'commonjs.cjs', 'worker.mjs']) {
    console.log(`${what}: ${program}`);
    run(process.execPath, [program], project, bare);
  }
  console.log(`${what}: command line`);
  npm(
    ['exec', '--', 'sjd2', 'generate', 'a red apple', '--seed', '7', '-o', 'cli.png'],
    project,
    bare,
  );
  const pictures = ['esm.png', 'commonjs.png', 'cli.png'].map((name) =>
    readFileSync(join(project, name)),
  );
  if (!pictures.every((picture) => picture.equals(pictures[0]))) {
    throw new Error(`${what}: the same seed drew different pictures`);
  }
  console.log(`${what}: types`);
  symlinkSync(join(root, 'node_modules', '@types'), join(project, 'node_modules', '@types'));
  symlinkSync(
    join(root, 'node_modules', 'undici-types'),
    join(project, 'node_modules', 'undici-types'),
  );
  run(
    process.execPath,
    [join(root, 'node_modules', 'typescript', 'bin', 'tsc'), '-p', '.'],
    project,
    bare,
  );
}

function npm(args, cwd, env) {
  run(process.execPath, [npmCli, ...args], cwd, env);
}

function run(program, args, cwd, env) {
  const { status } = spawnSync(program, args, { cwd, env, stdio: 'inherit' });
  if (status !== 0) throw new Error(`${[program, ...args].join(' ')} failed with ${status}`);
}
