// The decisions of verification as pure functions of their random numbers: one meaning, which every
// implementation calls for the few elements that decide. All of it in double precision.
#pragma once

#include <cmath>
#include <cstdint>

#include "philox.h"

namespace sjd2 {

// Standard Gumbel noise from one random word. u = (word + 1/2) 2^-32 lies in (0, 1), E = -log(1 -
// u) is exponential, and -log E is Gumbel: large where u is SMALL, which is where log1p keeps all
// of u's precision. The textbook -log(-log u) has its winning tail at u -> 1 and loses it to
// rounding.
inline double gumbel_noise(uint32_t word) { return -std::log(-std::log1p(-open_uniform(word))); }

// The word that token `v` draws its Gumbel noise from: four tokens share one block.
inline uint32_t gumbel_word(uint64_t seed, uint32_t position, uint32_t token) {
  return philox(seed, position, 0, Purpose::Gumbel, token / 4)[token % 4];
}

// What Gumbel coupling maximises over the tokens that survive the sampler's cuts. The logit is
// taken relative to the row's maximum: a constant shift cannot change the winner, and the sum keeps
// more of its digits.
inline double gumbel_score(float logit, float maximum, float temperature, uint32_t word) {
  return (static_cast<double>(logit) - maximum) / temperature + gumbel_noise(word);
}

// A draw's 53-bit uniform in [0, 1) for one purpose of one position in one pass.
inline double decision_uniform(uint64_t seed, uint32_t position, uint32_t pass, Purpose purpose) {
  const PhiloxBlock words = philox(seed, position, pass, purpose, 0);
  return wide_uniform(words[0], words[1]);
}

// Keeps a draft of law q under the new law p with probability min(1, p/q) (Leviathan et al. 2023).
// Multiplied out there is no division by zero, and as u < 1 a draft with p >= q > 0 is kept always.
// q = 0 would mean that the draft was not drawn from q; it is kept if p > 0, without a coin.
inline bool keeps_draft(double uniform, double p, double q) { return uniform * q < p; }

// The weight of a token in the law of the redraw after a rejection, norm(max(0, p - q)).
inline double residual_weight(float p, float q) {
  return p > q ? static_cast<double>(p) - static_cast<double>(q) : 0.0;
}

}  // namespace sjd2
