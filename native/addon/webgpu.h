// What this machine has and lacks for the WebGPU device.
#pragma once

#include "addon/setup.h"

namespace sjd2::addon {

// Adds probeWebGpu(runtime path): Promise<NativeWebGpuReport>.
void define_webgpu(Napi::Env env, Napi::Object exports);

}  // namespace sjd2::addon
