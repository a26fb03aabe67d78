// What the entry points of the fake driver share: one GPU's worth of state, and its rules.
#pragma once

#include <chrono>
#include <cstdio>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "device/cuda/driver.h"
#include "fake_driver/memory.h"
#include "simt/emulated_kernels.h"

#define EXPORT extern "C" __attribute__((visibility("default")))

namespace fake {

using namespace sjd2::cuda;

// An RTX 4090 in the properties that matter: the least shared memory of all supported GPUs.
constexpr int kCapability = 89, kSharedOptIn = 99 * 1024, kSharedDefault = 48 * 1024;

struct Work {
  std::function<Result()> run;
};
struct FakeStream {
  std::deque<Work> queue;
};
struct FakeEvent {
  bool reached = true;
  std::chrono::steady_clock::time_point time;  // when it was reached
};
struct FakeFunction {
  const sjd2::test::EmulatedKernel* kernel = nullptr;
  int shared_limit = kSharedDefault;
};

struct State {
  std::recursive_mutex mutex;
  Memory memory;
  std::vector<std::unique_ptr<FakeStream>> streams;
  std::vector<std::unique_ptr<FakeFunction>> functions;
  Result sticky = kSuccess;  // after a fault in a kernel the context is dead, as on a GPU
  int retained = 0;
  std::string last_reason;
};

inline State& state() {
  static State* instance = new State;  // lives until the end: device buffers may be freed late
  return *instance;
}

inline thread_local void* current_context = nullptr;
inline char context_tag, module_tag;

inline Result fail(Result result, const std::string& reason) {
  state().last_reason = reason;
  std::fprintf(stderr, "fake CUDA driver: %s\n", reason.c_str());
  return result;
}

// Every entry after cuInit: one at a time, with a context on this thread, in a live context.
#define ENTER()                                                                       \
  std::lock_guard lock(fake::state().mutex);                                          \
  if (fake::current_context != &fake::context_tag) {                                  \
    return fake::fail(kInvalidContext,                                                \
                      std::string(__func__) + ": no current context on this thread"); \
  }                                                                                   \
  if (fake::state().sticky != kSuccess) return fake::state().sticky

}  // namespace fake
