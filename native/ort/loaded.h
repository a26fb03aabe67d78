// ONNX Runtimes that this process holds already, whoever loaded them: usually the application's
// onnxruntime-node.
#pragma once

#include <string>
#include <vector>

namespace sjd2::ort {

struct LoadedLibrary {
  std::string path;
  std::string version;
};

// In the order in which they were loaded.
std::vector<LoadedLibrary> loaded_libraries();

}  // namespace sjd2::ort
