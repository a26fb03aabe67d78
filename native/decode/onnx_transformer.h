// A transformer as an ONNX graph with the "rows" cache layout: everything runs on all rows together
// except attention, which is one GroupQueryAttention node per row and layer, because the CPU
// provider takes no batch when a window follows a past. See docs/model-package.md for the contract.
#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include "decode/placement.h"
#include "decode/transformer.h"
#include "ort/interrupt.h"
#include "ort/session.h"

namespace sjd2 {

struct DecoderShape {
  TransformerShape transformer;
  int32_t layers = 0;
  int32_t kv_heads = 0;
  int32_t head_size = 0;
  ElementType cache = ElementType::F32;
  bool row_end = false;  // it reads others between image tokens: not all its input rows get logits
  bool padded_prompt = false;  // the image's rows of its rotary table are the same for every prompt
};

class RunBuffers;

// The loaded graph, shared by all generations of a model.
class OnnxDecoder {
 public:
  // Throws ERR_MODEL naming the input or output that contradicts `shape`, and ERR_DEVICE for a
  // graph that `placement`, which must outlive this, cannot run. The types of the logits and the
  // cache are the graph's to choose.
  OnnxDecoder(ort::Library& library, const std::string& path, const DecoderShape& shape,
              const ort::GraphOptions& options, Placement& placement);
  ~OnnxDecoder();
  const DecoderShape& shape() const { return shape_; }
  const ort::Graph& graph() const { return graph_; }
  Placement& placement() const { return placement_; }

  // Whether any input rows may get logits, or only those from one on.
  bool names_laws() const { return names_laws_; }

  // Whether the rotary table may be read elsewhere than at the position in the cache.
  bool takes_offsets() const { return takes_offsets_; }

  // Input rows that one run of the graph may have; a wider pass is made in pieces. No limit but on
  // providers that `check_device` found wrong beyond it.
  int32_t widest_run() const { return widest_run_; }
  void limit_runs(int32_t rows) { widest_run_ = rows; }

 private:
  friend class OnnxTransformer;
  // Caches, buffers and bindings go from one generation to the next: making them costs a pass or
  // two, and on a GPU freeing them would wait for the passes of other generations.
  std::unique_ptr<RunBuffers> take(int32_t max_inputs, int32_t max_logits) const;
  void give_back(std::unique_ptr<RunBuffers> buffers) const;

  DecoderShape shape_;
  Placement& placement_;
  ort::Graph graph_;
  bool names_laws_ = false, takes_offsets_ = false;
  int32_t widest_run_ = INT32_MAX;
  mutable std::mutex idle_mutex_;
  mutable std::vector<std::unique_ptr<RunBuffers>> idle_;
};

// One generation's view of it: its own KV cache, input and logit buffers.
class OnnxTransformer final : public Transformer {
 public:
  // `max_inputs` input rows and `max_logits` logit rows at most in one pass; a single row is run
  // with one more behind it, see the source. Once the interrupt has fired, runs end with
  // ERR_ABORTED.
  OnnxTransformer(const OnnxDecoder& decoder, int32_t max_inputs, int32_t max_logits,
                  std::shared_ptr<const ort::Interrupt> interrupt);
  ~OnnxTransformer() override;

  const TransformerShape& shape() const override { return decoder_.shape().transformer; }
  float* inputs() override;
  const void* logits() const override;
  void run(const InputRows& rows) override;

 private:
  void run_in_pieces(const InputRows& rows);

  const OnnxDecoder& decoder_;
  std::unique_ptr<RunBuffers> buffers_;
  const std::shared_ptr<const ort::Interrupt> interrupt_;
};

}  // namespace sjd2
