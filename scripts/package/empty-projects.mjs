/** Empty projects that have a registry and a runtime, and nothing else: no compiler, no cache, no network. */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, isAbsolute, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { RUNTIMES } from './installers.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

/** A project that depends on sjd2, with the programs of test/consumer and the address of a registry. */
export function emptyProject({ scratch, registry }) {
  const project = mkdtempSync(join(scratch, 'project-'));
  cpSync(join(root, 'test', 'consumer'), project, { recursive: true });
  const manifest = { name: 'consumer', version: '1.0.0', dependencies: { sjd2: version } };
  writeFileSync(join(project, 'package.json'), JSON.stringify(manifest));
  writeFileSync(join(project, '.npmrc'), `registry=${registry}/\n`);
  return project;
}

/** Node.js and a shell on the PATH: whoever wants to compile cannot. */
export function environment({ scratch, registry }, runtime) {
  const name = runtime.startsWith('node') ? runtime : 'node20';
  const bin = join(scratch, `bin-${name}`);
  if (!existsSync(bin)) {
    mkdirSync(bin);
    symlinkSync(commandOf(name)[0], join(bin, 'node'));
    symlinkSync('/bin/sh', join(bin, 'sh'));
  }
  // How this machine reaches a registry at all.
  const network = ['NODE_EXTRA_CA_CERTS', 'SSL_CERT_FILE', 'HTTPS_PROXY', 'HTTP_PROXY', 'NO_PROXY']
    .filter((variable) => process.env[variable])
    .map((variable) => [variable, process.env[variable]]);
  return {
    ...Object.fromEntries(network),
    PATH: bin,
    HOME: join(scratch, 'home'),
    CI: '1',
    npm_config_registry: registry,
    pnpm_config_minimum_release_age: '0', // ours was published a second ago
    npm_config_cache: join(scratch, 'cache'),
    NPM_CONFIG_REGISTRY: registry, // Deno and Bun
    DENO_DIR: join(scratch, 'deno'),
    DENO_NO_UPDATE_CHECK: '1',
    YARN_REGISTRY: registry,
    YARN_NPM_REGISTRY_SERVER: registry,
    YARN_UNSAFE_HTTP_WHITELIST: '127.0.0.1',
    YARN_NODE_LINKER: 'node-modules',
    YARN_ENABLE_TELEMETRY: '0',
    YARN_NPM_MINIMAL_AGE_GATE: '0',
    YARN_ENABLE_GLOBAL_CACHE: 'false',
  };
}

/** The command line of a runtime. */
export function commandOf(runtime) {
  const { home, command } = RUNTIMES[runtime];
  const [program, ...flags] = command;
  return [join(home, program), ...flags];
}

/** `Node.js 20.17.0`, `Bun 1.4.5` */
export function runtimeName(runtime) {
  const name = runtime.startsWith('node')
    ? 'Node.js'
    : `${runtime[0].toUpperCase()}${runtime.slice(1)}`;
  return `${name} ${versionOf(RUNTIMES[runtime].home)}`;
}

export function versionOf(home) {
  return JSON.parse(readFileSync(join(home, 'package.json'), 'utf8')).version.replace(/^v/, '');
}

/** SHA-256 of a picture's pixels: runtimes compress PNG files differently. */
export function pixelsOf(file) {
  const { RgbImage } = createRequire(import.meta.url)(join(root, 'dist', 'index.js'));
  return createHash('sha256')
    .update(RgbImage.fromPNG(readFileSync(file)).data)
    .digest('hex');
}

/** Runs a command and shows what it prints. */
export function run([program, ...args], cwd, env = process.env) {
  const { status, signal, error } = spawnSync(program, args, { cwd, env, stdio: 'inherit' });
  if (status === 0) return;
  const short = (word) => (isAbsolute(word) ? basename(word) : word);
  const command = [program, ...args].map(short).join(' ');
  throw error ?? new Error(`${command} failed with ${status ?? signal}`);
}
