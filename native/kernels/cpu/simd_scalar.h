// Sixteen lanes in plain C++: the meaning of the vector operations, and what runs where no other
// header fits. EVERY target has sixteen lanes, however many registers that takes, so that sums add
// up in the same order and results are the same bits on every machine.
//
//   F, I, M   sixteen floats, sixteen 32-bit integers, sixteen booleans
//   D         sixteen doubles that collect sums of F
//   W         eight 64-bit integers, the even or the odd lanes of an I, for 32 x 32 -> 64 products
//
// Included inside a namespace of its own by each target's source file (targets are told apart by
// namespace: an inline function compiled for two instruction sets must never be merged by the
// linker).

struct F {
  float v[16];
};
struct I {
  int32_t v[16];
};
struct M {
  uint32_t v;  // bit i is lane i
};

template <typename Result, typename Function>
inline Result lanes(Function function) {
  Result result;
  for (int i = 0; i < 16; ++i) result.v[i] = function(i);
  return result;
}
template <typename Function>
inline M lanes_that(Function function) {
  uint32_t mask = 0;
  for (int i = 0; i < 16; ++i) mask |= uint32_t{function(i)} << i;
  return {mask};
}

// Asks for a cache line that will be read soon, into the second level. Never faults.
inline void prefetch(const void*) {}
inline F set(float x) {
  return lanes<F>([&](int) { return x; });
}
inline I set(int32_t x) {
  return lanes<I>([&](int) { return x; });
}
inline F load(const float* p) {
  return lanes<F>([&](int i) { return p[i]; });
}
inline I load(const int32_t* p) {
  return lanes<I>([&](int i) { return p[i]; });
}
inline F load_f16(const uint16_t* p) {
  return lanes<F>([&](int i) { return from_f16(p[i]); });
}
inline F load_bf16(const uint16_t* p) {
  return lanes<F>([&](int i) { return from_bf16(p[i]); });
}
inline void store(float* p, F a) { std::memcpy(p, a.v, sizeof a.v); }
inline void store(int32_t* p, I a) { std::memcpy(p, a.v, sizeof a.v); }
inline F gather(const float* p, I at) {
  return lanes<F>([&](int i) { return p[at.v[i]]; });
}

inline F operator+(F a, F b) {
  return lanes<F>([&](int i) { return a.v[i] + b.v[i]; });
}
inline F operator-(F a, F b) {
  return lanes<F>([&](int i) { return a.v[i] - b.v[i]; });
}
inline F operator*(F a, F b) {
  return lanes<F>([&](int i) { return a.v[i] * b.v[i]; });
}
inline F operator/(F a, F b) {
  return lanes<F>([&](int i) { return a.v[i] / b.v[i]; });
}
// a * b + c, rounded once.
inline F fma(F a, F b, F c) {
  return lanes<F>([&](int i) { return std::fma(a.v[i], b.v[i], c.v[i]); });
}
inline F sqrt(F a) {
  return lanes<F>([&](int i) { return std::sqrt(a.v[i]); });
}
// Any result where a lane is NaN: callers look for NaN on their own.
inline F max(F a, F b) {
  return lanes<F>([&](int i) { return a.v[i] > b.v[i] ? a.v[i] : b.v[i]; });
}

// Integers wrap around.
inline I operator+(I a, I b) {
  return lanes<I>([&](int i) { return static_cast<int32_t>(uint32_t(a.v[i]) + uint32_t(b.v[i])); });
}
inline I operator-(I a, I b) {
  return lanes<I>([&](int i) { return static_cast<int32_t>(uint32_t(a.v[i]) - uint32_t(b.v[i])); });
}
inline I operator&(I a, I b) {
  return lanes<I>([&](int i) { return a.v[i] & b.v[i]; });
}
inline I operator|(I a, I b) {
  return lanes<I>([&](int i) { return a.v[i] | b.v[i]; });
}
inline I operator^(I a, I b) {
  return lanes<I>([&](int i) { return a.v[i] ^ b.v[i]; });
}
template <int n>
inline I shift_left(I a) {
  return lanes<I>([&](int i) { return static_cast<int32_t>(uint32_t(a.v[i]) << n); });
}
// Logical: zeros come in from the left.
template <int n>
inline I shift_right(I a) {
  return lanes<I>([&](int i) { return static_cast<int32_t>(uint32_t(a.v[i]) >> n); });
}
inline F as_float(I a) { return std::bit_cast<F>(a); }
inline I as_int(F a) { return std::bit_cast<I>(a); }
inline F to_float(I a) {
  return lanes<F>([&](int i) { return static_cast<float>(a.v[i]); });
}
inline F to_float_unsigned(I a) {
  return lanes<F>([&](int i) { return static_cast<float>(static_cast<uint32_t>(a.v[i])); });
}

// False where a lane is NaN; not_less is !(a < b), true there.
inline M operator<(F a, F b) {
  return lanes_that([&](int i) { return a.v[i] < b.v[i]; });
}
inline M operator>=(F a, F b) {
  return lanes_that([&](int i) { return a.v[i] >= b.v[i]; });
}
inline M not_less(F a, F b) {
  return lanes_that([&](int i) { return !(a.v[i] < b.v[i]); });
}
inline M equal(F a, F b) {
  return lanes_that([&](int i) { return a.v[i] == b.v[i]; });
}
inline M equal(I a, I b) {
  return lanes_that([&](int i) { return a.v[i] == b.v[i]; });
}
inline M operator|(M a, M b) { return {a.v | b.v}; }
inline M operator&(M a, M b) { return {a.v & b.v}; }
inline M none() { return {0}; }
inline uint32_t bits(M m) { return m.v; }
inline F select(M m, F yes, F no) {
  return lanes<F>([&](int i) { return m.v >> i & 1 ? yes.v[i] : no.v[i]; });
}
inline I select(M m, I yes, I no) {
  return lanes<I>([&](int i) { return m.v >> i & 1 ? yes.v[i] : no.v[i]; });
}
inline I count_if(I count, M m) {
  return lanes<I>([&](int i) { return count.v[i] + static_cast<int32_t>(m.v >> i & 1); });
}

// Writes the chosen lanes side by side, then anything: sixteen elements must be writable.
inline void compress(float* p, M m, F a) {
  for (int i = 0; i < 16; ++i) {
    if (m.v >> i & 1) *p++ = a.v[i];
  }
}
inline void compress(int32_t* p, M m, I a) {
  for (int i = 0; i < 16; ++i) {
    if (m.v >> i & 1) *p++ = a.v[i];
  }
}

struct D {
  double v[16];
};
inline D zero_sum() { return {}; }
inline D add(D sum, F a) {
  return lanes<D>([&](int i) { return sum.v[i] + a.v[i]; });
}
inline void store(double* p, D sum) { std::memcpy(p, sum.v, sizeof sum.v); }

struct W {
  uint64_t v[8];
};
inline W set_wide(uint32_t x) { return {{x, x, x, x, x, x, x, x}}; }
inline W even(I a) {
  W w;
  for (int i = 0; i < 8; ++i) w.v[i] = static_cast<uint32_t>(a.v[2 * i]);
  return w;
}
inline W odd(I a) {
  W w;
  for (int i = 0; i < 8; ++i) w.v[i] = static_cast<uint32_t>(a.v[2 * i + 1]);
  return w;
}
// The lower halves back in their places; the upper halves are dropped.
inline I merge(W even, W odd) {
  return lanes<I>(
      [&](int i) { return static_cast<int32_t>(i % 2 ? odd.v[i / 2] : even.v[i / 2]); });
}
// Products of the LOWER halves; whatever the upper halves hold is ignored.
inline W multiply(W a, W b) {
  W w;
  for (int i = 0; i < 8; ++i) w.v[i] = uint64_t{uint32_t(a.v[i])} * uint32_t(b.v[i]);
  return w;
}
inline W upper(W a) {
  for (uint64_t& x : a.v) x >>= 32;
  return a;
}
inline W xor3(W a, W b, W c) {
  for (int i = 0; i < 8; ++i) a.v[i] ^= b.v[i] ^ c.v[i];
  return a;
}

// In each quarter of four lanes the four vectors form a 4 x 4 matrix: transposes all of them.
inline void transpose4(I& a, I& b, I& c, I& d) {
  I* rows[4] = {&a, &b, &c, &d};
  for (int quarter = 0; quarter < 16; quarter += 4) {
    for (int i = 0; i < 4; ++i) {
      for (int j = 0; j < i; ++j) std::swap(rows[i]->v[quarter + j], rows[j]->v[quarter + i]);
    }
  }
}
