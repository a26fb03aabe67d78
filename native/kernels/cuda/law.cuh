// The law of one row: the cuts, the normaliser, p itself and draws from it.
#pragma once

#include "kernels/cuda/select.cuh"

namespace sjd2::cuda {

constexpr uint32_t kLowestFinite = 0x00800000u;  // ordered(-FLT_MAX): every finite logit survives

// A mass in units of 2^-44: 2^19 tokens of weight 1 fit, and rounding each of 2^16 tokens costs the
// total at most 2^-29 of the maximum's weight.
__device__ __forceinline__ Wide mass(float weight) { return __float2ull_rn(weight * 0x1p44f); }

// A probability in units of 2^-62. Integer sums are exact, so the parts add up to the whole in any
// order and the target of a draw always lies inside it.
__device__ __forceinline__ Wide fixed(float p) { return __float2ull_rn(p * 0x1p62f); }

template <typename Element>
struct RowLaw {
  const VerifyParams& p;
  Block& block;
  Row<Element>& row;
  uint32_t threshold = kLowestFinite;
  float scale = 0;  // 1 / the sum of weights

  // exp of the tempered logit, relative to the maximum; 0 where the cuts removed the token.
  __device__ __forceinline__ float weight(float logit) const {
    return ordered(logit) >= threshold ? exp_float((logit - row.maximum) * p.inverse_temperature)
                                       : 0.0f;
  }
  // A staged row holds weights by the time that probabilities are asked for.
  __device__ __forceinline__ float probability(float element) const {
    return (row.staged ? element : weight(element)) * scale;
  }
  __device__ __forceinline__ float probability_of(int32_t v) const {
    return probability(row.staged ? row.staged[v] : row.at(v));
  }

  enum Stage { kTopK, kTopP, kNormalise };

  // What a token counts for: 1 for top-k, its mass for top-p and the normaliser.
  __device__ __forceinline__ Wide measure(int stage, float logit) const {
    if (stage == kTopK) return ordered(logit) >= threshold;
    return mass(weight(logit));
  }

  // Top-k, then top-p over what is left, then `survivors_known()`, which still sees logits, then
  // (with `normalise`) the normaliser; each sums its measure over the row first. A loop, so that
  // the module holds the scans once.
  template <typename Function>
  __device__ void cut(bool normalise, Function survivors_known) {
#pragma unroll 1
    for (int stage = kTopK; stage <= kNormalise; ++stage) {
      if (stage == kTopK && (p.top_k <= 0 || p.top_k >= p.vocabulary)) continue;
      if (stage == kTopP && !(p.top_p < 1.0f)) continue;
      if (stage == kNormalise) {
        survivors_known();
        if (!normalise) continue;
      }
      Wide total = 0;
      row.scan(block, [&](int32_t v, auto& logits) {
#pragma unroll
        for (int i = 0; i < logits.kCount; ++i) {
          if (stage == kTopK) {
            total += ordered(logits.v[i]) >= threshold;
          } else {
            logits.v[i] = weight(logits.v[i]);
            total += mass(logits.v[i]);
          }
        }
        // Normalising turns a staged row into weights, so that later scans take no exp.
        if (stage == kNormalise && row.staged) row.restage(v, logits);
      });
      total = block.sum(total);
      if (stage == kNormalise) {
        row.beyond = 0.0f;
        scale = static_cast<float>(1.0 / (__ull2double_rn(total) * 0x1p-44));
        continue;
      }
      Wide target = static_cast<Wide>(p.top_k);
      if (stage == kTopP) {
        target = __double2ull_rn(static_cast<double>(p.top_p) * __ull2double_rn(total));
        if (target < 1) target = 1;
      }
      if (total <= target) continue;
      threshold =
          select(block, row, threshold, target, [&](float logit) { return measure(stage, logit); });
    }
  }

  // The weight of a token in a draw: p, or with q what p has more than q.
  __device__ __forceinline__ Wide draw_weight(float element, float q) const {
    const Wide mine = fixed(probability(element)), theirs = fixed(q);
    return mine > theirs ? mine - theirs : 0;
  }

  template <int N>
  __device__ __forceinline__ Lanes<N> load_law(const float* law, int32_t v) const {
    Lanes<N> lanes;
    if (p.laws_aligned && v < p.vocabulary) {
#pragma unroll
      for (int i = 0; i < N; i += 4) {
        const float4 four = *reinterpret_cast<const float4*>(law + v + i);
        lanes.v[i] = four.x, lanes.v[i + 1] = four.y;
        lanes.v[i + 2] = four.z, lanes.v[i + 3] = four.w;
      }
    } else {
      lanes = ragged<N>(v, p.vocabulary, 0.0f, [&](int32_t at) { return law[at]; });
    }
    return lanes;
  }

  __device__ void store(float* law) {
    row.scan(block, [&](int32_t v, auto& elements) {
      if (p.laws_aligned && v < p.vocabulary) {
#pragma unroll
        for (int i = 0; i < elements.kCount; i += 4) {
          *reinterpret_cast<float4*>(law + v + i) =
              make_float4(probability(elements.v[i]), probability(elements.v[i + 1]),
                          probability(elements.v[i + 2]), probability(elements.v[i + 3]));
        }
      } else {
#pragma unroll
        for (int i = 0; i < elements.kCount; ++i) {
          if (v + i < p.vocabulary) law[v + i] = probability(elements.v[i]);
        }
      }
    });
  }

  // The first token whose cumulative weight, in token order, passes uniform * total with uniform =
  // bits * 2^-53; kNone where the total is 0. From p, or with q from norm(max(0, p - q)).
  __device__ int32_t draw(const float* q, Wide bits) {
    VerifyShared& shared = block.shared;
    // A segment is what one warp visits in one step of the scan.
    int32_t segments = 0, step_lanes = 0;
    row.scan(block, [&](int32_t v, auto& elements) {
      constexpr int kCount = std::remove_reference_t<decltype(elements)>::kCount;
      Lanes<kCount> theirs = {};
      if (q) theirs = load_law<kCount>(q, v);
      Wide sum = 0;
#pragma unroll
      for (int i = 0; i < kCount; ++i) sum += draw_weight(elements.v[i], theirs.v[i]);
#pragma unroll 1
      for (int distance = 16; distance > 0; distance >>= 1) {
        sum += __shfl_xor_sync(kFullWarp, sum, distance);
      }
      if (block.lane == 0) shared.segments[segments + block.warp] = sum;
      segments += block.warps;
      step_lanes = kCount;
    });
    __syncthreads();
    const int32_t owned = (segments + block.threads - 1) / block.threads;
    const auto segment_value = [&](int32_t i) { return i < segments ? shared.segments[i] : 0; };
    Wide sum = 0, total;
#pragma unroll 1
    for (int32_t i = 0; i < owned; ++i) sum += segment_value(block.thread * owned + i);
    Wide before = block.sum_before(sum, &total);
    if (total == 0) return kNone;
    const Wide target = __umul64hi(bits, total) << 11 | (bits * total) >> 53;
    if (before <= target && target < before + sum) {
      int32_t segment = block.thread * owned;
      const int32_t last = segment + owned - 1;
      while (segment < last && before + segment_value(segment) <= target) {
        before += segment_value(segment++);
      }
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
        const Wide value =
            inside ? draw_weight(row.staged ? row.staged[v] : row.at(v), q ? q[v] : 0.0f) : 0;
        Wide inclusive = value;
#pragma unroll 1
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
};

}  // namespace sjd2::cuda
