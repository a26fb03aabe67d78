// The noise of positions that enter: one block per position, one pass over memory.
#include "kernels/cuda/random.cuh"

extern "C" __global__ void __launch_bounds__(sjd2::cuda::kElementThreads, 4)
    sjd2_enter(sjd2::cuda::EnterParams p) {
  using namespace sjd2::cuda;
  const int32_t j = static_cast<int32_t>(blockIdx.x), slot = slot_of(p.window, j);
  const int32_t level = p.level[slot], draft = p.drafts[slot];
  if (level == 0) return;  // the whole block
  const float alpha = p.alpha[level], sigma = p.sigma[level];
  float* z = p.z + static_cast<int64_t>(slot) * p.hidden;
  // Four neighbours share one Philox block; with hidden a multiple of four they are one 16-byte
  // access too (rows then start at a multiple of 16 bytes, as allocations do).
  const bool wide = p.hidden % 4 == 0;
  for (int32_t i = 4 * static_cast<int32_t>(threadIdx.x); i < p.hidden;
       i += 4 * static_cast<int32_t>(blockDim.x)) {
    const int32_t lanes = p.hidden - i < 4 ? p.hidden - i : 4;
    float value[4];
    initial_noise(p.seed, static_cast<uint32_t>(p.window.first + j), static_cast<uint32_t>(i) / 4,
                  value);
#pragma unroll
    for (int lane = 0; lane < 4; ++lane) {
      if (draft == kNone || lane >= lanes) break;
      const int64_t at = static_cast<int64_t>(draft) * p.hidden + i + lane;
      const float e = (p.embedding[at] - p.mean[i + lane]) / p.std[i + lane];
      value[lane] = __fmaf_rn(alpha, e, sigma * value[lane]);
    }
    if (wide) {
      *reinterpret_cast<float4*>(z + i) = make_float4(value[0], value[1], value[2], value[3]);
    } else {
      for (int lane = 0; lane < lanes; ++lane) z[i + lane] = value[lane];
    }
  }
}
