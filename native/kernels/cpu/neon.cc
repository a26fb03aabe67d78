#include "target.h"

#if defined(__aarch64__) || defined(_M_ARM64)

#include <arm_neon.h>

namespace sjd2::cpu::neon {

// clang-format off: the order matters
#include "kernels.inl"
#include "simd_neon.h"
// clang-format on

}  // namespace sjd2::cpu::neon

#endif
