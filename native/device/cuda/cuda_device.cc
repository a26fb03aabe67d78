#include "device/cuda/cuda_device.h"

#include <algorithm>
#include <new>

#include "device/cuda/module.h"

namespace sjd2::cuda {
namespace {

constexpr const char* kKernels[] = {"sjd2_enter",      "sjd2_noise",      "sjd2_refine",
                                    "sjd2_verify_f32", "sjd2_verify_f16", "sjd2_verify_bf16",
                                    "sjd2_finish"};

constexpr int kOldestCapability = 80;
constexpr unsigned kNonBlocking = 1;

DevicePointer address(const void* pointer) { return reinterpret_cast<DevicePointer>(pointer); }

}  // namespace

// Members of a constructor that throws are not destroyed by ~CudaDevice: give_back cleans up both.
CudaDevice::CudaDevice(int ordinal) : driver_(Driver::instance()), ordinal_(ordinal) {
  // A driver that emulates a GPU brings emulated kernels.
  if (!embedded_image(driver_.version).data && !driver_.emulated) {
    throw Error(kDeviceError, embedded_image_absence());
  }
  int count = 0;
  const Result found = driver_.cuDeviceGetCount(&count);
  if (found != kNoDevice) driver_.check(found, "cuDeviceGetCount");
  if (count == 0) {
    throw Error(kDeviceError, "The NVIDIA driver is installed but finds no GPU: run nvidia-smi");
  }
  if (ordinal < 0 || ordinal >= count) {
    throw Error(kDeviceError, "Expected the number of a CUDA device below " +
                                  std::to_string(count) + " but received " +
                                  std::to_string(ordinal));
  }
  driver_.check(driver_.cuDeviceGet(&device_, ordinal), "cuDeviceGet");
  char name[256] = "";
  driver_.check(driver_.cuDeviceGetName(name, sizeof name - 1, device_), "cuDeviceGetName");
  const auto attribute = [&](int which) {
    int value = 0;
    driver_.check(driver_.cuDeviceGetAttribute(&value, which, device_), "cuDeviceGetAttribute");
    return value;
  };
  capability_ = 10 * attribute(kComputeCapabilityMajor) + attribute(kComputeCapabilityMinor);
  multiprocessors_ = attribute(kMultiprocessorCount);
  shared_limit_ = static_cast<size_t>(attribute(kMaxSharedMemoryOptIn));
  name_ = "cuda:" + std::to_string(ordinal) + " (" + name + ")";
  if (capability_ < kOldestCapability) {
    throw Error(kDeviceError,
                name_ + " has compute capability " + std::to_string(capability_ / 10) + "." +
                    std::to_string(capability_ % 10) + "; 8.0 (Ampere, 2020) or newer is needed");
  }
  try {
    driver_.check(driver_.cuDevicePrimaryCtxRetain(&context_, device_), "cuDevicePrimaryCtxRetain");
    make_current();
    driver_.check(driver_.cuStreamCreate(&stream_, kNonBlocking), "cuStreamCreate");
    load_kernels();
  } catch (...) {
    give_back();
    throw;
  }
}

CudaDevice::~CudaDevice() { give_back(); }

void CudaDevice::give_back() noexcept {
  if (context_) driver_.cuCtxSetCurrent(context_);
  if (stream_) {
    driver_.cuStreamSynchronize(stream_);
    free_kept();
    driver_.cuStreamDestroy_v2(stream_);
  }
  if (module_) driver_.cuModuleUnload(module_);
  if (context_) driver_.cuDevicePrimaryCtxRelease_v2(device_);
}

void CudaDevice::load_kernels() {
  const Image image = embedded_image(driver_.version);
  driver_.check(driver_.cuModuleLoadDataEx(&module_, image.data, 0, nullptr, nullptr),
                "cuModuleLoadDataEx");
  for (const char* name : kKernels) {
    Function function = nullptr;
    driver_.check(driver_.cuModuleGetFunction(&function, module_, name), "cuModuleGetFunction");
    // More than 48 KB of shared memory must be asked for, once per function.
    driver_.check(driver_.cuFuncSetAttribute(function, kMaxDynamicSharedBytes,
                                             static_cast<int>(shared_limit_)),
                  "cuFuncSetAttribute");
    functions_[name] = function;
  }
}

void CudaDevice::make_current() const {
  driver_.check(driver_.cuCtxSetCurrent(context_), "cuCtxSetCurrent");
}

void CudaDevice::free_kept() noexcept {
  for (const auto& [bytes, memory] : kept_) driver_.cuMemFree_v2(memory);
  for (const Pinned& pinned : kept_pinned_) {
    driver_.cuMemFreeHost(pinned.memory);
    driver_.cuEventDestroy_v2(pinned.done);
  }
  for (const Event event : kept_events_) driver_.cuEventDestroy_v2(event);
  kept_.clear();
  kept_pinned_.clear();
  kept_events_.clear();
}

void* CudaDevice::allocate(size_t bytes) {
  std::lock_guard lock(queueing_);
  make_current();
  DevicePointer memory = 0;
  if (const auto kept = kept_.find(bytes); kept != kept_.end()) {
    memory = kept->second;
    kept_.erase(kept);
  } else {
    Result result = driver_.cuMemAlloc_v2(&memory, bytes);
    if (result == kOutOfMemory && !kept_.empty()) {
      driver_.check(driver_.cuStreamSynchronize(stream_), "cuStreamSynchronize");
      free_kept();
      result = driver_.cuMemAlloc_v2(&memory, bytes);
    }
    if (result == kOutOfMemory) {
      throw Error(kDeviceError,
                  name_ + " has " + std::to_string(free_bytes() >> 20) +
                      " MB of free memory, and " + std::to_string(bytes >> 20) +
                      " MB more are needed: use a narrower window or a smaller model");
    }
    driver_.check(result, "cuMemAlloc");
  }
  sizes_[reinterpret_cast<void*>(memory)] = bytes;
  driver_.check(driver_.cuMemsetD8Async(memory, 0, bytes, stream_), "cuMemsetD8Async");
  return reinterpret_cast<void*>(memory);
}

void CudaDevice::release(void* memory, size_t) noexcept {
  std::lock_guard lock(queueing_);
  const auto size = sizes_.find(memory);
  kept_.emplace(size->second, address(memory));
  sizes_.erase(size);
}

void* CudaDevice::allocate_pinned(size_t bytes) {
  std::lock_guard lock(queueing_);
  make_current();
  void* memory = nullptr;
  const auto kept =
      std::find_if(kept_pinned_.begin(), kept_pinned_.end(), [&](const Pinned& pinned) {
        return pinned.bytes == bytes && driver_.cuEventQuery(pinned.done) == kSuccess;
      });
  if (kept != kept_pinned_.end()) {
    memory = kept->memory;
    kept_events_.push_back(kept->done);
    kept_pinned_.erase(kept);
  } else {
    driver_.check(driver_.cuMemHostAlloc(&memory, bytes, 0), "cuMemHostAlloc");
  }
  sizes_[memory] = bytes;
  return memory;
}

void CudaDevice::release_pinned(void* memory) noexcept {
  std::lock_guard lock(queueing_);
  driver_.cuCtxSetCurrent(context_);
  const auto size = sizes_.find(memory);
  try {
    const Event done = take_event();
    driver_.cuEventRecord(done, stream_);
    kept_pinned_.push_back({memory, size->second, done});
  } catch (const Error&) {
    driver_.cuStreamSynchronize(stream_);
    driver_.cuMemFreeHost(memory);
  }
  sizes_.erase(size);
}

void CudaDevice::copy_to_device(void* device, const void* host, size_t bytes) {
  std::lock_guard lock(queueing_);
  make_current();
  driver_.check(driver_.cuMemcpyHtoDAsync_v2(address(device), host, bytes, stream_),
                "cuMemcpyHtoDAsync");
}

void CudaDevice::copy_to_host(void* host, const void* device, size_t bytes) {
  std::lock_guard lock(queueing_);
  make_current();
  driver_.check(driver_.cuMemcpyDtoHAsync_v2(host, address(device), bytes, stream_),
                "cuMemcpyDtoHAsync");
}

void CudaDevice::copy_on_device(void* to, const void* from, size_t bytes) {
  std::lock_guard lock(queueing_);
  make_current();
  driver_.check(driver_.cuMemcpyDtoDAsync_v2(address(to), address(from), bytes, stream_),
                "cuMemcpyDtoDAsync");
}

void CudaDevice::clear(void* device, size_t bytes) {
  std::lock_guard lock(queueing_);
  make_current();
  driver_.check(driver_.cuMemsetD8Async(address(device), 0, bytes, stream_), "cuMemsetD8Async");
}

void CudaDevice::synchronize() {
  make_current();
  driver_.check(driver_.cuStreamSynchronize(stream_), "cuStreamSynchronize");
}

Event CudaDevice::take_event() {
  if (!kept_events_.empty()) {
    const Event event = kept_events_.back();
    kept_events_.pop_back();
    return event;
  }
  Event event = nullptr;
  driver_.check(driver_.cuEventCreate(&event, 0), "cuEventCreate");
  return event;
}

Event CudaDevice::create_event() {
  std::lock_guard lock(queueing_);
  make_current();
  return take_event();
}

void CudaDevice::destroy_event(Event event) noexcept {
  std::lock_guard lock(queueing_);
  kept_events_.push_back(event);
}

void CudaDevice::record(Event event) {
  std::lock_guard lock(queueing_);
  make_current();
  driver_.check(driver_.cuEventRecord(event, stream_), "cuEventRecord");
}

double CudaDevice::seconds_between(Event begin, Event end) const {
  make_current();
  float milliseconds = 0;
  driver_.check(driver_.cuEventElapsedTime(&milliseconds, begin, end), "cuEventElapsedTime");
  return milliseconds / 1000;
}

void CudaDevice::launch(const KernelLaunch& launch) {
  std::lock_guard lock(queueing_);
  make_current();
  const auto found = functions_.find(launch.name);
  if (found == functions_.end()) {
    throw Error(kDeviceError, std::string("There is no kernel named ") + launch.name);
  }
  void* parameters[] = {const_cast<void*>(launch.params)};
  driver_.check(driver_.cuLaunchKernel(found->second, launch.grid, 1, 1, launch.block, 1, 1,
                                       static_cast<unsigned>(launch.shared_bytes), stream_,
                                       parameters, nullptr),
                launch.name);
}

size_t CudaDevice::free_bytes() const {
  make_current();
  size_t free = 0, total = 0;
  driver_.check(driver_.cuMemGetInfo_v2(&free, &total), "cuMemGetInfo");
  return free;
}

}  // namespace sjd2::cuda
