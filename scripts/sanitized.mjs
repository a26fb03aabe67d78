/** What `npm run test:threads` and `npm run test:memory` share: a build with a sanitizer, and checks. */
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const require = createRequire(import.meta.url);
let failed = 0;

/** Builds targets into `out`; one GPU architecture is enough for code that no GPU runs. */
export function buildSanitized(out, sanitizer, targets) {
  const cmakeJs = join(dirname(require.resolve('cmake-js/package.json')), 'bin', 'cmake-js');
  must(process.execPath, [
    cmakeJs,
    'configure',
    `--out=${out}`,
    '--CDSJD2_TESTS=ON',
    `--CDSJD2_SANITIZE=${sanitizer}`,
    '--CDSJD2_CUDA_ARCHITECTURES=80',
  ]);
  const parallel = process.env.CMAKE_BUILD_PARALLEL_LEVEL ?? String(availableParallelism());
  must('cmake', ['--build', out, '--parallel', parallel, '--target', ...targets]);
}

export function run(program, args, environment = {}, folder = root) {
  return spawnSync(program, args, {
    cwd: folder,
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
    env: { ...process.env, ...environment },
  });
}

export function check(what, { status, stdout, stderr }, expected = 0) {
  const holds = status === expected;
  console.log(`${holds ? 'ok  ' : 'FAIL'} ${what}`);
  if (holds) return;
  failed++;
  console.log(`ended with ${status}, not ${expected}\n${stdout}${stderr}`);
}

export function must(program, args) {
  const { status } = spawnSync(program, args, { cwd: root, stdio: 'inherit' });
  if (status !== 0) process.exit(1);
}

/** Ends the process with the verdict. */
export function finish(allIsWell) {
  console.log(failed === 0 ? allIsWell : `${failed} failed`);
  process.exit(failed === 0 ? 0 : 1);
}
