// What the runs of one generation read and write: input rows, logits, KV cache and the few numbers
// that tell a run its place, with the bindings of a graph to them.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <vector>

#include "decode/onnx_transformer.h"

namespace sjd2 {

class RunBuffers {
 public:
  RunBuffers(const OnnxDecoder& decoder, int32_t max_inputs, int32_t max_logits);
  ~RunBuffers();

  bool fits(int32_t max_inputs, int32_t max_logits) const {
    return max_inputs <= max_inputs_ && max_logits <= max_logits_;
  }

  // Of a whole pass, on the placement's device.
  float* inputs() const { return inputs_.data(); }
  std::byte* logits() const { return logits_.data(); }
  // Of one piece of it, in host memory; made on first use.
  float* piece_inputs();
  std::byte* piece_logits();

  // Of the KV cache, wherever it lies.
  size_t cache_bytes() const { return cache_bytes_; }

  // One run of the graph; the last one is done.
  void run(const ort::Interrupt& interrupt, const InputRows& rows, bool piece = false);

 private:
  struct Shape {
    int32_t count, logits;
    bool piece;
    auto operator<=>(const Shape&) const = default;
  };
  // Binding 36 tensors costs 0.06 to 0.22 ms, so one binding is kept per shape of a run, and only
  // numbers change between runs.
  const ort::Binding& binding(Shape shape);

  const OnnxDecoder& decoder_;
  const int32_t max_inputs_, max_logits_;
  size_t cache_bytes_ = 0;
  Buffer<float> inputs_, piece_inputs_;
  Buffer<std::byte> logits_, piece_logits_;
  std::vector<OwnedTensor> cache_;     // by layer, row, key and value
  std::unique_ptr<RunNumbers> last_;   // seqlens_k [rows]: cached + count - 1
  std::unique_ptr<RunNumbers> total_;  // total_sequence_length: cached + count, of the longest row
  std::unique_ptr<RunNumbers> laws_;   // logit_rows: the input rows that the head runs on; or
                                       // first_logit: from which one on it does
  std::unique_ptr<RunNumbers> offsets_;  // position_offset [rows], where the graph takes it
  std::map<Shape, ort::Binding> bindings_;
};

}  // namespace sjd2
