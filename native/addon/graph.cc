#include "addon/graph.h"

#include <cstring>
#include <functional>
#include <numeric>
#include <vector>

#include "addon/arguments.h"
#include "addon/lazy.h"
#include "addon/promise_worker.h"
#include "ort/interrupt.h"
#include "size.h"

namespace sjd2::addon {

struct GraphHandle::Core {
  ort::Library* runtime = nullptr;
  std::string path;
  ort::GraphOptions options;
  Lazy<ort::Graph> graph;

  const ort::Graph& get() {
    return graph.get([&] { return std::make_unique<ort::Graph>(*runtime, path, options); });
  }
};

namespace {

struct Feed {
  std::string name;
  int element;
  std::vector<int64_t> shape;
  std::vector<uint8_t> bytes;
};

std::vector<int64_t> read_shape(Napi::Object from) {
  const Napi::Value value = from.Get("shape");
  if (!value.IsArray()) wrong(from.Env(), "shape", "an array");
  const Napi::Array array = value.As<Napi::Array>();
  std::vector<int64_t> shape;
  for (uint32_t i = 0; i < array.Length(); ++i) shape.push_back(integer(array.Get(i), "shape"));
  return shape;
}

Size elements(const std::vector<int64_t>& shape) {
  return std::accumulate(shape.begin(), shape.end(), Size(1), std::multiplies<Size>());
}

// { name, shape, data }: BigInt64Array is int64, Float32Array float32, Uint8Array bool.
Feed read_feed(Napi::Object from) {
  Feed feed{string_field(from, "name"), 0, read_shape(from), {}};
  const Napi::Value value = from.Get("data");
  if (!value.IsTypedArray()) wrong(from.Env(), "data", "a typed array");
  const auto array = value.As<Napi::TypedArray>();
  switch (array.TypedArrayType()) {
    case napi_bigint64_array:
      feed.element = ort::kInt64;
      break;
    case napi_float32_array:
      feed.element = ort::kFloat32;
      break;
    case napi_uint8_array:
      feed.element = ort::kBool;
      break;
    default:
      wrong(from.Env(), "data", "a BigInt64Array, Float32Array or Uint8Array");
  }
  const size_t count = elements(feed.shape).or_throw(codes::kArgument, feed.name);
  if (array.ElementLength() != count) wrong(from.Env(), "data", "as long as its shape says");
  const auto* begin = static_cast<const uint8_t*>(array.ArrayBuffer().Data()) + array.ByteOffset();
  feed.bytes.reserve(1);  // an empty tensor has an address, too
  feed.bytes.assign(begin, begin + array.ByteLength());
  return feed;
}

Napi::Array describe(Napi::Env env, const std::vector<ort::TensorSpec>& specs) {
  Napi::Array result = Napi::Array::New(env, specs.size());
  for (uint32_t i = 0; i < specs.size(); ++i) {
    Napi::Object entry = Napi::Object::New(env);
    entry.Set("name", specs[i].name);
    entry.Set("element", specs[i].element);
    Napi::Array shape = Napi::Array::New(env, specs[i].shape.size());
    for (uint32_t j = 0; j < specs[i].shape.size(); ++j) shape.Set(j, double(specs[i].shape[j]));
    entry.Set("shape", shape);
    result.Set(i, entry);
  }
  return result;
}

std::vector<float> run_graph(const ort::Graph& graph, std::vector<Feed>& feeds,
                             const std::string& output, const std::vector<int64_t>& shape,
                             const ort::Interrupt& interrupt) {
  const ort::Library& library = graph.library();
  ort::Binding binding(graph);
  for (Feed& feed : feeds) {
    ort::expect_input(graph, feed.name, feed.element, feed.shape);
    binding.input(feed.name, ort::borrow_tensor(library, library.cpu_memory(), feed.bytes.data(),
                                                feed.bytes.size(), feed.shape, feed.element));
  }
  ort::expect_input_count(graph, feeds.size());
  ort::expect_output(graph, output, ort::kFloat32, shape);
  std::vector<float> values(elements(shape).or_throw(codes::kMemory, output));
  binding.output(output, ort::borrow_tensor(library, library.cpu_memory(), values.data(),
                                            values.size() * sizeof(float), shape, ort::kFloat32));
  binding.run(interrupt);
  return values;
}

}  // namespace

Napi::Function GraphHandle::define(Napi::Env env) {
  return DefineClass(
      env, kName,
      {InstanceMethod<&GraphHandle::open>("open"), InstanceMethod<&GraphHandle::run>("run"),
       InstanceMethod<&GraphHandle::dispose>("dispose")});
}

// new Graph(runtime, path, threads): nothing is loaded yet
GraphHandle::GraphHandle(const Napi::CallbackInfo& info) : Tagged<GraphHandle>(info) {
  guarded(info.Env(), [&] {
    auto core = std::make_shared<Core>();
    if (!info[0].IsString() || !info[1].IsString()) wrong(info.Env(), "the paths", "strings");
    core->runtime = &ort::Library::open(info[0].As<Napi::String>().Utf8Value());
    core->path = info[1].As<Napi::String>().Utf8Value();
    core->options.threads = integer(info[2], "threads");
    core_ = std::move(core);
    info.This().As<Napi::Object>().TypeTag(&kTag);
  });
}

// open(): Promise<{inputs, outputs}>
Napi::Value GraphHandle::open(const Napi::CallbackInfo& info) {
  check(info);
  if (!core_) throw to_js(info.Env(), codes::kState, "The graph was disposed");
  return PromiseWorker<const ort::Graph*>::run(
      info.Env(), "sjd2.graph.open", [core = core_] { return &core->get(); },
      [core = core_](Napi::Env env, const ort::Graph*& graph) {
        Napi::Object result = Napi::Object::New(env);
        result.Set("inputs", describe(env, graph->inputs()));
        result.Set("outputs", describe(env, graph->outputs()));
        return result;
      });
}

// run(feeds: {name, shape, data}[], output: {name, shape}): Promise<Float32Array>
Napi::Value GraphHandle::run(const Napi::CallbackInfo& info) {
  check(info);
  const Napi::Env env = info.Env();
  if (!core_) throw to_js(env, codes::kState, "The graph was disposed");
  if (!info[0].IsArray() || !info[1].IsObject()) wrong(env, "the feeds and the output", "given");
  return guarded(env, [&] {
    std::vector<Feed> feeds;
    const Napi::Array given = info[0].As<Napi::Array>();
    for (uint32_t i = 0; i < given.Length(); ++i) {
      const Napi::Value feed = given.Get(i);
      if (!feed.IsObject()) wrong(env, "every feed", "an object");
      feeds.push_back(read_feed(feed.As<Napi::Object>()));
    }
    const Napi::Object output = info[1].As<Napi::Object>();
    const auto interrupt = std::make_shared<ort::Interrupt>(*core_->runtime);
    return PromiseWorker<std::vector<float>>::run(
        env, "sjd2.graph.run",
        [core = core_, feeds = std::move(feeds), name = string_field(output, "name"),
         shape = read_shape(output),
         interrupt]() mutable { return run_graph(core->get(), feeds, name, shape, *interrupt); },
        [](Napi::Env env, std::vector<float>& values) {
          Napi::Float32Array array = Napi::Float32Array::New(env, values.size());
          std::copy(values.begin(), values.end(), array.Data());
          return array;
        },
        [] {}, [interrupt] { interrupt->fire(); });
  });
}

Napi::Value GraphHandle::dispose(const Napi::CallbackInfo& info) {
  check(info);
  core_.reset();
  return info.Env().Undefined();
}

}  // namespace sjd2::addon
