// A transformer small enough to enumerate: the law of the next token depends strongly, and not
// linearly, on every input embedding to its left. It keeps its inputs in a cache by position, as a
// KV cache does, so a wrong `cached` or a stale rejected draft changes its laws.
#pragma once

#include <cmath>
#include <cstdint>
#include <random>
#include <stdexcept>
#include <vector>

#include "decode/transformer.h"

namespace sjd2::test {

struct ToyModel {
  TransformerShape shape;
  int32_t prompt_length = 1;
  std::vector<float> prompt;                // [rows, prompt_length, hidden]
  std::vector<float> embedding, mean, std;  // [V, d], [d], [d]
  std::vector<double> mix, head;            // [max_length, d, d], [V, d]

  EmbeddingTable table() const {
    return {embedding.data(), mean.data(), std.data(), shape.vocabulary, shape.hidden};
  }
};

inline ToyModel make_toy(int32_t vocabulary, int32_t length, int32_t rows, uint32_t seed) {
  std::mt19937 random(seed);
  std::normal_distribution<double> normal;
  ToyModel toy;
  constexpr int32_t d = 3;
  toy.shape = {rows, d, vocabulary, toy.prompt_length + length, ElementType::F32};
  auto fill = [&](auto& values, size_t count, double scale) {
    values.resize(count);
    for (auto& value : values) value = normal(random) * scale;
  };
  fill(toy.prompt, size_t(rows) * toy.prompt_length * d, 1.0);
  fill(toy.embedding, size_t(vocabulary) * d, 1.0);
  fill(toy.mean, d, 0.1);
  toy.std.assign(d, 0.9f);
  fill(toy.mix, size_t(toy.shape.max_length) * d * d, 0.9);
  fill(toy.head, size_t(vocabulary) * d, 1.2);
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

  void run(int32_t cached, int32_t count, int32_t first_logit) override {
    const auto [rows, d, vocabulary, max_length, type] = toy_.shape;
    if (cached + count > max_length) throw std::runtime_error("past the end of the cache");
    logits_.resize(size_t(rows) * (count - first_logit) * vocabulary);
    float* out = logits_.data();
    for (int32_t row = 0; row < rows; ++row) {
      float* cache = cache_.data() + size_t(row) * max_length * d;
      for (int32_t j = 0; j < count; ++j) {
        for (int32_t c = 0; c < d; ++c) {
          cache[(cached + j) * d + c] = inputs_[(size_t(row) * count + j) * d + c];
        }
        if (j < first_logit) continue;
        write_logits(cache, cached + j, out);
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
