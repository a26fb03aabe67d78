// The generator against the vectors that its authors publish (Random123, tests/kat_vectors).
#include "check.h"
#include "kernels/philox.h"

namespace sjd2 {
namespace {

// kat_vectors states the counter as four words; ours are named (position, pass, purpose, lane).
PhiloxBlock block(std::array<uint32_t, 4> counter, uint32_t key_low, uint32_t key_high) {
  return philox(uint64_t{key_high} << 32 | key_low, counter[0], counter[1],
                static_cast<Purpose>(counter[2]), counter[3]);
}

TEST("philox: counter and key of zeros give the published block") {
  const PhiloxBlock expected{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8};
  CHECK(block({0, 0, 0, 0}, 0, 0) == expected);
}

TEST("philox: counter and key of ones give the published block") {
  const uint32_t ones = 0xffffffff;
  const PhiloxBlock expected{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd};
  CHECK(block({ones, ones, ones, ones}, ones, ones) == expected);
}

TEST("philox: the digits of pi give the published block") {
  const PhiloxBlock expected{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1};
  CHECK(block({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, 0xa4093822, 0x299f31d0) ==
        expected);
}

TEST("philox: the uniforms of the extreme words stay inside their intervals") {
  CHECK(open_uniform(0) > 0.0);
  CHECK(open_uniform(0xffffffff) < 1.0);
  CHECK_EQUAL(wide_uniform(0, 0), 0.0);
  CHECK(wide_uniform(0xffffffff, 0xffffffff) < 1.0);
}

}  // namespace
}  // namespace sjd2
