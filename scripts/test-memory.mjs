/**
 * `npm run test:memory`: the address and the undefined-behaviour sanitizer over the native tests, the
 * emulated CUDA kernels and the CUDA engine over the fake driver included. Linux with GCC; half an hour.
 *
 * The mutants are left out: kernels that were broken on purpose read where they must not.
 */
import { join } from 'node:path';
import { buildSanitized, check, finish, root, run } from './sanitized.mjs';

const out = join(root, 'build', 'memory');
const DRIVER = join(out, 'libsjd2_fake_cuda.so');
const PROGRAMS = [
  ['the CPU kernels', 'native/test/kernels_test', ['-mutant']],
  ['the engine', 'native/test/decode_test', []],
  ['the emulated CUDA kernels', 'cuda_simt_test', ['-mutants']],
  ['the engine over the fake driver', 'cuda_driver_test', []],
  ['the GPU check', 'gpu_check', []],
];

const targets = PROGRAMS.map(([, program]) => program.split('/').at(-1));
buildSanitized(out, 'address,undefined', targets);
for (const [what, program, args] of PROGRAMS) {
  // What ONNX Runtime's library keeps until the process ends is not ours to free.
  const environment = { ASAN_OPTIONS: 'detect_leaks=0', SJD2_CUDA_DRIVER: DRIVER };
  check(what, run(join(out, program), args, environment, join(root, 'native', 'test')));
}
finish('no memory error and no undefined behaviour found');
