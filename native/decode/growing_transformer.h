// A transformer in the layout that transformers.js publishes: a language model whose KV cache grows
// by concatenation, and a head in a graph of its own.
//
// present.* of a run has past + count positions in memory of its own. It becomes the next run's
// past: as it is when all of it was committed, or with the rejected positions closed up, head by
// head, in place. So there are two sets of buffers that change places after every run.
//
// A graph whose attention is GroupQueryAttention also takes a past with room behind it, whose
// length is what the mask says, and writes into it: then past and present are one buffer, nothing
// is ever copied, and a rejected position is overwritten. Whether a graph does is tried when it is
// loaded.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "decode/transformer.h"
#include "device/device.h"
#include "ort/interrupt.h"
#include "ort/session.h"

namespace sjd2 {

struct GrowingShape {
  TransformerShape transformer;  // its rows are a generation's to choose
  int32_t layers = 0;
  int32_t kv_heads = 0;
  int32_t head_size = 0;
};

// The two loaded graphs, shared by all generations of a model, of one row or two. On the CPU only.
class GrowingDecoder {
 public:
  // Throws ERR_MODEL naming the input or output that contradicts `shape`, and ERR_ABORTED once the
  // interrupt has fired: some passes are made to see what the graphs take.
  GrowingDecoder(ort::Library& library, const std::string& language_model, const std::string& head,
                 const GrowingShape& shape, const ort::GraphOptions& options,
                 std::shared_ptr<const ort::Interrupt> interrupt);

  const GrowingShape& shape() const { return shape_; }
  const ort::Graph& model() const { return model_; }
  const ort::Graph& head() const { return head_; }
  const std::string& hidden() const { return hidden_; }
  int cache_element() const { return cache_element_; }
  bool takes(const char* input) const;
  // Rows in one run: all of them, or one where attention takes no batch behind a past.
  int32_t batch(int32_t rows) const { return batches_ ? rows : 1; }
  // Whether past and present may be the same memory, with room behind the past.
  bool in_place() const { return in_place_; }

 private:
  bool takes_batches(const std::shared_ptr<const ort::Interrupt>& interrupt) const;
  bool shares_cache(const std::shared_ptr<const ort::Interrupt>& interrupt) const;

  GrowingShape shape_;
  ort::Graph model_, head_;
  std::string hidden_;  // the model's output that is the head's input
  int cache_element_ = 0;
  bool batches_ = true, in_place_ = false;
};

// One generation's view of it.
class GrowingTransformer final : public Transformer {
 public:
  // `positions` in its cache at most, prompt included.
  GrowingTransformer(const GrowingDecoder& decoder, int32_t rows, int32_t max_inputs,
                     int32_t max_logits, int32_t positions,
                     std::shared_ptr<const ort::Interrupt> interrupt)
      : GrowingTransformer(decoder, rows, max_inputs, max_logits, positions, std::move(interrupt),
                           decoder.in_place()) {}

  const TransformerShape& shape() const override { return shape_; }
  float* inputs() override { return inputs_.data(); }
  const void* logits() const override { return logits_.data(); }
  // All rows have the same past, and logits from one input row on: in this layout no model has
  // prompts of several lengths, or tokens between image tokens.
  void run(const InputRows& rows) override;

 private:
  friend class GrowingDecoder;  // which tries both
  GrowingTransformer(const GrowingDecoder& decoder, int32_t rows, int32_t max_inputs,
                     int32_t max_logits, int32_t positions,
                     std::shared_ptr<const ort::Interrupt> interrupt, bool in_place);

  // `batch` rows from `first` on, which have their own buffers.
  void run_rows(int32_t group, int32_t cached, int32_t count, int32_t first_logit);
  // Of the `given` hidden states of each row, the last `wanted` get logits.
  void run_head(int32_t group, int32_t given, int32_t wanted);
  void keep(int32_t length);
  std::byte* cache(bool present, int32_t group, int32_t layer, int32_t part);

  const GrowingDecoder& decoder_;
  TransformerShape shape_;
  const bool in_place_;
  const int32_t batch_, groups_;
  const size_t cell_;   // bytes of one position of one head
  const size_t plane_;  // bytes of keys or values of one layer of one group
  Buffer<float> inputs_;
  Buffer<std::byte> logits_, hidden_, caches_[2];
  Buffer<int64_t> mask_, positions_;
  int32_t front_ = 0;   // which of the caches is the past; in place there is one only
  int32_t length_ = 0;  // positions in it
  const std::shared_ptr<const ort::Interrupt> interrupt_;
};

}  // namespace sjd2
