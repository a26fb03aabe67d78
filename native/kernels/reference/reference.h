// The kernels of the reference, gathered into `reference::kernels` by reference.cc.
#pragma once

#include "kernels/kernels.h"

namespace sjd2::reference {

void enter(const EnterArgs& args);
void noise(const NoiseArgs& args);
VerifyResult verify(const VerifyArgs& args);
void refine(const RefineArgs& args);

}  // namespace sjd2::reference
