// ONNX Runtime's WebGPU execution provider: Dawn over Vulkan, Direct3D 12 or Metal, inside ONNX
// Runtime's own library. It picks the adapter, and all sessions of a process share its device.
#pragma once

#include <mutex>
#include <string>

#include "ort/library.h"

namespace sjd2::ort {

// Makes sessions of `options` run on the GPU, as far as the provider has kernels for their nodes.
// Throws ERR_DEVICE saying what is missing.
void append_webgpu_provider(const Library& library, SessionOptions* options);

// Why sessions can not have it; empty when they can. Creates the provider's device where it can.
std::string webgpu_provider_absence(const Library& library);

// The adapter that the provider takes, by all that can be known: it does not say.
struct WebGpuAdapter {
  std::string name;  // empty: none is known
  bool software = false;
};
WebGpuAdapter webgpu_adapter(const Library& library);

// The provider's device takes one thread at a time, whatever the session: whoever creates, binds,
// runs or releases holds this.
std::mutex& webgpu_turn();

// What CreateMemoryInfo calls the provider's memory. A "pointer" into it is the handle of a buffer,
// so there is no arithmetic: every tensor has an allocation of its own.
inline constexpr char kWebGpuMemory[] = "WebGPU_Buf";

}  // namespace sjd2::ort
