// Drawing a token: by inverse CDF over fixed-point weights, or as the argmax of Gumbel scores.
#pragma once

#include "kernels/cuda/row.cuh"

namespace sjd2::cuda {

// A probability in units of 2^-62. Integer sums are exact, so the parts add up to the whole in any
// order and the target of a draw always lies inside it.
__device__ __forceinline__ Wide fixed(float p) { return __float2ull_rn(p * 0x1p62f); }

// The first token whose cumulative weight, in token order, passes uniform * total with uniform =
// bits * 2^-53; kNone where the total is 0. `weight(v, element)` gets the element of the row's scan
// and is 0 past the end.
template <typename Element, typename Weight>
__device__ int32_t draw(Block& block, Row<Element>& row, Wide bits, Weight weight) {
  VerifyShared& shared = block.shared;
  // A segment is what one warp visits in one step of the scan.
  int32_t segments = 0, step_lanes = 0;
  row.scan(block, [&](int32_t v, const auto& elements) {
    Wide sum = 0;
#pragma unroll
    for (int i = 0; i < elements.kCount; ++i) sum += weight(v + i, elements.v[i]);
    for (int distance = 16; distance > 0; distance >>= 1) {
      sum += __shfl_xor_sync(kFullWarp, sum, distance);
    }
    if (block.lane == 0) shared.segments[segments + block.warp] = sum;
    segments += block.warps;
    step_lanes = elements.kCount;
  });
  __syncthreads();
  const int32_t owned = (segments + block.threads - 1) / block.threads;
  const auto segment_value = [&](int32_t i) { return i < segments ? shared.segments[i] : 0; };
  Wide sum = 0, total;
  for (int32_t i = 0; i < owned; ++i) sum += segment_value(block.thread * owned + i);
  Wide before = block.sum_before(sum, &total);
  if (total == 0) return kNone;
  const Wide target = __umul64hi(bits, total) << 11 | (bits * total) >> 53;
  if (before <= target && target < before + sum) {
    int32_t segment = block.thread * owned;
    while (before + segment_value(segment) <= target) before += segment_value(segment++);
    shared.chosen = segment;
    shared.chosen_before = before;
  }
  __syncthreads();
  if (block.warp == 0) {
    // Lanes go through the segment's tokens in order, 32 at a time.
    Wide cumulative = shared.chosen_before;
    const int32_t first = shared.chosen * 32 * step_lanes;
    for (int32_t base = first; base < first + 32 * step_lanes; base += 32) {
      const int32_t v = base + block.lane;
      const bool inside = v < row.vocabulary;
      const Wide value = inside ? weight(v, row.staged ? row.staged[v] : row.at(v)) : 0;
      Wide inclusive = value;
      for (int distance = 1; distance < 32; distance <<= 1) {
        const Wide left = __shfl_up_sync(kFullWarp, inclusive, static_cast<unsigned>(distance));
        if (block.lane >= distance) inclusive += left;
      }
      const unsigned passed = __ballot_sync(kFullWarp, cumulative + inclusive > target);
      if (passed) {
        if (block.lane == 0) shared.token = base + __ffs(static_cast<int>(passed)) - 1;
        break;
      }
      cumulative += __shfl_sync(kFullWarp, inclusive, 31);
    }
  }
  __syncthreads();
  return shared.token;
}

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
  row.scan(block, [&](int32_t v, const auto& logits) {
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
  if (second >= limit) {
    // Two candidates in one thread: about one row in ten thousand looks at all of its tokens again.
    const int32_t lanes = row.staged ? 4 : Row<Element>::kLanes;
    for (int32_t v = lanes * block.thread; v < row.vocabulary; v += lanes * block.threads) {
      for (int32_t i = v; i < v + lanes && i < row.vocabulary; ++i) consider(i);
    }
  } else if (best.score >= limit) {
    consider(best.token);
  }

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
