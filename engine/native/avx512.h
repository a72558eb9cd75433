// Sixteen floats at a time, with AVX-512.
#pragma once

#include <immintrin.h>

#include <cstdint>
#include <cstring>

#include "avx.h"

#define EMOTION_HAS_BFLOAT16

namespace emotion {

using Floats = __m512;
constexpr int LANES = 16;
constexpr int PANEL_VECTORS = 4;  // with six rows: 24 sums, of 32 registers
constexpr bool HAS_FEW_REGISTERS = false;

inline Floats load(const float* source) { return _mm512_loadu_ps(source); }
inline void store(float* target, Floats x) { _mm512_storeu_ps(target, x); }
inline Floats all(float x) { return _mm512_set1_ps(x); }

inline Floats multiply_add(Floats a, Floats b, Floats sum) { return _mm512_fmadd_ps(a, b, sum); }
inline Floats larger(Floats a, Floats b) { return _mm512_max_ps(a, b); }
inline Floats absolute(Floats x) { return _mm512_abs_ps(x); }
inline Floats round_to_even(Floats x) {
  return _mm512_roundscale_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
inline Floats times_power_of_two(Floats x, Floats power) { return _mm512_scalef_ps(x, power); }
inline Floats where_negative(Floats x, Floats then, Floats otherwise) {
  return _mm512_mask_blend_ps(_mm512_cmp_ps_mask(x, all(0.0f), _CMP_LT_OQ), otherwise, then);
}
inline Floats keep_first(Floats x, int count, float other) {
  return _mm512_mask_mov_ps(all(other), static_cast<__mmask16>((1u << count) - 1), x);
}

inline __m256 upper_half(Floats x) { return _mm512_extractf32x8_ps(x, 1); }
inline __m256 lower_half(Floats x) { return _mm512_castps512_ps256(x); }
inline float sum_of(Floats x) { return sum_of(lower_half(x) + upper_half(x)); }
inline float largest_of(Floats x) {
  return largest_of(_mm256_max_ps(lower_half(x), upper_half(x)));
}

// Sixteen pairs of bfloat16.
using Pairs = __m512i;

inline Pairs load_pairs(const uint16_t* source) { return _mm512_loadu_si512(source); }
inline Pairs all_pairs(const uint16_t* source) {
  int pair;
  std::memcpy(&pair, source, sizeof pair);
  return _mm512_set1_epi32(pair);
}
inline Floats multiply_add(Pairs a, Pairs b, Floats sum) {
  return _mm512_dpbf16_ps(sum, (__m512bh)a, (__m512bh)b);
}
inline void store_bfloat16(uint16_t* target, Floats x) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(target), (__m256i)_mm512_cvtneps_pbh(x));
}

}  // namespace emotion
