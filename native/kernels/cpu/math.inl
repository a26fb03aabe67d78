// Elementary functions on sixteen floats, and Philox on sixteen blocks. Every operation is
// correctly rounded and written out, so the results are the same bits on every target.

// exp(x) for x <= 0, -inf included; 0 below -87, where the result would leave the normal floats.
// x = n ln 2 + r with |r| <= ln(2) / 2; the polynomial is that of Cephes' expf. At most 1 ulp off
// (measured in math_kernel_test over a dense sweep).
inline F exp_negative(F x) {
  const F magic = set(0x1.8p23f);  // adding it rounds to an integer in the lowest bits
  const F shifted = fma(x, set(0x1.715476p0f), magic);
  const F n = shifted - magic;
  const F r = fma(n, set(2.12194440e-4f), fma(n, set(-0.693359375f), x));
  F y = set(1.9875691500e-4f);
  y = fma(y, r, set(1.3981999507e-3f));
  y = fma(y, r, set(8.3334519073e-3f));
  y = fma(y, r, set(4.1665795894e-2f));
  y = fma(y, r, set(1.6666665459e-1f));
  y = fma(y, r, set(5.0000001201e-1f));
  y = fma(y, r * r, r) + set(1.0f);
  const I exponent = shift_left<23>(as_int(shifted) - as_int(magic));
  return select(x < set(-87.0f), set(0.0f), as_float(as_int(y) + exponent));
}

// log of the open uniform (word + 1/2) 2^-32. Near 1 it is log1p of the exact distance to 1, which
// the complement of the word holds; rounding u itself would lose the small radii of Box-Muller.
inline F log_uniform(I word) {
  const F u = (to_float_unsigned(word) + set(0.5f)) * set(0x1p-32f);
  const F below_one = (to_float_unsigned(word ^ set(int32_t{-1})) + set(0.5f)) * set(-0x1p-32f);
  // u = m 2^e with m in [sqrt(1/2), sqrt(2)): the bits of sqrt(1/2) are taken off, what is left
  // above the mantissa is e.
  const I root_half = set(int32_t{0x3F3504F3});
  const I offset = as_int(u) - root_half;
  const F e = to_float(shift_right<23>(offset + set(int32_t{127 << 23}))) - set(127.0f);
  const F m = as_float((offset & set(int32_t{0x7FFFFF})) + root_half);
  const F f = select(u >= set(0.70710678f), below_one, m - set(1.0f));
  // Cephes' logf: f - f^2 / 2 + f^3 P(f), plus e ln 2 in two parts.
  F y = set(7.0376836292e-2f);
  y = fma(y, f, set(-1.1514610310e-1f));
  y = fma(y, f, set(1.1676998740e-1f));
  y = fma(y, f, set(-1.2420140846e-1f));
  y = fma(y, f, set(1.4249322787e-1f));
  y = fma(y, f, set(-1.6668057665e-1f));
  y = fma(y, f, set(2.0000714765e-1f));
  y = fma(y, f, set(-2.4999993993e-1f));
  y = fma(y, f, set(3.3333331174e-1f));
  const F square = f * f;
  y = fma(y * f, square, e * set(-2.12194440e-4f));
  y = fma(square, set(-0.5f), y);
  return fma(e, set(0.693359375f), f + y);
}

// cos and sin of 2 pi (word + 1/2) 2^-32. The word IS the angle in 2^-32 turns, so that the nearest
// quarter turn comes off without any rounding.
inline void cos_sin_turns(I word, F& cosine, F& sine) {
  const I quarter = shift_right<30>(word + set(int32_t{1 << 29}));
  const I rest = word - shift_left<30>(quarter);
  const F a = (to_float(rest) + set(0.5f)) * set(0x1.921fb6p-30f);  // 2 pi 2^-32
  const F square = a * a;
  F s = set(-1.9515295891e-4f);
  s = fma(s, square, set(8.3321608736e-3f));
  s = fma(s, square, set(-1.6666654611e-1f));
  s = fma(s * square, a, a);
  F c = set(2.443315711809948e-5f);
  c = fma(c, square, set(-1.388731625493765e-3f));
  c = fma(c, square, set(4.166664568298827e-2f));
  c = fma(c, square * square, fma(square, set(-0.5f), set(1.0f)));
  // Quarters 0..3 turn (c, s) into (c, s), (-s, c), (-c, -s), (s, -c).
  const M odd_quarter = equal(quarter & set(int32_t{1}), set(int32_t{1}));
  const I sine_sign = shift_left<31>(shift_right<1>(quarter));
  const I cosine_sign = shift_left<31>(shift_right<1>(quarter) ^ quarter);
  cosine = as_float(as_int(select(odd_quarter, s, c)) ^ cosine_sign);
  sine = as_float(as_int(select(odd_quarter, c, s)) ^ sine_sign);
}

struct Words {
  I w[4];
};

// Philox blocks (position, 0, purpose, lane) for sixteen lanes; the same rounds as in philox.h, in
// two interleaved chains whose 64-bit products need no shuffling: only lower halves are ever used.
inline Words philox16(uint64_t seed, uint32_t position, Purpose purpose, I lane) {
  W a0 = set_wide(position), a1 = set_wide(0), a2 = set_wide(static_cast<uint32_t>(purpose));
  W b0 = a0, b1 = a1, b2 = a2;
  W a3 = even(lane), b3 = odd(lane);
  const W m0 = set_wide(0xD2511F53), m1 = set_wide(0xCD9E8D57);
  uint32_t k0 = static_cast<uint32_t>(seed), k1 = static_cast<uint32_t>(seed >> 32);
  for (int round = 0; round < 10; ++round) {
    const W key0 = set_wide(k0), key1 = set_wide(k1);
    const W ap0 = multiply(a0, m0), ap1 = multiply(a2, m1);
    const W bp0 = multiply(b0, m0), bp1 = multiply(b2, m1);
    a0 = xor3(upper(ap1), a1, key0);
    b0 = xor3(upper(bp1), b1, key0);
    a1 = ap1;
    b1 = bp1;
    a2 = xor3(upper(ap0), a3, key1);
    b2 = xor3(upper(bp0), b3, key1);
    a3 = ap0;
    b3 = bp0;
    k0 += 0x9E3779B9;
    k1 += 0xBB67AE85;
  }
  return {{merge(a0, b0), merge(a1, b1), merge(a2, b2), merge(a3, b3)}};
}

inline constexpr int32_t kLanes[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
// Lane 4q + i asks for block 4i + q: transpose4 then leaves sixty-four consecutive words in order.
inline constexpr int32_t kTransposedLanes[16] = {0, 4, 8,  12, 1, 5, 9,  13,
                                                 2, 6, 10, 14, 3, 7, 11, 15};

// The sixty-four words of sixteen consecutive blocks, in order.
inline Words philox64(uint64_t seed, uint32_t position, Purpose purpose, int32_t first_block) {
  Words words =
      philox16(seed, position, purpose, load(kTransposedLanes) + set(int32_t{first_block}));
  transpose4(words.w[0], words.w[1], words.w[2], words.w[3]);
  return words;
}

// Sixteen elements, or what is left at the end of a row that nothing pads.
inline F load_part(const float* p, int32_t count, float fill = 0) {
  if (count >= 16) return load(p);
  float values[16];
  std::fill(std::copy(p, p + count, values), values + 16, fill);
  return load(values);
}
inline void store_part(float* p, int32_t count, F a) {
  if (count >= 16) return store(p, a);
  float values[16];
  store(values, a);
  std::copy(values, values + count, p);
}

// The sixteen partial sums, always in this order.
inline double total(D sum) {
  double v[16];
  store(v, sum);
  for (int width = 8; width > 0; width /= 2) {
    for (int i = 0; i < width; ++i) v[i] += v[i + width];
  }
  return v[0];
}
inline int32_t total(I count) {
  int32_t v[16], sum = 0;
  store(v, count);
  for (int32_t lane : v) sum += lane;
  return sum;
}
inline float largest(F a) {
  float v[16];
  store(v, a);
  float result = v[0];
  for (float lane : v) result = lane > result ? lane : result;
  return result;
}
