/**
 * Installs what `npm run package` makes into empty projects, from a registry and with nothing else: no
 * compiler and no other network address, with install scripts and without, anew and from a lockfile.
 * Each draws the picture that the others draw. Then the programs of test/consumer run: ES module,
 * CommonJS, TypeScript, worker threads, command line; and publint and arethetypeswrong look at the
 * package.
 *
 *     npm run test:package                 npm on Node.js 20, 22 and 24, pnpm and yarn on the oldest
 *     npm run test:package -- --all        every package manager, Node.js, Bun, Deno, and bundlers; writes docs/install.md
 *     npm run test:package -- --only Deno  one of them, or `bundlers`
 *     npm run test:package -- --built      with the addon of build/targets as it is
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, realpathSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { neededGlibc } from './package/binary.mjs';
import { tryBundlers } from './package/bundlings.mjs';
import { commandOf, emptyProject, environment, pixelsOf, run } from './package/empty-projects.mjs';
import { tryInstaller, writeTables } from './package/installations.mjs';
import { ALL, FEW, TOOLS } from './package/installers.mjs';
import { HOST } from './package/platforms.mjs';
import { relativeLinks } from './package/readme.mjs';
import { startRegistry } from './package/registry.mjs';

const { all, only, built } = parseArgs({
  options: { all: { type: 'boolean' }, only: { type: 'string' }, built: { type: 'boolean' } },
}).values;
const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const packages = join(root, 'build', 'packages');
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
if (!process.env.npm_execpath) throw new Error('Run this with npm run test:package');
const bundlers = all || only === 'bundlers';
if (only && !bundlers && !(only in ALL)) {
  throw new Error(`--only is one of ${Object.keys(ALL).join(', ')}, bundlers`);
}
const installers = all
  ? ALL
  : only
    ? Object.fromEntries([[only, ALL[only]]].filter(([, one]) => one))
    : FEW;

const scratch = realpathSync(mkdtempSync(join(tmpdir(), 'sjd2-package-')));
let registry;
try {
  installTools('clients');
  if (all || only) installTools('matrix');
  if (bundlers) installTools('bundlers');
  if (!built) run([process.execPath, 'scripts/build-addon.mjs', '--target', HOST], root);
  run([process.execPath, 'scripts/package.mjs', '--target', HOST], root, {
    ...process.env,
    SJD2_REPOSITORY: 'https://github.com/example/sjd2',
  });
  checkContents();
  registry = await startRegistry(packages);
  const place = { scratch, registry: registry.url };
  const picture = checkPrograms(place);
  const bundlings = bundlers ? await tryBundlers(picture, place) : [];
  const installations = Object.entries(installers).flatMap(([name, installer]) =>
    tryInstaller(name, installer, picture, place),
  );
  const rows = [...installations, ...bundlings];
  console.log(`\nthe picture of each, ${picture.slice(0, 12)}, against that of the command line:`);
  for (const { what, failure } of rows)
    console.log(`  ${failure ? `FAILED: ${failure}` : 'same'}  ${what}`);
  if (all) writeTables(join(root, 'docs', 'install.md'), installations, bundlings, picture);
  if (rows.some(({ failure }) => failure)) process.exitCode = 1;
} finally {
  registry?.close();
  rmSync(scratch, { recursive: true, force: true });
}

function installTools(name) {
  const cwd = join(root, 'scripts', 'package', name);
  if (existsSync(join(cwd, 'node_modules'))) return;
  run([process.execPath, process.env.npm_execpath, 'ci', '--ignore-scripts', '--no-audit'], cwd);
}

/** What the tarballs hold, and what tools of the registry say of it. */
function checkContents() {
  const main = join(packages, 'sjd2');
  const manifest = JSON.parse(readFileSync(join(main, 'package.json'), 'utf8'));
  const unwanted = ['scripts', 'devDependencies', 'gypfile', 'allowScripts'].filter(
    (key) => key in manifest,
  );
  if (unwanted.length > 0) throw new Error(`The package must not have ${unwanted}`);
  const files = packed(join(packages, `sjd2-${version}.tgz`));
  const sources = files.filter((file) => !/^(dist|bin|models)\/|^[A-Z-]+(\.md|\.txt)?$/.test(file));
  if (`${sources}` !== 'package.json') throw new Error(`The package must not hold ${sources}`);
  const links = relativeLinks(readFileSync(join(main, 'README.md'), 'utf8'));
  if (links.length > 0) throw new Error(`README.md has links without an address: ${links}`);
  const glibc = neededGlibc(join(packages, HOST, 'sjd2.node'));
  if (glibc && (glibc[0] > 2 || glibc[1] > 28))
    throw new Error(`glibc ${glibc.join('.')} is needed`);
  const bytes = [main, join(packages, HOST)].reduce((sum, folder) => sum + size(folder), 0);
  console.log(`unpacked: ${(bytes / 1e6).toFixed(1)} MB, glibc ${glibc?.join('.')}`);
  // ONNX Runtime and the addon take 50 MB, and the model may take 30.
  if (bytes > 80e6) throw new Error(`${bytes} bytes are more than 80 MB`);
  run([process.execPath, join(TOOLS, 'publint', 'src', 'cli.js'), main, '--strict'], root);
  const attw = join(TOOLS, '@arethetypeswrong', 'cli', 'dist', 'index.js');
  run([process.execPath, attw, join(packages, `sjd2-${version}.tgz`)], root);
}

function packed(tarball) {
  const { stdout } = spawnSync('tar', ['tzf', tarball], { encoding: 'utf8' });
  return stdout
    .trim()
    .split('\n')
    .map((line) => line.replace(/^package\//, ''));
}

function size(folder) {
  const { stdout } = spawnSync('du', ['-sb', folder], { encoding: 'utf8' });
  return Number.parseInt(stdout, 10);
}

/** The faces of the library in one project: they draw one picture, the SHA-256 of whose pixels is returned. */
function checkPrograms(place) {
  const project = emptyProject(place);
  const env = environment(place, 'node20');
  const [node] = commandOf('node20');
  const { home, program, fresh } = FEW.npm;
  run([node, join(home, program), ...fresh], project, env);
  for (const file of ['esm.mjs', 'worker.mjs']) {
    console.log(`\n== ${file}`);
    run([node, file], project, env);
  }
  console.log('\n== command line');
  const cli = join('node_modules', 'sjd2', 'bin', 'sjd2.js');
  run([node, cli, 'generate', 'a red apple', '--seed', '7', '-o', 'cli.png'], project, env);
  const picture = pixelsOf(join(project, 'cli.png'));
  if (pixelsOf(join(project, 'esm.png')) !== picture)
    throw new Error('esm.mjs drew another picture');
  for (const name of ['@types', 'undici-types']) {
    symlinkSync(join(root, 'node_modules', name), join(project, 'node_modules', name));
  }
  const typescript50 = join(TOOLS, 'typescript50', 'bin', 'tsc');
  for (const [what, tsc, config] of [
    ['this TypeScript', join(root, 'node_modules', 'typescript', 'bin', 'tsc'), 'tsconfig.json'],
    ['TypeScript 5.0', typescript50, 'tsconfig.json'],
    ['TypeScript 5.0, moduleResolution node', typescript50, 'tsconfig.node.json'],
  ]) {
    console.log(`\n== types: ${what}`);
    run([process.execPath, tsc, '-p', config], project);
  }
  return picture;
}
