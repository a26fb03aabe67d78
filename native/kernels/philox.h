// Philox-4x32-10, the counter-based generator of Salmon et al. 2011 ("Parallel random numbers: as
// easy as 1, 2, 3", SC'11). There is no state: a random number is a function of what it decides, so
// it is the same whatever the thread count, device, window or batch.
#pragma once

#include <array>
#include <cstdint>

namespace sjd2 {

// What a random number decides. One counter serves one decision: never reuse a purpose for two.
enum class Purpose : uint32_t {
  InitNoise = 0,  // the Gaussian that a position starts as (pass is 0: a function of the position)
  Keep = 1,       // keep the draft or not
  Resample = 2,   // the draw from the residual after a rejection
  Draft = 3,      // a fresh draw from the law
  Gumbel = 4,     // the position's fixed Gumbel noise (pass is 0)
  InitialDraft = 5,  // the uniform initial draft of SJD
};

using PhiloxBlock = std::array<uint32_t, 4>;

// The 128-bit counter is (position, pass, purpose, lane), the key is the 64-bit seed.
constexpr PhiloxBlock philox(uint64_t seed, uint32_t position, uint32_t pass, Purpose purpose,
                             uint32_t lane) {
  uint32_t c0 = position, c1 = pass, c2 = static_cast<uint32_t>(purpose), c3 = lane;
  uint32_t k0 = static_cast<uint32_t>(seed), k1 = static_cast<uint32_t>(seed >> 32);
  for (int round = 0; round < 10; ++round) {
    const uint64_t p0 = uint64_t{0xD2511F53} * c0;
    const uint64_t p1 = uint64_t{0xCD9E8D57} * c2;
    c0 = static_cast<uint32_t>(p1 >> 32) ^ c1 ^ k0;
    c1 = static_cast<uint32_t>(p1);
    c2 = static_cast<uint32_t>(p0 >> 32) ^ c3 ^ k1;
    c3 = static_cast<uint32_t>(p0);
    k0 += 0x9E3779B9;
    k1 += 0xBB67AE85;
  }
  return {c0, c1, c2, c3};
}

// A uniform in the open interval (0, 1) from 32 bits; the half keeps both ends out.
constexpr double open_uniform(uint32_t word) { return (word + 0.5) * 0x1p-32; }

// A uniform in [0, 1) from 53 bits, for decisions whose rounding would otherwise bias a law.
constexpr double wide_uniform(uint32_t high, uint32_t low) {
  return static_cast<double>((uint64_t{high} << 32 | low) >> 11) * 0x1p-53;
}

}  // namespace sjd2
