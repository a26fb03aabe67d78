#include "target.h"

#if defined(__aarch64__) || defined(_M_ARM64)

#include <arm_neon.h>

namespace sjd2::cpu::neon {

#include "simd_neon.h"
// The kernels, in the order in which they build on each other.
#include "cut.inl"
#include "gumbel.inl"
#include "law.inl"
#include "math.inl"
#include "noise.inl"
#include "refine.inl"
#include "scan.inl"
#include "verify.inl"

const Kernels kernels{noise, verify, refine};

}  // namespace sjd2::cpu::neon

#endif
