// Noise injection and refinement: both implementations against each other and against the
// identities that they must obey.
#include <algorithm>
#include <cmath>
#include <random>

#include "check.h"
#include "kernel_problem.h"
#include "kernels/gaussian.h"
#include "kernels/kernels.h"

namespace sjd2::test {
namespace {

constexpr int32_t kVocabulary = 37, kSteps = 4;

// A window in a model of the given width, with every level from clean to pure noise.
struct Scene {
  int32_t hidden;
  Window window;
  std::vector<float> embedding, mean, std, alpha, sigma, tau, z, out;
  std::vector<int32_t> drafts, level;
  int32_t rows = 2;

  Scene(int32_t width, int32_t count, uint64_t seed) : hidden(width) {
    std::mt19937_64 random(seed);
    std::normal_distribution<float> normal;
    window = {5 * count + 3, count, count + static_cast<int32_t>(seed % 3)};
    const auto fill = [&](std::vector<float>& values, size_t size) {
      for (size_t i = 0; i < size; ++i) values.push_back(normal(random));
    };
    fill(embedding, static_cast<size_t>(kVocabulary) * hidden);
    fill(mean, hidden);
    fill(std, hidden);
    for (float& value : std) value = 0.5f + std::fabs(value);
    fill(tau, static_cast<size_t>(kSteps + 1) * hidden);
    fill(z, static_cast<size_t>(window.capacity) * hidden);
    out.assign(static_cast<size_t>(rows) * (count + 1) * hidden, NAN);
    for (int k = 0; k <= kSteps; ++k) {
      const double angle = 1.4 * k / kSteps;
      alpha.push_back(static_cast<float>(std::cos(angle)));
      sigma.push_back(static_cast<float>(std::sin(angle)));
    }
    for (int32_t slot = 0; slot < window.capacity; ++slot) {
      drafts.push_back(static_cast<int32_t>(random() % kVocabulary));
      level.push_back(static_cast<int32_t>(random() % (kSteps + 1)));
    }
  }
  EmbeddingTable table() const {
    return {embedding.data(), mean.data(), std.data(), kVocabulary, hidden};
  }
  Levels levels() const { return {alpha.data(), sigma.data(), tau.data(), kSteps}; }
  NoiseArgs noise_args(int32_t fresh_from) {
    NoiseArgs args;
    args.window = window;
    args.fed = window.count - 1;
    args.fresh_from = fresh_from;
    args.seed = 0x123456789abcdef;
    args.table = table();
    args.levels = levels();
    args.drafts = drafts.data();
    args.level = level.data();
    args.z = z.data();
    args.out = out.data();
    args.rows = rows;
    args.row_stride = static_cast<int64_t>(window.count + 1) * hidden;
    return args;
  }
  RefineArgs refine_args() {
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

// Each output is a handful of float operations on values of the size of `scale`; cancellation makes
// the error relative to the terms, not to their sum. Gaussians go through log, sqrt, sin and cos.
constexpr float kBound = 16 * 0x1p-23f, kScale = 8;

void check_close(const std::vector<float>& a, const std::vector<float>& b, const char* what) {
  for (size_t i = 0; i < a.size(); ++i) {
    if (std::isnan(a[i]) && std::isnan(b[i])) continue;
    const float scale = std::max(kScale, std::fabs(b[i]));
    if (!(std::fabs(a[i] - b[i]) <= kBound * scale)) {
      CHECK_MESSAGE(false, std::string(what) + " differs at " + std::to_string(i) + ": " +
                               std::to_string(a[i]) + ", not " + std::to_string(b[i]));
      return;
    }
  }
}

TEST(
    "noise: every target writes what the definition says, over widths, levels, rings and fresh "
    "positions") {
  for (int32_t hidden : {1, 2, 3, 4, 7, 16, 17, 63, 256, 1023}) {
    for (int32_t count : {1, 2, 17, 96}) {
      for (int32_t fresh : {0, count / 2, count}) {
        Scene expected(hidden, count, hidden + count + fresh);
        if (fresh < count) expected.drafts[expected.window.slot(count - 1)] = kNoDraft;
        for (int32_t slot = 0; slot < expected.window.capacity; ++slot) {
          if (expected.drafts[slot] == kNoDraft) expected.level[slot] = kSteps;
        }
        const Scene start = expected;
        reference::kernels.noise(expected.noise_args(expected.window.first + fresh));
        Scene first = start;
        cpu::kernels.noise(first.noise_args(first.window.first + fresh));
        for (const cpu::Target& target : cpu::targets()) {
          Scene actual = start;
          target.kernels->noise(actual.noise_args(actual.window.first + fresh));
          check_close(actual.z, expected.z, "z");
          check_close(actual.out, expected.out, "out");
          CHECK(actual.z == first.z);  // the same bits on every target
        }
      }
    }
  }
}

TEST("refine: every target writes what the definition says, over widths, levels and rings") {
  for (int32_t hidden : {1, 2, 3, 4, 7, 16, 17, 63, 256, 1023}) {
    for (int32_t count : {1, 2, 17, 96}) {
      const Scene start(hidden, count, hidden + count);
      Scene expected = start, first = start;
      reference::kernels.refine(expected.refine_args());
      cpu::kernels.refine(first.refine_args());
      for (const cpu::Target& target : cpu::targets()) {
        Scene actual = start;
        target.kernels->refine(actual.refine_args());
        check_close(actual.z, expected.z, "z");
        CHECK(actual.level == expected.level);
        CHECK(actual.z == first.z);
      }
    }
  }
}

TEST("noise: a clean position is fed its embedding exactly, and both rows are the same") {
  for (const cpu::Target& implementation : implementations()) {
    const Kernels* kernels = implementation.kernels;
    Scene scene(19, 5, 4);
    std::fill(scene.level.begin(), scene.level.end(), 0);
    const std::vector<float> z = scene.z;
    kernels->noise(scene.noise_args(0));
    for (int32_t j = 0; j < 4; ++j) {
      const int32_t draft = scene.drafts[scene.window.slot(j)];
      for (int32_t i = 0; i < 19; ++i) {
        CHECK_EQUAL(scene.out[j * 19 + i], scene.embedding[draft * 19 + i]);
        CHECK_EQUAL(scene.out[(6 + j) * 19 + i], scene.embedding[draft * 19 + i]);
      }
    }
    CHECK(scene.z == z);
    CHECK(std::isnan(scene.out[4 * 19]));  // not fed: not written
  }
}

TEST("noise: a fresh position without a draft is standard normal and a function of its position") {
  for (const cpu::Target& implementation : implementations()) {
    const Kernels* kernels = implementation.kernels;
    Scene scene(1024, 65, 3);
    std::fill(scene.level.begin(), scene.level.end(), kSteps);
    std::fill(scene.drafts.begin(), scene.drafts.end(), kNoDraft);
    kernels->noise(scene.noise_args(0));
    double sum = 0, square = 0, fourth = 0, neighbours = 0, before = 0;
    const double n = 64 * 1024;
    for (int32_t j = 0; j < 64; ++j) {
      for (int32_t i = 0; i < 1024; ++i) {
        const double value = scene.z[scene.window.slot(j) * 1024 + i];
        sum += value;
        square += value * value;
        fourth += value * value * value * value;
        neighbours += value * before;
        before = value;
      }
    }
    // Standard errors of the four means: 1, sqrt 2, sqrt 96, 1, over sqrt n. False alarm 1e-6 each.
    CHECK(std::fabs(sum / n) < 4.9 / std::sqrt(n));
    CHECK(std::fabs(square / n - 1) < 4.9 * std::sqrt(2 / n));
    CHECK(std::fabs(fourth / n - 3) < 4.9 * std::sqrt(96 / n));
    CHECK(std::fabs(neighbours / n) < 4.9 / std::sqrt(n));
    const uint32_t position = static_cast<uint32_t>(scene.window.first + 10);
    const float* row = scene.z.data() + scene.window.slot(10) * 1024;
    CHECK(std::fabs(row[77] - initial_noise(0x123456789abcdef, position, 77)) < 1e-5);
  }
}

TEST("noise: positions before fresh_from keep the z they have") {
  for (const cpu::Target& implementation : implementations()) {
    const Kernels* kernels = implementation.kernels;
    Scene scene(8, 9, 3);
    const std::vector<float> z = scene.z;
    kernels->noise(scene.noise_args(scene.window.first + 9));
    CHECK(scene.z == z);
  }
}

// If the draft is right at every step, DDIM must carry z_k exactly along alpha e + sigma eps.
TEST("refine: with the true token at every step z keeps its noise and ends at e(token)") {
  for (const cpu::Target& implementation : implementations()) {
    const Kernels* kernels = implementation.kernels;
    Scene scene(24, 3, 6);
    std::fill(scene.level.begin(), scene.level.end(), kSteps);
    kernels->noise(scene.noise_args(0));
    for (int32_t k = kSteps; k > 0; --k) kernels->refine(scene.refine_args());
    for (int32_t j = 0; j < 2; ++j) {
      const int32_t slot = scene.window.slot(j);
      CHECK_EQUAL(scene.level[slot], 0);
      for (int32_t i = 0; i < 24; ++i) {
        const float row = scene.embedding[scene.drafts[slot] * 24 + i];
        const float e = (row - scene.mean[i]) / scene.std[i];
        CHECK(std::fabs(scene.z[slot * 24 + i] - e) <= kBound * std::max(kScale, std::fabs(e)));
      }
    }
  }
}

TEST("refine: clean positions and slots outside the window stay as they are") {
  for (const cpu::Target& implementation : implementations()) {
    const Kernels* kernels = implementation.kernels;
    Scene scene(8, 5, 5);
    scene.level[scene.window.slot(2)] = 0;
    const Scene before = scene;
    kernels->refine(scene.refine_args());
    const auto row = [&](const Scene& s, int32_t slot) {
      return std::vector<float>(s.z.begin() + slot * 8, s.z.begin() + slot * 8 + 8);
    };
    CHECK(row(scene, scene.window.slot(2)) == row(before, scene.window.slot(2)));
    for (int32_t j = 5; j < scene.window.capacity; ++j) {
      CHECK(row(scene, scene.window.slot(j)) == row(before, scene.window.slot(j)));
      CHECK_EQUAL(scene.level[scene.window.slot(j)], before.level[scene.window.slot(j)]);
    }
  }
}

TEST("noise and refine: a wrong sign, level or neighbour is caught by the comparison") {
  const auto difference = [](void (*change)(RefineArgs&)) {
    Scene right(64, 17, 6), wrong = right;
    RefineArgs args = wrong.refine_args();
    change(args);
    reference::kernels.refine(right.refine_args());
    reference::kernels.refine(args);
    float largest = 0;
    for (size_t i = 0; i < right.z.size(); ++i) {
      largest = std::max(largest, std::fabs(right.z[i] - wrong.z[i]));
    }
    return largest;
  };
  const float limit = kBound * kScale;
  CHECK(difference([](RefineArgs&) {}) == 0);
  CHECK(difference([](RefineArgs& args) {
          args.drafts++;
          args.window.capacity--;
        }) > limit);
  CHECK(difference([](RefineArgs& args) { std::swap(args.levels.alpha, args.levels.sigma); }) >
        limit);
  CHECK(difference([](RefineArgs& args) { args.table.mean = args.table.std; }) > limit);
}

}  // namespace
}  // namespace sjd2::test
