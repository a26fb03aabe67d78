// The CUDA kernels, compiled from their .cu files by the C++ compiler and run on fibers.
#pragma once

#include <string>
#include <vector>

#include "kernels/cuda/launch.h"
#include "simt/grid.h"

namespace sjd2::test {

struct EmulatedKernel {
  const char* name;
  size_t params_bytes;
  int max_threads;                  // of its __launch_bounds__
  void (*run)(const void* params);  // what one CUDA thread does
};
const EmulatedKernel* find_emulated_kernel(const std::string& name);

class EmulatedLauncher : public cuda::Launcher {
 public:
  size_t shared_limit() const override { return limit; }
  void launch(const cuda::KernelLaunch& launch) override;

  int barriers = 0;  // the most __syncthreads of one thread in any launch since it was set to 0

  simt::Schedule schedule;
  size_t limit = 99 * 1024;  // of sm_86, 89 and 120, the smallest there is
  std::string only;          // the schedule's mutant applies to the kernel of this name, "" for all
};

// The launcher behind `emulated::kernels`, which has the face of any other implementation.
EmulatedLauncher& emulated_launcher();
namespace emulated {
extern const Kernels kernels;
}

// Verify over any launcher whose device memory the host can read.
VerifyResult verify_on(cuda::Launcher& launcher, const VerifyArgs& args);

}  // namespace sjd2::test
