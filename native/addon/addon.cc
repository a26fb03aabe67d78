// Entry point of sjd2.node. src/native/addon.ts describes what is exported here.
#include "addon/arguments.h"
#include "addon/cuda.h"
#include "addon/environment.h"
#include "addon/generation.h"
#include "addon/graph.h"
#include "addon/interrupt.h"
#include "addon/kernels.h"
#include "addon/model.h"
#include "addon/setup.h"
#include "addon/webgpu.h"
#include "ort/library.h"
#include "ort/loaded.h"

namespace sjd2::addon {
namespace {

// openRuntime(path): {path, version, providers}
Napi::Value open_runtime(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guarded(env, [&]() -> Napi::Value {
    if (!info[0].IsString()) wrong(env, "path", "a string");
    const ort::Library& library = ort::Library::open(info[0].As<Napi::String>().Utf8Value());
    Napi::Object result = Napi::Object::New(env);
    result.Set("path", library.path());
    result.Set("version", library.version());
    Napi::Array providers = Napi::Array::New(env);
    for (const std::string& name : library.providers()) {
      providers.Set(providers.Length(), name);
    }
    result.Set("providers", providers);
    return result;
  });
}

// loadedRuntimes(): [{path, version}], this process's ONNX Runtimes, whoever loaded them
Napi::Value loaded_runtimes(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guarded(env, [&]() -> Napi::Value {
    Napi::Array result = Napi::Array::New(env);
    for (const ort::LoadedLibrary& library : ort::loaded_libraries()) {
      Napi::Object entry = Napi::Object::New(env);
      entry.Set("path", library.path);
      entry.Set("version", library.version);
      result.Set(result.Length(), entry);
    }
    return result;
  });
}

// process.exit() on the main thread runs no clean-up hooks of the environment: it destroys ONNX
// Runtime's statics while our threads are inside. So they are joined before.
void end_work_at_exit(Napi::Env env) {
  const Napi::Object process = env.Global().Get("process").As<Napi::Object>();
  const auto end = [](const Napi::CallbackInfo& info) {
    Environment::of(info.Env()).workers.close();
  };
  process.Get("on").As<Napi::Function>().Call(
      process, {Napi::String::New(env, "exit"), Napi::Function::New(env, end)});
}

Napi::Object initialise(Napi::Env env, Napi::Object exports) {
  auto* environment = new Environment(env);
  env.SetInstanceData(environment);
  end_work_at_exit(env);
  environment->generation = Napi::Persistent(GenerationHandle::define(env));
  environment->interrupt = Napi::Persistent(InterruptObject::define(env));
  exports.Set("openRuntime", Napi::Function::New(env, open_runtime, "openRuntime"));
  exports.Set("loadedRuntimes", Napi::Function::New(env, loaded_runtimes, "loadedRuntimes"));
  exports.Set("minimumRuntime", ort::kMinimumVersion);
  exports.Set("Model", Model::define(env));
  exports.Set("Graph", GraphHandle::define(env));
  define_kernels(env, exports);
  define_cuda(env, exports);
  define_webgpu(env, exports);
  return exports;
}

}  // namespace
}  // namespace sjd2::addon

static Napi::Object sjd2_init(Napi::Env env, Napi::Object exports) {
  return sjd2::addon::initialise(env, exports);
}
NODE_API_MODULE(sjd2, sjd2_init)
