// One loaded graph: its inputs and outputs with names, types and shapes, and ways to run it.
#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
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
  // At most one of them; none: the CPU provider.
  std::optional<CudaProvider> cuda;
  bool webgpu = false;
};

class Graph {
 public:
  Graph(Library& library, const std::string& path, const GraphOptions& options);
  ~Graph();
  Graph(const Graph&) = delete;
  Graph& operator=(const Graph&) = delete;

  Library& library() const { return library_; }
  Session* session() const { return session_.get(); }
  const std::string& path() const { return path_; }
  // The memory of the GPU that the session runs on; host memory on the CPU provider.
  const MemoryInfo* memory() const {
    return gpu_memory_.get() ? gpu_memory_.get() : library_.cpu_memory();
  }
  // A tensor in that memory, allocated by the provider. To be released before the graph is.
  ValueHandle allocate(const std::vector<int64_t>& shape, int element) const;
  // Whether the nodes that read an input want it in host memory, where they see what the host
  // writes. Any other host tensor is copied when it is bound, and never again.
  bool reads_from_host(const std::string& input) const;
  struct Node {
    std::string type, name;  // "MatMul", and what the graph calls it
    bool operator==(const Node&) const = default;
  };
  // Of a GPU's session, the nodes that its provider left to the CPU; with an ONNX Runtime before
  // 1.24, which does not tell, none.
  const std::vector<Node>& nodes_on_cpu() const { return nodes_on_cpu_; }
  // To be held by whoever binds, runs or releases: some providers take one thread at a time. Empty
  // on the CPU, where runs overlap.
  std::unique_lock<std::mutex> turn() const {
    return turn_ ? std::unique_lock(*turn_) : std::unique_lock<std::mutex>();
  }
  const std::vector<TensorSpec>& inputs() const { return inputs_; }
  const std::vector<TensorSpec>& outputs() const { return outputs_; }
  // Throws ERR_MODEL, with the names there are, when the graph has no such input or output.
  const TensorSpec& input(const std::string& name) const;
  const TensorSpec& output(const std::string& name) const;

 private:
  std::vector<TensorSpec> describe(bool inputs) const;
  void use_memory(const char* name, int device);
  void find_host_inputs();
  void find_nodes_on_cpu();

  Library& library_;
  std::string path_;
  mutable std::mutex own_turn_;
  std::mutex* turn_ = nullptr;
  SessionHandle session_;
  MemoryInfoHandle gpu_memory_;
  AllocatorHandle allocator_;
  std::vector<TensorSpec> inputs_, outputs_;
  std::vector<std::string> host_inputs_;  // of a GPU's session: what its nodes read from the host
  std::vector<Node> nodes_on_cpu_;
};

// For a dimension of `shape` below: fits whatever the graph says; has to change from run to run.
inline constexpr int64_t kAny = -1, kSymbolic = -2;

// Throw ERR_MODEL when the graph lacks the tensor or gives it another type or shape. A symbolic
// dimension of the graph fits anything.
void expect_input(const Graph& graph, const std::string& name, int element,
                  const std::vector<int64_t>& shape);
// Where memory of that size is bound to it: the graph has to state every dimension.
void expect_stated(const Graph& graph, const TensorSpec& spec, int element,
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
  // A tensor in host memory that nodes read from the GPU's: it is bound anew, and so copied, before
  // every run.
  void staged_input(const std::string& name, ValueHandle value);
  void output(const std::string& name, ValueHandle value);
  // The same tensor as input and as output: a KV cache that grows in place.
  // The tensor stays the caller's.
  void in_place(const std::string& input, const std::string& output, const Value* value);
  // Throws ERR_ABORTED once the interrupt has fired, before or meanwhile.
  void run(const Interrupt& interrupt) const;

 private:
  const Graph& graph_;
  std::vector<ValueHandle> values_;
  std::vector<std::pair<std::string, ValueHandle>> staged_;
  IoBindingHandle binding_;
};

}  // namespace sjd2::ort
