#include "addon/cuda.h"

#include <memory>
#include <vector>

#include "addon/arguments.h"
#include "addon/promise_worker.h"
#include "device/cuda/cuda_device.h"
#include "device/cuda/module.h"
#include "ort/cuda_provider.h"

namespace sjd2::addon {
namespace {

struct CudaReport {
  std::string gpu;  // its name, with what tells machines apart in bug reports
  bool emulated = false;
  std::vector<std::string> missing;  // sentences; empty: everything is there
};

// Everything that is missing at once: who has to install three things wants to hear of all three.
CudaReport probe(const ort::Library& runtime) {
  CudaReport report;
  std::unique_ptr<cuda::CudaDevice> device;  // its stream has to live while the provider has it
  ort::CudaProvider wanted;
  try {
    device = std::make_unique<cuda::CudaDevice>();
    wanted = {device->ordinal(), device->stream()};
    const int capability = device->compute_capability();
    report.emulated = device->emulated();
    report.gpu = std::string(device->name()) + ", compute capability " +
                 std::to_string(capability / 10) + "." + std::to_string(capability % 10) + ", " +
                 std::to_string(device->free_bytes() >> 20) + " MB free";
  } catch (const Error& error) {
    report.missing.push_back(error.what());
  }
  if (report.emulated) return report;  // it brings kernels, and takes the CPU provider
  const std::string kernels = cuda::embedded_image_absence();
  if (!kernels.empty() && (report.missing.empty() || report.missing[0] != kernels)) {
    report.missing.push_back(kernels);
  }
  const std::string provider = ort::cuda_provider_absence(runtime, wanted);
  if (!provider.empty()) report.missing.push_back(provider);
  return report;
}

Napi::Value probe_cuda(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guarded(env, [&]() -> Napi::Value {
    if (!info[0].IsString()) wrong(env, "path", "a string");
    const ort::Library& runtime = ort::Library::open(info[0].As<Napi::String>().Utf8Value());
    return PromiseWorker<CudaReport>::run(
        env, "sjd2.probeCuda", [&runtime] { return probe(runtime); },
        [](Napi::Env env, CudaReport& report) {
          Napi::Object result = Napi::Object::New(env);
          Napi::Array missing = Napi::Array::New(env);
          for (const std::string& what : report.missing) missing.Set(missing.Length(), what);
          result.Set("gpu", report.gpu);
          result.Set("emulated", report.emulated);
          result.Set("missing", missing);
          return result;
        });
  });
}

}  // namespace

void define_cuda(Napi::Env env, Napi::Object exports) {
  exports.Set("probeCuda", Napi::Function::New(env, probe_cuda, "probeCuda"));
}

}  // namespace sjd2::addon
