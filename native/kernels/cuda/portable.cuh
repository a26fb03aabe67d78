// The few words that nvcc and the emulation say differently. The emulation (native/test/simt)
// compiles these very files with a C++ compiler, one fiber per CUDA thread.
#pragma once

#ifdef SJD2_SIMT
#include "simt/cuda_words.h"
#define SJD2_SHARED(Type, name) \
  Type& name = *static_cast<Type*>(::simt::shared_memory(sizeof(Type)))
#else
// The ONE dynamic block of shared memory. A static array beside it would silently add to it.
#define SJD2_SHARED(Type, name)                                 \
  extern __shared__ __align__(16) unsigned char sjd2_dynamic[]; \
  Type& name = *reinterpret_cast<Type*>(sjd2_dynamic)
#endif

#include <cstdint>

#include "kernels/cuda/params.h"

namespace sjd2::cuda {

constexpr unsigned kFullWarp = 0xffffffffu;
constexpr int32_t kNone = -1;  // kNoDraft

__device__ __forceinline__ int32_t slot_of(const Ring& window, int32_t offset) {
  return (window.first + offset) % window.capacity;
}

__device__ __forceinline__ float infinity() { return __uint_as_float(0x7f800000u); }

}  // namespace sjd2::cuda
