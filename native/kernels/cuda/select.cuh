// Threshold search in place of a sort: a radix descent over the ordered bits of the logits, 11 + 11
// + 10 bits in three scans. What a bin collects is a count (top-k) or a mass (top-p); the result is
// the largest logit above which, itself included, the measure reaches the target.
#pragma once

#include "kernels/cuda/row.cuh"

namespace sjd2::cuda {

// Adds to a bin from every lane of a warp (0 adds nothing). Where all lanes meet in one bin, which
// is what flat and tied rows do, one lane adds for all: 32 atomics on one address would queue.
__device__ __forceinline__ void add_to_bin(VerifyShared& shared, int lane, uint32_t bin,
                                           Wide value) {
  const uint32_t first = __shfl_sync(kFullWarp, bin, 0);
  if (__all_sync(kFullWarp, bin == first)) {
#pragma unroll 1
    for (int distance = 16; distance > 0; distance >>= 1) {
      value += __shfl_xor_sync(kFullWarp, value, distance);
    }
    if (lane != 0) value = 0;
  }
  if (value == 0) return;
  const uint32_t low = static_cast<uint32_t>(value);
  uint32_t high = static_cast<uint32_t>(value >> 32);
  const uint32_t old = atomicAdd(&shared.histogram.low[bin], low);
  if (old + low < old) ++high;  // the carry; how many there are does not depend on the order
  if (high) atomicAdd(&shared.histogram.high[bin], high);
}

// The largest key with measure({tokens with ordered(logit) >= key}) >= target, among tokens with
// key >= floor. The whole must reach the target.
template <typename Element, typename Measure>
__device__ uint32_t select(Block& block, Row<Element>& row, uint32_t floor, Wide target,
                           Measure measure) {
  VerifyShared& shared = block.shared;
  uint32_t prefix = 0, mask = 0;
#pragma unroll 1
  for (int round = 0; round < 3; ++round) {
    const int shift = round == 0 ? 21 : round == 1 ? 10 : 0;
    const uint32_t bins = round == 2 ? kBins / 2 : kBins;
#pragma unroll 1
    for (int32_t i = block.thread; i < kBins; i += block.threads) {
      shared.histogram.low[i] = 0;
      shared.histogram.high[i] = 0;
    }
    __syncthreads();
    row.scan(block, [&](int32_t, auto& logits) {
#pragma unroll
      for (int i = 0; i < logits.kCount; ++i) {
        const uint32_t key = ordered(logits.v[i]);
        const bool counts = key >= floor && (key & mask) == prefix;
        // A warp with nothing to add skips the lot: the usual case after the first round.
        if (!__any_sync(kFullWarp, counts)) continue;
        const uint32_t bin = key >> shift & (bins - 1);
        add_to_bin(shared, block.lane, bin, counts ? measure(logits.v[i]) : 0);
      }
    });
    __syncthreads();
    // Thread 0 owns the highest bins.
    const int32_t owned = kBins / block.threads;
    const auto bin_value = [&](int32_t from_top) {
      const int32_t bin = kBins - 1 - from_top;
      return static_cast<Wide>(shared.histogram.high[bin]) << 32 | shared.histogram.low[bin];
    };
    Wide sum = 0, total;
#pragma unroll 1
    for (int32_t i = 0; i < owned; ++i) sum += bin_value(block.thread * owned + i);
    Wide before = block.sum_before(sum, &total);
    if (before < target && target <= before + sum) {
      int32_t from_top = block.thread * owned;
      // Ends by itself; the bound keeps even a broken histogram from leading out of shared memory.
      const int32_t last = from_top + owned - 1;
      while (from_top < last && before + bin_value(from_top) < target) {
        before += bin_value(from_top++);
      }
      shared.chosen = kBins - 1 - from_top;
      shared.chosen_before = before;
    }
    __syncthreads();
    prefix |= static_cast<uint32_t>(shared.chosen) << shift;
    mask |= (bins - 1) << shift;
    target -= shared.chosen_before;
  }
  return prefix;
}

}  // namespace sjd2::cuda
