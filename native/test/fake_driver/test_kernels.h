// Kernels that break the rules, so that tests see the fake driver notice.
#pragma once

#include <string>

#include "simt/emulated_kernels.h"

namespace fake {

struct TestParams {
  int* memory;
  int index;
};
const sjd2::test::EmulatedKernel* find_test_kernel(const std::string& name);

}  // namespace fake
