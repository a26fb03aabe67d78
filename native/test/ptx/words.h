// What the translated PTX is written in. Registers are unsigned; instructions read them as the type
// in their name.
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "simt/cuda_words.h"

namespace ptx {

struct Kernel {
  const char* name = nullptr;
  size_t params_bytes = 0;
  unsigned max_threads = 0;
  void (*run)(const char* parameters, char* shared) = nullptr;
};
extern const Kernel kKernels[];  // ends with one without a name

template <typename T, typename Bits>
T bits_to(Bits bits) {
  return std::bit_cast<T>(bits);
}

// A register as the type that an instruction names.
template <typename T, typename Register>
T as(Register x) {
  if constexpr (std::is_floating_point_v<T> != std::is_floating_point_v<Register> &&
                sizeof(T) == sizeof(Register)) {
    return std::bit_cast<T>(x);
  } else {
    return static_cast<T>(x);
  }
}
template <typename Register, typename T>
void store(Register& to, T value) {
  to = as<Register>(value);
}
template <typename T>
T load(const char* at) {
  T value;
  std::memcpy(&value, at, sizeof value);
  return value;
}
template <typename T>
void save(char* at, T value) {
  std::memcpy(at, &value, sizeof value);
}

// Integers wrap around; in C++ only unsigned ones do, and short ones not even then.
template <typename T>
auto wrap(T x) {
  if constexpr (std::is_floating_point_v<T>)
    return x;
  else if constexpr (sizeof(T) == 8)
    return static_cast<uint64_t>(x);
  else
    return static_cast<uint32_t>(x);
}
inline int64_t wide(int32_t a, int32_t b) { return int64_t{a} * b; }
inline uint64_t wide(uint32_t a, uint32_t b) { return uint64_t{a} * b; }
inline uint32_t wide(uint16_t a, uint16_t b) { return uint32_t{a} * b; }
inline uint32_t high(uint32_t a, uint32_t b) { return __umulhi(a, b); }
inline uint32_t high(int32_t a, int32_t b) {
  return static_cast<uint32_t>(static_cast<uint64_t>(int64_t{a} * b) >> 32);
}
inline uint64_t high(uint64_t a, uint64_t b) { return __umul64hi(a, b); }

template <typename T>
T shl(T x, uint32_t n) {
  return n >= 8 * sizeof(T) ? T{0} : static_cast<T>(x << n);
}
template <typename T>
T shr(T x, uint32_t n) {
  if (n >= 8 * sizeof(T)) return x < 0 ? static_cast<T>(-1) : T{0};
  return static_cast<T>(x >> n);
}
template <typename T>
T bfi(T field, T into, uint32_t position, uint32_t length) {
  const T mask = shl(static_cast<T>(shl(T{1}, length) - 1), position);
  return (into & ~mask) | (shl(field, position) & mask);
}
inline uint32_t brev(uint32_t x) {
  uint32_t reversed = 0;
  for (int i = 0; i < 32; ++i) reversed |= (x >> i & 1) << (31 - i);
  return reversed;
}
inline uint32_t bfind_shiftamt(uint32_t x) {
  return x ? static_cast<uint32_t>(std::countl_zero(x)) : 0xffffffffu;
}
template <typename To, typename From>
To round_to(From x) {
  return static_cast<To>(__double2ull_rn(x));
}

}  // namespace ptx
