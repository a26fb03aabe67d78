// The device path over the fake driver: the kernels through real launches and copies, and every
// mistake that CUDA forgives on a good day.
#include <sys/wait.h>
#include <unistd.h>

#include <cmath>
#include <cstdlib>
#include <functional>
#include <thread>

#include "check.h"
#include "device/cuda/cuda_device.h"
#include "device/cuda/module.h"
#include "fake_driver/test_kernels.h"
#include "gpu/on_device.h"
#include "verify_checker.h"

namespace sjd2::test {
namespace {

using cuda::CudaDevice;
using cuda::DevicePointer;
using cuda::Driver;
using cuda::Result;

const Driver& driver() { return Driver::instance(); }

std::string message_of(const std::function<void()>& body) {
  try {
    body();
  } catch (const Error& error) {
    return error.code() + ": " + error.what();
  }
  return "";
}

bool has(const std::string& text, const char* part) { return text.find(part) != std::string::npos; }

TEST("device: verify through the driver agrees with the definition, staged or not") {
  CudaDevice device;
  for (Coupling coupling : {Coupling::Independent, Coupling::Maximal, Coupling::Gumbel}) {
    for (ElementType type : {ElementType::F32, ElementType::F16, ElementType::BF16}) {
      for (int32_t vocabulary : {5, 512, 16384, 32768}) {
        Problem problem = random_problem(Shape::Normal, type, 2, 3, vocabulary, 5);
        problem.settings.coupling = coupling;
        problem.settings.sampler.top_k = vocabulary / 4;
        const std::string complaint = verify_complaint(problem, verify_on_device(device, problem));
        CHECK_MESSAGE(complaint.empty(), complaint);
      }
    }
  }
}

TEST("device: buffers arrive zeroed and go back") {
  CudaDevice device;
  {
    Buffer<int32_t> buffer(device, 1000);
    int32_t value = 5;
    device.copy_to_host(&value, buffer.data() + 999, sizeof value);
    device.synchronize();
    CHECK_EQUAL(value, 0);
  }
  CHECK(device.free_bytes() > 0);
  CHECK(has(device.name(), "emulated GPU"));
  CHECK_EQUAL(device.compute_capability(), 89);
}

TEST("device: any thread may use it, because it makes its context current") {
  CudaDevice device;
  std::string message;
  std::thread([&] {
    message = message_of([&] {
      Buffer<int32_t> buffer(device, 10);
      device.synchronize();
    });
  }).join();
  CHECK_EQUAL(message, "");
}

TEST("device: what is missing is named") {
  const auto with = [](const char* variable, const char* value) {
    setenv(variable, value, 1);
    const std::string message = message_of([] { CudaDevice device; });
    unsetenv(variable);
    return message;
  };
  const std::string old_gpu = with("SJD2_FAKE_CUDA_CAPABILITY", "75");
  CHECK_MESSAGE(has(old_gpu, "compute capability 7.5") && has(old_gpu, "8.0"), old_gpu);
  CHECK(has(message_of([] { CudaDevice device(3); }), "below 1 but received 3"));
}

TEST("drivers before CUDA 13 get PTX of CUDA 12.2, which they take, and would refuse the fatbin") {
  if (!cuda::embedded_image(13000).data) return;  // a build without nvcc
  const auto load = [](const char* version, int image) {
    setenv("SJD2_FAKE_CUDA_VERSION", version, 1);
    cuda::Context context = nullptr;
    driver().cuDevicePrimaryCtxRetain(&context, 0);
    driver().cuCtxSetCurrent(context);
    cuda::Module module = nullptr;
    const Result result =
        driver().cuModuleLoadDataEx(&module, cuda::embedded_image(image).data, 0, nullptr, nullptr);
    driver().cuDevicePrimaryCtxRelease_v2(0);
    unsetenv("SJD2_FAKE_CUDA_VERSION");
    return result == cuda::kSuccess;
  };
  CHECK(load("13000", 13000));
  CHECK(load("12020", 12020));
  CHECK(load("12080", 12080));
  CHECK(!load("12020", 13000));
  CHECK(!load("12010", 12020));
}

// --- What the fake driver catches. Raw calls, as the class above would have to make by mistake.

struct Raw {
  Raw() {
    driver().cuDevicePrimaryCtxRetain(&context, 0);
    driver().cuCtxSetCurrent(context);
    driver().cuStreamCreate(&stream, 1);
    driver().cuModuleLoadDataEx(&module, cuda::embedded_image(driver().version).data, 0, nullptr,
                                nullptr);
  }
  ~Raw() {
    driver().cuStreamDestroy_v2(stream);
    driver().cuDevicePrimaryCtxRelease_v2(0);
  }
  Result launch(const char* name, void* params, unsigned threads = 64, unsigned shared = 0) {
    cuda::Function function = nullptr;
    driver().cuModuleGetFunction(&function, module, name);
    void* parameters[] = {params};
    return driver().cuLaunchKernel(function, 1, 1, 1, threads, 1, 1, shared, stream, parameters,
                                   nullptr);
  }
  Result synchronize() { return driver().cuStreamSynchronize(stream); }
  cuda::Context context = nullptr;
  cuda::Stream stream = nullptr;
  cuda::Module module = nullptr;
};

TEST("fake driver: nothing runs before a synchronise, and poison shows it") {
  Raw raw;
  DevicePointer memory = 0;
  driver().cuMemAlloc_v2(&memory, 4);
  fake::TestParams params = {reinterpret_cast<int*>(memory), 0};
  raw.launch("test_write", &params);
  params.memory = nullptr;  // the launch has its own copy
  int value = 3;
  driver().cuMemcpyDtoHAsync_v2(&value, memory, 4, raw.stream);
  CHECK_EQUAL(value, 3);
  CHECK_EQUAL(*reinterpret_cast<int*>(memory), -1);
  CHECK_EQUAL(raw.synchronize(), cuda::kSuccess);
  CHECK_EQUAL(value, 7);
  driver().cuMemFree_v2(memory);
}

TEST("fake driver: a host source that changes before the copy ran shows") {
  Raw raw;
  DevicePointer memory = 0;
  driver().cuMemAlloc_v2(&memory, 4);
  int source = 1, result = 0;
  driver().cuMemcpyHtoDAsync_v2(memory, &source, 4, raw.stream);
  source = 2;
  driver().cuMemcpyDtoHAsync_v2(&result, memory, 4, raw.stream);
  raw.synchronize();
  CHECK_EQUAL(result, 2);
  driver().cuMemFree_v2(memory);
}

TEST("fake driver: freeing with work queued is refused") {
  Raw raw;
  DevicePointer memory = 0;
  driver().cuMemAlloc_v2(&memory, 4);
  driver().cuMemsetD8Async(memory, 0, 4, raw.stream);
  CHECK_EQUAL(driver().cuMemFree_v2(memory), cuda::kInvalidValue);
  raw.synchronize();
  CHECK_EQUAL(driver().cuMemFree_v2(memory), cuda::kSuccess);
  CHECK(driver().cuMemFree_v2(memory) != cuda::kSuccess);
}

TEST("fake driver: a thread without a current context gets error 201") {
  Raw raw;
  Result result = cuda::kSuccess;
  std::thread([&] {
    DevicePointer memory = 0;
    result = driver().cuMemAlloc_v2(&memory, 4);
  }).join();
  CHECK_EQUAL(result, cuda::kInvalidContext);
}

TEST("fake driver: a write into a red zone is found at the synchronise, and stays an error") {
  for (int index : {-1, 3}) {
    Raw raw;
    DevicePointer memory = 0;
    driver().cuMemAlloc_v2(&memory, 12);  // 4 bytes of slack before the guard page
    fake::TestParams params = {reinterpret_cast<int*>(memory), index};
    raw.launch("test_write", &params);
    CHECK_EQUAL(raw.synchronize(), cuda::kIllegalAddress);
    CHECK_EQUAL(raw.synchronize(), cuda::kIllegalAddress);
    driver().cuDevicePrimaryCtxRelease_v2(0);
    driver().cuDevicePrimaryCtxRetain(&raw.context, 0);
    driver().cuMemFree_v2(memory);
  }
}

TEST("fake driver: an access past the guard page ends the process with a reason") {
  const pid_t child = fork();
  if (child == 0) {
    Raw raw;
    DevicePointer memory = 0;
    driver().cuMemAlloc_v2(&memory, 16);
    fake::TestParams params = {reinterpret_cast<int*>(memory), 4};
    raw.launch("test_write", &params);
    raw.synchronize();
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 77);
}

TEST("fake driver: shared memory and block sizes are held to the rules") {
  Raw raw;
  fake::TestParams params = {nullptr, 0};
  CHECK_EQUAL(raw.launch("test_shared", &params, 65), cuda::kOutOfResources);
  CHECK_EQUAL(raw.launch("test_shared", &params, 64, 49 * 1024), cuda::kInvalidValue);
  CHECK_EQUAL(raw.launch("test_shared", &params, 64, 1024), cuda::kSuccess);
  CHECK_EQUAL(raw.synchronize(), cuda::kSuccess);
  CHECK_EQUAL(raw.launch("test_shared", &params, 64, 1023), cuda::kSuccess);
  CHECK_EQUAL(raw.synchronize(), cuda::kLaunchFailed);
}

TEST("fake driver: a divergent barrier fails the launch") {
  Raw raw;
  fake::TestParams params = {nullptr, 0};
  raw.launch("test_divergent", &params);
  CHECK_EQUAL(raw.synchronize(), cuda::kLaunchFailed);
}

TEST("fake driver: copies stay inside their allocation") {
  Raw raw;
  DevicePointer memory = 0;
  char host[32];
  driver().cuMemAlloc_v2(&memory, 16);
  CHECK_EQUAL(driver().cuMemcpyDtoHAsync_v2(host, memory, 17, raw.stream), cuda::kInvalidValue);
  CHECK_EQUAL(driver().cuMemcpyHtoDAsync_v2(memory + 1, host, 16, raw.stream), cuda::kInvalidValue);
  driver().cuMemFree_v2(memory);
}

TEST("fake driver: events are reached when their stream is") {
  Raw raw;
  cuda::Event event = nullptr;
  driver().cuEventCreate(&event, 0);
  driver().cuEventRecord(event, raw.stream);
  float milliseconds = -1;
  CHECK_EQUAL(driver().cuEventElapsedTime(&milliseconds, event, event), cuda::kNotReady);
  CHECK_EQUAL(driver().cuStreamSynchronize(raw.stream), cuda::kSuccess);
  CHECK_EQUAL(driver().cuEventElapsedTime(&milliseconds, event, event), cuda::kSuccess);
  CHECK_EQUAL(milliseconds, 0.0f);
  CHECK_EQUAL(driver().cuEventDestroy_v2(event), cuda::kSuccess);
}

}  // namespace
}  // namespace sjd2::test

int main(int argc, char** argv) {
  using sjd2::test::message_of;
  // In this order, as the driver is loaded once: none, one too old, then the fake one.
  setenv("SJD2_CUDA_DRIVER", "libno_such_driver.so", 1);
  const std::string absent = message_of([] { sjd2::cuda::Driver::instance(); });
  setenv("SJD2_CUDA_DRIVER", SJD2_FAKE_DRIVER, 1);
  setenv("SJD2_FAKE_CUDA_VERSION", "12010", 1);
  const std::string old = message_of([] { sjd2::cuda::Driver::instance(); });
  unsetenv("SJD2_FAKE_CUDA_VERSION");
  if (!sjd2::test::has(absent, "release 535") || !sjd2::test::has(old, "supports CUDA 12.1")) {
    std::cerr << "a missing or old driver is not explained:\n" << absent << "\n" << old << "\n";
    return 1;
  }
  return sjd2::test::run(argc, argv);
}
