// Names and types of a decoder graph's tensors, as docs/model-package.md has them.
#pragma once

#include <cstdint>
#include <string>

#include "kernels/kernels.h"
#include "ort/api.h"

namespace sjd2 {

inline constexpr const char* kCacheParts[] = {"key", "value"};

// `prefix` is past_key_values or present.
inline std::string cache_name(const char* prefix, int32_t layer, int32_t row, const char* part) {
  return std::string(prefix) + "." + std::to_string(layer) + "." + std::to_string(row) + "." + part;
}

inline int element_kind(ElementType type) {
  if (type == ElementType::F16) return ort::kFloat16;
  return type == ElementType::BF16 ? ort::kBFloat16 : ort::kFloat32;
}

}  // namespace sjd2
