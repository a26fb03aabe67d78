// The CUDA driver API, as far as the engine uses it, found at run time: nothing of CUDA is linked,
// no CUDA header is needed, and the same addon loads on a machine without a driver.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "error.h"

namespace sjd2::cuda {

// ERR_DEVICE: no driver, too old a driver, no supported GPU, or a driver call that failed.
inline constexpr const char* kDeviceError = codes::kDevice;

using Result = int;
using DeviceHandle = int;
using DevicePointer = unsigned long long;
using Context = struct ContextTag*;
using Module = struct ModuleTag*;
using Function = struct FunctionTag*;
using Stream = struct StreamTag*;
using Event = struct EventTag*;

enum : Result {
  kSuccess = 0,
  kInvalidValue = 1,
  kOutOfMemory = 2,
  kNoDevice = 100,
  kNoBinaryForGpu = 209,
  kInvalidContext = 201,
  kNotReady = 600,
  kIllegalAddress = 700,
  kOutOfResources = 701,
  kLaunchFailed = 719,
};
enum DeviceAttribute : int {
  kMultiprocessorCount = 16,
  kComputeCapabilityMajor = 75,
  kComputeCapabilityMinor = 76,
  kMaxSharedMemoryOptIn = 97,
};
enum FunctionAttribute : int { kMaxDynamicSharedBytes = 8 };

// The PTX is written in the language of CUDA 12.2 (cuda.cmake), whose driver is release 535.
constexpr int kNeededVersion = 12020;

// name, parameters; every entry returns a Result.
#define SJD2_CUDA_ENTRIES(X)                                                               \
  X(cuInit, (unsigned))                                                                    \
  X(cuDriverGetVersion, (int*))                                                            \
  X(cuDeviceGetCount, (int*))                                                              \
  X(cuDeviceGet, (DeviceHandle*, int))                                                     \
  X(cuDeviceGetName, (char*, int, DeviceHandle))                                           \
  X(cuDeviceGetAttribute, (int*, int, DeviceHandle))                                       \
  X(cuDevicePrimaryCtxRetain, (Context*, DeviceHandle))                                    \
  X(cuDevicePrimaryCtxRelease_v2, (DeviceHandle))                                          \
  X(cuCtxSetCurrent, (Context))                                                            \
  X(cuModuleLoadDataEx, (Module*, const void*, unsigned, int*, void**))                    \
  X(cuModuleUnload, (Module))                                                              \
  X(cuModuleGetFunction, (Function*, Module, const char*))                                 \
  X(cuFuncSetAttribute, (Function, int, int))                                              \
  X(cuMemAlloc_v2, (DevicePointer*, size_t))                                               \
  X(cuMemFree_v2, (DevicePointer))                                                         \
  X(cuMemGetInfo_v2, (size_t*, size_t*))                                                   \
  X(cuMemHostAlloc, (void**, size_t, unsigned))                                            \
  X(cuMemFreeHost, (void*))                                                                \
  X(cuMemcpyHtoDAsync_v2, (DevicePointer, const void*, size_t, Stream))                    \
  X(cuMemcpyDtoHAsync_v2, (void*, DevicePointer, size_t, Stream))                          \
  X(cuMemcpyDtoDAsync_v2, (DevicePointer, DevicePointer, size_t, Stream))                  \
  X(cuMemsetD8Async, (DevicePointer, unsigned char, size_t, Stream))                       \
  X(cuStreamCreate, (Stream*, unsigned))                                                   \
  X(cuStreamDestroy_v2, (Stream))                                                          \
  X(cuStreamSynchronize, (Stream))                                                         \
  X(cuEventCreate, (Event*, unsigned))                                                     \
  X(cuEventDestroy_v2, (Event))                                                            \
  X(cuEventRecord, (Event, Stream))                                                        \
  X(cuEventQuery, (Event))                                                                 \
  X(cuEventElapsedTime, (float*, Event, Event))                                            \
  X(cuLaunchKernel, (Function, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, \
                     unsigned, Stream, void**, void**))                                    \
  X(cuGetErrorName, (Result, const char**))                                                \
  X(cuGetErrorString, (Result, const char**))

class Driver {
 public:
  // The driver of this machine, loaded and initialised once; throws ERR_DEVICE saying what is
  // missing and what to install. SJD2_CUDA_DRIVER names another library, for tests.
  static const Driver& instance();

#define SJD2_DECLARE(name, parameters) Result(*name) parameters = nullptr;
  SJD2_CUDA_ENTRIES(SJD2_DECLARE)
#undef SJD2_DECLARE

  int version = 0;  // 13000 is CUDA 13.0
  // It exports `sjd2_emulated_cuda`: the tests' driver, whose device memory is host memory and
  // whose kernels are its own. The CPU execution provider then stands in for the CUDA one. No
  // driver of NVIDIA's has that name.
  bool emulated = false;

  // Throws ERR_DEVICE with the driver's words for a result that is not success.
  void check(Result result, const char* call) const;

 private:
  Driver();
};

}  // namespace sjd2::cuda
