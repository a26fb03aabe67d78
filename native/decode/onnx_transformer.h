// A transformer as an ONNX graph with the "rows" cache layout: everything runs on all rows together
// except attention, which is one GroupQueryAttention node per row and layer, because the CPU
// provider takes no batch when a window follows a past. See docs/model-package.md for the contract.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <mutex>
#include <utility>

#include "decode/transformer.h"
#include "device/device.h"
#include "ort/interrupt.h"
#include "ort/session.h"

namespace sjd2 {

struct DecoderShape {
  TransformerShape transformer;
  int32_t layers = 0;
  int32_t kv_heads = 0;
  int32_t head_size = 0;
  ElementType cache = ElementType::F32;
};

// The loaded graph, shared by all generations of a model.
class OnnxDecoder {
 public:
  // Throws ERR_MODEL naming the input or output that contradicts `shape`. The types of its logits
  // and its cache are the graph's to choose.
  OnnxDecoder(ort::Library& library, const std::string& path, const DecoderShape& shape,
              const ort::GraphOptions& options);
  const DecoderShape& shape() const { return shape_; }
  const ort::Graph& graph() const { return graph_; }
  // On a GPU all runs share one stream and the provider's handles for it: they are queued one after
  // the other. Empty on the CPU, where runs of several generations overlap.
  std::unique_lock<std::mutex> turn() const;

 private:
  DecoderShape shape_;
  ort::Graph graph_;
  mutable std::mutex queueing_;
};

// One generation's view of it: its own KV cache, input and logit buffers. Those
// buffers lie on `device`: the one that the graph's session runs on, or an emulated GPU, whose
// memory the CPU provider can work on.
class OnnxTransformer final : public Transformer {
 public:
  // `max_inputs` input rows and `max_logits` logit rows at most in one run. Once the interrupt has
  // fired, runs end with ERR_ABORTED.
  OnnxTransformer(const OnnxDecoder& decoder, Device& device, int32_t max_inputs,
                  int32_t max_logits, std::shared_ptr<const ort::Interrupt> interrupt);

  const TransformerShape& shape() const override { return decoder_.shape().transformer; }
  float* inputs() override { return inputs_.data(); }
  const void* logits() const override { return logits_.data(); }
  void run(int32_t cached, int32_t count, int32_t first_logit) override;

 private:
  // Binding 36 tensors costs 0.06 to 0.22 ms, so one binding is kept per (count, logits) and only
  // the numbers in `past_`, `total_` and `first_logit_` change between passes.
  const ort::Binding& binding(int32_t count, int32_t logits);
  ort::ValueHandle tensor(void* data, size_t bytes, std::vector<int64_t> shape, int element) const;
  ort::ValueHandle number(void* data, size_t bytes, std::vector<int64_t> shape, int element) const;

  const OnnxDecoder& decoder_;
  Device& device_;
  Buffer<float> inputs_;
  Buffer<std::byte> logits_, cache_;
  // In host memory on every device. ONNX Runtime takes them to where a node wants them: attention
  // without a CUDA kernel for its type runs on the CPU, and would read a copy in device memory
  // before the stream has written it.
  Buffer<int32_t> past_;         // seqlens_k [rows]: cached + count - 1
  Buffer<int32_t> total_;        // total_sequence_length: cached + count
  Buffer<int64_t> first_logit_;  // the head runs from this input row on
  const std::shared_ptr<const ort::Interrupt> interrupt_;
  std::map<std::pair<int32_t, int32_t>, ort::Binding> bindings_;
};

}  // namespace sjd2
