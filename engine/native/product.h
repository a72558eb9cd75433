// Matrix products of a few rows with a packed right factor.
//
// Each output is summed over the inner dimension in a fixed order, so a row's result is
// bit-identical whatever other rows are computed with it.
#pragma once

#include <cstddef>
#include <memory>
#include <new>

#include "precision.h"
#include "tiles.h"

namespace emotion {

constexpr int PANEL = PANEL_VECTORS * LANES;  // columns of a panel of the right factor
constexpr int TILE_ROWS = 6;                  // rows of a tile, whose sums stay in registers

// Memory that starts on a cache line.
template <class T>
class Buffer {
 public:
  Buffer() = default;
  explicit Buffer(size_t size) { reserve(size); }
  void reserve(size_t size) {
    if (size <= size_) return;
    data_.reset(static_cast<T*>(::operator new[](size * sizeof(T), std::align_val_t(64))));
    size_ = size;
  }
  T* get() const { return data_.get(); }

 private:
  struct Free {
    void operator()(T* data) const { ::operator delete[](data, std::align_val_t(64)); }
  };
  std::unique_ptr<T[], Free> data_;
  size_t size_ = 0;
};

// What a tile prefetches for later tiles: `step` bytes per step along the inner dimension.
struct Ahead {
  const char* start = nullptr;
  int step = 0;
  void fetch(int k) const {
    for (int b = 0; b < step; b += 64) prefetch(start + static_cast<size_t>(k) * step + b);
  }
};

// One tile: ROWS rows of the left factor with VECTORS * LANES columns of one panel. `finish(row,
// column, sums)` takes each vector of sums; row and column count from the tile's corner.
template <class P, int ROWS, int VECTORS, class Finish>
inline void multiply_tile(
    const typename P::Element* left, size_t left_stride, const typename P::Element* panel,
    size_t panel_stride, int inner_groups, Ahead ahead, Finish&& finish) {
  Floats sums[ROWS][VECTORS];
  for (int r = 0; r < ROWS; ++r)
    for (int v = 0; v < VECTORS; ++v) sums[r][v] = all(0.0f);
  for (int k = 0; k < inner_groups; ++k) {
    ahead.fetch(k);
    decltype(P::load_right(panel)) columns[VECTORS];
    for (int v = 0; v < VECTORS; ++v)
      columns[v] = P::load_right(panel + k * panel_stride + v * LANES * P::GROUP);
    for (int r = 0; r < ROWS; ++r) {
      const auto spread = P::spread_left(left + r * left_stride + k * P::GROUP);
      for (int v = 0; v < VECTORS; ++v) sums[r][v] = multiply_add(spread, columns[v], sums[r][v]);
    }
  }
  for (int r = 0; r < ROWS; ++r)
    for (int v = 0; v < VECTORS; ++v) finish(r, v * LANES, sums[r][v]);
}

// The same in a function of its own, to `sums`, [ROWS][VECTORS * LANES].
//
// With sixteen registers, the compiler puts two of the sums in memory if `finish` is inlined after
// the loop, which takes a quarter of the speed (GCC 12, 2026-11).
template <class P, int ROWS, int VECTORS>
[[gnu::noinline]] void multiply_tile_apart(
    const typename P::Element* left, size_t left_stride, const typename P::Element* panel,
    size_t panel_stride, int inner_groups, Ahead ahead, float* sums) {
  multiply_tile<P, ROWS, VECTORS>(
      left, left_stride, panel, panel_stride, inner_groups, ahead,
      [&](int r, int c, Floats x) { store(sums + r * VECTORS * LANES + c, x); });
}

// The same for 1 to 6 rows.
template <class P, int VECTORS, int ROWS = TILE_ROWS, class Finish>
inline void multiply_rows(
    int num_rows, const typename P::Element* left, size_t left_stride,
    const typename P::Element* panel, size_t panel_stride, int inner_groups, Ahead ahead,
    Finish&& finish) {
  if constexpr (ROWS > 1) {
    if (num_rows < ROWS)
      return multiply_rows<P, VECTORS, ROWS - 1>(
          num_rows, left, left_stride, panel, panel_stride, inner_groups, ahead, finish);
  }
  if constexpr (HAS_FEW_REGISTERS) {
    alignas(64) float sums[ROWS * VECTORS * LANES];
    multiply_tile_apart<P, ROWS, VECTORS>(
        left, left_stride, panel, panel_stride, inner_groups, ahead, sums);
    for (int r = 0; r < ROWS; ++r)
      for (int c = 0; c < VECTORS * LANES; c += LANES)
        finish(r, c, load(sums + r * VECTORS * LANES + c));
  } else {
    multiply_tile<P, ROWS, VECTORS>(
        left, left_stride, panel, panel_stride, inner_groups, ahead, finish);
  }
}

// The same for a panel of 1 to PANEL_VECTORS vectors.
template <class P, int VECTORS = PANEL_VECTORS, class Finish>
inline void multiply_panel(
    int num_rows, int num_columns, const typename P::Element* left, size_t left_stride,
    const typename P::Element* panel, int inner_groups, Finish&& finish) {
  if constexpr (VECTORS > 1) {
    if (num_columns < VECTORS * LANES)
      return multiply_panel<P, VECTORS - 1>(
          num_rows, num_columns, left, left_stride, panel, inner_groups, finish);
  }
  multiply_rows<P, VECTORS>(
      num_rows, left, left_stride, panel, VECTORS * LANES * P::GROUP, inner_groups, Ahead{},
      finish);
}

// A linear layer: weights in panels of outputs, each [inner / GROUP][PANEL][GROUP].
template <class P>
class Linear {
 public:
  // `weight` is [outputs][inputs], `bias` [outputs].
  Linear(int outputs, int inputs, const float* weight, const float* bias)
      : inputs(inputs), packed_(static_cast<size_t>(outputs) * inputs), bias_(outputs) {
    for (int n = 0; n < outputs; ++n) {
      const float* row = weight + static_cast<size_t>(n) * inputs;
      bias_.get()[n] = bias[n];
      typename P::Element* panel =
          packed_.get() + static_cast<size_t>(n / PANEL) * PANEL * inputs + n % PANEL * P::GROUP;
      for (int k = 0; k < inputs; ++k) panel[place(k)] = P::encode_right(row[k]);
    }
  }

  // The outputs of the panel from `column` on, for `num_rows` rows, each [inputs];
  // `finish(row, column, floats)` takes a vector of outputs at a time, bias added.
  template <class Finish>
  void apply(int num_rows, const typename P::Element* left, int column, Finish&& finish) const {
    const typename P::Element* panel = packed_.get() + static_cast<size_t>(column) * inputs;
    const auto add_bias = [&](int row, int c, Floats sums) {
      finish(row, column + c, sums + load(bias_.get() + column + c));
    };
#ifdef EMOTION_HAS_TILES
    if constexpr (P::GROUP == 2)
      return multiply_tiled(num_rows, left, inputs, panel, PANEL, add_bias);
#endif
    const int num_tiles = (num_rows + TILE_ROWS - 1) / TILE_ROWS;
    // Each tile of this panel prefetches a part of the next panel: weights are not in the cache.
    const char* next = reinterpret_cast<const char*>(panel + static_cast<size_t>(PANEL) * inputs);
    const int step = PANEL * P::GROUP * sizeof(typename P::Element) / num_tiles;
    for (int tile = 0; tile < num_tiles; ++tile) {
      const Ahead ahead{next + static_cast<size_t>(tile) * step * (inputs / P::GROUP), step};
      const int start = num_rows * tile / num_tiles, end = num_rows * (tile + 1) / num_tiles;
      multiply_rows<P, PANEL_VECTORS>(
          end - start, left + static_cast<size_t>(start) * inputs, inputs, panel, PANEL * P::GROUP,
          inputs / P::GROUP, ahead,
          [&](int r, int c, Floats sums) { add_bias(start + r, c, sums); });
    }
  }

  const int inputs;

 private:
  static size_t place(int k) {
    return static_cast<size_t>(k / P::GROUP) * PANEL * P::GROUP + k % P::GROUP;
  }

  Buffer<typename P::Element> packed_;
  Buffer<float> bias_;
};

}  // namespace emotion
