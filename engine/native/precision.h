// How the factors of a matrix product are stored and multiplied.
//
// A precision defines the element type, how many elements along the inner dimension one instruction
// multiplies and adds (GROUP), and the arithmetic. Left factors are rows of activations; right
// factors are weights, or keys and values. Sums are float32.
#pragma once

#include <algorithm>
#include <cstdint>

#include "bfloat16.h"
#include "vectors.h"

namespace emotion {

struct Float32 {
  using Element = float;
  static constexpr int GROUP = 1;

  static Floats load_right(const Element* source) { return load(source); }
  static Floats spread_left(const Element* source) { return all(*source); }
  static void encode(Floats x, Element* target) { store(target, x); }
  static Element encode_right(float x) { return x; }
};

#ifdef EMOTION_HAS_BFLOAT16
struct Bfloat16 {
  using Element = uint16_t;
  static constexpr int GROUP = 2;

  static Pairs load_right(const Element* source) { return load_pairs(source); }
  static Pairs spread_left(const Element* source) { return all_pairs(source); }
  static void encode(Floats x, Element* target) { store_bfloat16(target, x); }
  static Element encode_right(float x) { return round_to_bfloat16(x); }
};
#endif

// Encodes a row of left factors; `size` is a multiple of LANES.
template <class P>
inline void encode(const float* row, int size, typename P::Element* target) {
  for (int i = 0; i < size; i += LANES) P::encode(load(row + i), target + i);
}

}  // namespace emotion
