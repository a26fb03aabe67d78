// Drawing a token as the argmax of Gumbel scores: one scan, no law.
#pragma once

#include "kernels/cuda/row.cuh"

namespace sjd2::cuda {

// Scores in float find the candidates, double decides between them. For a token that can win, x >=
// -26 (the best score is at least that of the maximum, -log(22.9), and noise is at most 22.9); its
// float score is then off by less than 26 * 2 ulp for x and 23 * 4 ulp for the noise: 2e-5.
constexpr float kScoreSlack = 1e-4f;

struct Scored {
  float score;
  int32_t token;
};

// argmax over tokens with ordered(logit) >= threshold of (logit - max) / temperature + noise(v).
template <typename Element>
__device__ int32_t gumbel_argmax(Block& block, Row<Element>& row, uint32_t threshold,
                                 const VerifyParams& p, uint32_t position) {
  VerifyShared& shared = block.shared;
  Scored best = {-infinity(), kNone};
  float second = -infinity();
  row.scan(block, [&](int32_t v, auto& logits) {
#pragma unroll
    for (int i = 0; i < logits.kCount; i += 4) {
      float x[4];
      bool any = false;
#pragma unroll
      for (int k = 0; k < 4; ++k) {
        const float logit = logits.v[i + k];
        x[k] = ordered(logit) >= threshold ? (logit - row.maximum) * p.inverse_temperature
                                           : -infinity();
        any |= x[k] >= -30.0f;  // below it cannot win, see kScoreSlack
      }
      if (!any) continue;
      const Words words = philox(p.seed, position, 0, kGumbel, static_cast<uint32_t>(v + i) / 4);
#pragma unroll
      for (int k = 0; k < 4; ++k) {
        const float score = x[k] + gumbel_float(words.v[k]);
        if (score > best.score) {
          second = best.score;
          best = {score, v + i + k};
        } else if (score > second) {
          second = score;
        }
      }
    }
  });
  const float leader = unordered(static_cast<uint32_t>(block.maximum(ordered(best.score))));
  const float limit = leader - kScoreSlack;

  double exact = -__longlong_as_double(0x7ff0000000000000ll);
  uint32_t token = 0xffffffffu;
  const auto consider = [&](int32_t v) {
    const float logit = row.at(v);
    if (ordered(logit) < threshold) return;
    const Words words = philox(p.seed, position, 0, kGumbel, static_cast<uint32_t>(v) / 4);
    const uint32_t low = v & 2 ? words.v[2] : words.v[0], high = v & 2 ? words.v[3] : words.v[1];
    const double score = (static_cast<double>(logit) - static_cast<double>(row.maximum)) /
                             static_cast<double>(p.temperature) +
                         gumbel_double(v & 1 ? high : low);
    if (score > exact || (score == exact && static_cast<uint32_t>(v) < token)) {
      exact = score;
      token = static_cast<uint32_t>(v);
    }
  };
  // With two candidates in one thread, about once in ten thousand rows, it looks at all of its
  // tokens again; else at its best alone.
  const int32_t lanes = row.staged ? 4 : Row<Element>::kLanes;
  const bool again = second >= limit;
  int32_t v = again ? lanes * block.thread : best.token;
  if (!again && !(best.score >= limit)) v = row.vocabulary;
#pragma unroll 1
  while (v < row.vocabulary) {
    consider(v);
    if (!again) break;
    v += (v + 1) % lanes == 0 ? 1 + lanes * (block.threads - 1) : 1;
  }

#pragma unroll 1
  for (int distance = 16; distance > 0; distance >>= 1) {
    const double other = __shfl_xor_sync(kFullWarp, exact, distance);
    const uint32_t other_token = __shfl_xor_sync(kFullWarp, token, distance);
    if (other > exact || (other == exact && other_token < token)) {
      exact = other;
      token = other_token;
    }
  }
  if (block.lane == 0) {
    shared.warp_scores[block.warp] = exact;
    shared.warp_tokens[block.warp] = token;
  }
  __syncthreads();
#pragma unroll 1
  for (int32_t other = 0; other < block.warps; ++other) {
    const double score = shared.warp_scores[other];
    if (score > exact || (score == exact && shared.warp_tokens[other] < token)) {
      exact = score;
      token = shared.warp_tokens[other];
    }
  }
  return static_cast<int32_t>(token);
}

}  // namespace sjd2::cuda
