// The vectorised elementary functions and Philox against double precision, with their stated
// bounds.
#include <algorithm>
#include <bit>
#include <cmath>
#include <numbers>

#include "check.h"
#include "kernels/coupling.h"
#include "kernels/cpu/target.h"
#include "kernels/gaussian.h"

namespace sjd2::cpu::scalar_test {
// The scalar target stands for all: verify_agreement_kernel_test holds the others to its bits.
// clang-format off
#include "kernels/cpu/simd_scalar.h"
#include "kernels/cpu/kernels.inl"
// clang-format on
}  // namespace sjd2::cpu::scalar_test

namespace sjd2::test {
namespace {

using namespace cpu::scalar_test;

double ulps(float actual, double expected) {
  int exponent;
  std::frexp(expected, &exponent);
  return std::fabs(actual - expected) / std::ldexp(1.0, exponent - 24);
}

TEST("math: exp of negative arguments is within 1.1 ulp down to -87, and zero below") {
  double worst = 0;
  for (int step = 0; step < 1 << 21; step += 16) {
    float x[16], y[16];
    for (int i = 0; i < 16; ++i) x[i] = -87.0f * static_cast<float>(step + i) / (1 << 21);
    store(y, exp_negative(load(x)));
    for (int i = 0; i < 16; ++i) worst = std::max(worst, ulps(y[i], std::exp(double{x[i]})));
  }
  std::printf("       exp: %.3f ulp\n", worst);
  CHECK(worst <= 1.1);
  for (float x : {-87.1f, -1e4f, -kInfinity}) {
    float y[16];
    store(y, exp_negative(set(x)));
    CHECK_EQUAL(y[3], 0.0f);
  }
  float one[16];
  store(one, exp_negative(set(0.0f)));
  CHECK_EQUAL(one[0], 1.0f);
}

// Words at both ends, where u is near 0 and near 1, and in between.
template <typename Check>
void for_words(Check check) {
  for (uint32_t i = 0; i < 1 << 19; ++i) {
    check(i);
    check(~i);
    check(i * 2654435761u);
  }
}

TEST("math: log of a uniform is within 3 ulp, at both ends of its interval too") {
  double worst = 0;
  for_words([&](uint32_t word) {
    float y[16];
    store(y, log_uniform(set(static_cast<int32_t>(word))));
    worst = std::max(worst, ulps(y[0], std::log(open_uniform(word))));
  });
  std::printf("       log: %.3f ulp\n", worst);
  CHECK(worst <= 3);
}

TEST("math: cos and sin of a turn are within 2^-23") {
  double worst = 0;
  for_words([&](uint32_t word) {
    F c, s;
    cos_sin_turns(set(static_cast<int32_t>(word)), c, s);
    float cosine[16], sine[16];
    store(cosine, c);
    store(sine, s);
    const double angle = 2 * std::numbers::pi * open_uniform(word);
    worst = std::max(
        {worst, std::fabs(cosine[0] - std::cos(angle)), std::fabs(sine[0] - std::sin(angle))});
  });
  std::printf("       cos, sin: %.3f * 2^-23\n", worst * 0x1p23);
  CHECK(worst <= 0x1p-23);
}

TEST("math: the bound of Gumbel noise is above the noise, closely where noise is large") {
  bool above = true, close = true;
  for_words([&](uint32_t word) {
    float bound[16];
    store(bound, noise_bound(set(static_cast<int32_t>(word))));
    const double noise = gumbel_noise(word);
    // The search allows for 2^-10 of rounding; half of it must do. Close: 0.060 from the straight
    // line for log2, u / 2 from log1p, and the 8 bits cut off, which tell in the smallest words
    // only.
    above = above && bound[0] + 0x1p-11 >= noise;
    close = close && (noise < 4 || word < 1 << 18 || bound[0] <= noise + 0.07);
  });
  CHECK(above);
  CHECK(close);
  CHECK(gumbel_noise(0) < kLargestNoise);
}

TEST("math: sixteen blocks of Philox at a time are the sixteen blocks, in order") {
  for (uint64_t seed : {uint64_t{0}, uint64_t{0xfedcba9876543210}}) {
    const uint32_t position = 0xdeadbeef;
    const Words words = philox64(seed, position, Purpose::Gumbel, 48);
    for (int i = 0; i < 64; ++i) {
      const PhiloxBlock block = philox(seed, position, 0, Purpose::Gumbel, 48 + i / 4);
      CHECK_EQUAL(static_cast<uint32_t>(words.w[i / 16].v[i % 16]), block[i % 4]);
    }
  }
}

TEST("math: a bisection over order keys sees floats in their order") {
  const float ascending[] = {-kInfinity, -3e38f, -1.0f, -1e-40f, 0.0f, 1e-40f, 1.0f, 3e38f};
  for (int i = 0; i + 1 < 8; ++i) {
    CHECK(order_key(ascending[i]) < order_key(ascending[i + 1]));
    CHECK_EQUAL(from_order_key(order_key(ascending[i])), ascending[i]);
    if (i > 0) {
      const float middle = midpoint(ascending[i], ascending[i + 1], 0);
      CHECK(middle > ascending[i] && middle <= ascending[i + 1]);
    }
  }
}

}  // namespace
}  // namespace sjd2::test
