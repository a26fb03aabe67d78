#pragma once

#include "device/cuda/cuda_device.h"

namespace sjd2::test {

// Prints a table: the median time of each kernel at its usual sizes, and what share of the
// bandwidth of a device copy, measured in the same run, it reaches.
void run_benchmarks(cuda::CudaDevice& device);

}  // namespace sjd2::test
