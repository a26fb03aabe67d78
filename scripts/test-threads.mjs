/**
 * `npm run test:threads`: the thread sanitizer over what runs at the same time. Linux with GCC; some
 * minutes, half of them for building.
 *
 *   1. the CUDA kernels, each CUDA thread a thread to the sanitizer: no race may be found, and with
 *      a barrier taken out one must be found
 *   2. generations on threads of their own over the emulated GPU
 *   3. the addon inside Node.js: generations side by side on the CPU and on the emulated GPU, aborts
 *      and disposals in mid-pass, worker_threads
 */
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, rmSync, symlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const require = createRequire(import.meta.url);
const out = join(root, 'build', 'threads');
const FOUND = 66; // the sanitizer's exit code where it reported something
const DRIVER = join(out, 'libsjd2_fake_cuda.so');
// Node.js and ONNX Runtime are not instrumented: what they do inside is not judged.
const OPTIONS = `halt_on_error=1 ignore_noninstrumented_modules=1 exitcode=${FOUND}`;
/** Taken out one at a time; each orders shared memory in every configuration. */
const MUTANTS = [0, 2, 5, 10, 20].map((n) => ['sjd2_verify_f32', n]).concat([['sjd2_refine', 0]]);

let failed = 0;
build();
check('the kernels', run(join(out, 'cuda_race_test'), []), 0);
for (const [kernel, barrier] of MUTANTS) {
  const outcome = run(join(out, 'cuda_race_test'), [kernel, String(barrier)]);
  check(`${kernel} without its barrier ${barrier} is caught`, outcome, FOUND);
}
check('threads on a device', run(join(out, 'cuda_driver_test'), ['threads of their own']), 0);
check('the addon', addon(), 0);
console.log(failed === 0 ? 'no race found' : `${failed} failed`);
process.exit(failed === 0 ? 0 : 1);

function build() {
  const cmakeJs = join(dirname(require.resolve('cmake-js/package.json')), 'bin', 'cmake-js');
  must(process.execPath, [
    cmakeJs,
    'configure',
    `--out=${out}`,
    '--CDSJD2_TESTS=ON',
    '--CDSJD2_SANITIZE=thread',
    '--CDSJD2_CUDA_ARCHITECTURES=80',
  ]);
  const parallel = process.env.CMAKE_BUILD_PARALLEL_LEVEL ?? String(availableParallelism());
  const targets = ['sjd2', 'cuda_race_test', 'cuda_driver_test'];
  must('cmake', ['--build', out, '--parallel', parallel, '--target', ...targets]);
  must(process.execPath, ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.json']);
}

/** The built package with the instrumented addon in it. */
function addon() {
  const home = join(out, 'package');
  rmSync(home, { recursive: true, force: true });
  mkdirSync(join(home, 'build', 'Release'), { recursive: true });
  for (const part of ['dist', 'package.json']) {
    cpSync(join(root, part), join(home, part), { recursive: true });
  }
  for (const part of ['models', 'node_modules']) symlinkSync(join(root, part), join(home, part));
  const built = [join(out, 'Release', 'sjd2.node'), join(out, 'sjd2.node')].find(existsSync);
  cpSync(built, join(home, 'build', 'Release', 'sjd2.node'));
  const library = spawnSync('gcc', ['-print-file-name=libtsan.so'], { encoding: 'utf8' });
  return run(process.execPath, [join(root, 'scripts', 'threads-program.cjs'), home], {
    LD_PRELOAD: library.stdout.trim(),
    SJD2_CUDA_DRIVER: DRIVER,
  });
}

function run(program, args, environment = {}) {
  return spawnSync(program, args, {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
    env: { ...process.env, TSAN_OPTIONS: OPTIONS, ...environment },
  });
}

function check(what, { status, stdout, stderr }, expected) {
  const holds = status === expected;
  console.log(`${holds ? 'ok  ' : 'FAIL'} ${what}`);
  if (holds) return;
  failed++;
  console.log(`ended with ${status}, not ${expected}\n${stdout}${stderr}`);
}

function must(program, args) {
  const { status } = spawnSync(program, args, { cwd: root, stdio: 'inherit' });
  if (status !== 0) process.exit(1);
}
