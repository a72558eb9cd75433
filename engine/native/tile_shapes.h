// The shapes of the tiles of AMX, and of their likeness in plain C++.
#pragma once

#include <cstdint>

namespace emotion::tile {

// The shape of the eight tiles, as the instruction reads it.
struct alignas(64) Shapes {
  uint8_t palette = 1, start_row = 0, reserved[14] = {};
  uint16_t row_bytes[16] = {};
  uint8_t rows[16] = {};
};

}  // namespace emotion::tile
