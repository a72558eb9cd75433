// bfloat16 of one float.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

namespace emotion {

// To nearest, ties to even.
inline uint16_t round_to_bfloat16(float x) {
  uint32_t bits;
  std::memcpy(&bits, &x, sizeof bits);
  if (std::isnan(x)) return static_cast<uint16_t>(bits >> 16 | 0x40);  // rounding may lose it
  return static_cast<uint16_t>((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16);
}

}  // namespace emotion
