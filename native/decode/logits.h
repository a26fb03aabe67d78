// Logits as 32-bit floats in host memory, whatever they are stored as and wherever they lie.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include "kernels/half.h"
#include "kernels/kernels.h"

namespace sjd2 {

// From a device's memory to the host's; done when it returns.
using Download = std::function<void(void* host, const void* device, size_t bytes)>;

inline std::vector<float> host_logits(const void* logits, size_t count, ElementType type,
                                      const Download& download) {
  std::vector<float> values(count);
  if (type == ElementType::F32) {
    download(values.data(), logits, count * sizeof(float));
    return values;
  }
  std::vector<uint16_t> halves(count);
  download(halves.data(), logits, count * sizeof(uint16_t));
  std::transform(halves.begin(), halves.end(), values.begin(), [type](uint16_t half) {
    return type == ElementType::F16 ? from_f16(half) : from_bf16(half);
  });
  return values;
}

}  // namespace sjd2
