// How the factors of a matrix product are stored and multiplied.
//
// A precision defines the element type, how many elements along the inner dimension one instruction
// multiplies and adds (GROUP), and the arithmetic. Left factors are rows of activations; right
// factors are weights, or keys and values. Sums are float32.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstring>

#include "vectors.h"

namespace emotion {

struct Float32 {
  using Element = float;
  static constexpr int GROUP = 1;

  static __m512 load_right(const Element* source) { return _mm512_loadu_ps(source); }
  static __m512 spread_left(const Element* source) { return _mm512_set1_ps(*source); }
  static Floats multiply_add(Floats sum, __m512 left, __m512 right) {
    return _mm512_fmadd_ps(left, right, sum);
  }
  static void encode(Floats x, Element* target) { store(target, x); }
  static Element encode_right(float x) { return x; }
};

struct Bfloat16 {
  using Element = uint16_t;
  static constexpr int GROUP = 2;

  static __m512i load_right(const Element* source) { return _mm512_loadu_si512(source); }
  static __m512i spread_left(const Element* source) {
    int pair;
    std::memcpy(&pair, source, sizeof pair);
    return _mm512_set1_epi32(pair);
  }
  static Floats multiply_add(Floats sum, __m512i left, __m512i right) {
    return _mm512_dpbf16_ps(sum, (__m512bh)left, (__m512bh)right);
  }
  static void encode(Floats x, Element* target) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(target), (__m256i)_mm512_cvtneps_pbh(x));
  }
  static Element encode_right(float x) {  // to nearest, ties to even; weights are never NaN
    uint32_t bits;
    std::memcpy(&bits, &x, sizeof bits);
    return static_cast<Element>((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16);
  }
};

// Encodes a row of left factors; `size` is a multiple of 16.
template <class P>
inline void encode(const float* row, int size, typename P::Element* target) {
  for (int i = 0; i < size; i += LANES) P::encode(load(row + i), target + i);
}

}  // namespace emotion
