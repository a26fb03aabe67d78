// The kernels' machine code inside this binary.
#pragma once

#include <cstddef>

namespace sjd2::cuda {

struct Image {
  const void* data = nullptr;
  size_t bytes = 0;
};

// The fatbin; without data in a build that had no nvcc.
Image embedded_image();
// Why there is none, for people; empty when there is one.
const char* embedded_image_absence();

}  // namespace sjd2::cuda
