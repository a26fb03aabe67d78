/**
 * Builds the native addon for this machine into build/Release, with ONNX Runtime beside it (`--tests`
 * builds the native tests too). What is missing on the machine is said in one line, not in a
 * screenful of CMake.
 *
 * `--target <platform>` builds what is published, into build/targets/<platform>/Release: for Linux,
 * x64 and arm64, anywhere where zig runs and against glibc 2.28, what ONNX Runtime needs; for macOS
 * and Windows on such a machine.
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { buildFolder, HOST, PLATFORMS } from './package/platforms.mjs';
import { placeRuntime } from './package/runtime.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const require = createRequire(import.meta.url);
const { values } = parseArgs({
  options: { tests: { type: 'boolean' }, target: { type: 'string' } },
});
const { tests = false, target } = values;

if (target !== undefined && !(target in PLATFORMS)) {
  fail(`there are no packages for ${target}, only for ${Object.keys(PLATFORMS).join(', ')}.`);
}
if (spawnSync('cmake', ['--version']).error) {
  fail(
    'CMake 3.21 or newer is needed to build the addon: install it (e.g. apt-get install cmake).',
  );
}

const { definitions, environment } = target
  ? published(target)
  : { definitions: [], environment: {} };
// Configured anew every time, so that --tests counts in a tree that was built without.
const cmakeJs = join(dirname(require.resolve('cmake-js/package.json')), 'bin', 'cmake-js');
const parallel = process.env.CMAKE_BUILD_PARALLEL_LEVEL ?? String(availableParallelism());
const out = join(root, buildFolder(target));
for (const step of [
  ['configure', `--CDSJD2_TESTS=${tests ? 'ON' : 'OFF'}`, ...definitions],
  ['build', '--parallel', parallel],
]) {
  const { status } = spawnSync(process.execPath, [cmakeJs, ...step, '--out', out], {
    cwd: root,
    env: { ...process.env, ...environment },
    stdio: 'inherit',
  });
  if (status !== 0) {
    fail(
      'The addon did not build, see above. It needs a C++20 compiler (GCC 11, Clang 14 or newer).',
    );
  }
}
const platform = target ?? HOST;
if (platform in PLATFORMS) placeRuntime(platform, join(out, 'Release'));

/** How the addon of a platform's package is built. */
function published(platform) {
  const { os } = PLATFORMS[platform];
  if (os === 'linux') return withZig(platform);
  if (platform !== HOST)
    fail(`${platform} is built on such a machine only: see .github/workflows.`);
  return {
    environment: {},
    definitions: {
      // ONNX Runtime's own minimum.
      darwin: ['--CDCMAKE_OSX_DEPLOYMENT_TARGET=14.0'],
      // The C++ library inside; ONNX Runtime brings the need for Microsoft's to the table anyway.
      win32: ['--CDCMAKE_MSVC_RUNTIME_LIBRARY=MultiThreaded'],
    }[os],
  };
}

function withZig(platform) {
  const architecture = { x64: 'x86_64', arm64: 'aarch64' }[PLATFORMS[platform].cpu];
  return {
    definitions: [
      `--CDCMAKE_TOOLCHAIN_FILE=${join(root, 'native', 'zig.cmake')}`,
      '--CDSJD2_STRIP=ON',
    ],
    environment: {
      SJD2_ZIG: process.env.SJD2_ZIG ?? zigFromNpm(),
      SJD2_ZIG_TARGET: `${architecture}-linux-gnu.2.28`,
      // The cache's own header is full of warnings of its own.
      CMAKE_CXX_COMPILER_LAUNCHER: '',
    },
  };
}

/** zig in scripts/zig, of the version and with the hash in its lock; SJD2_ZIG names another. */
function zigFromNpm() {
  const home = join(root, 'scripts', 'zig');
  const zig = join(home, 'node_modules', '@zigc', HOST, 'bin', 'zig');
  if (!existsSync(zig)) {
    const shell = process.platform === 'win32';
    const { status } = spawnSync('npm', ['ci', '--ignore-scripts'], {
      cwd: home,
      shell,
      stdio: 'inherit',
    });
    if (status !== 0 || !existsSync(zig)) fail('zig could not be installed: see scripts/zig.');
  }
  return zig;
}

function fail(message) {
  console.error(`sjd2: ${message}`);
  process.exit(1);
}
