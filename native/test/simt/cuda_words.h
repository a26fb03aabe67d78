// The CUDA that the kernels speak, for a C++ compiler: everything they use and nothing else.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <type_traits>

#include "simt/grid.h"

#define __global__
#define __device__
#define __forceinline__ inline
#define __launch_bounds__(...)

#define threadIdx (::simt::thread_index())
#define blockIdx (::simt::block_index())
#define blockDim (::simt::block_size())

struct alignas(16) float4 {
  float x, y, z, w;
};
inline float4 make_float4(float x, float y, float z, float w) { return {x, y, z, w}; }

inline void __syncthreads() { ::simt::sync_threads(); }

namespace simt {

template <typename T>
uint64_t to_word(T value) {
  if constexpr (std::is_same_v<T, double>)
    return std::bit_cast<uint64_t>(value);
  else
    return static_cast<uint64_t>(value);
}
template <typename T>
T from_word(uint64_t word) {
  if constexpr (std::is_same_v<T, double>)
    return std::bit_cast<double>(word);
  else
    return static_cast<T>(word);
}
inline unsigned lane() { return thread_index().x % 32; }

}  // namespace simt

template <typename T>
T __shfl_sync(unsigned mask, T value, int source) {
  return simt::from_word<T>(simt::warp_exchange(mask, simt::to_word(value))[source & 31]);
}
template <typename T>
T __shfl_xor_sync(unsigned mask, T value, int distance) {
  const unsigned lane = simt::lane();
  return simt::from_word<T>(simt::warp_exchange(mask, simt::to_word(value))[lane ^ distance]);
}
template <typename T>
T __shfl_up_sync(unsigned mask, T value, unsigned distance) {
  const unsigned lane = simt::lane();
  const uint64_t* values = simt::warp_exchange(mask, simt::to_word(value));
  return simt::from_word<T>(values[lane >= distance ? lane - distance : lane]);
}
inline unsigned __ballot_sync(unsigned mask, bool holds) {
  const uint64_t* values = simt::warp_exchange(mask, holds);
  unsigned ballot = 0;
  for (unsigned lane = 0; lane < 32; ++lane) ballot |= static_cast<unsigned>(values[lane]) << lane;
  return ballot;
}
inline bool __any_sync(unsigned mask, bool holds) { return __ballot_sync(mask, holds) != 0; }
inline bool __all_sync(unsigned mask, bool holds) { return __ballot_sync(mask, holds) == mask; }

// One host thread runs all fibers: what happens between two switches is atomic. A real atomic
// operation nevertheless, so that the thread sanitizer tells it from a race.
inline uint32_t atomicAdd(uint32_t* address, uint32_t value) {
  return __atomic_fetch_add(address, value, __ATOMIC_RELAXED);
}

inline uint32_t __umulhi(uint32_t a, uint32_t b) {
  return static_cast<uint32_t>(uint64_t{a} * b >> 32);
}
inline unsigned long long __umul64hi(unsigned long long a, unsigned long long b) {
  __extension__ using Product = unsigned __int128;
  return static_cast<unsigned long long>(static_cast<Product>(a) * b >> 64);
}
inline int __ffs(int x) { return __builtin_ffs(x); }
inline int __popc(unsigned x) { return __builtin_popcount(x); }

inline float __uint_as_float(uint32_t bits) { return std::bit_cast<float>(bits); }
inline uint32_t __float_as_uint(float x) { return std::bit_cast<uint32_t>(x); }
inline double __longlong_as_double(long long bits) { return std::bit_cast<double>(bits); }
inline long long __double_as_longlong(double x) { return std::bit_cast<long long>(x); }

inline float __fmaf_rn(float a, float b, float c) { return std::fma(a, b, c); }
inline double __fma_rn(double a, double b, double c) { return std::fma(a, b, c); }
inline float __fsqrt_rn(float x) { return std::sqrt(x); }
// A GPU clamps what lies outside; the kernels must not come to that, so it is an error here.
inline unsigned long long __double2ull_rn(double x) {
  if (!(x >= 0 && x < 0x1p64)) throw simt::LaunchError("a number without a fixed-point form");
  return static_cast<unsigned long long>(std::nearbyint(x));  // to nearest even by default
}
inline unsigned long long __float2ull_rn(float x) { return __double2ull_rn(x); }
inline double __ull2double_rn(unsigned long long x) { return static_cast<double>(x); }
