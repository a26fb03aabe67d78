// Sixteen lanes in two AVX2 registers. simd_scalar.h says what each operation means.
struct F {
  __m256 a, b;
};
struct I {
  __m256i a, b;
};
struct M {
  __m256 a, b;
};

inline __m256i raw(const int32_t* p) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
}
inline void prefetch(const void* p) { _mm_prefetch(static_cast<const char*>(p), _MM_HINT_T1); }
inline F set(float x) { return {_mm256_set1_ps(x), _mm256_set1_ps(x)}; }
inline I set(int32_t x) { return {_mm256_set1_epi32(x), _mm256_set1_epi32(x)}; }
inline F load(const float* p) { return {_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)}; }
inline I load(const int32_t* p) { return {raw(p), raw(p + 8)}; }
inline F load_f16(const uint16_t* p) {
  const __m128i* words = reinterpret_cast<const __m128i*>(p);
  return {_mm256_cvtph_ps(_mm_loadu_si128(words)), _mm256_cvtph_ps(_mm_loadu_si128(words + 1))};
}
inline F load_bf16(const uint16_t* p) {
  const __m128i* words = reinterpret_cast<const __m128i*>(p);
  const __m256i a = _mm256_cvtepu16_epi32(_mm_loadu_si128(words));
  const __m256i b = _mm256_cvtepu16_epi32(_mm_loadu_si128(words + 1));
  return {_mm256_castsi256_ps(_mm256_slli_epi32(a, 16)),
          _mm256_castsi256_ps(_mm256_slli_epi32(b, 16))};
}
inline void store(float* p, F x) {
  _mm256_storeu_ps(p, x.a);
  _mm256_storeu_ps(p + 8, x.b);
}
inline void store(int32_t* p, I x) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), x.a);
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p + 8), x.b);
}
inline F gather(const float* p, I at) {
  return {_mm256_i32gather_ps(p, at.a, 4), _mm256_i32gather_ps(p, at.b, 4)};
}

inline F operator+(F x, F y) { return {_mm256_add_ps(x.a, y.a), _mm256_add_ps(x.b, y.b)}; }
inline F operator-(F x, F y) { return {_mm256_sub_ps(x.a, y.a), _mm256_sub_ps(x.b, y.b)}; }
inline F operator*(F x, F y) { return {_mm256_mul_ps(x.a, y.a), _mm256_mul_ps(x.b, y.b)}; }
inline F operator/(F x, F y) { return {_mm256_div_ps(x.a, y.a), _mm256_div_ps(x.b, y.b)}; }
inline F fma(F x, F y, F z) {
  return {_mm256_fmadd_ps(x.a, y.a, z.a), _mm256_fmadd_ps(x.b, y.b, z.b)};
}
inline F sqrt(F x) { return {_mm256_sqrt_ps(x.a), _mm256_sqrt_ps(x.b)}; }
inline F max(F x, F y) { return {_mm256_max_ps(x.a, y.a), _mm256_max_ps(x.b, y.b)}; }

inline I operator+(I x, I y) { return {_mm256_add_epi32(x.a, y.a), _mm256_add_epi32(x.b, y.b)}; }
inline I operator-(I x, I y) { return {_mm256_sub_epi32(x.a, y.a), _mm256_sub_epi32(x.b, y.b)}; }
inline I operator&(I x, I y) { return {_mm256_and_si256(x.a, y.a), _mm256_and_si256(x.b, y.b)}; }
inline I operator|(I x, I y) { return {_mm256_or_si256(x.a, y.a), _mm256_or_si256(x.b, y.b)}; }
inline I operator^(I x, I y) { return {_mm256_xor_si256(x.a, y.a), _mm256_xor_si256(x.b, y.b)}; }
template <int n>
inline I shift_left(I x) {
  return {_mm256_slli_epi32(x.a, n), _mm256_slli_epi32(x.b, n)};
}
template <int n>
inline I shift_right(I x) {
  return {_mm256_srli_epi32(x.a, n), _mm256_srli_epi32(x.b, n)};
}
inline F as_float(I x) { return {_mm256_castsi256_ps(x.a), _mm256_castsi256_ps(x.b)}; }
inline I as_int(F x) { return {_mm256_castps_si256(x.a), _mm256_castps_si256(x.b)}; }
inline F to_float(I x) { return {_mm256_cvtepi32_ps(x.a), _mm256_cvtepi32_ps(x.b)}; }
// Both halves convert exactly and the fma rounds once: the result is the correctly rounded one.
inline F to_float_unsigned(I x) {
  return fma(to_float(shift_right<16>(x)), set(65536.0f), to_float(x & set(int32_t{0xFFFF})));
}

template <int predicate>
inline M compare(F x, F y) {
  return {_mm256_cmp_ps(x.a, y.a, predicate), _mm256_cmp_ps(x.b, y.b, predicate)};
}
inline M operator<(F x, F y) { return compare<_CMP_LT_OQ>(x, y); }
inline M operator>=(F x, F y) { return compare<_CMP_GE_OQ>(x, y); }
inline M not_less(F x, F y) { return compare<_CMP_NLT_UQ>(x, y); }
inline M equal(F x, F y) { return compare<_CMP_EQ_OQ>(x, y); }
inline M equal(I x, I y) {
  return {_mm256_castsi256_ps(_mm256_cmpeq_epi32(x.a, y.a)),
          _mm256_castsi256_ps(_mm256_cmpeq_epi32(x.b, y.b))};
}
inline M operator|(M x, M y) { return {_mm256_or_ps(x.a, y.a), _mm256_or_ps(x.b, y.b)}; }
inline M operator&(M x, M y) { return {_mm256_and_ps(x.a, y.a), _mm256_and_ps(x.b, y.b)}; }
inline M none() { return {_mm256_setzero_ps(), _mm256_setzero_ps()}; }
inline uint32_t bits(M m) {
  return static_cast<uint32_t>(_mm256_movemask_ps(m.a) | _mm256_movemask_ps(m.b) << 8);
}
inline F select(M m, F yes, F no) {
  return {_mm256_blendv_ps(no.a, yes.a, m.a), _mm256_blendv_ps(no.b, yes.b, m.b)};
}
inline I select(M m, I yes, I no) { return as_int(select(m, as_float(yes), as_float(no))); }
inline I count_if(I count, M m) {
  return {_mm256_sub_epi32(count.a, _mm256_castps_si256(m.a)),
          _mm256_sub_epi32(count.b, _mm256_castps_si256(m.b))};
}

// Entry m lists the set bits of m, lowest first: the permutation that moves those lanes to the
// front.
struct CompressTable {
  uint64_t order[256] = {};
  constexpr CompressTable() {
    for (uint32_t mask = 0; mask < 256; ++mask) {
      int at = 0;
      for (uint64_t lane = 0; lane < 8; ++lane) {
        if (mask >> lane & 1) order[mask] |= lane << 8 * at++;
      }
    }
  }
};
inline constexpr CompressTable kCompress;

inline __m256i compress_order(uint32_t mask) {
  return _mm256_cvtepu8_epi32(_mm_cvtsi64_si128(static_cast<int64_t>(kCompress.order[mask])));
}
inline void compress(float* p, M m, F x) {
  const uint32_t low = static_cast<uint32_t>(_mm256_movemask_ps(m.a));
  const uint32_t high = static_cast<uint32_t>(_mm256_movemask_ps(m.b));
  _mm256_storeu_ps(p, _mm256_permutevar8x32_ps(x.a, compress_order(low)));
  _mm256_storeu_ps(p + std::popcount(low), _mm256_permutevar8x32_ps(x.b, compress_order(high)));
}
inline void compress(int32_t* p, M m, I x) {
  compress(reinterpret_cast<float*>(p), m, as_float(x));
}

struct D {
  __m256d v[4];
};
inline D zero_sum() {
  const __m256d zero = _mm256_setzero_pd();
  return {{zero, zero, zero, zero}};
}
inline D add(D sum, F x) {
  sum.v[0] = _mm256_add_pd(sum.v[0], _mm256_cvtps_pd(_mm256_castps256_ps128(x.a)));
  sum.v[1] = _mm256_add_pd(sum.v[1], _mm256_cvtps_pd(_mm256_extractf128_ps(x.a, 1)));
  sum.v[2] = _mm256_add_pd(sum.v[2], _mm256_cvtps_pd(_mm256_castps256_ps128(x.b)));
  sum.v[3] = _mm256_add_pd(sum.v[3], _mm256_cvtps_pd(_mm256_extractf128_ps(x.b, 1)));
  return sum;
}
inline void store(double* p, D sum) {
  for (int i = 0; i < 4; ++i) _mm256_storeu_pd(p + 4 * i, sum.v[i]);
}

struct W {
  __m256i a, b;
};
inline W set_wide(uint32_t x) { return {_mm256_set1_epi64x(x), _mm256_set1_epi64x(x)}; }
inline W even(I x) { return {x.a, x.b}; }
inline W odd(I x) { return {_mm256_srli_epi64(x.a, 32), _mm256_srli_epi64(x.b, 32)}; }
inline I merge(W even, W odd) {
  return {_mm256_blend_epi32(even.a, _mm256_slli_epi64(odd.a, 32), 0xAA),
          _mm256_blend_epi32(even.b, _mm256_slli_epi64(odd.b, 32), 0xAA)};
}
inline W multiply(W x, W y) { return {_mm256_mul_epu32(x.a, y.a), _mm256_mul_epu32(x.b, y.b)}; }
inline W upper(W x) { return {_mm256_srli_epi64(x.a, 32), _mm256_srli_epi64(x.b, 32)}; }
inline W xor3(W x, W y, W z) {
  return {_mm256_xor_si256(_mm256_xor_si256(x.a, y.a), z.a),
          _mm256_xor_si256(_mm256_xor_si256(x.b, y.b), z.b)};
}

inline void transpose4(__m256i& a, __m256i& b, __m256i& c, __m256i& d) {
  const __m256i ab_low = _mm256_unpacklo_epi32(a, b), ab_high = _mm256_unpackhi_epi32(a, b);
  const __m256i cd_low = _mm256_unpacklo_epi32(c, d), cd_high = _mm256_unpackhi_epi32(c, d);
  a = _mm256_unpacklo_epi64(ab_low, cd_low);
  b = _mm256_unpackhi_epi64(ab_low, cd_low);
  c = _mm256_unpacklo_epi64(ab_high, cd_high);
  d = _mm256_unpackhi_epi64(ab_high, cd_high);
}
inline void transpose4(I& w, I& x, I& y, I& z) {
  transpose4(w.a, x.a, y.a, z.a);
  transpose4(w.b, x.b, y.b, z.b);
}
