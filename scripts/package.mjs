/**
 * Makes what is published, as tarballs in build/packages: `@sjd2/<platform>` with the addon and ONNX
 * Runtime, and `sjd2`, whose optional dependencies name the platforms of this run and no others. npm
 * takes the one that fits; nothing compiles and no script runs at the user's.
 *
 *     npm run package                                        for this machine, to try things out
 *     npm run package -- --target linux-x64 --target linux-arm64
 *     npm run package -- --release                           every platform, or nothing
 *
 * A platform's addon is what `build-addon.mjs --target` has built; this machine's may be the
 * development build. The repository's address comes from SJD2_REPOSITORY (https://...), which
 * `--release` needs: npm's page links there, and checks its provenance against it.
 */
import { spawnSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { hasCudaKernels, neededGlibc } from './package/binary.mjs';
import { modelNotices, nativeNotices } from './package/notices.mjs';
import { stagePlatform } from './package/platform-package.mjs';
import { buildFolder, HOST, PLATFORMS } from './package/platforms.mjs';
import { withAddresses } from './package/readme.mjs';
import { placeRuntime } from './package/runtime.mjs';

/** What a user's package.json of sjd2 holds, in this order. */
const PUBLISHED = [
  'name',
  'version',
  'description',
  'keywords',
  'license',
  'homepage',
  'bugs',
  'repository',
  'type',
  'engines',
  'main',
  'types',
  'typesVersions',
  'exports',
  'bin',
  'files',
  'dependencies',
  'optionalDependencies',
  'peerDependencies',
  'peerDependenciesMeta',
  'preferUnplugged',
  'publishConfig',
];

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const packages = join(root, 'build', 'packages');
const { values } = parseArgs({
  options: { target: { type: 'string', multiple: true }, release: { type: 'boolean' } },
});
const release = values.release ?? false;
const targets = release ? Object.keys(PLATFORMS) : (values.target ?? [HOST]);
const manifest = {
  ...JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')),
  ...addresses(),
};

if (!existsSync(join(root, 'dist', 'index.js'))) fail('nothing to package yet: run npm run build');
const addons = targets.map((platform) => [platform, addonOf(platform)]);
const problems = addons.flatMap(([platform, addon]) => faults(platform, addon));
if (release && !manifest.repository) problems.push('SJD2_REPOSITORY does not say where we live');
if (problems.length > 0) fail(`not packaged:\n  ${problems.join('\n  ')}`);

rmSync(packages, { recursive: true, force: true });
for (const [platform, addon] of addons) console.log(packPlatform(platform, addon));
console.log(packMain());

function addonOf(platform) {
  const published = join(root, buildFolder(platform), 'Release', 'sjd2.node');
  const development = join(root, buildFolder(), 'Release', 'sjd2.node');
  if (existsSync(published) || release || platform !== HOST) return published;
  console.error(
    `sjd2: packing the development build for ${platform}, which needs a system like this`,
  );
  return development;
}

/** Why an addon cannot be in a package. */
function faults(platform, addon) {
  if (!(platform in PLATFORMS)) return [`${platform} is none of ${Object.keys(PLATFORMS)}`];
  if (!existsSync(addon)) return [`${platform} is not built: build-addon.mjs --target ${platform}`];
  if (!release) return [];
  const found = [];
  const [major, minor] = neededGlibc(addon) ?? [0, 0];
  if (major > 2 || minor > 28) found.push(`${platform} asks for glibc ${major}.${minor}`);
  if (platform === 'linux-x64' && !hasCudaKernels(addon)) {
    found.push('linux-x64 has no CUDA kernels: build it where nvcc is');
  }
  return found;
}

function packPlatform(platform, addon) {
  const folder = join(packages, platform);
  const notices = nativeNotices(root);
  const runtime = stagePlatform(folder, platform, manifest, { addon, notices });
  // Beside the addon where that was built for publishing, renamed and signed there.
  const built = join(dirname(addon), runtime);
  if (existsSync(built)) {
    for (const name of [runtime, ...(PLATFORMS[platform].companions ?? [])]) {
      copyFileSync(join(dirname(addon), name), join(folder, name));
    }
  } else placeRuntime(platform, folder);
  copyFileSync(join(root, 'LICENSE'), join(folder, 'LICENSE'));
  return pack(folder);
}

function packMain() {
  const folder = join(packages, 'sjd2');
  const { version } = manifest;
  const files = ['dist', 'bin', 'models', 'CHANGELOG.md', 'THIRD-PARTY-NOTICES.txt'];
  const optionalDependencies = Object.fromEntries(
    targets.map((platform) => [`@sjd2/${platform}`, version]),
  );
  const complete = {
    ...manifest,
    files,
    optionalDependencies,
    // Native code reads models by itself, and no zip file of Yarn's.
    preferUnplugged: true,
    publishConfig: { access: 'public' },
  };
  const published = PUBLISHED.filter((key) => key in complete).map((key) => [key, complete[key]]);
  for (const file of packedFiles()) {
    if (file.startsWith('build/') || file === 'package.json' || file === 'README.md') continue;
    mkdirSync(dirname(join(folder, file)), { recursive: true });
    copyFileSync(join(root, file), join(folder, file));
  }
  writeJson(join(folder, 'package.json'), Object.fromEntries(published));
  const readme = readFileSync(join(root, 'README.md'), 'utf8');
  writeFileSync(
    join(folder, 'README.md'),
    manifest.homepage ? withAddresses(readme, address(), version) : readme,
  );
  const models = readdirSync(join(folder, 'models'));
  writeFileSync(join(folder, 'THIRD-PARTY-NOTICES.txt'), modelNotices(root, models));
  return pack(folder);
}

function address() {
  return process.env.SJD2_REPOSITORY?.replace(/\/$/, '');
}

function addresses() {
  const url = address();
  if (!url) return {};
  return {
    homepage: `${url}#readme`,
    bugs: { url: `${url}/issues` },
    repository: { type: 'git', url: `git+${url}.git` },
  };
}

function packedFiles() {
  const [{ files }] = npm(['pack', '--dry-run', '--json', '--ignore-scripts'], root);
  return files.map(({ path }) => path);
}

function pack(folder) {
  const args = ['pack', '--json', '--ignore-scripts', '--pack-destination', packages];
  const [{ filename }] = npm(args, folder);
  return join(packages, filename.replace(/^@/, '').replaceAll('/', '-'));
}

/** The entries of npm's JSON: a list up to npm 11, keyed by package name after that. */
function npm(args, cwd) {
  const shell = process.platform === 'win32';
  const { stdout, stderr, status } = spawnSync('npm', args, {
    cwd,
    shell,
    encoding: 'utf8',
    maxBuffer: 2 ** 26,
  });
  if (status !== 0) throw new Error(`npm ${args.join(' ')} failed:\n${stderr}`);
  return Object.values(JSON.parse(stdout));
}

function writeJson(file, value) {
  writeFileSync(file, `${JSON.stringify(value, null, 2)}\n`);
}

function fail(message) {
  console.error(`sjd2: ${message}`);
  process.exit(1);
}
