#include "ort/webgpu_provider.h"

#include <algorithm>

#include "device/vulkan_adapters.h"

namespace sjd2::ort {
namespace {

constexpr char kHowToInstall[] =
#ifdef __linux__
    "Install the Vulkan driver of the GPU (mesa-vulkan-drivers for AMD and Intel; NVIDIA's driver "
    "brings its own) and the loader (libvulkan1 or vulkan-loader)";
#else
    "Install the current driver of the GPU";
#endif

// What shows without asking ONNX Runtime.
std::string visible_absence(const Library& library) {
  const std::vector<std::string> providers = library.providers();
  if (std::find(providers.begin(), providers.end(), "WebGpuExecutionProvider") == providers.end()) {
    return "ONNX Runtime " + library.version() + " at " + library.path() +
           " was built without the WebGPU execution provider; onnxruntime-node has it on Windows, "
           "macOS and Linux x64";
  }
  if (vulkan_driver_installed()) return "";
  return std::string("No WebGPU: no Vulkan driver is installed. ") + kHowToInstall;
}

}  // namespace

void append_webgpu_provider(const Library& library, SessionOptions* options) {
  const std::string absence = visible_absence(library);
  if (!absence.empty()) throw Error(codes::kDevice, absence);
  try {
    library.call(AppendProvider, options, "WebGPU", nullptr, nullptr, size_t{0});
  } catch (const Error& error) {
    // What Dawn found comes behind the place in the source and the condition that failed.
    constexpr char kBefore[] = "was false. ";
    std::string why = error.what();
    if (const size_t at = why.rfind(kBefore); at != why.npos) why.erase(0, at + sizeof kBefore - 1);
    why.erase(std::min(why.find('\n'), why.size()));
    throw Error(codes::kDevice, "No WebGPU: " + why + ". " + kHowToInstall);
  }
}

std::string webgpu_provider_absence(const Library& library) {
  const std::lock_guard turn(webgpu_turn());
  try {
    SessionOptions* raw = nullptr;
    library.call(CreateSessionOptions, &raw);
    const SessionOptionsHandle options(library, raw);
    append_webgpu_provider(library, options.get());
    return "";
  } catch (const Error& error) {
    return error.what();
  }
}

WebGpuAdapter webgpu_adapter([[maybe_unused]] const Library& library) {
#ifdef __linux__
  const std::vector<VulkanAdapter> adapters = vulkan_adapters();
  if (adapters.empty()) return {};
  return {adapters[0].name, adapters[0].software()};
#else
  if (!library.at_least(1, 23)) return {};
  const EpDevice* const* devices = nullptr;
  size_t count = 0;
  library.call(GetEpDevices, static_cast<const Env*>(library.env()), &devices, &count);
  for (size_t i = 0; i < count; ++i) {
    const HardwareDevice* hardware = library.call(EpDeviceHardware, devices[i]);
    if (library.call(HardwareDeviceType, hardware) != kGpuHardware) continue;
    const KeyValuePairs* known = library.call(HardwareDeviceMetadata, hardware);
    const char* name = library.call(GetKeyValue, known, "Description");
    return {name ? name : library.call(HardwareDeviceVendor, hardware), false};
  }
  // The system's own software renderers are not hardware to ONNX Runtime.
  return {"no GPU that ONNX Runtime knows of", true};
#endif
}

std::mutex& webgpu_turn() {
  // Never destroyed: sessions may be released by finalisers that run after everything else.
  static std::mutex& turn = *new std::mutex;
  return turn;
}

}  // namespace sjd2::ort
