// Eight floats at a time, with AVX2 and FMA.
#pragma once

#include <immintrin.h>

#include "avx.h"

namespace emotion {

using Floats = __m256;
constexpr int LANES = 8;
constexpr int PANEL_VECTORS = 2;  // with six rows: 12 sums, of 16 registers
constexpr bool HAS_FEW_REGISTERS = true;

inline Floats load(const float* source) { return _mm256_loadu_ps(source); }
inline void store(float* target, Floats x) { _mm256_storeu_ps(target, x); }
inline Floats all(float x) { return _mm256_set1_ps(x); }

inline Floats multiply_add(Floats a, Floats b, Floats sum) { return _mm256_fmadd_ps(a, b, sum); }
inline Floats larger(Floats a, Floats b) { return _mm256_max_ps(a, b); }
inline Floats absolute(Floats x) { return _mm256_andnot_ps(all(-0.0f), x); }
inline Floats round_to_even(Floats x) {
  return _mm256_round_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
// `power` is a whole number from -126 to 127: the exponent of a float.
inline Floats times_power_of_two(Floats x, Floats power) {
  const __m256i exponent = _mm256_add_epi32(_mm256_cvtps_epi32(power), _mm256_set1_epi32(127));
  return x * _mm256_castsi256_ps(_mm256_slli_epi32(exponent, 23));
}
inline Floats where_negative(Floats x, Floats then, Floats otherwise) {
  return _mm256_blendv_ps(otherwise, then, _mm256_cmp_ps(x, all(0.0f), _CMP_LT_OQ));
}
inline Floats keep_first(Floats x, int count, float other) {
  const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
  const __m256i is_kept = _mm256_cmpgt_epi32(_mm256_set1_epi32(count), lane);
  return _mm256_blendv_ps(all(other), x, _mm256_castsi256_ps(is_kept));
}

}  // namespace emotion
