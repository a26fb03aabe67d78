// The kernel families for users with a decoding loop of their own: `sjd2/kernels` in JavaScript.
#pragma once

#include "addon/setup.h"

namespace sjd2::addon {

// Adds noise, verify, refine (synchronous) and noiseAsync, verifyAsync, refineAsync.
void define_kernels(Napi::Env env, Napi::Object exports);

}  // namespace sjd2::addon
