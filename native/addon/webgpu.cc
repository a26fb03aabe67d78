#include "addon/webgpu.h"

#include "addon/arguments.h"
#include "addon/promise_worker.h"
#include "ort/webgpu_provider.h"

namespace sjd2::addon {
namespace {

struct WebGpuReport {
  ort::WebGpuAdapter adapter;
  std::string missing;  // a sentence; empty: everything is there
};

Napi::Value probe_webgpu(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guarded(env, [&]() -> Napi::Value {
    if (!info[0].IsString()) wrong(env, "path", "a string");
    const ort::Library& runtime = ort::Library::open(info[0].As<Napi::String>().Utf8Value());
    return PromiseWorker<WebGpuReport>::run(
        env, "sjd2.probeWebGpu",
        [&runtime] {
          WebGpuReport report;
          report.missing = ort::webgpu_provider_absence(runtime);
          if (report.missing.empty()) report.adapter = ort::webgpu_adapter(runtime);
          return report;
        },
        [](Napi::Env env, WebGpuReport& report) {
          Napi::Object result = Napi::Object::New(env);
          Napi::Array missing = Napi::Array::New(env);
          if (!report.missing.empty()) missing.Set(0u, report.missing);
          result.Set("gpu", report.adapter.name);
          result.Set("software", report.adapter.software);
          result.Set("missing", missing);
          return result;
        });
  });
}

}  // namespace

void define_webgpu(Napi::Env env, Napi::Object exports) {
  exports.Set("probeWebGpu", Napi::Function::New(env, probe_webgpu, "probeWebGpu"));
}

}  // namespace sjd2::addon
