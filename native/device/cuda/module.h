// The kernels inside this binary: a fatbin of machine code, which drivers of CUDA 13 take, and PTX
// that an older driver compiles when it first meets it, and keeps (in ~/.nv/ComputeCache).
#pragma once

#include <cstddef>

namespace sjd2::cuda {

struct Image {
  const void* data = nullptr;
  size_t bytes = 0;
};

// What a driver for that CUDA version (13000 is 13.0) takes; without data in a build that had no
// nvcc.
Image embedded_image(int driver_version);
// Why there is none, for people; empty when there is one.
const char* embedded_image_absence();

}  // namespace sjd2::cuda
