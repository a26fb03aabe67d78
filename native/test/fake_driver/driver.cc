// A CUDA driver without a GPU: the entry points of device/cuda/driver.h over host memory and
// emulated kernels. It is strict where a real driver is merely lucky: streams do nothing until
// someone waits for them, memory is guarded and poisoned, and a broken rule is an error with a
// reason on stderr.
#include "device/cuda/driver.h"

#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "fake_driver/memory.h"
#include "fake_driver/test_kernels.h"
#include "simt/emulated_kernels.h"

using namespace sjd2::cuda;

namespace {

// An RTX 4090 in the properties that matter: the least shared memory of all supported GPUs.
constexpr int kCapability = 89, kSharedOptIn = 99 * 1024, kSharedDefault = 48 * 1024;

struct Work {
  std::function<Result()> run;
};
struct FakeStream {
  std::deque<Work> queue;
};
struct FakeEvent {
  FakeStream* stream = nullptr;  // recorded and not reached yet
  bool reached = true;
};
struct FakeFunction {
  const sjd2::test::EmulatedKernel* kernel = nullptr;
  int shared_limit = kSharedDefault;
};

struct State {
  std::recursive_mutex mutex;
  fake::Memory memory;
  std::vector<std::unique_ptr<FakeStream>> streams;
  std::vector<std::unique_ptr<FakeFunction>> functions;
  std::unordered_map<std::string, FakeFunction*> by_name;
  Result sticky = kSuccess;  // after a fault in a kernel the context is dead, as on a GPU
  int retained = 0;
  std::string last_reason;
};

State& state() {
  static State* instance = new State;  // lives until the end: device buffers may be freed late
  return *instance;
}

thread_local void* current_context = nullptr;
char context_tag, module_tag;

Result fail(Result result, const std::string& reason) {
  state().last_reason = reason;
  std::fprintf(stderr, "fake CUDA driver: %s\n", reason.c_str());
  return result;
}

// Every entry after cuInit: one at a time, with a context on this thread, in a live context.
#define ENTER()                                                                                  \
  std::lock_guard lock(state().mutex);                                                           \
  if (current_context != &context_tag) {                                                         \
    return fail(kInvalidContext, std::string(__func__) + ": no current context on this thread"); \
  }                                                                                              \
  if (state().sticky != kSuccess) return state().sticky

FakeStream* find(Stream stream) {
  for (const auto& known : state().streams) {
    if (known.get() == reinterpret_cast<FakeStream*>(stream)) return known.get();
  }
  return nullptr;
}

Result drain(FakeStream& stream, const FakeEvent* until = nullptr) {
  while (!stream.queue.empty() && !(until && until->reached)) {
    const Work work = std::move(stream.queue.front());
    stream.queue.pop_front();
    const Result result = work.run();
    if (result != kSuccess) return state().sticky = result;
  }
  const std::string damage = state().memory.damage();
  if (!damage.empty()) return state().sticky = fail(kIllegalAddress, damage);
  return kSuccess;
}

Result queue(Stream stream, std::function<Result()> run) {
  FakeStream* known = find(stream);
  if (!known) return fail(kInvalidValue, "work is queued on a stream that does not exist");
  known->queue.push_back({std::move(run)});
  return kSuccess;
}

void on_bad_access(int, siginfo_t* info, void*) {
  const std::string where = state().memory.guard_at(info->si_addr);
  if (!where.empty()) {
    std::fprintf(stderr, "fake CUDA driver: out-of-bounds access %s\n", where.c_str());
    _exit(77);
  }
  std::signal(SIGSEGV, SIG_DFL);
  std::raise(SIGSEGV);
}

void* host(DevicePointer pointer) { return reinterpret_cast<void*>(pointer); }

}  // namespace

#define EXPORT extern "C" __attribute__((visibility("default")))

EXPORT Result cuInit(unsigned) {
  // On a stack of its own: the fault may happen on a fiber whose stack is the one in question.
  static char alternative[64 * 1024];
  stack_t stack = {};
  stack.ss_sp = alternative;
  stack.ss_size = sizeof alternative;
  sigaltstack(&stack, nullptr);
  struct sigaction action = {};
  action.sa_sigaction = on_bad_access;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  sigaction(SIGSEGV, &action, nullptr);
  return kSuccess;
}
EXPORT Result cuDriverGetVersion(int* version) {
  const char* chosen = std::getenv("SJD2_FAKE_CUDA_VERSION");
  *version = chosen ? std::atoi(chosen) : 13000;
  return kSuccess;
}
EXPORT Result cuDeviceGetCount(int* count) {
  *count = 1;
  return kSuccess;
}
EXPORT Result cuDeviceGet(DeviceHandle* device, int ordinal) {
  *device = ordinal;
  return ordinal == 0 ? kSuccess : kInvalidValue;
}
EXPORT Result cuDeviceGetName(char* name, int size, DeviceHandle) {
  std::snprintf(name, static_cast<size_t>(size), "emulated GPU");
  return kSuccess;
}
EXPORT Result cuDeviceGetAttribute(int* value, int attribute, DeviceHandle) {
  const char* capability = std::getenv("SJD2_FAKE_CUDA_CAPABILITY");
  const int version = capability ? std::atoi(capability) : kCapability;
  switch (attribute) {
    case kMultiprocessorCount:
      *value = 128;
      return kSuccess;
    case kComputeCapabilityMajor:
      *value = version / 10;
      return kSuccess;
    case kComputeCapabilityMinor:
      *value = version % 10;
      return kSuccess;
    case kMaxSharedMemoryOptIn:
      *value = kSharedOptIn;
      return kSuccess;
  }
  return fail(kInvalidValue, "an attribute that the fake driver does not know");
}
EXPORT Result cuDevicePrimaryCtxRetain(Context* context, DeviceHandle) {
  ++state().retained;
  *context = reinterpret_cast<Context>(&context_tag);
  return kSuccess;
}
EXPORT Result cuDevicePrimaryCtxRelease_v2(DeviceHandle) {
  // The last release destroys the context, and with it a sticky error.
  if (--state().retained == 0) state().sticky = kSuccess;
  return kSuccess;
}
EXPORT Result cuCtxSetCurrent(Context context) {
  current_context = context;
  return kSuccess;
}

EXPORT Result cuModuleLoadDataEx(Module* module, const void* image, unsigned, int*, void**) {
  ENTER();
  uint32_t magic = 0;
  std::memcpy(&magic, image, sizeof magic);
  if (magic != 0xba55ed50) return fail(kNoBinaryForGpu, "the module is not a fatbin");
  *module = reinterpret_cast<Module>(&module_tag);
  return kSuccess;
}
EXPORT Result cuModuleUnload(Module) {
  ENTER();
  return kSuccess;
}
EXPORT Result cuModuleGetFunction(Function* function, Module, const char* name) {
  ENTER();
  const sjd2::test::EmulatedKernel* kernel = sjd2::test::find_emulated_kernel(name);
  if (!kernel) kernel = fake::find_test_kernel(name);
  if (!kernel) return fail(500, std::string("no kernel is named ") + name);
  state().functions.push_back(std::make_unique<FakeFunction>());
  state().functions.back()->kernel = kernel;
  *function = reinterpret_cast<Function>(state().functions.back().get());
  return kSuccess;
}
EXPORT Result cuFuncSetAttribute(Function function, int attribute, int value) {
  ENTER();
  if (attribute != kMaxDynamicSharedBytes || value > kSharedOptIn) {
    return fail(kInvalidValue, "more shared memory is asked for than a block can have");
  }
  reinterpret_cast<FakeFunction*>(function)->shared_limit = std::max(value, kSharedDefault);
  return kSuccess;
}
EXPORT Result cuFuncGetAttribute(int* value, int, Function) {
  ENTER();
  *value = 0;
  return kSuccess;
}

EXPORT Result cuMemAlloc_v2(DevicePointer* pointer, size_t bytes) {
  ENTER();
  if (bytes == 0) return fail(kInvalidValue, "an allocation of nothing");
  void* memory = bytes > (size_t{64} << 30) ? nullptr : state().memory.allocate(bytes);
  *pointer = reinterpret_cast<DevicePointer>(memory);
  return memory ? kSuccess : kOutOfMemory;
}
EXPORT Result cuMemFree_v2(DevicePointer pointer) {
  ENTER();
  for (const auto& stream : state().streams) {
    if (!stream->queue.empty()) return fail(kInvalidValue, "memory is freed with work queued");
  }
  const std::string wrong = state().memory.release(host(pointer));
  return wrong.empty() ? kSuccess : fail(kIllegalAddress, wrong);
}
EXPORT Result cuMemGetInfo_v2(size_t* free, size_t* total) {
  ENTER();
  *free = *total = size_t{24} << 30;
  return kSuccess;
}
EXPORT Result cuMemHostAlloc(void** pointer, size_t bytes, unsigned) {
  ENTER();
  *pointer = state().memory.allocate(bytes);  // poisoned, so that reading it too early shows
  return *pointer ? kSuccess : kOutOfMemory;
}
EXPORT Result cuMemFreeHost(void* pointer) {
  return cuMemFree_v2(reinterpret_cast<DevicePointer>(pointer));
}

namespace {
Result copy(void* to, const void* from, size_t bytes, const void* device, Stream stream) {
  if (!state().memory.holds(device, bytes)) {
    return fail(kInvalidValue, "a copy leaves the bounds of its device memory");
  }
  return queue(stream, [=] {
    std::memmove(to, from, bytes);
    return kSuccess;
  });
}
}  // namespace

EXPORT Result cuMemcpyHtoDAsync_v2(DevicePointer to, const void* from, size_t bytes,
                                   Stream stream) {
  ENTER();
  return copy(host(to), from, bytes, host(to), stream);
}
EXPORT Result cuMemcpyDtoHAsync_v2(void* to, DevicePointer from, size_t bytes, Stream stream) {
  ENTER();
  return copy(to, host(from), bytes, host(from), stream);
}
EXPORT Result cuMemcpyDtoDAsync_v2(DevicePointer to, DevicePointer from, size_t bytes,
                                   Stream stream) {
  ENTER();
  if (!state().memory.holds(host(to), bytes)) {
    return fail(kInvalidValue, "a copy leaves the bounds of its device memory");
  }
  return copy(host(to), host(from), bytes, host(from), stream);
}
EXPORT Result cuMemsetD8Async(DevicePointer pointer, unsigned char value, size_t bytes,
                              Stream stream) {
  ENTER();
  if (!state().memory.holds(host(pointer), bytes)) {
    return fail(kInvalidValue, "memset leaves the bounds of its memory");
  }
  return queue(stream, [=] {
    std::memset(host(pointer), value, bytes);
    return kSuccess;
  });
}

EXPORT Result cuStreamCreate(Stream* stream, unsigned) {
  ENTER();
  state().streams.push_back(std::make_unique<FakeStream>());
  *stream = reinterpret_cast<Stream>(state().streams.back().get());
  return kSuccess;
}
EXPORT Result cuStreamDestroy_v2(Stream stream) {
  ENTER();
  if (!find(stream)) return fail(kInvalidValue, "a stream is destroyed that does not exist");
  std::erase_if(state().streams, [&](const auto& known) {
    return known.get() == reinterpret_cast<FakeStream*>(stream);
  });
  return kSuccess;
}
EXPORT Result cuStreamSynchronize(Stream stream) {
  ENTER();
  FakeStream* known = find(stream);
  return known ? drain(*known) : fail(kInvalidValue, "a stream that does not exist");
}
EXPORT Result cuStreamWaitEvent(Stream stream, Event event, unsigned) {
  ENTER();
  FakeEvent* other = reinterpret_cast<FakeEvent*>(event);
  return queue(stream, [other] {
    return other->reached || !other->stream ? kSuccess : drain(*other->stream, other);
  });
}
EXPORT Result cuEventCreate(Event* event, unsigned) {
  ENTER();
  *event = reinterpret_cast<Event>(new FakeEvent);
  return kSuccess;
}
EXPORT Result cuEventDestroy_v2(Event event) {
  ENTER();
  if (!reinterpret_cast<FakeEvent*>(event)->reached) {
    return fail(kInvalidValue, "an event is destroyed with work queued");
  }
  delete reinterpret_cast<FakeEvent*>(event);
  return kSuccess;
}
EXPORT Result cuEventRecord(Event event, Stream stream) {
  ENTER();
  FakeEvent* fake = reinterpret_cast<FakeEvent*>(event);
  fake->stream = find(stream);
  fake->reached = false;
  return queue(stream, [fake] {
    fake->reached = true;
    return kSuccess;
  });
}
EXPORT Result cuEventSynchronize(Event event) {
  ENTER();
  FakeEvent* fake = reinterpret_cast<FakeEvent*>(event);
  return fake->reached ? kSuccess : drain(*fake->stream, fake);
}
EXPORT Result cuEventQuery(Event event) {
  ENTER();
  return reinterpret_cast<FakeEvent*>(event)->reached ? kSuccess : kNotReady;
}
EXPORT Result cuEventElapsedTime(float* milliseconds, Event, Event) {
  ENTER();
  *milliseconds = 0;
  return kSuccess;
}

EXPORT Result cuLaunchKernel(Function function, unsigned grid_x, unsigned grid_y, unsigned grid_z,
                             unsigned block_x, unsigned block_y, unsigned block_z, unsigned shared,
                             Stream stream, void** parameters, void**) {
  ENTER();
  const FakeFunction* fake = reinterpret_cast<FakeFunction*>(function);
  const sjd2::test::EmulatedKernel& kernel = *fake->kernel;
  const std::string name = kernel.name;
  if (grid_x == 0 || block_x == 0 || grid_y != 1 || grid_z != 1 || block_y != 1 || block_z != 1) {
    return fail(kInvalidValue, name + " is launched with an empty grid or one of two dimensions");
  }
  if (static_cast<int>(shared) > fake->shared_limit) {
    return fail(kInvalidValue, name + " is launched with " + std::to_string(shared) +
                                   " bytes of shared memory; its attribute allows " +
                                   std::to_string(fake->shared_limit));
  }
  if (static_cast<int>(block_x) > kernel.max_threads) {
    return fail(kOutOfResources, name + " is launched with " + std::to_string(block_x) +
                                     " threads; its launch bounds are " +
                                     std::to_string(kernel.max_threads));
  }
  // By value, at the launch: what the host does to the struct afterwards is none of the kernel's
  // business.
  const char* bytes = static_cast<const char*>(parameters[0]);
  auto params = std::make_shared<std::vector<char>>(bytes, bytes + kernel.params_bytes);
  return queue(stream, [=, run = kernel.run] {
    try {
      static uint64_t launches = 0;
      simt::run_grid({grid_x, block_x, shared}, {++launches}, [&] { run(params->data()); });
    } catch (const std::exception& error) {
      return fail(kLaunchFailed, name + ": " + error.what());
    }
    return static_cast<Result>(kSuccess);
  });
}

EXPORT Result cuGetErrorName(Result result, const char** name) {
  *name = result == kIllegalAddress   ? "CUDA_ERROR_ILLEGAL_ADDRESS"
          : result == kInvalidContext ? "CUDA_ERROR_INVALID_CONTEXT"
          : result == kLaunchFailed   ? "CUDA_ERROR_LAUNCH_FAILED"
          : result == kOutOfMemory    ? "CUDA_ERROR_OUT_OF_MEMORY"
                                      : "CUDA_ERROR";
  return kSuccess;
}
EXPORT Result cuGetErrorString(Result, const char** text) {
  *text = state().last_reason.c_str();
  return kSuccess;
}

// For tests of leaks.
EXPORT size_t sjd2_fake_live_allocations() { return state().memory.live(); }
