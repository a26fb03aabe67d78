// Frequencies over many calls of `verify` with drafts that really have law q.
#pragma once

#include "kernels/kernels.h"

namespace sjd2::test {

struct Tally {
  double trials = 0;
  double kept = 0;
  double chi_square = 0;  // of the new tokens against p
  int degrees_of_freedom = 0;
  double total_variation = 0;  // between p and q
};

// With Gumbel coupling the drafts are the kernel's own draws from q's logits, else independent
// draws.
Tally tally_verify(const Kernels& kernels, Coupling coupling, const Sampler& sampler);

// Chi-square of independence between old draft and new token at positions right of the stop.
double fresh_draft_dependence(const Kernels& kernels, Coupling coupling);

// The quantile that a chi-square variable exceeds with probability 1e-6 (Wilson and Hilferty 1931).
double chi_square_limit(int degrees_of_freedom);

}  // namespace sjd2::test
