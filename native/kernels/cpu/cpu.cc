#include "kernels/kernels.h"
#include "kernels/reference/reference.h"

namespace sjd2 {

size_t verify_scratch_floats(int32_t vocabulary, int32_t count, int32_t threads) {
  const size_t row = (static_cast<size_t>(vocabulary) + 127) / 64 * 64;
  return static_cast<size_t>(threads) * (10 * row + 4096) + 8 * static_cast<size_t>(count) + 64;
}

namespace cpu {
// The reference, until the vectorised kernels are here.
const Kernels kernels{reference::noise, reference::verify, reference::refine};
}  // namespace cpu

}  // namespace sjd2
