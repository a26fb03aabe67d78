// Sixteen lanes in four NEON registers. simd_scalar.h says what each operation means.
struct F {
  float32x4_t v[4];
};
struct I {
  uint32x4_t v[4];
};
struct M {
  uint32x4_t v[4];
};

#define SJD2_QUARTERS(Type, expression)              \
  Type r;                                            \
  for (int i = 0; i < 4; ++i) r.v[i] = (expression); \
  return r

inline void prefetch([[maybe_unused]] const void* p) {
#if defined(__GNUC__)
  __builtin_prefetch(p, 0, 2);
#endif
}
inline F set(float x) { SJD2_QUARTERS(F, vdupq_n_f32(x)); }
inline I set(int32_t x) { SJD2_QUARTERS(I, vdupq_n_u32(static_cast<uint32_t>(x))); }
inline F load(const float* p) { SJD2_QUARTERS(F, vld1q_f32(p + 4 * i)); }
inline I load(const int32_t* p) { SJD2_QUARTERS(I, vreinterpretq_u32_s32(vld1q_s32(p + 4 * i))); }
inline F load_f16(const uint16_t* p) {
  SJD2_QUARTERS(F, vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(p + 4 * i))));
}
inline F load_bf16(const uint16_t* p) {
  SJD2_QUARTERS(F, vreinterpretq_f32_u32(vshll_n_u16(vld1_u16(p + 4 * i), 16)));
}
inline void store(float* p, F a) {
  for (int i = 0; i < 4; ++i) vst1q_f32(p + 4 * i, a.v[i]);
}
inline void store(int32_t* p, I a) {
  for (int i = 0; i < 4; ++i) vst1q_s32(p + 4 * i, vreinterpretq_s32_u32(a.v[i]));
}
inline F gather(const float* p, I at) {
  int32_t index[16];
  float values[16];
  store(index, at);
  for (int i = 0; i < 16; ++i) values[i] = p[index[i]];
  return load(values);
}

inline F operator+(F a, F b) { SJD2_QUARTERS(F, vaddq_f32(a.v[i], b.v[i])); }
inline F operator-(F a, F b) { SJD2_QUARTERS(F, vsubq_f32(a.v[i], b.v[i])); }
inline F operator*(F a, F b) { SJD2_QUARTERS(F, vmulq_f32(a.v[i], b.v[i])); }
inline F operator/(F a, F b) { SJD2_QUARTERS(F, vdivq_f32(a.v[i], b.v[i])); }
inline F fma(F a, F b, F c) { SJD2_QUARTERS(F, vfmaq_f32(c.v[i], a.v[i], b.v[i])); }
inline F sqrt(F a) { SJD2_QUARTERS(F, vsqrtq_f32(a.v[i])); }
inline F max(F a, F b) { SJD2_QUARTERS(F, vmaxq_f32(a.v[i], b.v[i])); }

inline I operator+(I a, I b) { SJD2_QUARTERS(I, vaddq_u32(a.v[i], b.v[i])); }
inline I operator-(I a, I b) { SJD2_QUARTERS(I, vsubq_u32(a.v[i], b.v[i])); }
inline I operator&(I a, I b) { SJD2_QUARTERS(I, vandq_u32(a.v[i], b.v[i])); }
inline I operator|(I a, I b) { SJD2_QUARTERS(I, vorrq_u32(a.v[i], b.v[i])); }
inline I operator^(I a, I b) { SJD2_QUARTERS(I, veorq_u32(a.v[i], b.v[i])); }
template <int n>
inline I shift_left(I a) {
  SJD2_QUARTERS(I, vshlq_n_u32(a.v[i], n));
}
template <int n>
inline I shift_right(I a) {
  SJD2_QUARTERS(I, vshrq_n_u32(a.v[i], n));
}
inline F as_float(I a) { SJD2_QUARTERS(F, vreinterpretq_f32_u32(a.v[i])); }
inline I as_int(F a) { SJD2_QUARTERS(I, vreinterpretq_u32_f32(a.v[i])); }
inline F to_float(I a) { SJD2_QUARTERS(F, vcvtq_f32_s32(vreinterpretq_s32_u32(a.v[i]))); }
inline F to_float_unsigned(I a) { SJD2_QUARTERS(F, vcvtq_f32_u32(a.v[i])); }

inline M operator<(F a, F b) { SJD2_QUARTERS(M, vcltq_f32(a.v[i], b.v[i])); }
inline M operator>=(F a, F b) { SJD2_QUARTERS(M, vcgeq_f32(a.v[i], b.v[i])); }
inline M not_less(F a, F b) { SJD2_QUARTERS(M, vmvnq_u32(vcltq_f32(a.v[i], b.v[i]))); }
inline M equal(F a, F b) { SJD2_QUARTERS(M, vceqq_f32(a.v[i], b.v[i])); }
inline M equal(I a, I b) { SJD2_QUARTERS(M, vceqq_u32(a.v[i], b.v[i])); }
inline M operator|(M a, M b) { SJD2_QUARTERS(M, vorrq_u32(a.v[i], b.v[i])); }
inline M operator&(M a, M b) { SJD2_QUARTERS(M, vandq_u32(a.v[i], b.v[i])); }
inline M none() { SJD2_QUARTERS(M, vdupq_n_u32(0)); }
inline uint32_t bits(M m) {
  const uint32_t weights[4] = {1, 2, 4, 8};
  const uint32x4_t weight = vld1q_u32(weights);
  uint32_t mask = 0;
  for (int i = 0; i < 4; ++i) mask |= vaddvq_u32(vandq_u32(m.v[i], weight)) << 4 * i;
  return mask;
}
inline F select(M m, F yes, F no) { SJD2_QUARTERS(F, vbslq_f32(m.v[i], yes.v[i], no.v[i])); }
inline I select(M m, I yes, I no) { SJD2_QUARTERS(I, vbslq_u32(m.v[i], yes.v[i], no.v[i])); }
inline I count_if(I count, M m) { SJD2_QUARTERS(I, vsubq_u32(count.v[i], m.v[i])); }

inline void compress(int32_t* p, M m, I a) {
  int32_t values[16];
  store(values, a);
  for (uint32_t mask = bits(m); mask; mask &= mask - 1) *p++ = values[std::countr_zero(mask)];
}
inline void compress(float* p, M m, F a) {
  float values[16];
  store(values, a);
  for (uint32_t mask = bits(m); mask; mask &= mask - 1) *p++ = values[std::countr_zero(mask)];
}

struct D {
  float64x2_t v[8];
};
inline D zero_sum() {
  D sum;
  for (float64x2_t& pair : sum.v) pair = vdupq_n_f64(0);
  return sum;
}
inline D add(D sum, F a) {
  for (int i = 0; i < 4; ++i) {
    sum.v[2 * i] = vaddq_f64(sum.v[2 * i], vcvt_f64_f32(vget_low_f32(a.v[i])));
    sum.v[2 * i + 1] = vaddq_f64(sum.v[2 * i + 1], vcvt_high_f64_f32(a.v[i]));
  }
  return sum;
}
inline void store(double* p, D sum) {
  for (int i = 0; i < 8; ++i) vst1q_f64(p + 2 * i, sum.v[i]);
}

struct W {
  uint64x2_t v[4];
};
inline W set_wide(uint32_t x) { SJD2_QUARTERS(W, vdupq_n_u64(x)); }
inline W even(I a) { SJD2_QUARTERS(W, vreinterpretq_u64_u32(a.v[i])); }
inline W odd(I a) { SJD2_QUARTERS(W, vshrq_n_u64(vreinterpretq_u64_u32(a.v[i]), 32)); }
inline I merge(W even, W odd) {
  SJD2_QUARTERS(I, vtrn1q_u32(vreinterpretq_u32_u64(even.v[i]), vreinterpretq_u32_u64(odd.v[i])));
}
inline W multiply(W a, W b) { SJD2_QUARTERS(W, vmull_u32(vmovn_u64(a.v[i]), vmovn_u64(b.v[i]))); }
inline W upper(W a) { SJD2_QUARTERS(W, vshrq_n_u64(a.v[i], 32)); }
inline W xor3(W a, W b, W c) { SJD2_QUARTERS(W, veorq_u64(veorq_u64(a.v[i], b.v[i]), c.v[i])); }

inline void transpose4(I& a, I& b, I& c, I& d) {
  for (int i = 0; i < 4; ++i) {
    const uint64x2_t ab_low = vreinterpretq_u64_u32(vzip1q_u32(a.v[i], b.v[i]));
    const uint64x2_t ab_high = vreinterpretq_u64_u32(vzip2q_u32(a.v[i], b.v[i]));
    const uint64x2_t cd_low = vreinterpretq_u64_u32(vzip1q_u32(c.v[i], d.v[i]));
    const uint64x2_t cd_high = vreinterpretq_u64_u32(vzip2q_u32(c.v[i], d.v[i]));
    a.v[i] = vreinterpretq_u32_u64(vzip1q_u64(ab_low, cd_low));
    b.v[i] = vreinterpretq_u32_u64(vzip2q_u64(ab_low, cd_low));
    c.v[i] = vreinterpretq_u32_u64(vzip1q_u64(ab_high, cd_high));
    d.v[i] = vreinterpretq_u32_u64(vzip2q_u64(ab_high, cd_high));
  }
}

#undef SJD2_QUARTERS
