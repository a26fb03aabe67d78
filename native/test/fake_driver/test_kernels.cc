#include "fake_driver/test_kernels.h"

#include "simt/cuda_words.h"

namespace fake {
namespace {

const TestParams& params(const void* raw) { return *static_cast<const TestParams*>(raw); }

const sjd2::test::EmulatedKernel kKernels[] = {
    {"test_write", sizeof(TestParams), 64,
     [](const void* raw) {
       if (threadIdx.x == 0) params(raw).memory[params(raw).index] = 7;
     }},
    {"test_divergent", sizeof(TestParams), 64,
     [](const void*) {
       if (threadIdx.x % 2) __syncthreads();
     }},
    {"test_shared", sizeof(TestParams), 64, [](const void*) { simt::shared_memory(1024); }},
};

}  // namespace

const sjd2::test::EmulatedKernel* find_test_kernel(const std::string& name) {
  for (const auto& kernel : kKernels) {
    if (name == kernel.name) return &kernel;
  }
  return nullptr;
}

}  // namespace fake
