// Noise injection: one block per position, one pass over memory.
#include "kernels/cuda/portable.cuh"

extern "C" __global__ void __launch_bounds__(sjd2::cuda::kElementThreads, 4)
    sjd2_noise(sjd2::cuda::NoiseParams p) {
  using namespace sjd2::cuda;
  const int32_t j = static_cast<int32_t>(blockIdx.x);
  const int32_t slot = slot_of(p.window, j);
  const int32_t level = p.level[slot], draft = p.drafts[slot];
  const float* from = level == 0 ? p.embedding + static_cast<int64_t>(draft) * p.hidden
                                 : p.z + static_cast<int64_t>(slot) * p.hidden;
  // With hidden a multiple of four, four neighbours are one 16-byte access (rows then start at a
  // multiple of 16 bytes, as allocations do).
  const bool wide = p.hidden % 4 == 0 && p.row_stride % 4 == 0;
  for (int32_t i = 4 * static_cast<int32_t>(threadIdx.x); i < p.hidden;
       i += 4 * static_cast<int32_t>(blockDim.x)) {
    const int32_t lanes = p.hidden - i < 4 ? p.hidden - i : 4;
    float value[4] = {0, 0, 0, 0};
    if (wide) {
      const float4 read = *reinterpret_cast<const float4*>(from + i);
      value[0] = read.x, value[1] = read.y, value[2] = read.z, value[3] = read.w;
    } else {
      for (int lane = 0; lane < lanes; ++lane) value[lane] = from[i + lane];
    }
    if (level > 0) {
      const float* tau = p.tau + static_cast<int64_t>(level) * p.hidden + i;
      for (int lane = 0; lane < lanes; ++lane) {
        value[lane] = __fmaf_rn(p.std[i + lane], value[lane], p.mean[i + lane]) + tau[lane];
      }
    }
    for (int32_t row = 0; row < p.rows; ++row) {
      float* out = p.out + row * p.row_stride + static_cast<int64_t>(j) * p.hidden + i;
      if (wide) {
        *reinterpret_cast<float4*>(out) = make_float4(value[0], value[1], value[2], value[3]);
      } else {
        for (int lane = 0; lane < lanes; ++lane) out[lane] = value[lane];
      }
    }
  }
}
