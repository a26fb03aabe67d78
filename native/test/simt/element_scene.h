// Memory for noise and refine: a window that wraps around its ring, random levels and drafts.
#pragma once

#include <cmath>
#include <random>
#include <vector>

#include "kernels/kernels.h"

namespace sjd2::test {

struct ElementScene {
  static constexpr int32_t kVocabulary = 50, kSteps = 5;
  int32_t hidden, rows = 2;
  Window window;
  std::vector<float> embedding, mean, std, tau, alpha, sigma, z, out;
  std::vector<int32_t> drafts, level;

  ElementScene(int32_t width, int32_t count, uint64_t seed)
      : hidden(width), window{3 * count - 1, count, count + 2} {
    std::mt19937_64 random(seed);
    std::normal_distribution<float> normal;
    const auto fill = [&](std::vector<float>& values, size_t size) {
      values.resize(size);
      for (float& value : values) value = normal(random);
    };
    fill(embedding, size_t(kVocabulary) * hidden);
    fill(mean, hidden);
    fill(std, hidden);
    for (float& value : std) value = 0.5f + std::fabs(value);
    fill(tau, size_t(kSteps + 1) * hidden);
    fill(z, size_t(window.capacity) * hidden);
    out.assign(size_t(rows) * (count + 1) * hidden, NAN);
    for (int k = 0; k <= kSteps; ++k) {
      alpha.push_back(static_cast<float>(std::cos(1.4 * k / kSteps)));
      sigma.push_back(static_cast<float>(std::sin(1.4 * k / kSteps)));
    }
    for (int32_t slot = 0; slot < window.capacity; ++slot) {
      level.push_back(static_cast<int32_t>(random() % (kSteps + 1)));
      drafts.push_back(level[slot] > 0 && random() % 3 == 0
                           ? kNoDraft
                           : static_cast<int32_t>(random() % kVocabulary));
    }
  }

  EmbeddingTable table() const {
    return {embedding.data(), mean.data(), std.data(), kVocabulary, hidden};
  }
  Levels levels() const { return {alpha.data(), sigma.data(), tau.data(), kSteps}; }

  NoiseArgs noise_args(int32_t fresh_offset) {
    NoiseArgs args;
    args.window = window;
    args.fed = window.count - 1;
    args.fresh_from = window.first + fresh_offset;
    args.seed = 0x123456789abcdef;
    args.table = table();
    args.levels = levels();
    args.drafts = drafts.data();
    args.level = level.data();
    args.z = z.data();
    args.out = out.data();
    args.rows = rows;
    args.row_stride = int64_t{window.count + 1} * hidden;
    return args;
  }
  // Every position has a token by the time refine runs.
  RefineArgs refine_args() {
    for (int32_t& draft : drafts) draft = draft == kNoDraft ? 7 : draft;
    RefineArgs args;
    args.window = window;
    args.table = table();
    args.levels = levels();
    args.drafts = drafts.data();
    args.level = level.data();
    args.z = z.data();
    return args;
  }
};

}  // namespace sjd2::test
