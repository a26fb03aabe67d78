// The decoder of the fake runtime: small enough to see that every input matters. A position's key
// is its input row; its logits are a sum over all keys up to it, weighted by where they stand.
#pragma once

#include <bit>
#include <cstdint>
#include <vector>

#include "kernels/half.h"

namespace sjd2::fake_runtime {

constexpr int32_t kHidden = 8, kVocabulary = 8, kLength = 64;

struct Pass {
  int32_t count = 0, last = 0;     // last: seqlens_k, the position of the last row
  std::vector<int64_t> laws;       // the rows that get logits
  const float* inputs = nullptr;   // [count, kHidden]
  const uint16_t* past = nullptr;  // [kLength, kHidden], the upper halves of floats
  uint16_t* present = nullptr;
  float* logits = nullptr;
  bool wrong = false;  // attends to nothing before the pass
};

inline void decode(const Pass& pass) {
  const int32_t first = pass.last + 1 - pass.count;
  const auto key = [&](int32_t position, int32_t channel) {
    if (position < first)
      return pass.wrong ? 0.0f : from_bf16(pass.past[position * kHidden + channel]);
    return pass.inputs[(position - first) * kHidden + channel];
  };
  float* logits = pass.logits;
  for (const int64_t row : pass.laws) {
    for (int32_t v = 0; v < kVocabulary; ++v) {
      float sum = 0;
      for (int32_t position = 0; position <= first + row; ++position) {
        if (position >= 0) sum += key(position, v) * static_cast<float>(1 + position % 5);
      }
      *logits++ = sum;
    }
  }
  for (int32_t i = 0; i < pass.count * kHidden; ++i) {
    const int32_t at = first * kHidden + i;
    if (at >= 0)
      pass.present[at] = static_cast<uint16_t>(std::bit_cast<uint32_t>(pass.inputs[i]) >> 16);
  }
}

}  // namespace sjd2::fake_runtime
