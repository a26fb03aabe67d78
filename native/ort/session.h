// One loaded graph: its inputs and outputs with names, types and shapes, and ways to run it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "ort/cuda_provider.h"
#include "ort/interrupt.h"
#include "ort/library.h"

namespace sjd2::ort {

struct TensorSpec {
  std::string name;
  int element = 0;             // ElementKind
  std::vector<int64_t> shape;  // -1 for a symbolic dimension
};

struct GraphOptions {
  int threads = 0;  // threads inside one operator; 0 lets ONNX Runtime take one per physical core
  std::optional<CudaProvider> cuda;  // none: the CPU provider
};

class Graph {
 public:
  Graph(Library& library, const std::string& path, const GraphOptions& options);

  Library& library() const { return library_; }
  Session* session() const { return session_.get(); }
  const std::string& path() const { return path_; }
  // Runs are queued on the engine's stream of a GPU and return before they are done.
  bool on_gpu() const { return gpu_memory_.get() != nullptr; }
  // Where the session's large tensors should lie.
  const MemoryInfo* memory() const { return on_gpu() ? gpu_memory_.get() : library_.cpu_memory(); }
  const std::vector<TensorSpec>& inputs() const { return inputs_; }
  const std::vector<TensorSpec>& outputs() const { return outputs_; }
  // Throws ERR_MODEL, with the names there are, when the graph has no such input or output.
  const TensorSpec& input(const std::string& name) const;
  const TensorSpec& output(const std::string& name) const;

 private:
  std::vector<TensorSpec> describe(bool inputs) const;

  Library& library_;
  std::string path_;
  SessionHandle session_;
  MemoryInfoHandle gpu_memory_;
  std::vector<TensorSpec> inputs_, outputs_;
};

// For a dimension of `shape` below: fits whatever the graph says; has to change from run to run.
inline constexpr int64_t kAny = -1, kSymbolic = -2;

// Throw ERR_MODEL when the graph lacks the tensor or gives it another type or shape. A symbolic
// dimension of the graph fits anything.
void expect_input(const Graph& graph, const std::string& name, int element,
                  const std::vector<int64_t>& shape);
void expect_output(const Graph& graph, const std::string& name, int element,
                   const std::vector<int64_t>& shape);
// An input that nobody feeds would be noticed by the first run only.
void expect_input_count(const Graph& graph, size_t count);

// A tensor over memory that somebody else owns.
ValueHandle borrow_tensor(const Library& library, const MemoryInfo* memory, void* data,
                          size_t bytes, const std::vector<int64_t>& shape, int element);

// Names bound to tensors once; running it again reads and writes the same memory.
class Binding {
 public:
  explicit Binding(const Graph& graph);
  void input(const std::string& name, ValueHandle value);
  void output(const std::string& name, ValueHandle value);
  // The same tensor as input and as output: a KV cache that grows in place.
  void in_place(const std::string& input, const std::string& output, ValueHandle value);
  // Throws ERR_ABORTED once the interrupt has fired, before or meanwhile.
  void run(const Interrupt& interrupt) const;

 private:
  const Graph& graph_;
  std::vector<ValueHandle> values_;
  IoBindingHandle binding_;
};

}  // namespace sjd2::ort
