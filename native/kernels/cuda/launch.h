// From the arguments of kernels.h to kernel launches: grids, block sizes, shared memory, parameter
// structs. The driver, the fake driver and the emulation all launch what is planned here.
#pragma once

#include <cstddef>

#include "kernels/cuda/params.h"
#include "kernels/kernels.h"

namespace sjd2::cuda {

struct KernelLaunch {
  const char* name;
  unsigned grid = 1, block = 1;
  size_t shared_bytes = 0;
  const void* params = nullptr;  // the kernel's only parameter, by value
  size_t params_bytes = 0;
};

class Launcher {
 public:
  virtual ~Launcher() = default;
  // Shared memory that a block may have when it asks for it (opt-in maximum), in bytes.
  virtual size_t shared_limit() const = 0;
  // Queues one kernel; kernels run in the order of their launches.
  virtual void launch(const KernelLaunch& launch) = 0;
};

// Device memory that verify works in, beside the buffers of VerifyArgs.
struct VerifyMemory {
  Verdict* verdicts = nullptr;  // [count]
  Status* status = nullptr;     // out
  int32_t* tokens = nullptr;    // [count] out
  int32_t* settle =
      nullptr;  // [capacity] the level ring, if the last committed position becomes clean
};

// All pointers of the arguments are device pointers; `scratch` is not used.
void enter(const EnterArgs& args, Launcher& launcher);
void noise(const NoiseArgs& args, Launcher& launcher);
void refine(const RefineArgs& args, Launcher& launcher);
// `status` and `tokens` are valid when the stream has come to the end of what was queued. Nothing
// is queued and nothing written for an empty window.
void verify(const VerifyArgs& args, const VerifyMemory& memory, Launcher& launcher);

// Rows longer than this have more segments than a draw has room for.
constexpr int32_t kMaxVocabulary = 262144;

// Shared memory that verify takes for a row that is staged, and for one that is not.
size_t staged_bytes(int32_t vocabulary);
size_t unstaged_bytes();

}  // namespace sjd2::cuda
