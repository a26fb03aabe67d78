// What is common to placements whose input rows and logits lie in host memory.
#pragma once

#include "decode/placement.h"

namespace sjd2 {

class HostPlacement : public Placement {
 public:
  const char* name() const override { return "cpu"; }
  void choose_provider(ort::GraphOptions&) const override {}
  void check(const ort::Graph&, const ort::TensorSpec&) const override {}
  Device& device() override { return host(); }
  WindowFactory windows() override;
  ort::ValueHandle tensor(const ort::Graph& graph, void* data, size_t bytes,
                          const std::vector<int64_t>& shape, int element) const override;
  void bind_rows(ort::Binding& binding, const std::string& name,
                 ort::ValueHandle rows) const override;
  std::unique_ptr<RunNumbers> numbers(const ort::Graph& graph, const std::string& input,
                                      size_t bytes) override;
  void upload(void* device, const void* host, size_t bytes) override;
  void download(void* host, const void* device, size_t bytes) override;
  bool doubts_provider() const override { return false; }
};

// In host memory, where nodes read them; bound by `bind_input` or staged.
class HostNumbers final : public RunNumbers {
 public:
  HostNumbers(const ort::Graph& graph, bool staged, size_t bytes);
  void* host() override { return values_.data(); }
  void publish() override {}
  void bind(ort::Binding& binding, const std::string& name, const std::vector<int64_t>& shape,
            int element) const override;

 private:
  const ort::Library& library_;
  const bool staged_;
  Buffer<std::byte> values_;
};

}  // namespace sjd2
