// The same functions in plain C++, for as many lanes as EMOTION_LANES says: what the others must
// equal bit by bit. Tests build it; it is not installed.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>

#include "bfloat16.h"

#define EMOTION_HAS_BFLOAT16

namespace emotion {

constexpr int LANES = EMOTION_LANES;
constexpr int PANEL_VECTORS = LANES / 4;
constexpr bool HAS_FEW_REGISTERS = false;

struct Floats {
  float lane[LANES];
};

// A vector whose lanes are `compute(i)`.
template <class Compute>
inline Floats lanes(Compute&& compute) {
  Floats result;
  for (int i = 0; i < LANES; ++i) result.lane[i] = compute(i);
  return result;
}

inline Floats load(const float* source) {
  return lanes([&](int i) { return source[i]; });
}
inline void store(float* target, Floats x) { std::copy_n(x.lane, LANES, target); }
inline Floats all(float x) {
  return lanes([&](int) { return x; });
}

inline Floats operator+(Floats a, Floats b) {
  return lanes([&](int i) { return a.lane[i] + b.lane[i]; });
}
inline Floats operator-(Floats a, Floats b) {
  return lanes([&](int i) { return a.lane[i] - b.lane[i]; });
}
inline Floats operator*(Floats a, Floats b) {
  return lanes([&](int i) { return a.lane[i] * b.lane[i]; });
}
inline Floats operator/(Floats a, Floats b) {
  return lanes([&](int i) { return a.lane[i] / b.lane[i]; });
}

// As the instruction: the second if either is NaN.
inline float larger(float a, float b) { return a > b ? a : b; }

inline Floats multiply_add(Floats a, Floats b, Floats sum) {
  return lanes([&](int i) { return std::fma(a.lane[i], b.lane[i], sum.lane[i]); });
}
inline Floats larger(Floats a, Floats b) {
  return lanes([&](int i) { return larger(a.lane[i], b.lane[i]); });
}
inline Floats absolute(Floats x) {
  return lanes([&](int i) { return std::fabs(x.lane[i]); });
}
inline Floats round_to_even(Floats x) {
  return lanes([&](int i) { return std::nearbyint(x.lane[i]); });
}
inline Floats times_power_of_two(Floats x, Floats power) {
  return lanes([&](int i) { return x.lane[i] * std::exp2(power.lane[i]); });
}
inline Floats where_negative(Floats x, Floats then, Floats otherwise) {
  return lanes([&](int i) { return x.lane[i] < 0 ? then.lane[i] : otherwise.lane[i]; });
}
inline Floats keep_first(Floats x, int count, float other) {
  return lanes([&](int i) { return i < count ? x.lane[i] : other; });
}

inline float sum_of(Floats x) {
  for (int half = LANES / 2; half > 0; half /= 2)
    for (int i = 0; i < half; ++i) x.lane[i] += x.lane[i + half];
  return x.lane[0];
}
inline float largest_of(Floats x) {
  for (int half = LANES / 2; half > 0; half /= 2)
    for (int i = 0; i < half; ++i) x.lane[i] = larger(x.lane[i], x.lane[i + half]);
  return x.lane[0];
}

// A pair of bfloat16 for each lane.
struct Pairs {
  uint16_t half[2][LANES];
};

// The instructions take numbers too small for a normal float as zero, and return them so.
inline float flush(float x) { return std::fabs(x) < 0x1p-126f ? std::copysign(0.0f, x) : x; }
inline float decode_bfloat16(uint16_t x) {
  const uint32_t bits = static_cast<uint32_t>(x) << 16;
  float result;
  std::memcpy(&result, &bits, sizeof result);
  return flush(result);
}

inline Pairs load_pairs(const uint16_t* source) {
  Pairs result;
  for (int i = 0; i < 2 * LANES; ++i) result.half[i % 2][i / 2] = source[i];
  return result;
}
inline Pairs all_pairs(const uint16_t* source) {
  Pairs result;
  for (int i = 0; i < 2 * LANES; ++i) result.half[i % 2][i / 2] = source[i % 2];
  return result;
}
inline Floats multiply_add(const Pairs& a, const Pairs& b, Floats sum) {
  for (int half : {1, 0})
    sum = lanes([&](int i) {
      const float left = decode_bfloat16(a.half[half][i]), right = decode_bfloat16(b.half[half][i]);
      return flush(std::fma(left, right, flush(sum.lane[i])));
    });
  return sum;
}
inline void store_bfloat16(uint16_t* target, Floats x) {
  for (int i = 0; i < LANES; ++i) target[i] = round_to_bfloat16(flush(x.lane[i]));
}

inline void pause() {}
inline void prefetch(const char*) {}

}  // namespace emotion
