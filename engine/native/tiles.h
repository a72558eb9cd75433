// Products of bfloat16 with the processor's tile registers, where it has them.
//
// Only linear layers use them; attention's products are small and take the vectors.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "precision.h"

#if defined(EMOTION_SCALAR_TILES)
#include "scalar_tiles.h"
#define EMOTION_HAS_TILES
#elif defined(__AMX_BF16__)
#include "amx.h"
#define EMOTION_HAS_TILES
#endif

#ifdef EMOTION_HAS_TILES
namespace emotion {

constexpr int TILE_SIDE = 16;                 // rows of a tile, and its columns of sums
constexpr int TILE_INNER = 32;                // elements along the inner dimension
constexpr int TILES_ROWS = 2 * TILE_SIDE;     // rows of the product of two by two tiles
constexpr int TILES_COLUMNS = 2 * TILE_SIDE;  // and its columns

// Two by two tiles of sums (0 to 3) from two of left factors (4, 5) and two of right ones (6, 7);
// with at most 16 rows, one by two.
template <bool HAS_SECOND>
inline void multiply_tiles(
    const uint16_t* left, int left_stride, const uint16_t* right, int right_stride, int inner,
    float* sums) {
  const size_t left_bytes = sizeof(uint16_t) * left_stride;
  const size_t right_bytes = sizeof(uint16_t) * right_stride;
  tile::clear<0>();
  tile::clear<1>();
  if constexpr (HAS_SECOND) {
    tile::clear<2>();
    tile::clear<3>();
  }
  for (int k = 0; k < inner; k += TILE_INNER) {
    const uint16_t* pairs = right + static_cast<size_t>(k / 2) * right_stride;
    tile::load<6>(pairs, right_bytes);
    tile::load<7>(pairs + 2 * TILE_SIDE, right_bytes);
    tile::load<4>(left + k, left_bytes);
    tile::multiply_add<0, 4, 6>();
    tile::multiply_add<1, 4, 7>();
    if constexpr (HAS_SECOND) {
      tile::load<5>(left + k + static_cast<size_t>(TILE_SIDE) * left_stride, left_bytes);
      tile::multiply_add<2, 5, 6>();
      tile::multiply_add<3, 5, 7>();
    }
  }
  constexpr size_t row_bytes = sizeof(float) * TILES_COLUMNS;
  tile::store<0>(sums, row_bytes);
  tile::store<1>(sums + TILE_SIDE, row_bytes);
  if constexpr (HAS_SECOND) {
    tile::store<2>(sums + TILE_SIDE * TILES_COLUMNS, row_bytes);
    tile::store<3>(sums + TILE_SIDE * TILES_COLUMNS + TILE_SIDE, row_bytes);
  }
}

// Shapes of the tiles for a product of 1 to 32 rows.
inline tile::Shapes shapes_for(int num_rows) {
  const int first = std::min(TILE_SIDE, num_rows), second = num_rows - first;
  const int rows[] = {first, first, second, second, first, second, TILE_INNER / 2, TILE_INNER / 2};
  tile::Shapes shapes;
  for (int i = 0; i < 8; ++i) {
    shapes.rows[i] = static_cast<uint8_t>(rows[i]);
    shapes.row_bytes[i] = rows[i] ? 64 : 0;
  }
  return shapes;
}

// All rows with one panel of columns, [inner / 2][num_columns][2]; `inner` and `num_columns` are
// multiples of 32. `finish(row, column, sums)` takes a vector of sums at a time.
template <class Finish>
inline void multiply_tiled(
    int num_rows, const uint16_t* left, int inner, const uint16_t* panel, int num_columns,
    Finish&& finish) {
  alignas(64) float sums[TILES_ROWS * TILES_COLUMNS];
  int configured = 0;
  for (int first = 0; first < num_rows; first += TILES_ROWS) {
    const int height = std::min(TILES_ROWS, num_rows - first);
    if (height != configured) tile::configure(shapes_for(configured = height));
    const uint16_t* rows = left + static_cast<size_t>(first) * inner;
    for (int column = 0; column < num_columns; column += TILES_COLUMNS) {
      if (height > TILE_SIDE)
        multiply_tiles<true>(rows, inner, panel + 2 * column, 2 * num_columns, inner, sums);
      else
        multiply_tiles<false>(rows, inner, panel + 2 * column, 2 * num_columns, inner, sums);
      for (int r = 0; r < height; ++r)
        for (int c = 0; c < TILES_COLUMNS; c += LANES)
          finish(first + r, column + c, load(sums + r * TILES_COLUMNS + c));
    }
  }
  tile::release();
}

// Whether the tiles compute what they should: whole numbers, whose sums are exact.
inline bool tiles_are_right() {
  constexpr int INNER = 64, COLUMNS = 64;
  const auto left_at = [](int row, int k) { return (row + k) % 7 - 3; };
  const auto right_at = [](int k, int column) { return (3 * k + column) % 5 - 2; };
  uint16_t left[TILES_ROWS * INNER], right[INNER * COLUMNS];
  for (int k = 0; k < INNER; ++k) {
    for (int row = 0; row < TILES_ROWS; ++row)
      left[row * INNER + k] = Bfloat16::encode_right(left_at(row, k));
    for (int column = 0; column < COLUMNS; ++column)
      right[(k / 2 * COLUMNS + column) * 2 + k % 2] = Bfloat16::encode_right(right_at(k, column));
  }
  bool is_right = true;
  for (int num_rows : {1, TILE_SIDE, TILES_ROWS - 1, TILES_ROWS})
    multiply_tiled(num_rows, left, INNER, right, COLUMNS, [&](int row, int column, Floats sums) {
      float found[LANES];
      store(found, sums);
      for (int i = 0; i < LANES; ++i) {
        int expected = 0;
        for (int k = 0; k < INNER; ++k) expected += left_at(row, k) * right_at(k, column + i);
        is_right = is_right && found[i] == expected;
      }
    });
  return is_right;
}

}  // namespace emotion
#endif
