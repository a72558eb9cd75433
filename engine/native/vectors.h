// Sixteen floats at a time: the functions between the matrix products.
#pragma once

#include <immintrin.h>

#include <cstdint>

namespace emotion {

using Floats = __m512;
constexpr int LANES = 16;

inline Floats load(const float* source) { return _mm512_loadu_ps(source); }
inline void store(float* target, Floats x) { _mm512_storeu_ps(target, x); }
inline Floats all(float x) { return _mm512_set1_ps(x); }

// e^x within 3 units in the last place, for x from -87 to 88; below, 0 or a number near it.
inline Floats exp(Floats x) {
  x = _mm512_max_ps(all(-87.0f), x);  // this order of arguments keeps NaN
  const Floats power = _mm512_roundscale_ps(
      _mm512_mul_ps(x, all(1.44269504f)), _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  // ln 2 in two parts, so that the remainder keeps its bits.
  Floats rest = _mm512_fnmadd_ps(power, all(0.693359375f), x);
  rest = _mm512_fnmadd_ps(power, all(-2.12194440e-4f), rest);
  Floats sum = all(1.0f / 720);  // Taylor series; |rest| is at most ln(2) / 2
  sum = _mm512_fmadd_ps(sum, rest, all(1.0f / 120));
  sum = _mm512_fmadd_ps(sum, rest, all(1.0f / 24));
  sum = _mm512_fmadd_ps(sum, rest, all(1.0f / 6));
  sum = _mm512_fmadd_ps(sum, rest, all(0.5f));
  sum = _mm512_fmadd_ps(sum, rest, all(1.0f));
  sum = _mm512_fmadd_ps(sum, rest, all(1.0f));
  return _mm512_scalef_ps(sum, power);
}

// x Phi(x), the exact GELU; the error function is Abramowitz and Stegun's 7.1.26 (1.5e-7).
inline Floats gelu(Floats x) {
  const Floats z = _mm512_mul_ps(_mm512_abs_ps(x), all(0.70710678f));
  const Floats t = _mm512_div_ps(all(1.0f), _mm512_fmadd_ps(z, all(0.3275911f), all(1.0f)));
  Floats tail = all(1.061405429f);
  tail = _mm512_fmadd_ps(tail, t, all(-1.453152027f));
  tail = _mm512_fmadd_ps(tail, t, all(1.421413741f));
  tail = _mm512_fmadd_ps(tail, t, all(-0.284496736f));
  tail = _mm512_fmadd_ps(tail, t, all(0.254829592f));
  tail = _mm512_mul_ps(tail, t);
  tail = _mm512_mul_ps(tail, exp(_mm512_sub_ps(all(0.0f), _mm512_mul_ps(z, z))));
  // Phi(x) is tail / 2 for negative x, and 1 - tail / 2 for the others.
  const Floats half = _mm512_mul_ps(tail, all(0.5f));
  const __mmask16 is_negative = _mm512_cmp_ps_mask(x, all(0.0f), _CMP_LT_OQ);
  return _mm512_mul_ps(x, _mm512_mask_blend_ps(is_negative, _mm512_sub_ps(all(1.0f), half), half));
}

// The sum of a[i] b[i] over `size` floats, a multiple of 64.
inline float dot(const float* a, const float* b, int size) {
  Floats sums[4] = {};
  for (int i = 0; i < size; i += 4 * LANES)
    for (int v = 0; v < 4; ++v)
      sums[v] = _mm512_fmadd_ps(load(a + i + v * LANES), load(b + i + v * LANES), sums[v]);
  return _mm512_reduce_add_ps(
      _mm512_add_ps(_mm512_add_ps(sums[0], sums[1]), _mm512_add_ps(sums[2], sums[3])));
}

// (row - mean) / deviation * weight + bias, in place, over `size` floats.
inline void normalize(float* row, int size, const float* weight, const float* bias, float epsilon) {
  Floats sum = all(0.0f);
  for (int i = 0; i < size; i += LANES) sum = _mm512_add_ps(sum, load(row + i));
  const Floats mean = all(_mm512_reduce_add_ps(sum) / size);
  Floats squares = all(0.0f);
  for (int i = 0; i < size; i += LANES) {
    const Floats difference = _mm512_sub_ps(load(row + i), mean);
    squares = _mm512_fmadd_ps(difference, difference, squares);
  }
  const float variance = _mm512_reduce_add_ps(squares) / size;
  const Floats factor = all(1.0f / __builtin_sqrtf(variance + epsilon));
  for (int i = 0; i < size; i += LANES) {
    const Floats scaled = _mm512_mul_ps(_mm512_sub_ps(load(row + i), mean), factor);
    store(row + i, _mm512_fmadd_ps(scaled, load(weight + i), load(bias + i)));
  }
}

}  // namespace emotion
