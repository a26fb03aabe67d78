// Where a decoder runs, and where what it reads and writes lies. The transformer and the generation
// are the same on every device; what a device or its provider wants otherwise is behind this.
//
//                    CPU            WebGPU                    CUDA
//   input rows       host memory    host memory, staged       device memory
//   small numbers    host memory    host memory, staged       host memory, mirrored by the stream
//   KV cache         host memory    the provider's memory     device memory
//   logits           host memory    host memory               device memory
//   kernels          CPU            CPU                       CUDA
//
// ONNX Runtime copies a host tensor that a GPU's nodes read once, when it is bound, and never looks
// at it again: "staged" is bound anew before every run, "mirrored" has a tensor in device memory.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "decode/window_state.h"
#include "device/device.h"
#include "ort/session.h"

namespace sjd2 {

// A few numbers that the host writes before a run and the graph's nodes read in it.
class RunNumbers {
 public:
  virtual ~RunNumbers() = default;
  virtual void* host() = 0;  // to be written when the last run is done, then published
  virtual void publish() = 0;
  virtual void bind(ort::Binding& binding, const std::string& name,
                    const std::vector<int64_t>& shape, int element) const = 0;
};

// A tensor with its memory, where that is the engine's.
struct OwnedTensor {
  Buffer<std::byte> memory;
  ort::ValueHandle value;  // released first
};

class Placement {
 public:
  virtual ~Placement() = default;

  virtual const char* name() const = 0;  // as users say it: cpu, webgpu, cuda
  // Has the sessions of decoders run on the device.
  virtual void choose_provider(ort::GraphOptions& options) const = 0;
  // Throws ERR_DEVICE for a graph that would be wrong or useless there. `cache` is an input of the
  // KV cache.
  virtual void check(const ort::Graph& graph, const ort::TensorSpec& cache) const = 0;

  // Where input rows and logits lie, and the open positions beside them.
  virtual Device& device() = 0;
  virtual WindowFactory windows() = 0;
  virtual ort::ValueHandle tensor(const ort::Graph& graph, void* data, size_t bytes,
                                  const std::vector<int64_t>& shape, int element) const = 0;
  // One tensor of the KV cache, which only the graph's nodes read and write.
  virtual OwnedTensor cache_tensor(const ort::Graph& graph, size_t bytes,
                                   const std::vector<int64_t>& shape, int element);
  virtual void bind_rows(ort::Binding& binding, const std::string& name,
                         ort::ValueHandle rows) const = 0;
  virtual std::unique_ptr<RunNumbers> numbers(const ort::Graph& graph, const std::string& input,
                                              size_t bytes) = 0;

  // Between host memory and the device's; done when they return.
  virtual void upload(void* device, const void* host, size_t bytes) = 0;
  virtual void download(void* host, const void* device, size_t bytes) = 0;

  // The provider has to show that it is right, see provider_check.h.
  virtual bool doubts_provider() const { return true; }
  // Waits for what is queued on the device and has to be done when the provider begins.
  virtual void before_run() {}
  // A run is queued and returns before it is done; what follows it on the device waits for it.
  virtual bool queues_runs() const { return false; }
};

// Everything in host memory, ONNX Runtime's CPU provider and the CPU kernels.
std::unique_ptr<Placement> host_placement();

// The transformer on ONNX Runtime's WebGPU provider, all else on the CPU. Throws ERR_DEVICE saying
// what is missing.
std::unique_ptr<Placement> webgpu_placement(const ort::Library& library);

// Everything on an NVIDIA GPU. Throws ERR_DEVICE saying what is missing, or that the CUDA kernels
// do not take the table's vocabulary. `table`, in host memory, is copied. Over the tests' driver,
// whose device memory is host memory, the CPU provider stands in for the CUDA one, unless a test
// brings a runtime with a `provider` of its own.
std::unique_ptr<Placement> cuda_placement(const EmbeddingTable& table, bool provider = false);

}  // namespace sjd2
