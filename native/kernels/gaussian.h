// The Gaussian that a position starts as: a function of (seed, position, dimension), nothing else.
#pragma once

#include <cmath>
#include <cstdint>
#include <numbers>

#include "philox.h"

namespace sjd2 {

// Box and Muller 1958. Words (0, 1) of block i / 4 give dimensions 4b and 4b + 1, words (2, 3) the
// other two: radius from the even word, angle from the odd one, cosine first.
inline double initial_noise(uint64_t seed, uint32_t position, uint32_t dimension) {
  const PhiloxBlock words = philox(seed, position, 0, Purpose::InitNoise, dimension / 4);
  const uint32_t pair = dimension % 4 / 2 * 2;
  const double radius = std::sqrt(-2 * std::log(open_uniform(words[pair])));
  const double angle = 2 * std::numbers::pi * open_uniform(words[pair + 1]);
  return radius * (dimension % 2 == 0 ? std::cos(angle) : std::sin(angle));
}

}  // namespace sjd2
