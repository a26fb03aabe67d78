// An ONNX Runtime without ONNX: the C ABI as far as the engine uses it, over one decoder that is
// written out below. What it is true to is binding: on a GPU's session a host tensor that a node
// reads from the GPU is copied when it is bound, and never looked at again.
//
// The name of a graph's file says how its session behaves:
//   ..frozen..  the attention has no kernel for the GPU: a CPU node reads the cache
//   ..layer..   the provider leaves a multiplication to the CPU
//   ..wide..    runs of 32 rows and more are wrong
#include <dlfcn.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <map>
#include <string>
#include <vector>

#include "fake_runtime/decoder.h"
#include "ort/api.h"

namespace sjd2::ort {

struct Env {};
struct RunOptions {};
struct Allocator {};
struct MemoryInfo {
  std::string name;
};
struct Status {
  std::string text;
};
struct TypeInfo {
  int element;
  std::vector<int64_t> shape;
};
struct CudaOptions {
  void* stream = nullptr;
};
struct SessionOptions {
  const char* memory = "Cpu";
  void* stream = nullptr;
};
struct Value {
  std::string memory;
  std::vector<char> owned;
  void* data = nullptr;
  std::vector<int64_t> shape;
};
struct Session {
  MemoryInfo memory;
  void* stream = nullptr;
  bool frozen = false, layer = false, wide = false, rows = false;
  bool on_gpu() const { return memory.name != "Cpu"; }
  bool reads_from_host(const std::string& input) const {
    return input == "total_sequence_length" || input == "first_logit" ||
           (frozen && input.starts_with("past"));
  }
};
struct AssignedNode {
  const char *name, *type;
};
struct AssignedSubgraph {
  const char* provider;
  AssignedNode node;
};
struct IoBinding {
  Session* session = nullptr;
  std::map<std::string, Value> inputs, outputs;
};

namespace {

using namespace fake_runtime;

const void* table[512] = {};
const MemoryInfo host{"Cpu"};

template <typename Signature, size_t Slot>
void provide(Function<Signature, Slot>, Signature* function) {
  table[Slot] = reinterpret_cast<const void*>(function);
}

struct Port {
  const char* name;
  int element;
  std::vector<int64_t> shape;
};
const Port kInputs[] = {{"inputs_embeds", kFloat32, {1, -1, kHidden}},
                        {"seqlens_k", kInt32, {1}},
                        {"total_sequence_length", kInt32, {}},
                        {"first_logit", kInt64, {1}},
                        {"past_key_values.0.0.key", kFloat16, {1, 1, kLength, kHidden}},
                        {"past_key_values.0.0.value", kFloat16, {1, 1, kLength, kHidden}}};
const Port kOutputs[] = {{"logits", kFloat32, {1, -1, kVocabulary}},
                         {"present.0.0.key", kFloat16, {1, 1, kLength, kHidden}},
                         {"present.0.0.value", kFloat16, {1, 1, kLength, kHidden}}};

// A port as a session has it: one of "rows" names the rows that get logits.
Port port_of(const Session* session, const Port& port) {
  const bool other = session->rows && port.name == std::string("first_logit");
  return other ? Port{"logit_rows", kInt64, {-1}} : port;
}

size_t bytes_of(const std::vector<int64_t>& shape, int element) {
  size_t bytes = element == kInt64 ? 8 : element == kFloat16 ? 2 : 4;
  for (const int64_t extent : shape) bytes *= static_cast<size_t>(extent);
  return bytes;
}

Value alias(const Value& value) { return {value.memory, {}, value.data, value.shape}; }

Status* bind_input(IoBinding* binding, const char* name, const Value* value) {
  Value bound = alias(*value);
  const Session& session = *binding->session;
  const bool wanted_on_host = !session.on_gpu() || session.reads_from_host(name);
  if ((value->memory == "Cpu") != wanted_on_host) {
    int element = kFloat32;
    for (const Port& any : kInputs) {
      const Port port = port_of(&session, any);
      if (port.name == std::string(name)) element = port.element;
    }
    const auto* from = static_cast<const char*>(value->data);
    bound.owned.assign(from, from + bytes_of(value->shape, element));
    bound.data = bound.owned.data();
  }
  binding->inputs[name] = std::move(bound);
  return nullptr;
}

// In order with what the engine has queued, as the provider's own kernels would be.
void wait_for(void* stream) {
  if (!stream) return;
  void* driver = dlopen(std::getenv("SJD2_CUDA_DRIVER"), RTLD_NOW);
  reinterpret_cast<int (*)(void*)>(dlsym(driver, "cuStreamSynchronize"))(stream);
}

Status* run(Session* session, const RunOptions*, const IoBinding* binding) {
  wait_for(session->stream);
  const auto input = [&](const char* name) -> const Value& { return binding->inputs.at(name); };
  Pass pass;
  pass.count = static_cast<int32_t>(input("inputs_embeds").shape[1]);
  pass.inputs = static_cast<const float*>(input("inputs_embeds").data);
  pass.last = *static_cast<const int32_t*>(input("seqlens_k").data);
  const Value& laws = input(session->rows ? "logit_rows" : "first_logit");
  const auto* numbers = static_cast<const int64_t*>(laws.data);
  if (session->rows) {
    pass.laws.assign(numbers, numbers + laws.shape[0]);
  } else {
    for (int64_t row = *numbers; row < pass.count; ++row) pass.laws.push_back(row);
  }
  pass.past = static_cast<const uint16_t*>(input("past_key_values.0.0.key").data);
  pass.present = static_cast<uint16_t*>(binding->outputs.at("present.0.0.key").data);
  pass.logits = static_cast<float*>(binding->outputs.at("logits").data);
  pass.wrong = session->wide && pass.count >= 32;
  decode(pass);
  return nullptr;
}

template <const auto& Ports>
Status* describe(const Session* session, size_t i, TypeInfo** out) {
  const Port port = port_of(session, Ports[i]);
  *out = new TypeInfo{port.element, port.shape};
  return nullptr;
}
template <const auto& Ports>
Status* name(const Session* session, size_t i, Allocator*, char** out) {
  *out = strdup(port_of(session, Ports[i]).name);
  return nullptr;
}
template <const auto& Ports>
Status* count(const Session*, size_t* out) {
  *out = std::size(Ports);
  return nullptr;
}

template <typename T>
Status* create(T** out) {
  *out = new T;
  return nullptr;
}
template <typename T>
void destroy(T* object) {
  delete object;
}

void provide_all() {
  provide(
      GetErrorMessage, +[](const Status* status) { return status->text.c_str(); });
  provide(
      CreateEnv, +[](int, const char*, Env** out) { return create(out); });
  provide(
      DisableTelemetryEvents, +[](const Env*) -> Status* { return nullptr; });
  provide(
      CreateSession,
      +[](const Env*, const PathChar* path, const SessionOptions* options,
          Session** out) -> Status* {
        const std::string file(path);
        *out = new Session{{options->memory},
                           options->stream,
                           file.find("frozen") != file.npos,
                           file.find("layer") != file.npos,
                           file.find("wide") != file.npos,
                           file.find("rows") != file.npos};
        return nullptr;
      });
  provide(CreateSessionOptions, &create<SessionOptions>);
  provide(
      SetSessionLogSeverityLevel, +[](SessionOptions*, int) -> Status* { return nullptr; });
  provide(
      SetSessionGraphOptimizationLevel, +[](SessionOptions*, int) -> Status* { return nullptr; });
  provide(
      SetIntraOpNumThreads, +[](SessionOptions*, int) -> Status* { return nullptr; });
  provide(
      AddSessionConfigEntry,
      +[](SessionOptions*, const char*, const char*) -> Status* { return nullptr; });
  provide(SessionGetInputCount, &count<kInputs>);
  provide(SessionGetOutputCount, &count<kOutputs>);
  provide(SessionGetInputTypeInfo, &describe<kInputs>);
  provide(SessionGetOutputTypeInfo, &describe<kOutputs>);
  provide(SessionGetInputName, &name<kInputs>);
  provide(SessionGetOutputName, &name<kOutputs>);
  provide(
      CastTypeInfoToTensorInfo,
      +[](const TypeInfo* type, const TensorTypeAndShapeInfo** out) -> Status* {
        *out = reinterpret_cast<const TensorTypeAndShapeInfo*>(type);
        return nullptr;
      });
  provide(
      GetTensorElementType, +[](const TensorTypeAndShapeInfo* info, int* out) -> Status* {
        *out = reinterpret_cast<const TypeInfo*>(info)->element;
        return nullptr;
      });
  provide(
      GetDimensionsCount, +[](const TensorTypeAndShapeInfo* info, size_t* out) -> Status* {
        *out = reinterpret_cast<const TypeInfo*>(info)->shape.size();
        return nullptr;
      });
  provide(
      GetDimensions, +[](const TensorTypeAndShapeInfo* info, int64_t* out, size_t rank) -> Status* {
        std::copy_n(reinterpret_cast<const TypeInfo*>(info)->shape.data(), rank, out);
        return nullptr;
      });
  provide(CreateRunOptions, &create<RunOptions>);
  provide(
      RunOptionsSetTerminate, +[](RunOptions*) -> Status* { return nullptr; });
  provide(
      AddRunConfigEntry, +[](RunOptions*, const char*, const char*) -> Status* { return nullptr; });
  provide(
      CreateTensorAsOrtValue,
      +[](Allocator*, const int64_t* shape, size_t rank, int element, Value** out) -> Status* {
        auto* value = new Value{"gpu", {}, nullptr, {shape, shape + rank}};
        value->owned.resize(bytes_of(value->shape, element));
        value->data = value->owned.data();
        *out = value;
        return nullptr;
      });
  provide(
      CreateTensorWithDataAsOrtValue,
      +[](const MemoryInfo* memory, void* data, size_t, const int64_t* shape, size_t rank, int,
          Value** out) -> Status* {
        *out = new Value{memory->name, {}, data, {shape, shape + rank}};
        return nullptr;
      });
  provide(
      CreateMemoryInfo, +[](const char* name, int, int, int, MemoryInfo** out) -> Status* {
        *out = new MemoryInfo{name};
        return nullptr;
      });
  provide(
      CreateCpuMemoryInfo, +[](int, int, MemoryInfo** out) -> Status* {
        *out = new MemoryInfo(host);
        return nullptr;
      });
  provide(
      MemoryInfoGetName, +[](const MemoryInfo* memory, const char** out) -> Status* {
        *out = memory->name.c_str();
        return nullptr;
      });
  provide(
      AllocatorFree, +[](Allocator*, void* memory) -> Status* {
        std::free(memory);
        return nullptr;
      });
  provide(
      GetAllocatorWithDefaultOptions, +[](Allocator** out) -> Status* {
        static Allocator allocator;
        *out = &allocator;
        return nullptr;
      });
  provide(
      CreateAllocator,
      +[](const Session*, const MemoryInfo*, Allocator** out) { return create(out); });
  provide(
      GetAvailableProviders, +[](char*** out, int* count) -> Status* {
        static char webgpu[] = "WebGpuExecutionProvider", cuda[] = "CUDAExecutionProvider";
        static char* names[] = {webgpu, cuda};
        *out = names;
        *count = 2;
        return nullptr;
      });
  provide(
      ReleaseAvailableProviders, +[](char**, int) {});
  provide(
      AppendProvider,
      +[](SessionOptions* options, const char*, const char* const*, const char* const*,
          size_t) -> Status* {
        options->memory = "WebGPU_Buf";
        return nullptr;
      });
  provide(CreateCudaOptions, &create<CudaOptions>);
  provide(
      UpdateCudaOptions,
      +[](CudaOptions*, const char* const*, const char* const*, size_t) -> Status* {
        return nullptr;
      });
  provide(
      UpdateCudaOptionsWithValue, +[](CudaOptions* options, const char*, void* stream) -> Status* {
        options->stream = stream;
        return nullptr;
      });
  provide(
      AppendCudaProvider, +[](SessionOptions* options, const CudaOptions* cuda) -> Status* {
        options->memory = "Cuda";
        options->stream = cuda->stream;
        return nullptr;
      });
  provide(
      SessionGetMemoryInfoForInputs,
      +[](const Session* session, const MemoryInfo** out, size_t count) -> Status* {
        for (size_t i = 0; i < count; ++i) {
          out[i] = session->reads_from_host(port_of(session, kInputs[i]).name) ? &host
                                                                               : &session->memory;
        }
        return nullptr;
      });
  // One part for each provider; the CPU has a node that reckons with lengths, as real ones have.
  provide(
      SessionGetAssignment,
      +[](const Session* session, const AssignedSubgraph* const** out, size_t* count) -> Status* {
        static const AssignedSubgraph gpu{"GPU", {"attention", "GroupQueryAttention"}};
        static const AssignedSubgraph lengths{"CPUExecutionProvider", {"lengths", "Sub"}};
        static const AssignedSubgraph layer{"CPUExecutionProvider", {"projection", "MatMul"}};
        static const AssignedSubgraph* const parts[] = {&gpu, &lengths, &layer};
        *out = parts;
        *count = session->layer ? 3 : 2;
        return nullptr;
      });
  provide(
      AssignedSubgraphProvider, +[](const AssignedSubgraph* part, const char** out) -> Status* {
        *out = part->provider;
        return nullptr;
      });
  provide(
      AssignedSubgraphNodes,
      +[](const AssignedSubgraph* part, const AssignedNode* const** out, size_t* count) -> Status* {
        static thread_local const AssignedNode* node;
        node = &part->node;
        *out = &node;
        *count = 1;
        return nullptr;
      });
  provide(
      AssignedNodeName, +[](const AssignedNode* node, const char** out) -> Status* {
        *out = node->name;
        return nullptr;
      });
  provide(
      AssignedNodeOperator, +[](const AssignedNode* node, const char** out) -> Status* {
        *out = node->type;
        return nullptr;
      });
  provide(
      CreateIoBinding, +[](Session* session, IoBinding** out) -> Status* {
        *out = new IoBinding{session, {}, {}};
        return nullptr;
      });
  provide(BindInput, &bind_input);
  provide(
      BindOutput, +[](IoBinding* binding, const char* name, const Value* value) -> Status* {
        binding->outputs[name] = alias(*value);
        return nullptr;
      });
  provide(RunWithBinding, &run);
  provide(ReleaseStatus, &destroy<Status>);
  provide(ReleaseMemoryInfo, &destroy<MemoryInfo>);
  provide(ReleaseSession, &destroy<Session>);
  provide(ReleaseValue, &destroy<Value>);
  provide(ReleaseRunOptions, &destroy<RunOptions>);
  provide(ReleaseTypeInfo, &destroy<TypeInfo>);
  provide(ReleaseSessionOptions, &destroy<SessionOptions>);
  provide(ReleaseAllocator, &destroy<Allocator>);
  provide(ReleaseIoBinding, &destroy<IoBinding>);
  provide(ReleaseCudaOptions, &destroy<CudaOptions>);
}

}  // namespace
}  // namespace sjd2::ort

extern "C" __attribute__((visibility("default"))) const sjd2::ort::ApiBase* OrtGetApiBase() {
  using namespace sjd2::ort;
  provide_all();
  static const ApiBase base{[](uint32_t) -> const void* const* { return table; },
                            [] { return "1.30.0"; }};
  return &base;
}
