#include "ort/cuda_provider.h"

#include <algorithm>
#include <filesystem>
#include <iterator>

#ifndef _WIN32
#include <dlfcn.h>
#endif

#include "ort/path.h"

namespace sjd2::ort {
namespace {

constexpr char kHowToInstall[] =
    "Install it with ONNXRUNTIME_NODE_INSTALL=cuda12 npm install onnxruntime-node (Linux x64), and "
    "the libraries of CUDA 12 and cuDNN 9 that it links";

#ifdef _WIN32
constexpr char kFile[] = "onnxruntime_providers_cuda.dll";
#else
constexpr char kFile[] = "libonnxruntime_providers_cuda.so";
#endif

std::filesystem::path file_beside(const Library& library) {
  return std::filesystem::path(native_path(library.path())).parent_path() / kFile;
}

// What shows without asking ONNX Runtime, which would write its own complaint to standard error.
std::string visible_absence(const Library& library) {
  const std::vector<std::string> providers = library.providers();
  if (std::find(providers.begin(), providers.end(), "CUDAExecutionProvider") == providers.end()) {
    return "ONNX Runtime " + library.version() + " at " + library.path() +
           " was built without the CUDA execution provider; onnxruntime-node has it on Linux x64";
  }
  std::error_code ignored;
  if (std::filesystem::exists(file_beside(library), ignored)) return "";
  return "ONNX Runtime's CUDA execution provider is missing: there is no " + std::string(kFile) +
         " beside " + library.path() + ". " + kHowToInstall;
}

// ONNX Runtime may only say that the provider is not available; the loader knows why. Asked after
// ONNX Runtime has tried the same file, so nothing is loaded that it would not have loaded.
std::string explain(const Library& library, const std::string& refusal) {
  const std::string visible = visible_absence(library);
  if (!visible.empty()) return visible;
  std::string why = refusal;
#ifndef _WIN32
  if (!dlopen(file_beside(library).c_str(), RTLD_NOW | RTLD_LOCAL)) why = dlerror();
#endif
  why.erase(why.find_last_not_of(" \n") + 1);
  return "ONNX Runtime's CUDA execution provider does not load: " + why + ". " + kHowToInstall;
}

}  // namespace

void append_cuda_provider(const Library& library, SessionOptions* options,
                          const CudaProvider& provider) try {
  CudaOptions* raw = nullptr;
  library.call(CreateCudaOptions, &raw);
  const CudaOptionsHandle cuda(library, raw);
  const std::string device = std::to_string(provider.device);
  // TF32 has 10 bits of mantissa: logits would differ from the CPU's by far more than the margins
  // that decide tokens. Copies go through the same stream as everything else.
  const char* const keys[] = {"device_id", "use_tf32", "do_copy_in_default_stream",
                              "arena_extend_strategy"};
  const char* const values[] = {device.c_str(), "0", "1", "kSameAsRequested"};
  library.call(UpdateCudaOptions, cuda.get(), keys, values, std::size(keys));
  // Last: updating by strings resets the stream.
  library.call(UpdateCudaOptionsWithValue, cuda.get(), "user_compute_stream", provider.stream);
  library.call(AppendCudaProvider, options, cuda.get());
} catch (const Error& error) {
  throw Error(codes::kDevice, explain(library, error.what()));
}

std::string cuda_provider_absence(const Library& library, const CudaProvider& provider) {
  const std::string visible = visible_absence(library);
  if (!visible.empty()) return visible;
  try {
    SessionOptions* raw = nullptr;
    library.call(CreateSessionOptions, &raw);
    const SessionOptionsHandle options(library, raw);
    append_cuda_provider(library, options.get(), provider);
    return "";
  } catch (const Error& error) {
    return error.what();
  }
}

}  // namespace sjd2::ort
