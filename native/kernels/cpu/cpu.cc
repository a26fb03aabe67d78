// Chooses the instruction set once, when the library is loaded.
#include "cpu.h"

#include "target.h"

#if defined(_MSC_VER) && defined(_M_X64)
#include <intrin.h>
#endif

namespace sjd2 {

namespace cpu {
namespace {

#if defined(_MSC_VER) && defined(_M_X64) && !defined(__clang__)
struct Features {
  bool avx2, avx512;
  Features() {
    int leaf1[4], leaf7[4];
    __cpuid(leaf1, 1);
    __cpuidex(leaf7, 7, 0);
    const bool saves_state = leaf1[2] >> 27 & 1;  // OSXSAVE: xgetbv may be asked
    const unsigned long long state = saves_state ? _xgetbv(0) : 0;
    const bool ymm = (state & 0x06) == 0x06, zmm = (state & 0xE6) == 0xE6;
    const bool fma = leaf1[2] >> 12 & 1, f16c = leaf1[2] >> 29 & 1;
    const int ebx = leaf7[1];
    avx2 = ymm && fma && f16c && (ebx >> 5 & 1);
    avx512 = zmm && avx2 && (ebx >> 16 & 1) && (ebx >> 17 & 1) && (ebx >> 30 & 1) && (ebx < 0);
  }
};
#elif defined(__x86_64__)
struct Features {
  bool avx2, avx512;
  Features() {
    __builtin_cpu_init();
    // F16C is older than AVX2 and in every processor that has both of these; Clang cannot ask for
    // it.
    avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    avx512 = avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
             __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
  }
};
#endif

std::vector<Target> detect() {
  std::vector<Target> found;
#if defined(__x86_64__) || defined(_M_X64)
  const Features features;
  if (features.avx512) found.push_back({"avx512", &avx512::kernels});
  if (features.avx2) found.push_back({"avx2", &avx2::kernels});
#elif defined(__aarch64__) || defined(_M_ARM64)
  found.push_back({"neon", &neon::kernels});
#endif
  found.push_back({"scalar", &scalar::kernels});
  return found;
}

}  // namespace

const std::vector<Target>& targets() {
  static const std::vector<Target> found = detect();
  return found;
}

// Through functions, so that they are ready before any static constructor runs.
const Kernels kernels{
    [](const EnterArgs& args) { targets()[0].kernels->enter(args); },
    [](const NoiseArgs& args) { targets()[0].kernels->noise(args); },
    [](const VerifyArgs& args) { return targets()[0].kernels->verify(args); },
    [](const RefineArgs& args) { targets()[0].kernels->refine(args); },
};

size_t row_scratch_floats(int32_t vocabulary) {
  const size_t row = (static_cast<size_t>(vocabulary) + 63) / 64 * 64 + 64;
  const size_t blocks = static_cast<size_t>(vocabulary) / 128 + 2;
  return 6 * row + 4 * blocks + 2;
}

}  // namespace cpu

// Four floats per position for its decision, then what a row works in.
size_t verify_scratch_floats(int32_t vocabulary, int32_t count) {
  return 4 * static_cast<size_t>(count) + cpu::row_scratch_floats(vocabulary);
}

}  // namespace sjd2
