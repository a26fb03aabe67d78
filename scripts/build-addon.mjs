/**
 * Builds the native addon into build/Release (`--tests` builds the native tests too). What is
 * missing on the machine is said in one line, not in a screenful of CMake.
 */
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const require = createRequire(import.meta.url);
const tests = process.argv.includes('--tests');

if (spawnSync('cmake', ['--version']).error) {
  fail(
    'CMake 3.21 or newer is needed to build the addon: install it (e.g. apt-get install cmake).',
  );
}

// Configured anew every time, so that --tests counts in a tree that was built without.
const cmakeJs = join(dirname(require.resolve('cmake-js/package.json')), 'bin', 'cmake-js');
const parallel = process.env.CMAKE_BUILD_PARALLEL_LEVEL ?? String(availableParallelism());
for (const step of [
  ['configure', `--CDSJD2_TESTS=${tests ? 'ON' : 'OFF'}`],
  ['build', '--parallel', parallel],
]) {
  const { status } = spawnSync(process.execPath, [cmakeJs, ...step], {
    cwd: root,
    stdio: 'inherit',
  });
  if (status !== 0) {
    fail(
      'The addon did not build, see above. It needs a C++20 compiler (GCC 11, Clang 14 or newer).',
    );
  }
}

function fail(message) {
  console.error(`sjd2: ${message}`);
  process.exit(1);
}
