// Noise injection and refinement: both implementations against each other and against the
// identities that they must obey.
#include <algorithm>
#include <cmath>

#include "check.h"
#include "element_scene.h"
#include "kernel_problem.h"
#include "kernels/gaussian.h"

namespace sjd2::test {
namespace {

constexpr int32_t kSteps = ElementScene::kSteps;

TEST("enter and noise: every target writes what the definition says, over widths and rings") {
  for (int32_t hidden : {1, 2, 3, 4, 7, 16, 17, 63, 256, 1023}) {
    for (int32_t count : {1, 2, 17, 96}) {
      for (int32_t entering : {0, count / 2, count}) {
        ElementScene expected(hidden, count, hidden + count + entering);
        const ElementScene start = expected;
        reference::kernels.enter(expected.enter_args(entering));
        reference::kernels.noise(expected.noise_args());
        ElementScene first = start;
        cpu::kernels.enter(first.enter_args(entering));
        for (const cpu::Target& target : cpu::targets()) {
          ElementScene actual = start;
          target.kernels->enter(actual.enter_args(entering));
          target.kernels->noise(actual.noise_args());
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
      const ElementScene start(hidden, count, hidden + count);
      ElementScene expected = start, first = start;
      reference::kernels.refine(expected.refine_args());
      cpu::kernels.refine(first.refine_args());
      for (const cpu::Target& target : cpu::targets()) {
        ElementScene actual = start;
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
    ElementScene scene(19, 5, 4);
    scene.make_clean();
    const std::vector<float> z = scene.z;
    kernels->enter(scene.enter_args(5));
    kernels->noise(scene.noise_args());
    for (int32_t j = 0; j < 4; ++j) {
      const int32_t draft = scene.drafts[scene.window.slot(j)];
      for (int32_t i = 0; i < 19; ++i) {
        CHECK_EQUAL(scene.out[j * 19 + i], scene.embedding[draft * 19 + i]);
        CHECK_EQUAL(scene.out[(6 + j) * 19 + i], scene.embedding[draft * 19 + i]);
      }
    }
    CHECK(scene.z == z);
    CHECK(std::isnan(scene.out[4 * 19]));  // outside the window: not written
  }
}

TEST("enter: a position without a draft is standard normal and a function of its position") {
  for (const cpu::Target& implementation : implementations()) {
    const Kernels* kernels = implementation.kernels;
    ElementScene scene(1024, 65, 3);
    std::fill(scene.level.begin(), scene.level.end(), kSteps);
    std::fill(scene.drafts.begin(), scene.drafts.end(), kNoDraft);
    kernels->enter(scene.enter_args(64));
    double sum = 0, square = 0, fourth = 0, neighbours = 0, before = 0;
    const double n = 64 * 1024;
    for (int32_t j = 1; j < 65; ++j) {
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
    CHECK(std::fabs(row[77] - initial_noise(ElementScene::kSeed, position, 77)) < 1e-5);
  }
}

TEST("enter: every noisy position of its window gets a z, the last one too, and no other does") {
  for (const cpu::Target& implementation : implementations()) {
    ElementScene scene(8, 9, 3);
    const ElementScene before = scene;
    implementation.kernels->enter(scene.enter_args(4));
    for (int32_t slot = 0; slot < scene.window.capacity; ++slot) {
      bool entered = false;
      for (int32_t j = 5; j < 9; ++j) entered |= scene.window.slot(j) == slot;
      const bool written = !std::equal(scene.z.begin() + slot * 8, scene.z.begin() + slot * 8 + 8,
                                       before.z.begin() + slot * 8);
      CHECK_EQUAL(written, entered && scene.level[slot] > 0);
    }
  }
}

// If the draft is right at every step, DDIM must carry z_k exactly along alpha e + sigma eps.
TEST("refine: with the true token at every step z keeps its noise and ends at e(token)") {
  for (const cpu::Target& implementation : implementations()) {
    const Kernels* kernels = implementation.kernels;
    ElementScene scene(24, 3, 6);
    std::fill(scene.level.begin(), scene.level.end(), kSteps);
    kernels->enter(scene.enter_args(3));
    for (int32_t k = kSteps; k > 0; --k) kernels->refine(scene.refine_args());
    for (int32_t j = 0; j < 3; ++j) {
      const int32_t slot = scene.window.slot(j);
      CHECK_EQUAL(scene.level[slot], 0);
      for (int32_t i = 0; i < 24; ++i) {
        const float row = scene.embedding[scene.drafts[slot] * 24 + i];
        const float e = (row - scene.mean[i]) / scene.std[i];
        CHECK(std::fabs(scene.z[slot * 24 + i] - e) <=
              kElementBound * std::max(kElementScale, std::fabs(e)));
      }
    }
  }
}

TEST("refine: clean positions and slots outside the window stay as they are") {
  for (const cpu::Target& implementation : implementations()) {
    const Kernels* kernels = implementation.kernels;
    ElementScene scene(8, 5, 5);
    scene.level[scene.window.slot(2)] = 0;
    const ElementScene before = scene;
    kernels->refine(scene.refine_args());
    const auto row = [&](const ElementScene& s, int32_t slot) {
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
    ElementScene right(64, 17, 6), wrong = right;
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
  const float limit = kElementBound * kElementScale;
  CHECK(difference([](RefineArgs&) {}) == 0);
  CHECK(difference([](RefineArgs& args) {
          args.drafts++;
          args.window.capacity--;
        }) > limit);
  CHECK(difference([](RefineArgs& args) { std::swap(args.schedule.alpha, args.schedule.sigma); }) >
        limit);
  CHECK(difference([](RefineArgs& args) { args.table.mean = args.table.std; }) > limit);
}

}  // namespace
}  // namespace sjd2::test
