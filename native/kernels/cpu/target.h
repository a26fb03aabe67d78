// What every target's source file needs BEFORE it switches to its instruction set: inline functions
// of these headers must be compiled for the baseline, as the linker keeps one copy of each.
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <type_traits>
#include <utility>

#include "kernels/coupling.h"
#include "kernels/half.h"
#include "kernels/kernels.h"

namespace sjd2::cpu {

// What one row of `verify` works in; the decisions of all positions lie before it.
size_t row_scratch_floats(int32_t vocabulary);

namespace scalar {
extern const Kernels kernels;
}
namespace avx2 {
extern const Kernels kernels;
}
namespace avx512 {
extern const Kernels kernels;
}
namespace neon {
extern const Kernels kernels;
}

}  // namespace sjd2::cpu
