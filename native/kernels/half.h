// The two 16-bit float formats that logits arrive in, one element at a time.
#pragma once

#include <bit>
#include <cstdint>

namespace sjd2 {

// bfloat16 is the upper half of a float.
inline float from_bf16(uint16_t bits) { return std::bit_cast<float>(uint32_t{bits} << 16); }

// IEEE binary16. Shifting exponent and mantissa into a float's place leaves the exponent off by
// 127 - 15 = 112; multiplying by 2^112 mends normal and subnormal numbers alike, exactly.
inline float from_f16(uint16_t bits) {
  const uint32_t sign = uint32_t{bits & 0x8000u} << 16;
  const uint32_t magnitude = bits & 0x7FFFu;
  if (magnitude >= 0x7C00u) {  // infinity and NaN: their exponent is all ones in both formats
    return std::bit_cast<float>(sign | 0x7F800000u | (magnitude & 0x3FFu) << 13);
  }
  const float value = std::bit_cast<float>(magnitude << 13) * 0x1p112f;
  return std::bit_cast<float>(sign | std::bit_cast<uint32_t>(value));
}

}  // namespace sjd2
