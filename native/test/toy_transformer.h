// A transformer small enough to enumerate: the law of the next token depends strongly, and not
// linearly, on every input embedding to its left. It keeps its inputs in a cache by position, as a
// KV cache does, so a wrong `cached` or a stale rejected draft changes its laws.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <random>
#include <stdexcept>
#include <vector>

#include "decode/sequence_plan.h"
#include "decode/transformer.h"

namespace sjd2::test {

constexpr int32_t kToyColumns = 2;

struct ToyModel {
  TransformerShape shape;
  std::vector<int32_t> prompt_lengths;  // [rows]
  std::vector<float> prompt;            // one row's [prompt length, hidden] behind the other's
  std::vector<float> row_end;           // [.., hidden]
  Grid sketch;
  int32_t padded_prompt = 0;
  std::vector<float> embedding, mean, std;  // [V, d], [d], [d]
  std::vector<double> mix, head;            // [max_length, d, d], [V, d]

  EmbeddingTable table() const {
    return {embedding.data(), mean.data(), std.data(), shape.vocabulary, shape.hidden};
  }
  // Input rows of a pass over `window` positions, at most.
  int32_t most_inputs(int32_t window) const {
    const auto [shortest, longest] =
        std::minmax_element(prompt_lengths.begin(), prompt_lengths.end());
    const int32_t ends = static_cast<int32_t>(row_end.size()) / shape.hidden;
    const int32_t columns = sketch.rows > 0 ? std::min(sketch.columns, kToyColumns) : kToyColumns;
    return std::max(*longest - *shortest, *shortest + window + ((window - 1) / columns + 1) * ends);
  }
};

// `row_end` input rows behind every raster row, prompts of the given lengths, and the first of the
// image's tokens a sketch of the picture that the others are.
inline ToyModel make_toy(int32_t vocabulary, int32_t length, int32_t rows, uint32_t seed,
                         int32_t row_end = 0, std::vector<int32_t> prompt_lengths = {},
                         Grid sketch = {}) {
  std::mt19937 random(seed);
  std::normal_distribution<double> normal;
  ToyModel toy;
  constexpr int32_t d = 3;
  toy.prompt_lengths = prompt_lengths.empty() ? std::vector<int32_t>(rows, 1) : prompt_lengths;
  int32_t longest = 0, prompts = 0;
  for (const int32_t prompt : toy.prompt_lengths) {
    longest = std::max(longest, prompt);
    prompts += prompt;
  }
  toy.sketch = sketch;
  const int32_t ended = sketch.rows + (length - sketch.tokens() - 1) / kToyColumns;
  toy.shape = {rows, d, vocabulary, longest + length + ended * row_end, ElementType::F32};
  auto fill = [&](auto& values, size_t count, double scale) {
    values.resize(count);
    for (auto& value : values) value = normal(random) * scale;
  };
  fill(toy.prompt, size_t(prompts) * d, 1.0);
  fill(toy.embedding, size_t(vocabulary) * d, 1.0);
  fill(toy.mean, d, 0.1);
  toy.std.assign(d, 0.9f);
  fill(toy.mix, size_t(toy.shape.max_length) * d * d, 0.9);
  fill(toy.head, size_t(vocabulary) * d, 1.2);
  fill(toy.row_end, size_t(row_end) * d, 1.0);
  return toy;
}

class ToyTransformer final : public Transformer {
 public:
  ToyTransformer(const ToyModel& toy, int32_t max_inputs)
      : toy_(toy),
        inputs_(size_t(toy.shape.rows) * max_inputs * toy.shape.hidden),
        cache_(size_t(toy.shape.rows) * toy.shape.max_length * toy.shape.hidden, NAN) {}

  const TransformerShape& shape() const override { return toy_.shape; }
  float* inputs() override { return inputs_.data(); }
  const void* logits() const override { return logits_.data(); }

  void run(const InputRows& input) override {
    const auto [rows, d, vocabulary, max_length, type] = toy_.shape;
    const int32_t count = input.count;
    logits_.resize(size_t(rows) * input.laws.size() * vocabulary);
    float* out = logits_.data();
    for (int32_t row = 0; row < rows; ++row) {
      const int32_t cached = input.cached[row];
      if (cached + count > max_length) throw std::runtime_error("past the end of the cache");
      const int32_t offset = input.offsets.empty() ? 0 : input.offsets[row];
      if (cached + count + offset > max_length) {
        throw std::runtime_error("past the end of the rotary table");
      }
      float* cache = cache_.data() + size_t(row) * max_length * d;
      std::copy_n(inputs_.begin() + size_t(row) * count * d, count * d, cache + cached * d);
      for (const int32_t law : input.laws) {
        write_logits(cache, cached + law, out);
        out += vocabulary;
      }
    }
  }

 private:
  void write_logits(const float* cache, int32_t last, float* out) const {
    const int32_t d = toy_.shape.hidden;
    std::vector<double> h(d, 0.0);
    for (int32_t s = 0; s <= last; ++s) {
      const double* mix = toy_.mix.data() + size_t(last - s) * d * d;
      for (int32_t r = 0; r < d; ++r) {
        for (int32_t c = 0; c < d; ++c) h[r] += mix[r * d + c] * cache[s * d + c];
      }
    }
    for (int32_t v = 0; v < toy_.shape.vocabulary; ++v) {
      double logit = 0;
      for (int32_t r = 0; r < d; ++r) logit += toy_.head[v * d + r] * std::sin(2 * h[r]);
      out[v] = static_cast<float>(logit);
    }
  }

  const ToyModel& toy_;
  std::vector<float> inputs_, cache_, logits_;
};

}  // namespace sjd2::test
