/**
 * Installs what `npm run package` makes into empty projects, from a registry and with nothing else: no
 * compiler and no other network address, with install scripts and without, anew and from a lockfile.
 * Each draws the picture that the others draw. Then the programs of test/consumer run: ES module,
 * CommonJS, TypeScript, worker threads, command line; and publint and arethetypeswrong look at the
 * package.
 *
 *     npm run test:package                 npm, pnpm and yarn on the oldest Node.js
 *     npm run test:package -- --all        every package manager and Node.js; writes docs/install.md
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  cpSync,
  existsSync,
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
import { parseArgs } from 'node:util';
import { neededGlibc } from './package/binary.mjs';
import { INSTALLERS, NODES, OWN_NPM, TOOLS } from './package/installers.mjs';
import { HOST } from './package/platforms.mjs';
import { relativeLinks } from './package/readme.mjs';
import { startRegistry } from './package/registry.mjs';

const { all } = parseArgs({ options: { all: { type: 'boolean' } } }).values;
const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const packages = join(root, 'build', 'packages');
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
if (!process.env.npm_execpath) throw new Error('Run this with npm run test:package');

const scratch = realpathSync(mkdtempSync(join(tmpdir(), 'sjd2-package-')));
const rows = [];
let registry;
try {
  for (const folder of ['clients', ...(all ? ['matrix'] : [])]) installTools(folder);
  run(process.execPath, ['scripts/build-addon.mjs', '--target', HOST], root);
  const repository = 'https://github.com/example/sjd2';
  run(process.execPath, ['scripts/package.mjs', '--target', HOST], root, {
    ...process.env,
    SJD2_REPOSITORY: repository,
  });
  checkContents();
  registry = await startRegistry(packages);
  const combinations = all
    ? [
        ...Object.keys(INSTALLERS).map((name) => [name, INSTALLERS[name], '20']),
        ...['22', '24', '26'].map((node) => ['npm11', INSTALLERS.npm11, node]),
      ]
    : [
        ['npm', OWN_NPM, '20'],
        ['pnpm10', INSTALLERS.pnpm10, '20'],
        ['yarn1', INSTALLERS.yarn1, '20'],
      ];
  for (const [name, installer, node] of combinations) {
    for (const scripts of [true, false]) {
      if (!all && !scripts && name !== 'npm') continue;
      checkInstaller(name, installer, node, scripts);
    }
  }
  checkPrograms();
  const [{ picture }] = rows;
  if (rows.some((row) => row.picture !== picture)) {
    throw new Error('Two installations drew different pictures from one seed');
  }
  if (all) writeTable();
} finally {
  registry?.close();
  rmSync(scratch, { recursive: true, force: true });
}

function installTools(name) {
  const cwd = join(root, 'scripts', 'package', name);
  if (existsSync(join(cwd, 'node_modules'))) return;
  run(process.execPath, [process.env.npm_execpath, 'ci', '--ignore-scripts'], cwd);
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
  if (bytes > 70e6) throw new Error(`${bytes} bytes are more than 70 MB`);
  run(process.execPath, [join(TOOLS, 'publint', 'src', 'cli.js'), main, '--strict'], root);
  const attw = join(TOOLS, '@arethetypeswrong', 'cli', 'dist', 'index.js');
  run(process.execPath, [attw, join(packages, `sjd2-${version}.tgz`)], root);
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

/** Node and a shell, nothing else: whoever wants to compile here cannot. */
function environment(node) {
  const bin = join(scratch, `bin-${node}`);
  if (!existsSync(bin)) {
    mkdirSync(bin);
    symlinkSync(NODES[node], join(bin, 'node'));
    symlinkSync('/bin/sh', join(bin, 'sh'));
  }
  const home = join(scratch, 'home');
  // How this machine reaches a registry at all.
  const network = ['NODE_EXTRA_CA_CERTS', 'SSL_CERT_FILE', 'HTTPS_PROXY', 'HTTP_PROXY', 'NO_PROXY']
    .filter((name) => process.env[name])
    .map((name) => [name, process.env[name]]);
  return {
    ...Object.fromEntries(network),
    PATH: bin,
    HOME: home,
    CI: '1',
    npm_config_registry: registry.url,
    npm_config_cache: join(scratch, 'cache'),
    YARN_REGISTRY: registry.url,
    YARN_NPM_REGISTRY_SERVER: registry.url,
    YARN_UNSAFE_HTTP_WHITELIST: '127.0.0.1',
    YARN_NODE_LINKER: 'node-modules',
    YARN_ENABLE_TELEMETRY: '0',
    YARN_NPM_MINIMAL_AGE_GATE: '0', // ours was published a second ago
    YARN_ENABLE_GLOBAL_CACHE: 'false',
    COREPACK_ENABLE_STRICT: '0',
  };
}

function checkInstaller(name, installer, node, scripts) {
  const project = emptyProject();
  const env = environment(node);
  const flags = scripts ? [] : [installer.noScripts];
  for (const way of ['fresh', 'locked']) {
    rmSync(join(project, 'node_modules'), { recursive: true, force: true });
    const what = `${name}, Node ${node}, scripts ${scripts ? 'on' : 'off'}, ${way}`;
    console.log(`\n== ${what}`);
    run(NODES[node], [installer.program, ...installer[way], ...flags], project, env);
    run(NODES[node], ['commonjs.cjs'], project, env);
    const picture = createHash('sha256')
      .update(readFileSync(join(project, 'commonjs.png')))
      .digest('hex');
    const command = `${name.replace(/\d+$/, '')} ${[...installer[way], ...flags].join(' ')}`;
    rows.push({ name, node, scripts, way, picture, command });
  }
}

function emptyProject() {
  const project = mkdtempSync(join(scratch, 'project-'));
  cpSync(join(root, 'test', 'consumer'), project, { recursive: true });
  const manifest = { name: 'consumer', version: '1.0.0', dependencies: { sjd2: version } };
  writeFileSync(join(project, 'package.json'), JSON.stringify(manifest));
  return project;
}

/** The faces of the library, in one project. */
function checkPrograms() {
  const project = emptyProject();
  const env = environment('20');
  const [program, ...install] = [OWN_NPM.program, ...OWN_NPM.fresh];
  run(NODES[20], [program, ...install], project, env);
  for (const file of ['esm.mjs', 'worker.mjs']) {
    console.log(`\n== ${file}`);
    run(NODES[20], [file], project, env);
  }
  console.log('\n== command line');
  const draw = ['generate', 'a red apple', '--seed', '7', '-o', 'cli.png'];
  run(NODES[20], [join('node_modules', 'sjd2', 'bin', 'sjd2.js'), ...draw], project, env);
  const hash = (file) =>
    createHash('sha256')
      .update(readFileSync(join(project, file)))
      .digest('hex');
  for (const file of ['esm.png', 'cli.png']) rows.push({ internal: true, picture: hash(file) });
  for (const name of ['@types', 'undici-types']) {
    symlinkSync(join(root, 'node_modules', name), join(project, 'node_modules', name));
  }
  const typescripts = [
    ['this TypeScript', join(root, 'node_modules', 'typescript', 'bin', 'tsc'), 'tsconfig.json'],
    ['TypeScript 5.0', join(TOOLS, 'typescript50', 'bin', 'tsc'), 'tsconfig.json'],
    [
      'TypeScript 5.0, moduleResolution node',
      join(TOOLS, 'typescript50', 'bin', 'tsc'),
      'tsconfig.node.json',
    ],
  ];
  for (const [what, tsc, config] of typescripts) {
    console.log(`\n== types: ${what}`);
    run(process.execPath, [tsc, '-p', config], project);
  }
}

function writeTable() {
  const file = join(root, 'docs', 'install.md');
  const lines = rows
    .filter((row) => !row.internal)
    .map(
      ({ name, node, scripts, way, command }) =>
        `| ${name} | ${node} | ${scripts ? 'on' : 'off'} | ${way === 'locked' ? 'yes' : 'no'} | \`${command}\` |`,
    );
  const table = [
    '| client | Node.js | scripts | from a lockfile | command |',
    '| --- | --- | --- | --- | --- |',
    ...lines,
  ].join('\n');
  const page = readFileSync(file, 'utf8');
  const marked = /(<!-- begin installations -->\n)[\s\S]*(\n<!-- end -->)/;
  writeFileSync(file, page.replace(marked, `$1\n${table}\n$2`));
}

function run(program, args, cwd, env = process.env) {
  const { status, error } = spawnSync(program, args, { cwd, env, stdio: 'inherit' });
  if (status !== 0)
    throw error ?? new Error(`${[program, ...args].join(' ')} failed with ${status}`);
}
