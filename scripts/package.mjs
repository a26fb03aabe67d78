/**
 * Makes what is published, as tarballs in build/packages: one package per platform that holds
 * nothing but the addon built on this machine (@sjd2/linux-x64 and so on), and the package sjd2,
 * which names all of them as optional dependencies. npm takes the one that fits; nothing compiles
 * and no script of ours runs at the user's.
 *
 * The optional dependencies are written here and not in the repository's package.json, because
 * there `npm ci` would look for packages of a version that is not published yet. A plain `npm pack`
 * therefore makes something else: one tarball with the addon inside, for machines like this one.
 */
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Every platform that src/native/loader.ts knows. */
const PLATFORMS = {
  'linux-x64': { os: ['linux'], cpu: ['x64'], libc: ['glibc'] },
  'linux-arm64': { os: ['linux'], cpu: ['arm64'], libc: ['glibc'] },
  'darwin-arm64': { os: ['darwin'], cpu: ['arm64'] },
  'win32-x64': { os: ['win32'], cpu: ['x64'] },
};
const NOTE = 'Part of [sjd2](https://www.npmjs.com/package/sjd2), which brings it along.';
const ADDON = 'build/Release/sjd2.node';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const packages = join(root, 'build', 'packages');
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

if (!existsSync(join(root, ADDON)) || !existsSync(join(root, 'dist', 'index.js'))) {
  console.error('sjd2: nothing to package yet: run npm run build');
  process.exit(1);
}
rmSync(packages, { recursive: true, force: true });
console.log(packPlatform());
console.log(packMain());

/** The addon of this machine, with what npm needs to know where it fits. */
function packPlatform() {
  const platform = `${process.platform}-${process.arch}`;
  const limits = PLATFORMS[platform];
  if (!limits) throw new Error(`src/native/loader.ts does not know ${platform}`);
  const folder = join(packages, platform);
  mkdirSync(folder, { recursive: true });
  copyFileSync(join(root, ADDON), join(folder, 'sjd2.node'));
  copyFileSync(join(root, 'LICENSE'), join(folder, 'LICENSE'));
  const { version, license, engines } = manifest;
  const name = `@sjd2/${platform}`;
  writeJson(join(folder, 'package.json'), {
    name,
    version,
    description: `The native addon of sjd2 for ${platform}`,
    license,
    engines,
    ...limits,
    main: 'sjd2.node',
    files: ['sjd2.node'],
    preferUnplugged: true,
  });
  writeFileSync(join(folder, 'README.md'), `# ${name}\n\n${NOTE}\n`);
  return pack(folder);
}

function packMain() {
  const folder = join(packages, 'sjd2');
  for (const file of packedFiles()) {
    if (file === ADDON || file === 'package.json') continue;
    mkdirSync(dirname(join(folder, file)), { recursive: true });
    copyFileSync(join(root, file), join(folder, file));
  }
  const { prepare, prepublishOnly, ...scripts } = manifest.scripts;
  const { version } = manifest;
  writeJson(join(folder, 'package.json'), {
    ...manifest,
    files: manifest.files.filter((file) => file !== ADDON),
    scripts,
    optionalDependencies: Object.fromEntries(
      Object.keys(PLATFORMS).map((platform) => [`@sjd2/${platform}`, version]),
    ),
  });
  return pack(folder);
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
  const { stdout, stderr, status } = spawnSync('npm', args, { cwd, shell, encoding: 'utf8' });
  if (status !== 0) throw new Error(`npm ${args.join(' ')} failed:\n${stderr}`);
  return Object.values(JSON.parse(stdout));
}

function writeJson(file, value) {
  writeFileSync(file, `${JSON.stringify(value, null, 2)}\n`);
}
