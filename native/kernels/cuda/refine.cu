// One DDIM step (Song et al. 2021, arXiv 2010.02502, eta = 0): one block per position.
#include "kernels/cuda/portable.cuh"

extern "C" __global__ void __launch_bounds__(sjd2::cuda::kElementThreads, 4)
    sjd2_refine(sjd2::cuda::RefineParams p) {
  using namespace sjd2::cuda;
  const int32_t slot = slot_of(p.window, static_cast<int32_t>(blockIdx.x));
  const int32_t level = p.level[slot];
  if (level == 0) return;  // the whole block
  // keep * z + pull * e takes the predicted noise (z - alpha_k e) / sigma_k out of z and puts it
  // back at level k - 1.
  const float keep = p.sigma[level - 1] / p.sigma[level];
  const float pull = __fmaf_rn(-p.alpha[level], keep, p.alpha[level - 1]);
  const float* row = p.embedding + static_cast<int64_t>(p.drafts[slot]) * p.hidden;
  float* z = p.z + static_cast<int64_t>(slot) * p.hidden;
  const bool wide = p.hidden % 4 == 0;
  const int32_t step = wide ? 4 : 1;
  for (int32_t i = step * static_cast<int32_t>(threadIdx.x); i < p.hidden;
       i += step * static_cast<int32_t>(blockDim.x)) {
    if (wide) {
      const float4 e = *reinterpret_cast<const float4*>(row + i);
      const float4 mean = *reinterpret_cast<const float4*>(p.mean + i);
      const float4 std = *reinterpret_cast<const float4*>(p.std + i);
      float4 value = *reinterpret_cast<const float4*>(z + i);
      value.x = __fmaf_rn(keep, value.x, pull * ((e.x - mean.x) / std.x));
      value.y = __fmaf_rn(keep, value.y, pull * ((e.y - mean.y) / std.y));
      value.z = __fmaf_rn(keep, value.z, pull * ((e.z - mean.z) / std.z));
      value.w = __fmaf_rn(keep, value.w, pull * ((e.w - mean.w) / std.w));
      *reinterpret_cast<float4*>(z + i) = value;
    } else {
      z[i] = __fmaf_rn(keep, z[i], pull * ((row[i] - p.mean[i]) / p.std[i]));
    }
  }
  __syncthreads();  // every thread has read the level
  if (threadIdx.x == 0) p.level[slot] = level - 1;
}
