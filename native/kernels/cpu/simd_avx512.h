// Sixteen lanes in one AVX-512 register. simd_scalar.h says what each operation means.
struct F {
  __m512 v;
};
struct I {
  __m512i v;
};
struct M {
  __mmask16 v;
};

inline void prefetch(const void* p) { _mm_prefetch(static_cast<const char*>(p), _MM_HINT_T1); }
inline F set(float x) { return {_mm512_set1_ps(x)}; }
inline I set(int32_t x) { return {_mm512_set1_epi32(x)}; }
inline F load(const float* p) { return {_mm512_loadu_ps(p)}; }
inline I load(const int32_t* p) { return {_mm512_loadu_si512(p)}; }
inline F load_f16(const uint16_t* p) {
  return {_mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)))};
}
inline F load_bf16(const uint16_t* p) {
  const __m512i wide =
      _mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
  return {_mm512_castsi512_ps(_mm512_slli_epi32(wide, 16))};
}
inline void store(float* p, F a) { _mm512_storeu_ps(p, a.v); }
inline void store(int32_t* p, I a) { _mm512_storeu_si512(p, a.v); }
inline F gather(const float* p, I at) { return {_mm512_i32gather_ps(at.v, p, 4)}; }

inline F operator+(F a, F b) { return {_mm512_add_ps(a.v, b.v)}; }
inline F operator-(F a, F b) { return {_mm512_sub_ps(a.v, b.v)}; }
inline F operator*(F a, F b) { return {_mm512_mul_ps(a.v, b.v)}; }
inline F operator/(F a, F b) { return {_mm512_div_ps(a.v, b.v)}; }
inline F fma(F a, F b, F c) { return {_mm512_fmadd_ps(a.v, b.v, c.v)}; }
inline F sqrt(F a) { return {_mm512_sqrt_ps(a.v)}; }
inline F max(F a, F b) { return {_mm512_max_ps(a.v, b.v)}; }

inline I operator+(I a, I b) { return {_mm512_add_epi32(a.v, b.v)}; }
inline I operator-(I a, I b) { return {_mm512_sub_epi32(a.v, b.v)}; }
inline I operator&(I a, I b) { return {_mm512_and_si512(a.v, b.v)}; }
inline I operator|(I a, I b) { return {_mm512_or_si512(a.v, b.v)}; }
inline I operator^(I a, I b) { return {_mm512_xor_si512(a.v, b.v)}; }
template <int n>
inline I shift_left(I a) {
  return {_mm512_slli_epi32(a.v, n)};
}
template <int n>
inline I shift_right(I a) {
  return {_mm512_srli_epi32(a.v, n)};
}
inline F as_float(I a) { return {_mm512_castsi512_ps(a.v)}; }
inline I as_int(F a) { return {_mm512_castps_si512(a.v)}; }
inline F to_float(I a) { return {_mm512_cvtepi32_ps(a.v)}; }
inline F to_float_unsigned(I a) { return {_mm512_cvtepu32_ps(a.v)}; }

inline M operator<(F a, F b) { return {_mm512_cmp_ps_mask(a.v, b.v, _CMP_LT_OQ)}; }
inline M operator>=(F a, F b) { return {_mm512_cmp_ps_mask(a.v, b.v, _CMP_GE_OQ)}; }
inline M not_less(F a, F b) { return {_mm512_cmp_ps_mask(a.v, b.v, _CMP_NLT_UQ)}; }
inline M equal(F a, F b) { return {_mm512_cmp_ps_mask(a.v, b.v, _CMP_EQ_OQ)}; }
inline M equal(I a, I b) { return {_mm512_cmpeq_epi32_mask(a.v, b.v)}; }
inline M operator|(M a, M b) { return {static_cast<__mmask16>(a.v | b.v)}; }
inline M operator&(M a, M b) { return {static_cast<__mmask16>(a.v & b.v)}; }
inline M none() { return {0}; }
inline uint32_t bits(M m) { return m.v; }
inline F select(M m, F yes, F no) { return {_mm512_mask_blend_ps(m.v, no.v, yes.v)}; }
inline I select(M m, I yes, I no) { return {_mm512_mask_blend_epi32(m.v, no.v, yes.v)}; }
inline I count_if(I count, M m) {
  return {_mm512_mask_add_epi32(count.v, m.v, count.v, _mm512_set1_epi32(1))};
}

// Into a register and then out: compressing straight to memory is microcoded on Zen 4.
inline void compress(float* p, M m, F a) {
  _mm512_storeu_ps(p, _mm512_maskz_compress_ps(m.v, a.v));
}
inline void compress(int32_t* p, M m, I a) {
  _mm512_storeu_si512(p, _mm512_maskz_compress_epi32(m.v, a.v));
}

struct D {
  __m512d low, high;
};
inline D zero_sum() { return {_mm512_setzero_pd(), _mm512_setzero_pd()}; }
inline D add(D sum, F a) {
  return {_mm512_add_pd(sum.low, _mm512_cvtps_pd(_mm512_castps512_ps256(a.v))),
          _mm512_add_pd(sum.high, _mm512_cvtps_pd(_mm512_extractf32x8_ps(a.v, 1)))};
}
inline void store(double* p, D sum) {
  _mm512_storeu_pd(p, sum.low);
  _mm512_storeu_pd(p + 8, sum.high);
}

struct W {
  __m512i v;
};
inline W set_wide(uint32_t x) { return {_mm512_set1_epi64(x)}; }
inline W even(I a) { return {a.v}; }
inline W odd(I a) { return {_mm512_srli_epi64(a.v, 32)}; }
inline I merge(W even, W odd) {
  return {_mm512_mask_shuffle_epi32(even.v, 0xAAAA, odd.v, _MM_PERM_CCAA)};
}
inline W multiply(W a, W b) { return {_mm512_mul_epu32(a.v, b.v)}; }
inline W upper(W a) { return {_mm512_srli_epi64(a.v, 32)}; }
inline W xor3(W a, W b, W c) { return {_mm512_ternarylogic_epi64(a.v, b.v, c.v, 0x96)}; }

inline void transpose4(I& a, I& b, I& c, I& d) {
  const __m512i ab_low = _mm512_unpacklo_epi32(a.v, b.v), ab_high = _mm512_unpackhi_epi32(a.v, b.v);
  const __m512i cd_low = _mm512_unpacklo_epi32(c.v, d.v), cd_high = _mm512_unpackhi_epi32(c.v, d.v);
  a.v = _mm512_unpacklo_epi64(ab_low, cd_low);
  b.v = _mm512_unpackhi_epi64(ab_low, cd_low);
  c.v = _mm512_unpacklo_epi64(ab_high, cd_high);
  d.v = _mm512_unpackhi_epi64(ab_high, cd_high);
}
