#include "target.h"

namespace sjd2::cpu::scalar {

// The vectors, then the kernels over them.
// clang-format off
#include "simd_scalar.h"
#include "kernels.inl"
// clang-format on

}  // namespace sjd2::cpu::scalar
