// AMX's tiles in plain C++, as Intel's manual describes TDPBF16PS: tests build it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "scalar.h"
#include "tile_shapes.h"

namespace emotion::tile {

inline thread_local Shapes shapes;
inline thread_local bool is_configured = false;
inline thread_local unsigned char data[8][16][64];

inline bool request() { return true; }

inline void configure(const Shapes& wanted) {
  shapes = wanted;
  is_configured = true;
  std::memset(data, 0, sizeof data);
}
inline void release() { is_configured = false; }

// Ends the process, as the processor does, if a tile has no shape.
inline void expect(int tile) {
  const bool is_usable = is_configured && shapes.rows[tile] > 0 && shapes.row_bytes[tile] > 0;
  if (!is_usable || shapes.rows[tile] > 16 || shapes.row_bytes[tile] > 64) std::abort();
}

template <int TILE>
inline void clear() {
  expect(TILE);
  std::memset(data[TILE], 0, sizeof data[TILE]);
}
template <int TILE>
inline void load(const void* source, size_t stride_bytes) {
  clear<TILE>();
  for (int row = 0; row < shapes.rows[TILE]; ++row)
    std::memcpy(
        data[TILE][row], static_cast<const char*>(source) + row * stride_bytes,
        shapes.row_bytes[TILE]);
}
template <int TILE>
inline void store(void* target, size_t stride_bytes) {
  expect(TILE);
  for (int row = 0; row < shapes.rows[TILE]; ++row)
    std::memcpy(
        static_cast<char*>(target) + row * stride_bytes, data[TILE][row], shapes.row_bytes[TILE]);
}

inline float read_bfloat16(const unsigned char* row, int index) {
  uint16_t element;
  std::memcpy(&element, row + 2 * index, sizeof element);
  return decode_bfloat16(element);
}

template <int SUMS, int LEFT, int RIGHT>
inline void multiply_add() {
  for (int tile : {SUMS, LEFT, RIGHT}) expect(tile);
  const int num_pairs = shapes.row_bytes[LEFT] / 4, num_columns = shapes.row_bytes[SUMS] / 4;
  if (shapes.rows[SUMS] != shapes.rows[LEFT] || shapes.rows[RIGHT] != num_pairs ||
      shapes.row_bytes[RIGHT] != shapes.row_bytes[SUMS])
    std::abort();
  for (int row = 0; row < shapes.rows[SUMS]; ++row)
    for (int column = 0; column < num_columns; ++column) {
      float half[2] = {};
      for (int k = 0; k < num_pairs; ++k)
        for (int i = 0; i < 2; ++i)
          half[i] = flush(
              std::fma(
                  read_bfloat16(data[LEFT][row], 2 * k + i),
                  read_bfloat16(data[RIGHT][k], 2 * column + i), half[i]));
      float sum;
      std::memcpy(&sum, data[SUMS][row] + 4 * column, sizeof sum);
      sum = flush(flush(sum) + flush(half[0] + half[1]));
      std::memcpy(data[SUMS][row] + 4 * column, &sum, sizeof sum);
    }
}

}  // namespace emotion::tile
