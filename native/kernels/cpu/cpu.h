// The instruction sets that the fast kernels are compiled for.
#pragma once

#include <vector>

#include "kernels/kernels.h"

namespace sjd2::cpu {

struct Target {
  const char* name;
  const Kernels* kernels;
};

// What this machine can run, best first. `cpu::kernels` is the first. All give the same bits.
const std::vector<Target>& targets();

}  // namespace sjd2::cpu
