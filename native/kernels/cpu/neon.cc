#include "target.h"

#if defined(__aarch64__) || defined(_M_ARM64)

#include <arm_neon.h>

namespace sjd2::cpu::neon {

// The vectors, then the kernels over them.
// clang-format off
#include "simd_neon.h"
#include "kernels.inl"
// clang-format on

}  // namespace sjd2::cpu::neon

#endif
