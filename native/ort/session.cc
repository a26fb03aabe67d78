#include "ort/session.h"

#include <algorithm>

#include "ort/path.h"
#include "ort/webgpu_provider.h"

namespace sjd2::ort {
namespace {

const TensorSpec& find(const std::vector<TensorSpec>& specs, const std::string& name,
                       const char* what, const std::string& path) {
  std::string names;
  for (const TensorSpec& spec : specs) {
    if (spec.name == name) return spec;
    names += (names.empty() ? "" : ", ") + spec.name;
  }
  throw Error(codes::kModel, "Expected " + path + " to have an " + what + " named " + name +
                                 " but it has " + names);
}

std::string type_name(int element) {
  switch (element) {
    case kFloat32:
      return "float32";
    case kInt32:
      return "int32";
    case kInt64:
      return "int64";
    case kFloat16:
      return "float16";
    case kBFloat16:
      return "bfloat16";
    default:
      return "ONNX element type " + std::to_string(element);
  }
}

std::string describe(int element, const std::vector<int64_t>& shape) {
  std::string text = type_name(element) + " with shape [";
  for (size_t i = 0; i < shape.size(); ++i) {
    text += (i ? ", " : "") + (shape[i] == kSymbolic ? std::string("symbolic")
                               : shape[i] < 0        ? std::string("?")
                                                     : std::to_string(shape[i]));
  }
  return text + "]";
}

[[noreturn]] void mismatch(const std::string& path, const TensorSpec& spec, int element,
                           const std::vector<int64_t>& shape) {
  throw Error(codes::kModel, "Expected " + spec.name + " of " + path + " to be " +
                                 describe(element, shape) + " but it is " +
                                 describe(spec.element, spec.shape));
}

void expect(const std::string& path, const TensorSpec& spec, int element,
            const std::vector<int64_t>& shape) {
  bool fits = spec.element == element && spec.shape.size() == shape.size();
  for (size_t i = 0; fits && i < shape.size(); ++i) {
    fits = spec.shape[i] < 0 || shape[i] == kAny || spec.shape[i] == shape[i];
  }
  if (!fits) mismatch(path, spec, element, shape);
}

// A file that ONNX Runtime refuses is a fault of the package, and the message names it.
Session* open_session(Library& library, const std::string& path, SessionOptions* options) {
  Session* session = nullptr;
  try {
    library.call(CreateSession, library.env(), native_path(path).c_str(), options, &session);
  } catch (const Error& error) {
    throw Error(codes::kModel, path + ": " + error.what());
  }
  return session;
}

}  // namespace

Graph::Graph(Library& library, const std::string& path, const GraphOptions& options)
    : library_(library), path_(path) {
  SessionOptions* raw_options = nullptr;
  library.call(CreateSessionOptions, &raw_options);
  const SessionOptionsHandle settings(library, raw_options);
  if (options.threads > 0) library.call(SetIntraOpNumThreads, settings.get(), options.threads);
  // Fatal only: what fails comes back as a status, and an interrupted run is no error at all.
  library.call(SetSessionLogSeverityLevel, settings.get(), 4);
  library.call(SetSessionGraphOptimizationLevel, settings.get(), 99);
  // Spinning threads on shared cores double the time of a pass: they steal from the one that works.
  library.call(AddSessionConfigEntry, settings.get(), "session.intra_op.allow_spinning", "0");
  if (options.cuda || options.webgpu) {
    library.call(AddSessionConfigEntry, settings.get(), "session.record_ep_graph_assignment_info",
                 "1");
  }
  const auto open = [&] {
    session_ = SessionHandle(library, open_session(library, path, settings.get()));
  };
  if (options.cuda) {
    turn_ = &own_turn_;
    append_cuda_provider(library, settings.get(), *options.cuda);
    open();
    use_memory("Cuda", options.cuda->device);
  } else if (options.webgpu) {
    turn_ = &webgpu_turn();
    const auto held = turn();
    append_webgpu_provider(library, settings.get());
    open();
    use_memory(kWebGpuMemory, 0);
  } else {
    open();
  }
  inputs_ = describe(true);
  outputs_ = describe(false);
  if (gpu_memory_.get()) {
    find_host_inputs();
    find_nodes_on_cpu();
  }
}

Graph::~Graph() {
  const auto held = turn();
  allocator_ = {};
  session_ = {};
}

void Graph::use_memory(const char* name, int device) {
  MemoryInfo* memory = nullptr;
  library_.call(CreateMemoryInfo, name, int{kDeviceAllocator}, device, 0, &memory);
  gpu_memory_ = MemoryInfoHandle(library_, memory);
  Allocator* allocator = nullptr;
  library_.call(CreateAllocator, session_.get(), memory, &allocator);
  allocator_ = AllocatorHandle(library_, allocator);
}

ValueHandle Graph::allocate(const std::vector<int64_t>& shape, int element) const {
  Allocator* allocator = allocator_.get();
  if (!allocator) library_.call(GetAllocatorWithDefaultOptions, &allocator);
  Value* value = nullptr;
  library_.call(CreateTensorAsOrtValue, allocator, shape.data(), shape.size(), element, &value);
  return ValueHandle(library_, value);
}

void Graph::find_host_inputs() {
  if (!library_.at_least(1, 23)) {
    throw Error(codes::kRuntime, "Expected ONNX Runtime 1.23 or newer for a GPU but " +
                                     library_.path() + " is " + library_.version());
  }
  std::vector<const MemoryInfo*> places(inputs_.size());
  library_.call(SessionGetMemoryInfoForInputs, session_.get(), places.data(), places.size());
  const char* gpu = nullptr;
  library_.call(MemoryInfoGetName, gpu_memory_.get(), &gpu);
  for (size_t i = 0; i < places.size(); ++i) {
    const char* name = nullptr;
    if (places[i]) library_.call(MemoryInfoGetName, places[i], &name);
    if (!name || std::string(name) != gpu) host_inputs_.push_back(inputs_[i].name);
  }
}

void Graph::find_nodes_on_cpu() {
  if (!library_.at_least(1, 24)) return;
  const AssignedSubgraph* const* parts = nullptr;
  size_t count = 0;
  library_.call(SessionGetAssignment, session_.get(), &parts, &count);
  for (size_t i = 0; i < count; ++i) {
    const char* provider = nullptr;
    library_.call(AssignedSubgraphProvider, parts[i], &provider);
    if (std::string(provider) != "CPUExecutionProvider") continue;
    const AssignedNode* const* nodes = nullptr;
    size_t length = 0;
    library_.call(AssignedSubgraphNodes, parts[i], &nodes, &length);
    for (size_t j = 0; j < length; ++j) {
      const char *name = nullptr, *type = nullptr;
      library_.call(AssignedNodeName, nodes[j], &name);
      library_.call(AssignedNodeOperator, nodes[j], &type);
      nodes_on_cpu_.push_back({type, name});
    }
  }
}

bool Graph::reads_from_host(const std::string& input) const {
  return !gpu_memory_.get() ||
         std::find(host_inputs_.begin(), host_inputs_.end(), input) != host_inputs_.end();
}

std::vector<TensorSpec> Graph::describe(bool inputs) const {
  const Session* session = session_.get();
  Allocator* allocator = nullptr;
  library_.call(GetAllocatorWithDefaultOptions, &allocator);
  size_t count = 0;
  if (inputs) {
    library_.call(SessionGetInputCount, session, &count);
  } else {
    library_.call(SessionGetOutputCount, session, &count);
  }
  std::vector<TensorSpec> specs(count);
  for (size_t i = 0; i < count; ++i) {
    char* name = nullptr;
    TypeInfo* type = nullptr;
    if (inputs) {
      library_.call(SessionGetInputName, session, i, allocator, &name);
      library_.call(SessionGetInputTypeInfo, session, i, &type);
    } else {
      library_.call(SessionGetOutputName, session, i, allocator, &name);
      library_.call(SessionGetOutputTypeInfo, session, i, &type);
    }
    const TypeInfoHandle owned(library_, type);
    specs[i].name = name;
    library_.call(AllocatorFree, allocator, static_cast<void*>(name));
    const TensorTypeAndShapeInfo* tensor = nullptr;
    library_.call(CastTypeInfoToTensorInfo, type, &tensor);
    if (!tensor) continue;  // a sequence or map; its element stays 0 and matches nothing
    size_t rank = 0;
    library_.call(GetTensorElementType, tensor, &specs[i].element);
    library_.call(GetDimensionsCount, tensor, &rank);
    specs[i].shape.resize(rank);
    library_.call(GetDimensions, tensor, specs[i].shape.data(), rank);
  }
  return specs;
}

const TensorSpec& Graph::input(const std::string& name) const {
  return find(inputs_, name, "input", path_);
}

const TensorSpec& Graph::output(const std::string& name) const {
  return find(outputs_, name, "output", path_);
}

void expect_input(const Graph& graph, const std::string& name, int element,
                  const std::vector<int64_t>& shape) {
  expect(graph.path(), graph.input(name), element, shape);
}

void expect_output(const Graph& graph, const std::string& name, int element,
                   const std::vector<int64_t>& shape) {
  expect(graph.path(), graph.output(name), element, shape);
}

void expect_input_count(const Graph& graph, size_t count) {
  if (graph.inputs().size() == count) return;
  throw Error(codes::kModel, "Expected " + graph.path() + " to have " + std::to_string(count) +
                                 " inputs but it has " + std::to_string(graph.inputs().size()) +
                                 ", the last one " + graph.inputs().back().name);
}

void expect_stated(const Graph& graph, const TensorSpec& spec, int element,
                   const std::vector<int64_t>& shape) {
  if (spec.element != element || spec.shape != shape) mismatch(graph.path(), spec, element, shape);
}

ValueHandle borrow_tensor(const Library& library, const MemoryInfo* memory, void* data,
                          size_t bytes, const std::vector<int64_t>& shape, int element) {
  Value* value = nullptr;
  library.call(CreateTensorWithDataAsOrtValue, memory, data, bytes, shape.data(), shape.size(),
               element, &value);
  return ValueHandle(library, value);
}

Binding::Binding(const Graph& graph) : graph_(graph) {
  IoBinding* binding = nullptr;
  graph.library().call(CreateIoBinding, graph.session(), &binding);
  binding_ = IoBindingHandle(graph.library(), binding);
}

void Binding::input(const std::string& name, ValueHandle value) {
  graph_.library().call(BindInput, binding_.get(), name.c_str(), value.get());
  values_.push_back(std::move(value));
}

void Binding::output(const std::string& name, ValueHandle value) {
  graph_.library().call(BindOutput, binding_.get(), name.c_str(), value.get());
  values_.push_back(std::move(value));
}

void Binding::staged_input(const std::string& name, ValueHandle value) {
  staged_.emplace_back(name, std::move(value));
}

void Binding::in_place(const std::string& input, const std::string& output, const Value* value) {
  graph_.library().call(BindInput, binding_.get(), input.c_str(), value);
  graph_.library().call(BindOutput, binding_.get(), output.c_str(), value);
}

void Binding::run(const Interrupt& interrupt) const {
  const Library& library = graph_.library();
  interrupt.check();
  for (const auto& [name, value] : staged_) {
    library.call(BindInput, binding_.get(), name.c_str(), value.get());
  }
  try {
    library.call(RunWithBinding, graph_.session(), interrupt.options(), binding_.get());
  } catch (const Error&) {
    interrupt.check();
    throw;
  }
  interrupt.check();
}

}  // namespace sjd2::ort
