// A CUDA driver without a GPU: the entry points of device/cuda/driver.h over host memory and
// emulated kernels. It is strict where a real driver is merely lucky: streams do nothing until
// someone waits for them, memory is guarded and poisoned, and a broken rule is an error with a
// reason on stderr.
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "fake_driver/state.h"
#include "fake_driver/test_kernels.h"

using namespace fake;

namespace {

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

// A fatbin of CUDA 13, or PTX of at most the language that came with the driver's CUDA: 8.x with
// 12.x, 9.x with 13.x.
static bool takes(const void* image) {
  int driver = 0;
  cuDriverGetVersion(&driver);
  uint32_t magic = 0;
  std::memcpy(&magic, image, sizeof magic);
  if (magic == 0xba55ed50) return driver >= 13000;
  int major = 0, minor = 0;
  const char* version = std::strstr(static_cast<const char*>(image), "\n.version ");
  if (!version || std::sscanf(version, "\n.version %d.%d", &major, &minor) != 2) return false;
  return 1000 * (major + 4) + 10 * minor <= driver;
}

EXPORT Result cuModuleLoadDataEx(Module* module, const void* image, unsigned, int*, void**) {
  ENTER();
  // A build without nvcc has no image, and none is needed: the kernels are the emulated ones.
  if (image && !takes(image)) {
    return fail(kNoBinaryForGpu, "the module is no fatbin, or of a newer CUDA than the driver");
  }
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

// Its mere presence says that this driver emulates a GPU, see device/cuda/driver.h.
EXPORT void sjd2_emulated_cuda() {}

// For tests of leaks.
EXPORT size_t sjd2_fake_live_allocations() { return state().memory.live(); }
