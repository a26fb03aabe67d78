// Philox-4x32-10 and the elementary functions of its Gaussian and Gumbel noise.
//
// Compiled with -fmad=false (g++: -ffp-contract=off), so `a * b + c` rounds twice everywhere and a
// fused multiply-add is written __fmaf_rn. Division and square root are IEEE (nvcc's default), no
// library function is called: the same source gives the same bits from nvcc, from its PTX executed
// on a CPU and from the emulation.
#pragma once

#include "kernels/cuda/portable.cuh"

namespace sjd2::cuda {

enum : uint32_t { kInitNoise = 0, kKeep = 1, kResample = 2, kDraft = 3, kGumbel = 4 };

struct Words {
  uint32_t v[4];
};

__device__ __forceinline__ Words philox(uint64_t seed, uint32_t position, uint32_t pass,
                                        uint32_t purpose, uint32_t lane) {
  uint32_t c0 = position, c1 = pass, c2 = purpose, c3 = lane;
  uint32_t k0 = static_cast<uint32_t>(seed), k1 = static_cast<uint32_t>(seed >> 32);
#pragma unroll
  for (int round = 0; round < 10; ++round) {
    const uint32_t high0 = __umulhi(0xD2511F53u, c0), low0 = 0xD2511F53u * c0;
    const uint32_t high1 = __umulhi(0xCD9E8D57u, c2), low1 = 0xCD9E8D57u * c2;
    c0 = high1 ^ c1 ^ k0;
    c1 = low1;
    c2 = high0 ^ c3 ^ k1;
    c3 = low0;
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  return {{c0, c1, c2, c3}};
}

// The 53 bits of a decision's uniform in [0, 1).
__device__ __forceinline__ unsigned long long decision_bits(uint64_t seed, uint32_t position,
                                                            uint32_t pass, uint32_t purpose) {
  const Words words = philox(seed, position, pass, purpose, 0);
  return (static_cast<unsigned long long>(words.v[0]) << 32 | words.v[1]) >> 11;
}

// log(m 2^k) with m - 1 = f in [sqrt(1/2) - 1, sqrt(2) - 1]: the polynomial of Cephes' logf, within
// 2 ulp, without a division.
__device__ __forceinline__ float log_of(float f, float k) {
  const float square = f * f;
  float y = __fmaf_rn(7.0376836292e-2f, f, -1.1514610310e-1f);
  y = __fmaf_rn(y, f, 1.1676998740e-1f);
  y = __fmaf_rn(y, f, -1.2420140846e-1f);
  y = __fmaf_rn(y, f, 1.4249322787e-1f);
  y = __fmaf_rn(y, f, -1.6668057665e-1f);
  y = __fmaf_rn(y, f, 2.0000714765e-1f);
  y = __fmaf_rn(y, f, -2.4999993993e-1f);
  y = __fmaf_rn(y, f, 3.3333331174e-1f);
  y = y * f * square;
  y = __fmaf_rn(k, -2.12194440e-4f, y);
  y = __fmaf_rn(-0.5f, square, y);
  return __fmaf_rn(k, 0.693359375f, f + y);
}

// For a positive normal x.
__device__ __forceinline__ float log_float(float x) {
  const uint32_t bits = __float_as_uint(x) + (0x3f800000u - 0x3f3504f3u);
  const float k = static_cast<float>(static_cast<int32_t>(bits >> 23) - 127);
  return log_of(__uint_as_float((bits & 0x7fffffu) + 0x3f3504f3u) - 1.0f, k);
}

constexpr uint32_t kRootHalf = 0xB504F334u;  // 2^32 / sqrt(2)

// log u for u = (word + 1/2) 2^-32. Near 1 the small number 1 - u is formed from the complement of
// the word, exactly, so the result keeps its relative precision; 1 - u belongs to ~word.
__device__ __forceinline__ float log_uniform(uint32_t word) {
  const bool near_one = word >= kRootHalf;
  const float x = static_cast<float>(near_one ? ~word : word) + 0.5f;
  return near_one ? log_of(x * -2.3283064365386963e-10f, 0.0f)
                  : log_float(x * 2.3283064365386963e-10f);
}

// The same two in double, after fdlibm's e_log.c: below 1 ulp.
__device__ __forceinline__ double log_of(double f, double k) {
  const double s = f / (2.0 + f), z = s * s;
  double r = __fma_rn(1.479819860511658591e-01, z, 1.531383769920937332e-01);
  r = __fma_rn(r, z, 1.818357216161805012e-01);
  r = __fma_rn(r, z, 2.222219843214978396e-01);
  r = __fma_rn(r, z, 2.857142874366239149e-01);
  r = __fma_rn(r, z, 3.999999999940941908e-01);
  r = __fma_rn(r, z, 6.666666666666735130e-01) * z;
  const double half_square = 0.5 * f * f;
  const double tail = __fma_rn(k, 1.90821492927058770002e-10, s * (half_square + r));
  return __fma_rn(k, 6.93147180369123816490e-01, -((half_square - tail) - f));
}

__device__ __forceinline__ double log_double(double x) {
  const unsigned long long root_half = 0x3fe6a09e667f3bcdull;
  const unsigned long long bits = static_cast<unsigned long long>(__double_as_longlong(x)) +
                                  (0x3ff0000000000000ull - root_half);
  const double k = static_cast<double>(static_cast<int32_t>(bits >> 52) - 1023);
  const double m =
      __longlong_as_double(static_cast<long long>((bits & 0xfffffffffffffull) + root_half));
  return log_of(m - 1.0, k);
}

__device__ __forceinline__ double log_uniform_double(uint32_t word) {
  const bool near_one = word >= kRootHalf;
  const double x = static_cast<double>(near_one ? ~word : word) + 0.5;
  return near_one ? log_of(x * -0x1p-32, 0.0) : log_double(x * 0x1p-32);
}

// Standard Gumbel noise of a word, large where u is small: -log(-log(1 - u)). kernels/coupling.h
// says why this way round.
__device__ __forceinline__ float gumbel_float(uint32_t word) {
  return -log_float(-log_uniform(~word));
}
__device__ __forceinline__ double gumbel_double(uint32_t word) {
  return -log_double(-log_uniform_double(~word));
}

struct Pair {
  float cosine, sine;
};

// cos and sin of 2 pi (word + 1/2) 2^-32. The nearest quarter turn is exact integer arithmetic,
// what is left lies within an eighth of a turn, where Taylor polynomials give 1e-7 absolutely.
__device__ __forceinline__ Pair turn(uint32_t word) {
  const uint32_t quarter = (word + 0x20000000u) >> 30;
  const float rest = static_cast<float>(static_cast<int32_t>(word - (quarter << 30))) + 0.5f;
  const float a = rest * 1.4629180792671596e-9f;  // 2 pi 2^-32
  const float s = a * a;
  float sine = __fmaf_rn(s, 2.7557319e-6f, -1.9841270e-4f);
  sine = __fmaf_rn(sine, s, 8.3333333e-3f);
  sine = __fmaf_rn(sine, s, -1.6666667e-1f);
  sine = __fmaf_rn(sine * s, a, a);
  float cosine = __fmaf_rn(s, 2.4801587e-5f, -1.3888889e-3f);
  cosine = __fmaf_rn(cosine, s, 4.1666667e-2f);
  cosine = __fmaf_rn(cosine, s, -0.5f);
  cosine = __fmaf_rn(cosine, s, 1.0f);
  const bool swapped = quarter & 1;
  const float c = swapped ? sine : cosine, d = swapped ? cosine : sine;
  // Quarter 0: (cos, sin); 1: (-sin, cos); 2: (-cos, -sin); 3: (sin, -cos).
  return {quarter == 1 || quarter == 2 ? -c : c, (quarter & 2) ? -d : d};
}

// Four Gaussians: dimensions 4 * block to 4 * block + 3 of the noise that a position starts as.
__device__ __forceinline__ void initial_noise(uint64_t seed, uint32_t position, uint32_t block,
                                              float* eps) {
  const Words words = philox(seed, position, 0, kInitNoise, block);
#pragma unroll
  for (int pair = 0; pair < 2; ++pair) {
    const float radius = __fsqrt_rn(-2.0f * log_uniform(words.v[2 * pair]));
    const Pair angle = turn(words.v[2 * pair + 1]);
    eps[2 * pair] = radius * angle.cosine;
    eps[2 * pair + 1] = radius * angle.sine;
  }
}

// exp(x) for x <= 0 within 2 ulp (Cephes' expf); 0 below the smallest normal float.
__device__ __forceinline__ float exp_float(float x) {
  if (!(x >= -87.33f)) return 0.0f;
  const float shifted =
      __fmaf_rn(x, 1.44269504f, 12582912.0f);  // rounds to an integer in the low bits
  const float n = shifted - 12582912.0f;
  float r = __fmaf_rn(n, -0.693145752f, x);
  r = __fmaf_rn(n, -1.42860677e-6f, r);
  float y = __fmaf_rn(1.9875691500e-4f, r, 1.3981999507e-3f);
  y = __fmaf_rn(y, r, 8.3334519073e-3f);
  y = __fmaf_rn(y, r, 4.1665795894e-2f);
  y = __fmaf_rn(y, r, 1.6666665459e-1f);
  y = __fmaf_rn(y, r, 5.0000001201e-1f);
  y = __fmaf_rn(y, r * r, r) + 1.0f;
  return y * __uint_as_float((__float_as_uint(shifted) - 0x4B400000u + 127u) << 23);
}

}  // namespace sjd2::cuda
