// The adapters that Vulkan shows, as far as their names go: ONNX Runtime does not tell which one
// its WebGPU provider took.
#pragma once

#include <string>
#include <vector>

namespace sjd2 {

struct VulkanAdapter {
  std::string name;
  // VkPhysicalDeviceType: other, integrated, discrete, virtual, CPU.
  int type = 0;
  bool software() const { return type == 4; }
};

// In the order in which Dawn prefers them where speed is asked for, as the provider does: discrete,
// integrated, others, software. Empty where there is no Vulkan loader.
std::vector<VulkanAdapter> vulkan_adapters();

// Whether a driver's manifest lies where the loader looks for it: asked without one, the loader and
// Dawn complain on standard error. True where Vulkan is not what WebGPU goes through.
bool vulkan_driver_installed();

}  // namespace sjd2
