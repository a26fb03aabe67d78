// Runs a grid of CUDA threads on fibers, block after block, and judges how they meet: a barrier
// that some thread of the block never reaches is an error, as on a GPU it would be a hang or worse.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <stdexcept>
#include <string>

namespace simt {

struct Index {
  unsigned x = 0, y = 0, z = 0;
};

struct Launch {
  unsigned grid = 1, block = 1;
  size_t shared_bytes = 0;
};

// How threads take turns; between two barriers a GPU may run them in any order. 0 is thread order.
// Odd seeds pick a random thread at every turn. Even seeds let one warp run as far ahead of the
// others as barriers allow, and change the favourite now and then: races hide from fair schedules.
struct Schedule {
  uint64_t seed = 0;
  int skip_barrier = -1;  // a mutant: every thread runs through its n-th __syncthreads
};

class LaunchError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// Throws LaunchError for a divergent barrier or for more shared memory than was asked for.
void run_grid(const Launch& launch, const Schedule& schedule, const std::function<void()>& thread);

// The largest number of __syncthreads that a thread of the last run_grid called.
int barriers_of_last_grid();

// For the code inside a thread.
const Index& thread_index();
const Index& block_index();
const Index& block_size();
void* shared_memory(size_t bytes);
void sync_threads();
// Deposits a value, meets the other lanes and returns all 32 values of the warp (valid until the
// lane's next exchange but one).
const uint64_t* warp_exchange(uint32_t mask, uint64_t value);

}  // namespace simt
