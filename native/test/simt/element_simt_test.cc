// The emulated enter, noise and refine kernels against the definition, and the functions inside
// them against the C library's.
#include <cmath>
#include <string>

#include "check.h"
#include "element_scene.h"
#include "kernels/coupling.h"
#include "kernels/cuda/random.cuh"
#include "kernels/gaussian.h"
#include "simt/emulated_kernels.h"

namespace sjd2::test {
namespace {

TEST("simt enter and noise: agree with the definition over widths, levels and rings") {
  for (int32_t hidden : {1, 2, 3, 4, 7, 16, 17, 63, 256, 1023, 2048}) {
    for (int32_t count : {1, 2, 17}) {
      for (int32_t entering : {0, count / 2, count}) {
        ElementScene expected(hidden, count, hidden + count + entering), actual = expected;
        emulated_launcher().schedule.seed = hidden;
        reference::kernels.enter(expected.enter_args(entering));
        reference::kernels.noise(expected.noise_args());
        emulated::kernels.enter(actual.enter_args(entering));
        emulated::kernels.noise(actual.noise_args());
        check_close(actual.z, expected.z, "z");
        check_close(actual.out, expected.out, "out");
      }
    }
  }
}

TEST("simt noise: a clean position is fed its embedding exactly") {
  ElementScene expected(64, 5, 3);
  expected.make_clean();
  ElementScene actual = expected;
  reference::kernels.noise(expected.noise_args());
  emulated::kernels.noise(actual.noise_args());
  for (size_t i = 0; i < actual.out.size(); ++i) {
    CHECK(actual.out[i] == expected.out[i] ||
          (std::isnan(actual.out[i]) && std::isnan(expected.out[i])));
  }
}

TEST("simt refine: agrees with the definition over widths, levels and rings") {
  for (int32_t hidden : {1, 2, 3, 4, 7, 16, 17, 63, 256, 1023, 2048}) {
    for (int32_t count : {1, 2, 17}) {
      ElementScene expected(hidden, count, hidden + count), actual = expected;
      emulated_launcher().schedule.seed = hidden;
      reference::kernels.refine(expected.refine_args());
      emulated::kernels.refine(actual.refine_args());
      check_close(actual.z, expected.z, "z");
      CHECK(actual.level == expected.level);
    }
  }
}

// The last word of each end and both sides of every branch, then random ones.
std::vector<uint32_t> interesting_words() {
  std::vector<uint32_t> words = {0,          1,          2,          0x1fffffff, 0x20000000,
                                 0x5fffffff, 0x60000000, 0x7fffffff, 0x80000000, 0x9fffffff,
                                 0xa0000000, 0xdfffffff, 0xe0000000, 0xfffffffe, 0xffffffff};
  for (uint32_t d = 0; d < 3; ++d) {
    words.push_back(cuda::kRootHalf - 1 + d);
    words.push_back(~cuda::kRootHalf - 1 + d);
  }
  std::mt19937 random(5);
  for (int i = 0; i < 20000; ++i) words.push_back(random() >> random() % 30);
  return words;
}

TEST("simt Philox: the device's words are the host's") {
  for (const uint32_t word : interesting_words()) {
    const PhiloxBlock host = philox(0x9876543210abcdefull + word, word, 3, Purpose::Keep, word / 7);
    const cuda::Words device =
        cuda::philox(0x9876543210abcdefull + word, word, 3, cuda::kKeep, word / 7);
    for (int i = 0; i < 4; ++i) CHECK_EQUAL(device.v[i], host[i]);
  }
}

// 4 ulp of a double each for two logarithms; a float score may use kScoreSlack for the noise and
// the logit together, 23 * 4 ulp = 1.1e-5 of it for the noise.
TEST("simt Gumbel: noise is the reference's to the last bits of a double, and near it in float") {
  for (const uint32_t word : interesting_words()) {
    const double exact = gumbel_noise(word);
    CHECK(std::fabs(cuda::gumbel_double(word) - exact) <=
          8 * 0x1p-52 * std::max(1.0, std::fabs(exact)));
    CHECK(std::fabs(cuda::gumbel_float(word) - exact) <= 1.1e-5);
  }
}

TEST("simt exp: within 2 ulp down to the smallest normal float") {
  for (int i = 0; i < 200000; ++i) {
    const float x = -87.33f * static_cast<float>(i) / 200000;
    const double exact = std::exp(double{x});
    CHECK(std::fabs(cuda::exp_float(x) - exact) <= 2 * 0x1p-23 * exact);
  }
  CHECK_EQUAL(cuda::exp_float(0), 1.0f);
  CHECK_EQUAL(cuda::exp_float(-INFINITY), 0.0f);
  CHECK_EQUAL(cuda::exp_float(-1e30f), 0.0f);
}

TEST("simt turn: cosine and sine within 1.5e-7 all the way round") {
  for (const uint32_t word : interesting_words()) {
    const double angle = 2 * std::numbers::pi * open_uniform(word);
    CHECK(std::fabs(cuda::turn(word).cosine - std::cos(angle)) <= 1.5e-7);
    CHECK(std::fabs(cuda::turn(word).sine - std::sin(angle)) <= 1.5e-7);
  }
}

}  // namespace
}  // namespace sjd2::test
