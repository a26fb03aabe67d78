#include "target.h"

#if defined(__x86_64__) || defined(_M_X64)

// Everything below is compiled for this target, without flags from the build system. MSVC needs
// nothing: it takes intrinsics of any instruction set anywhere.
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)
#elif defined(__GNUC__)
#pragma GCC push_options
#pragma GCC target("avx2,fma,f16c")
#endif

#include <immintrin.h>

namespace sjd2::cpu::avx2 {

// The vectors, then the kernels over them.
// clang-format off
#include "simd_avx2.h"
#include "kernels.inl"
// clang-format on

}  // namespace sjd2::cpu::avx2

#if defined(__clang__)
#pragma clang attribute pop
#elif defined(__GNUC__)
#pragma GCC pop_options
#endif

#endif
