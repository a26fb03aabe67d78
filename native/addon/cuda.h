// What this machine has and lacks for the CUDA device.
#pragma once

#include "addon/setup.h"

namespace sjd2::addon {

// Adds probeCuda(runtime path): Promise<NativeCudaReport>.
void define_cuda(Napi::Env env, Napi::Object exports);

}  // namespace sjd2::addon
