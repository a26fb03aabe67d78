#include "decode/host_placement.h"
#include "decode/provider_check.h"
#include "ort/webgpu_provider.h"

namespace sjd2 {
namespace {

class WebGpuPlacement final : public HostPlacement {
 public:
  const char* name() const override { return "webgpu"; }
  bool doubts_provider() const override { return true; }
  void choose_provider(ort::GraphOptions& options) const override { options.webgpu = true; }

  void check(const ort::Graph& graph, const ort::TensorSpec& cache) const override {
    if (graph.reads_from_host(cache.name)) {
      throw Error(codes::kDevice,
                  "ONNX Runtime's WebGPU provider has no kernel for the attention of " +
                      graph.path() + ": use device cpu");
    }
    refuse_layers_on_cpu(graph, "WebGPU");
  }

  OwnedTensor cache_tensor(const ort::Graph& graph, size_t, const std::vector<int64_t>& shape,
                           int element) override {
    return {{}, graph.allocate(shape, element)};
  }

  void bind_rows(ort::Binding& binding, const std::string& name,
                 ort::ValueHandle rows) const override {
    binding.staged_input(name, std::move(rows));
  }

  std::unique_ptr<RunNumbers> numbers(const ort::Graph& graph, const std::string& input,
                                      size_t bytes) override {
    return std::make_unique<HostNumbers>(graph, !graph.reads_from_host(input), bytes);
  }
};

}  // namespace

std::unique_ptr<Placement> webgpu_placement(const ort::Library& library) {
  const std::string absence = ort::webgpu_provider_absence(library);
  if (!absence.empty()) throw Error(codes::kDevice, absence);
  return std::make_unique<WebGpuPlacement>();
}

}  // namespace sjd2
