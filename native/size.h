// Sizes that come from a caller or a model package: products and sums that cannot wrap around.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string>

#include "error.h"

namespace sjd2 {

// A number of elements or bytes that stays "too large" once it was, whatever is done to it next,
// like NaN: a formula is written as it reads, and looked at once, where memory is taken or a length
// compared. A negative factor is too large as well: as a size it would wrap.
//
//   const Size floats = Size(rows) * heads * length * width;
//   buffer.resize(floats.or_throw(codes::kModel, "The KV cache"));
class Size {
 public:
  // 2^40: a tebi-element is more than a machine of today holds in one array, and the limit times
  // the size of an element, or the sum of a few such products, is still far below 2^63.
  static constexpr uint64_t kLimit = uint64_t{1} << 40;

  template <std::integral T>
  constexpr Size(T count) : value_(limited(count)) {}  // implicit: a factor is just a number

  constexpr bool fits() const { return value_ <= kLimit; }

  // Whether memory of `available` elements holds it.
  constexpr bool within(size_t available) const { return fits() && value_ <= available; }

  size_t or_throw(const char* code, const std::string& what) const {
    if (!fits()) throw Error(code, what + " would take " + text() + " elements");
    return static_cast<size_t>(value_);
  }

  // For messages.
  std::string text() const { return fits() ? std::to_string(value_) : "more than 2^40"; }

  friend constexpr Size operator*(Size a, Size b) {
    if (!a.fits() || !b.fits()) return too_large();
    if (a.value_ != 0 && b.value_ > kLimit / a.value_) return too_large();
    return Size(a.value_ * b.value_);
  }
  friend constexpr Size operator+(Size a, Size b) {
    if (!a.fits() || !b.fits()) return too_large();
    return Size(a.value_ + b.value_);  // at most 2^41: no wrap, and limited again
  }

 private:
  static constexpr Size too_large() { return Size(kLimit + 1); }

  template <std::integral T>
  static constexpr uint64_t limited(T count) {
    if constexpr (std::signed_integral<T>) {
      if (count < 0) return kLimit + 1;
    }
    const uint64_t value = static_cast<uint64_t>(count);
    return value <= kLimit ? value : kLimit + 1;
  }

  uint64_t value_;
};

}  // namespace sjd2
