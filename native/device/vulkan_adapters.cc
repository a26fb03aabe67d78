#include "device/vulkan_adapters.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <sstream>
#include <type_traits>

#ifdef __linux__
#include <dlfcn.h>
#endif

namespace sjd2 {

#ifdef __linux__
namespace {

// Vulkan's ABI, as far as it goes here; no header of theirs is needed.
using Instance = struct InstanceTag*;
using PhysicalDevice = struct PhysicalDeviceTag*;
struct InstanceInfo {
  int32_t type = 1;  // VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO
  const void* next = nullptr;
  uint32_t flags = 0;
  const void* application = nullptr;
  uint32_t layers = 0;
  const char* const* layer_names = nullptr;
  uint32_t extensions = 0;
  const char* const* extension_names = nullptr;
};
// VkPhysicalDeviceProperties begins with four numbers, the type and 256 bytes of name.
constexpr size_t kTypeAt = 16, kNameAt = 20, kNameBytes = 256, kMoreThanProperties = 4096;

std::vector<VulkanAdapter> adapters_of(void* library) {
  const auto entry = [&](auto& function, const char* name) {
    function = reinterpret_cast<std::remove_reference_t<decltype(function)>>(dlsym(library, name));
    return function != nullptr;
  };
  int32_t (*create)(const InstanceInfo*, const void*, Instance*) = nullptr;
  void (*destroy)(Instance, const void*) = nullptr;
  int32_t (*enumerate)(Instance, uint32_t*, PhysicalDevice*) = nullptr;
  void (*properties)(PhysicalDevice, void*) = nullptr;
  Instance instance = nullptr;
  const InstanceInfo info;
  if (!entry(create, "vkCreateInstance") || !entry(destroy, "vkDestroyInstance") ||
      !entry(enumerate, "vkEnumeratePhysicalDevices") ||
      !entry(properties, "vkGetPhysicalDeviceProperties") || create(&info, nullptr, &instance)) {
    return {};
  }
  std::vector<VulkanAdapter> adapters;
  uint32_t count = 0;
  if (enumerate(instance, &count, nullptr) == 0) {
    std::vector<PhysicalDevice> devices(count);
    enumerate(instance, &count, devices.data());
    for (uint32_t i = 0; i < count; ++i) {
      alignas(8) std::array<char, kMoreThanProperties> bytes{};
      properties(devices[i], bytes.data());
      VulkanAdapter adapter;
      adapter.name.assign(bytes.data() + kNameAt, strnlen(bytes.data() + kNameAt, kNameBytes));
      std::memcpy(&adapter.type, bytes.data() + kTypeAt, sizeof adapter.type);
      adapters.push_back(adapter);
    }
  }
  destroy(instance, nullptr);
  return adapters;
}

// Smaller is preferred.
int rank(const VulkanAdapter& adapter) {
  if (adapter.type == 2) return 0;
  if (adapter.type == 1) return 1;
  return adapter.software() ? 3 : 2;
}

}  // namespace

std::vector<VulkanAdapter> vulkan_adapters() {
  void* library = dlopen("libvulkan.so.1", RTLD_NOW | RTLD_LOCAL);
  if (!library) return {};
  // Not closed again: drivers do not all survive it.
  std::vector<VulkanAdapter> adapters = adapters_of(library);
  std::stable_sort(adapters.begin(), adapters.end(),
                   [](const auto& a, const auto& b) { return rank(a) < rank(b); });
  return adapters;
}

bool vulkan_driver_installed() {
  const auto variable = [](const char* name) {
    const char* value = std::getenv(name);
    return std::string(value ? value : "");
  };
  for (const char* name : {"VK_DRIVER_FILES", "VK_ICD_FILENAMES", "VK_ADD_DRIVER_FILES"}) {
    if (!variable(name).empty()) return true;
  }
  std::vector<std::string> folders{"/etc", "/usr/local/etc", "/usr/share", "/usr/local/share"};
  const std::string home = variable("HOME");
  for (const std::string& path : {home + "/.config", home + "/.local/share"}) {
    folders.push_back(path);
  }
  for (const char* name :
       {"XDG_CONFIG_DIRS", "XDG_CONFIG_HOME", "XDG_DATA_DIRS", "XDG_DATA_HOME"}) {
    std::istringstream paths(variable(name));
    for (std::string path; std::getline(paths, path, ':');) folders.push_back(path);
  }
  return std::any_of(folders.begin(), folders.end(), [](const std::string& folder) {
    std::error_code none;
    const std::filesystem::directory_iterator files(folder + "/vulkan/icd.d", none);
    return std::any_of(begin(files), end(files),
                       [](const auto& file) { return file.path().extension() == ".json"; });
  });
}
#else
std::vector<VulkanAdapter> vulkan_adapters() { return {}; }
bool vulkan_driver_installed() { return true; }
#endif

}  // namespace sjd2
