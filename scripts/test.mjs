/**
 * Runs every test, native ones first, and closes with a line of its own: `N passed, N failed`. Both
 * suites run even if the first one fails; the exit code is 0 only if everything ran and passed.
 * Arguments go to jest.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const require = createRequire(import.meta.url);
const folder = mkdtempSync(join(tmpdir(), 'sjd2-test-'));
const total = { passed: 0, failed: 0 };

try {
  native();
  jest(process.argv.slice(2));
} finally {
  rmSync(folder, { recursive: true, force: true });
}
console.log(`${total.passed} passed, ${total.failed} failed`);
process.exitCode = total.failed === 0 && total.passed > 0 ? 0 : 1;

/** Each native test program prints its own `N passed, N failed`; ctest -V shows them. */
function native() {
  if (!run(process.execPath, ['scripts/build-addon.mjs', '--tests'])) {
    count('the native tests did not build', 0, 1);
    return;
  }
  const args = ['--test-dir', 'build', '--no-tests=error', '--verbose'];
  const { stdout, status } = spawnSync('ctest', args, {
    cwd: root,
    encoding: 'utf8',
    stdio: ['inherit', 'pipe', 'inherit'],
    maxBuffer: 2 ** 28,
  });
  process.stdout.write(stdout ?? '');
  const programs = [...(stdout ?? '').matchAll(/^\d+: (\d+) passed, (\d+) failed$/gm)];
  const passed = programs.reduce((sum, match) => sum + Number(match[1]), 0);
  const failed = programs.reduce((sum, match) => sum + Number(match[2]), 0);
  // A crashed program fails in ctest without having printed its line.
  count('native', passed, status !== 0 && failed === 0 ? 1 : failed);
}

function jest(args) {
  if (!run(process.execPath, ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.json'])) {
    count('TypeScript does not compile', 0, 1);
    return;
  }
  const report = join(folder, 'jest.json');
  const program = join(dirname(require.resolve('jest/package.json')), 'bin', 'jest.js');
  const passes = run(
    process.execPath,
    [program, '--json', `--outputFile=${report}`, ...args],
    'ignore',
  );
  let result;
  try {
    result = JSON.parse(readFileSync(report, 'utf8'));
  } catch {
    count('jest did not run', 0, 1);
    return;
  }
  // A file that does not even load counts as one failure.
  const failed = result.numFailedTests + result.numRuntimeErrorTestSuites;
  count('jest', result.numPassedTests, passes ? failed : Math.max(1, failed));
}

function run(program, args, stdout = 'inherit') {
  return (
    spawnSync(program, args, { cwd: root, stdio: ['inherit', stdout, 'inherit'] }).status === 0
  );
}

function count(what, passed, failed) {
  console.log(`${what}: ${passed} passed, ${failed} failed\n`);
  total.passed += passed;
  total.failed += failed;
}
