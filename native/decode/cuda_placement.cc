#include "decode/cuda_window.h"
#include "decode/host_placement.h"
#include "decode/provider_check.h"

namespace sjd2 {
namespace {

// In pinned memory, and copied to the device by its stream, in order with the runs that read them.
class MirroredNumbers final : public RunNumbers {
 public:
  MirroredNumbers(cuda::CudaDevice& device, const ort::MemoryInfo* memory,
                  const ort::Library& library, size_t bytes)
      : library_(library),
        memory_(memory),
        device_(device),
        pinned_(device.allocate_pinned(bytes)),
        mirror_(device, bytes) {}
  ~MirroredNumbers() override { device_.release_pinned(pinned_); }

  void* host() override { return pinned_; }
  void publish() override { device_.copy_to_device(mirror_.data(), pinned_, mirror_.bytes()); }
  void bind(ort::Binding& binding, const std::string& name, const std::vector<int64_t>& shape,
            int element) const override {
    binding.input(name, ort::borrow_tensor(library_, memory_, mirror_.data(), mirror_.bytes(),
                                           shape, element));
  }

 private:
  const ort::Library& library_;
  const ort::MemoryInfo* memory_;
  cuda::CudaDevice& device_;
  void* pinned_;
  Buffer<std::byte> mirror_;
};

class CudaPlacement final : public Placement {
 public:
  CudaPlacement(const EmbeddingTable& table, bool provider)
      : real_(provider || !gpu_.emulated()), table_(gpu_, table) {}

  const char* name() const override { return "cuda"; }
  void choose_provider(ort::GraphOptions& options) const override {
    if (real_) options.cuda = {gpu_.ordinal(), gpu_.stream()};
  }

  void check(const ort::Graph& graph, const ort::TensorSpec& cache) const override {
    if (!real_) return;
    // Its GroupQueryAttention has kernels for fp16 and bf16 only. Elsewhere attention falls to the
    // CPU, the cache is copied there when it is bound, and what a run writes is never seen again.
    if (cache.element == ort::kFloat32 || graph.reads_from_host(cache.name)) {
      throw Error(codes::kDevice,
                  "ONNX Runtime's CUDA provider has no attention kernel for the KV cache of " +
                      graph.path() +
                      ": it takes fp16 and bf16. Use precision fp16 with a package that holds such "
                      "graphs (files.halfDecoder), or device cpu");
    }
    refuse_layers_on_cpu(graph, "CUDA");
  }

  Device& device() override { return gpu_; }
  WindowFactory windows() override { return cuda_windows(gpu_, table_); }

  ort::ValueHandle tensor(const ort::Graph& graph, void* data, size_t bytes,
                          const std::vector<int64_t>& shape, int element) const override {
    return ort::borrow_tensor(graph.library(), graph.memory(), data, bytes, shape, element);
  }

  void bind_rows(ort::Binding& binding, const std::string& name,
                 ort::ValueHandle rows) const override {
    binding.input(name, std::move(rows));
  }

  std::unique_ptr<RunNumbers> numbers(const ort::Graph& graph, const std::string& input,
                                      size_t bytes) override {
    // The emulated GPU mirrors all of them, so that this path runs in tests.
    if (real_ && graph.reads_from_host(input)) {
      return std::make_unique<HostNumbers>(graph, false, bytes);
    }
    return std::make_unique<MirroredNumbers>(gpu_, graph.memory(), graph.library(), bytes);
  }

  void upload(void* device, const void* host, size_t bytes) override {
    gpu_.copy_to_device(device, host, bytes);
    gpu_.synchronize();
  }
  void download(void* host, const void* device, size_t bytes) override {
    gpu_.copy_to_host(host, device, bytes);
    gpu_.synchronize();
  }

  // The CPU provider works when it is called, so what the stream has queued for it must be done.
  void before_run() override {
    if (!real_) gpu_.synchronize();
  }
  bool queues_runs() const override { return real_; }

 private:
  cuda::CudaDevice gpu_;
  const bool real_;  // the CUDA provider; else the CPU's works on the emulated GPU's memory
  DeviceTable table_;
};

}  // namespace

std::unique_ptr<Placement> cuda_placement(const EmbeddingTable& table, bool provider) {
  if (table.vocabulary > cuda::kMaxVocabulary) {
    throw Error(codes::kDevice, "The CUDA kernels take vocabularies up to " +
                                    std::to_string(cuda::kMaxVocabulary) + " but this model has " +
                                    std::to_string(table.vocabulary) +
                                    " image tokens: use device cpu");
  }
  return std::make_unique<CudaPlacement>(table, provider);
}

}  // namespace sjd2
