// Judges one call of `verify` by the definitions in reference/, position by position. A token that
// differs from the reference's must be explained by a decision within rounding of its threshold.
#pragma once

#include <string>

#include "kernel_problem.h"

namespace sjd2::test {

// Empty when everything is right, else the first thing that is wrong.
std::string verify_complaint(const Problem& problem, const Outcome& outcome);

// Runs and judges.
inline std::string verify_complaint(const Kernels& kernels, const Problem& problem) {
  return verify_complaint(problem, run_verify(kernels, problem));
}

}  // namespace sjd2::test
