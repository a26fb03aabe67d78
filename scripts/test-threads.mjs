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
import { cpSync, existsSync, mkdirSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { buildSanitized, check, finish, must, root, run } from './sanitized.mjs';

const out = join(root, 'build', 'threads');
const FOUND = 66; // the sanitizer's exit code where it reported something
const DRIVER = join(out, 'libsjd2_fake_cuda.so');
// Node.js and ONNX Runtime are not instrumented: what they do inside is not judged.
const TSAN = {
  TSAN_OPTIONS: `halt_on_error=1 ignore_noninstrumented_modules=1 exitcode=${FOUND}`,
};
/** Taken out one at a time; each orders shared memory in every configuration. */
const MUTANTS = [0, 2, 5, 10, 20].map((n) => ['sjd2_verify_f32', n]).concat([['sjd2_refine', 0]]);

buildSanitized(out, 'thread', ['sjd2', 'cuda_race_test', 'cuda_driver_test']);
must(process.execPath, ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.json']);
check('the kernels', run(join(out, 'cuda_race_test'), [], TSAN));
for (const [kernel, barrier] of MUTANTS) {
  const outcome = run(join(out, 'cuda_race_test'), [kernel, String(barrier)], TSAN);
  check(`${kernel} without its barrier ${barrier} is caught`, outcome, FOUND);
}
check('threads on a device', run(join(out, 'cuda_driver_test'), ['threads of their own'], TSAN));
check('the addon', addon());
finish('no race found');

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
  const library = run('gcc', ['-print-file-name=libtsan.so']);
  return run(process.execPath, [join(root, 'scripts', 'threads-program.cjs'), home], {
    ...TSAN,
    LD_PRELOAD: library.stdout.trim(),
    SJD2_CUDA_DRIVER: DRIVER,
  });
}
