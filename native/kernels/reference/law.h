// From logits to the law of one position, by definition rather than by speed.
#pragma once

#include <cstdint>
#include <vector>

#include "kernels/kernels.h"

namespace sjd2::reference {

// The guided logits of one window position, with the verdict on them.
struct GuidedRow {
  std::vector<float> logits;
  VerifyFault fault = VerifyFault::None;
  int32_t first_maximum = 0;  // the lowest token id among equals
  float maximum = 0;
};

GuidedRow guided_row(const VerifyArgs& args, int32_t offset);

// Which tokens survive top-k and then top-p. Both cut by a threshold and keep ties, so the result
// does not depend on an order among equals.
std::vector<bool> survivors(const GuidedRow& row, const Sampler& sampler);

// softmax(logits / temperature) over the survivors, zero elsewhere; one-hot at temperature 0.
// Rounded to float because laws are stored as float: the next pass compares its p with exactly the
// numbers that this pass drew from, and equal logits give equal laws, which are kept for certain.
std::vector<float> law(const GuidedRow& row, const Sampler& sampler);

}  // namespace sjd2::reference
