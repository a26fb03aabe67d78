// What the threads of a verify block do together. Only integers are added up, so no result depends
// on the order in which threads arrive: float weights become fixed-point numbers first (row.cuh).
#pragma once

#include "kernels/cuda/portable.cuh"

namespace sjd2::cuda {

using Wide = unsigned long long;

constexpr int kBins = 2048;
// Segment sums of a draw: 32 lanes of at least 4 tokens each, so rows up to 262144 tokens.
constexpr int kSegments = 2048;

struct VerifyShared {
  union {
    struct {
      uint32_t low[kBins], high[kBins];  // 64-bit bins in halves: shared memory adds 32 bits
    } histogram;
    Wide segments[kSegments];
  };
  Wide warp_values[2][32];
  double warp_scores[32];
  uint32_t warp_tokens[32];
  Wide chosen_before;
  int32_t chosen;
  int32_t token;
  // The guided row follows where it is staged, 16-byte aligned.
};
static_assert(sizeof(VerifyShared) == kVerifySharedBytes && kVerifySharedBytes % 16 == 0);

struct Block {
  VerifyShared& shared;
  int32_t thread, threads, lane, warp, warps;
  // Reductions take turns between two sets of warp values, so that one barrier each is enough: who
  // writes a set again has passed the barrier that follows everybody's reads of it.
  int32_t turn = 0;

  __device__ explicit Block(VerifyShared& memory)
      : shared(memory),
        thread(static_cast<int32_t>(threadIdx.x)),
        threads(static_cast<int32_t>(blockDim.x)),
        lane(thread & 31),
        warp(thread >> 5),
        warps(threads >> 5) {}

  template <typename Combine>
  __device__ Wide reduce(Wide value, Combine combine) {
#pragma unroll 1
    for (int distance = 16; distance > 0; distance >>= 1) {
      value = combine(value, __shfl_xor_sync(kFullWarp, value, distance));
    }
    Wide* values = shared.warp_values[turn];
    turn ^= 1;
    if (lane == 0) values[warp] = value;
    __syncthreads();
    value = values[0];
#pragma unroll 1
    for (int32_t other = 1; other < warps; ++other) value = combine(value, values[other]);
    return value;
  }

  __device__ Wide maximum(Wide value) {
    return reduce(value, [](Wide a, Wide b) { return a > b ? a : b; });
  }
  __device__ Wide sum(Wide value) {
    return reduce(value, [](Wide a, Wide b) { return a + b; });
  }

  // The sum over all threads before this one; `total` over all.
  __device__ Wide sum_before(Wide value, Wide* total) {
    Wide inclusive = value;
#pragma unroll 1
    for (int distance = 1; distance < 32; distance <<= 1) {
      const Wide left = __shfl_up_sync(kFullWarp, inclusive, static_cast<unsigned>(distance));
      if (lane >= distance) inclusive += left;
    }
    Wide* values = shared.warp_values[turn];
    turn ^= 1;
    if (lane == 31) values[warp] = inclusive;
    __syncthreads();
    Wide before = 0, all = 0;
#pragma unroll 1
    for (int32_t other = 0; other < warps; ++other) {
      if (other == warp) before = all;
      all += values[other];
    }
    *total = all;
    return before + inclusive - value;
  }
};

// Floats as unsigned integers of the same order (no NaN, no -0: guided logits are canonical).
__device__ __forceinline__ uint32_t ordered(float x) {
  const uint32_t bits = __float_as_uint(x);
  return bits & 0x80000000u ? ~bits : bits | 0x80000000u;
}
__device__ __forceinline__ float unordered(uint32_t key) {
  return __uint_as_float(key & 0x80000000u ? key & 0x7fffffffu : ~key);
}

}  // namespace sjd2::cuda
