// UTF-8 paths to what the operating system's functions take.
#pragma once

#include <filesystem>
#include <string>

#include "ort/api.h"

namespace sjd2::ort {

inline std::basic_string<PathChar> native_path(const std::string& utf8) {
  return std::filesystem::path(std::u8string(utf8.begin(), utf8.end())).native();
}

}  // namespace sjd2::ort
