// The functions between the matrix products, on vectors of the processor's own width.
//
// Which instructions compute is chosen when this is compiled: each set is a library of its own.
#pragma once

#include <cstdint>

#if defined(EMOTION_LANES)
#include "scalar.h"
#elif defined(__AVX512F__)
#include "avx512.h"
#else
#include "avx2.h"
#endif

namespace emotion {

// e^x within 3 units in the last place, for x from -87 to 88; below, 0 or a number near it.
inline Floats exp(Floats x) {
  x = larger(all(-87.0f), x);  // this order of arguments keeps NaN
  const Floats power = round_to_even(x * all(1.44269504f));
  // ln 2 in two parts, so that the remainder keeps its bits.
  Floats rest = multiply_add(power, all(-0.693359375f), x);
  rest = multiply_add(power, all(2.12194440e-4f), rest);
  Floats sum = all(1.0f / 720);  // Taylor series; |rest| is at most ln(2) / 2
  sum = multiply_add(sum, rest, all(1.0f / 120));
  sum = multiply_add(sum, rest, all(1.0f / 24));
  sum = multiply_add(sum, rest, all(1.0f / 6));
  sum = multiply_add(sum, rest, all(0.5f));
  sum = multiply_add(sum, rest, all(1.0f));
  sum = multiply_add(sum, rest, all(1.0f));
  return times_power_of_two(sum, power);
}

// x Phi(x), the exact GELU; the error function is Abramowitz and Stegun's 7.1.26 (1.5e-7).
inline Floats gelu(Floats x) {
  const Floats z = absolute(x) * all(0.70710678f);
  const Floats t = all(1.0f) / multiply_add(z, all(0.3275911f), all(1.0f));
  Floats tail = all(1.061405429f);
  tail = multiply_add(tail, t, all(-1.453152027f));
  tail = multiply_add(tail, t, all(1.421413741f));
  tail = multiply_add(tail, t, all(-0.284496736f));
  tail = multiply_add(tail, t, all(0.254829592f));
  tail = tail * t;
  tail = tail * exp(all(0.0f) - z * z);
  // Phi(x) is tail / 2 for negative x, and 1 - tail / 2 for the others.
  const Floats half = tail * all(0.5f);
  return x * where_negative(x, half, all(1.0f) - half);
}

// The sum of a[i] b[i] over `size` floats, a multiple of 64.
inline float dot(const float* a, const float* b, int size) {
  Floats sums[4] = {all(0.0f), all(0.0f), all(0.0f), all(0.0f)};
  for (int i = 0; i < size; i += 4 * LANES)
    for (int v = 0; v < 4; ++v)
      sums[v] = multiply_add(load(a + i + v * LANES), load(b + i + v * LANES), sums[v]);
  return sum_of((sums[0] + sums[1]) + (sums[2] + sums[3]));
}

// (row - mean) / deviation * weight + bias, in place, over `size` floats.
inline void normalize(float* row, int size, const float* weight, const float* bias, float epsilon) {
  Floats sum = all(0.0f);
  for (int i = 0; i < size; i += LANES) sum = sum + load(row + i);
  const Floats mean = all(sum_of(sum) / size);
  Floats squares = all(0.0f);
  for (int i = 0; i < size; i += LANES) {
    const Floats difference = load(row + i) - mean;
    squares = multiply_add(difference, difference, squares);
  }
  const float variance = sum_of(squares) / size;
  const Floats factor = all(1.0f / __builtin_sqrtf(variance + epsilon));
  for (int i = 0; i < size; i += LANES) {
    const Floats scaled = (load(row + i) - mean) * factor;
    store(row + i, multiply_add(scaled, load(weight + i), load(bias + i)));
  }
}

}  // namespace emotion
