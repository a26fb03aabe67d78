// Memory for enter, noise and refine: a window that wraps around its ring, random levels and
// drafts.
#pragma once

#include <algorithm>
#include <cmath>
#include <random>
#include <string>
#include <vector>

#include "check.h"
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

  // Every position clean, with a token.
  void make_clean() {
    std::fill(level.begin(), level.end(), 0);
    for (int32_t& draft : drafts) draft = std::max(draft, 0);
  }

  EmbeddingTable table() const {
    return {embedding.data(), mean.data(), std.data(), kVocabulary, hidden};
  }
  Schedule schedule() const { return {alpha.data(), sigma.data(), tau.data(), kSteps}; }

  static constexpr uint64_t kSeed = 0x123456789abcdef;

  // The last `count` positions of the window enter.
  EnterArgs enter_args(int32_t count) {
    EnterArgs args;
    args.window = {window.first + window.count - count, count, window.capacity};
    args.seed = kSeed;
    args.table = table();
    args.schedule = schedule();
    args.drafts = drafts.data();
    args.level = level.data();
    args.z = z.data();
    return args;
  }
  // All positions but the last are fed, as in a pass.
  NoiseArgs noise_args() {
    NoiseArgs args;
    args.window = {window.first, window.count - 1, window.capacity};
    args.table = table();
    args.schedule = schedule();
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
    args.schedule = schedule();
    args.drafts = drafts.data();
    args.level = level.data();
    args.z = z.data();
    return args;
  }
};

// Each output is a handful of float operations on values of the size of `kElementScale`;
// cancellation makes the error relative to the terms, not to their sum. Gaussians go through log,
// sqrt, sin, cos.
inline constexpr float kElementBound = 16 * 0x1p-23f, kElementScale = 8;

inline void check_close(const std::vector<float>& actual, const std::vector<float>& expected,
                        const std::string& what) {
  for (size_t i = 0; i < actual.size(); ++i) {
    if (std::isnan(actual[i]) && std::isnan(expected[i])) continue;  // not written by either
    const float scale = std::max(kElementScale, std::fabs(expected[i]));
    if (!(std::fabs(actual[i] - expected[i]) <= kElementBound * scale)) {
      CHECK_MESSAGE(false, what + " differs at " + std::to_string(i) + ": " +
                               std::to_string(actual[i]) + ", not " + std::to_string(expected[i]));
      return;
    }
  }
}

}  // namespace sjd2::test
