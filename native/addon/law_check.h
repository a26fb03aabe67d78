// Whether what a caller states as the law of a draft can be one. Inside the engine laws come from
// `verify` itself and nothing is checked; here they come from anywhere.
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <string>

namespace sjd2::addon {

// How far the sum of a law may be from 1. Laws that `verify` wrote are off by 2^-23 at most (one
// rounding of the scale, one of the product); a softmax in float that adds up a row of 65536 one by
// one, by 2^-8 in theory and 2^-16 in practice; a law that went through float16, by 2^-11. What is
// let through shifts the law of the redraw by no more than this.
inline constexpr double kLawTolerance = 0x1p-10;

// Empty if `q` [vocabulary] is a law under which `draft` can have been drawn, else what is wrong.
inline std::string law_fault(const float* q, int32_t vocabulary, int32_t draft) {
  // Sums of 128 floats in each lane, off by 2^-17 at most; the sums of the blocks in double.
  constexpr int32_t kLanes = 32, kBlock = 128 * kLanes;
  double sum = 0;
  uint32_t bits = 0;  // of all values together: whether any has a sign
  for (int32_t start = 0; start < vocabulary; start += kBlock) {
    const int32_t end = start + std::min(kBlock, vocabulary - start);
    float sums[kLanes] = {};
    uint32_t signs[kLanes] = {};
    int32_t v = start;
    for (; v + kLanes <= end; v += kLanes) {
      for (int32_t lane = 0; lane < kLanes; ++lane) {
        sums[lane] += q[v + lane];
        signs[lane] |= std::bit_cast<uint32_t>(q[v + lane]);
      }
    }
    for (; v < end; ++v) {
      sums[0] += q[v];
      signs[0] |= std::bit_cast<uint32_t>(q[v]);
    }
    for (int32_t lane = 0; lane < kLanes; ++lane) {
      sum += sums[lane];
      bits |= signs[lane];
    }
  }
  if (!std::isfinite(sum)) return "it holds NaN or infinity";
  const float least = bits >> 31 ? *std::min_element(q, q + vocabulary) : 0.0f;
  if (least < 0) return "it holds " + std::to_string(least);
  if (!(std::fabs(sum - 1) <= kLawTolerance)) return "it sums to " + std::to_string(sum);
  if (!(q[draft] > 0)) return "it gives the draft, token " + std::to_string(draft) + ", 0";
  return {};
}

}  // namespace sjd2::addon
