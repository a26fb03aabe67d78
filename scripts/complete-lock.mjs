/**
 * npm forgets optional packages of other platforms when it writes a lock on a machine that cannot
 * see them (https://github.com/npm/cli/issues/4828), and `npm ci` then refuses the lock. This adds
 * the missing entries; without an integrity, which npm fills in where the package is installed.
 *
 * It also takes the mark `hasInstallScript` from onnxruntime-node: `npm ci` of every version then
 * leaves its script alone, which would download CUDA libraries that nothing here needs. (A setting
 * in .npmrc works too, and npm 11 warns of it at every command.)
 *
 * With `--check` nothing is written, and what would change is a failure.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const OS = /(?:^|[-/])(aix|android|darwin|freebsd|linux|netbsd|openbsd|openharmony|sunos|win32)-/;
const CPU = /-(arm64|arm|ia32|loong64|mips64el|ppc64|riscv64|s390x|wasm32|x64)(?:-|$)/;

const file = join(dirname(fileURLToPath(import.meta.url)), '..', 'package-lock.json');
const lock = JSON.parse(readFileSync(file, 'utf8'));
const missing = {};
const scripted = lock.packages['node_modules/onnxruntime-node'];

for (const [location, entry] of Object.entries(lock.packages)) {
  for (const [name, range] of Object.entries(entry.optionalDependencies ?? {})) {
    if (found(location, name)) continue;
    missing[`node_modules/${name}`] = {
      version: range.replace(/^[~^]/, ''),
      ...platformOf(name),
      ...(entry.dev && { dev: true }),
      optional: true,
    };
  }
}

const changes = Object.keys(missing).map((name) => `lacks ${name}`);
if (scripted.hasInstallScript) changes.push('lets onnxruntime-node run its install script');
if (changes.length > 0 && process.argv.includes('--check')) {
  console.error(`package-lock.json ${changes.join(', ')}: run node scripts/complete-lock.mjs`);
  process.exitCode = 1;
} else if (changes.length > 0) {
  delete scripted.hasInstallScript;
  const all = Object.entries({ ...lock.packages, ...missing });
  lock.packages = Object.fromEntries(all.sort(([a], [b]) => a.localeCompare(b, 'en')));
  writeFileSync(file, `${JSON.stringify(lock, null, 2)}\n`);
  console.log(`mended: package-lock.json ${changes.join(', ')}`);
}

/** As Node resolves: in the package's own node_modules, then in every one above it. */
function found(location, name) {
  for (let base = location; ; base = base.slice(0, base.lastIndexOf('node_modules/') - 1)) {
    const place = base === '' ? `node_modules/${name}` : `${base}/node_modules/${name}`;
    if (place in lock.packages) return true;
    if (!base.includes('node_modules/')) return `node_modules/${name}` in lock.packages;
  }
}

/** By the naming that all of them follow: `cli-linux-arm64-musl`, `core-win32-x64-msvc`. */
function platformOf(name) {
  const os = name.match(OS)?.[1];
  const cpu = name.match(CPU)?.[1];
  if (!os || !cpu) throw new Error(`Cannot tell the platform of ${name} by its name`);
  const libc = os === 'linux' && (/musl/.test(name) ? 'musl' : 'glibc');
  return { cpu: [cpu], ...(libc && { libc: [libc] }), os: [os] };
}
