// Sizes from outside: what wraps 2^64 must not look small.
#include "check.h"
#include "size.h"

namespace sjd2 {
namespace {

constexpr int64_t kBig = int64_t{1} << 45;

TEST("size: products and sums that fit are what they are") {
  CHECK_EQUAL((Size(3) * 5 + 2).or_throw(codes::kArgument, "x"), size_t{17});
  CHECK_EQUAL((Size(0) * 7).or_throw(codes::kArgument, "x"), size_t{0});
  CHECK_EQUAL(Size(Size::kLimit).or_throw(codes::kArgument, "x"), size_t{1} << 40);
}

TEST("size: a product that wraps to nothing is too large") {
  // 2^19 copies, 2^45 apart: 2^64 floats, which a size_t holds as 0.
  CHECK(size_t{1 << 19} * static_cast<size_t>(kBig) == 0);
  CHECK(!(Size(1 << 19) * kBig + 4).fits());
}

TEST("size: what was too large stays so") {
  CHECK(!(Size(kBig) * 0).fits());
  CHECK(!(Size(0) * kBig).fits());
  CHECK(!(Size(-1) * -1).fits());
  CHECK(!(Size(Size::kLimit) + 1).fits());
  CHECK(!Size(UINT64_MAX).fits());
}

TEST("size: is within a length only if it fits") {
  CHECK(Size(16).within(16));
  CHECK(!Size(17).within(16));
  CHECK(!Size(-1).within(SIZE_MAX));
}

TEST("size: the error carries its code and says what would be too large") {
  try {
    Size(-1).or_throw(codes::kModel, "The KV cache");
    CHECK(false);
  } catch (const Error& error) {
    CHECK_EQUAL(error.code(), std::string("ERR_MODEL"));
    CHECK_EQUAL(std::string(error.what()),
                std::string("The KV cache would take more than 2^40 elements"));
  }
}

}  // namespace
}  // namespace sjd2
