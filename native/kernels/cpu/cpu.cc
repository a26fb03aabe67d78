// Chooses the instruction set once, when the library is loaded.
#include "cpu.h"

#include "target.h"

#ifdef _MSC_VER
#include <intrin.h>
#elif defined(__x86_64__)
#include <cpuid.h>
#endif

namespace sjd2 {

namespace cpu {
namespace {

#if defined(__x86_64__) || defined(_M_X64)
struct Registers {
  uint32_t a, b, c, d;
};

// What compilers have for this (`__builtin_cpu_supports`) needs data of their runtime library,
// which zig's lacks.
Registers cpuid(uint32_t leaf) {
  Registers r;
#ifdef _MSC_VER
  __cpuidex(reinterpret_cast<int*>(&r), static_cast<int>(leaf), 0);
#else
  __cpuid_count(leaf, 0, r.a, r.b, r.c, r.d);
#endif
  return r;
}

// Which registers the operating system saves when it switches threads.
uint32_t saved_state() {
#ifdef _MSC_VER
  return static_cast<uint32_t>(_xgetbv(0));
#else
  uint32_t low, high;
  __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return low;
#endif
}

struct Features {
  bool avx2 = false, avx512 = false;
  Features() {
    if (cpuid(0).a < 7) return;
    const uint32_t leaf1 = cpuid(1).c, leaf7 = cpuid(7).b;
    const auto has = [](uint32_t word, int bit) { return (word >> bit & 1) != 0; };
    const uint32_t state = has(leaf1, 27) ? saved_state() : 0;  // OSXSAVE: it may be asked
    const bool ymm = (state & 0x06) == 0x06, zmm = (state & 0xE6) == 0xE6;
    const bool fma = has(leaf1, 12), f16c = has(leaf1, 29);
    avx2 = ymm && fma && f16c && has(leaf7, 5);
    // F, DQ, BW, VL
    avx512 = zmm && avx2 && has(leaf7, 16) && has(leaf7, 17) && has(leaf7, 30) && has(leaf7, 31);
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
