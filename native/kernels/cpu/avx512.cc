#include "target.h"

#if defined(__x86_64__) || defined(_M_X64)

// Everything below is compiled for this target, without flags from the build system. MSVC needs
// nothing: it takes intrinsics of any instruction set anywhere.
#if defined(__clang__)
#pragma clang attribute push(                                                    \
    __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c"))), \
    apply_to = function)
#elif defined(__GNUC__)
#pragma GCC push_options
// GCC's own AVX-512 headers warn when inlined (GCC bug 105593).
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c")
#endif

#include <immintrin.h>

namespace sjd2::cpu::avx512 {

// The vectors, then the kernels over them.
// clang-format off
#include "simd_avx512.h"
#include "kernels.inl"
// clang-format on

}  // namespace sjd2::cpu::avx512

#if defined(__clang__)
#pragma clang attribute pop
#elif defined(__GNUC__)
#pragma GCC pop_options
#endif

#endif
