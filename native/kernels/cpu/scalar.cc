#include "target.h"

namespace sjd2::cpu::scalar {

// clang-format off: the order matters
#include "kernels.inl"
#include "simd_scalar.h"
// clang-format on

}  // namespace sjd2::cpu::scalar
