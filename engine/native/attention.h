// Attention within one row, one head at a time.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstring>

#include "product.h"

namespace emotion {

inline int round_up(int x, int step) { return (x + step - 1) / step * step; }

// One thread's buffers for attention over rows up to a given length.
template <class P>
struct AttentionRoom {
  Buffer<typename P::Element> keys;    // panels of tokens, each [head_dim / GROUP][PANEL][GROUP]
  Buffer<typename P::Element> values;  // panels of dimensions, each [tokens / GROUP][PANEL][GROUP]
  Buffer<float> scores;                // [TILE_ROWS][padded tokens]
  Buffer<typename P::Element> shares;  // [TILE_ROWS][padded tokens]

  void reserve(int num_tokens, int head_dim) {
    const size_t padded = round_up(num_tokens, LANES);
    keys.reserve(padded * head_dim);
    values.reserve(padded * head_dim);
    scores.reserve(TILE_ROWS * padded);
    shares.reserve(TILE_ROWS * padded);
  }
};

// Keys and values of one head are columns of `states`, which is [tokens][stride].
template <class P>
void pack_keys(
    const typename P::Element* keys, size_t stride, int num_tokens, int head_dim,
    AttentionRoom<P>& room) {
  const int padded = round_up(num_tokens, LANES);
  for (int first = 0; first < padded; first += PANEL) {
    const int width = std::min(PANEL, padded - first);
    typename P::Element* panel = room.keys.get() + static_cast<size_t>(first) * head_dim;
    for (int n = 0; n < width; ++n) {
      const typename P::Element* key = keys + static_cast<size_t>(first + n) * stride;
      typename P::Element* target = panel + n * P::GROUP;
      const size_t step = static_cast<size_t>(width) * P::GROUP;
      if (first + n < num_tokens)
        for (int k = 0; k < head_dim; k += P::GROUP, target += step)
          std::memcpy(target, key + k, sizeof(typename P::Element) * P::GROUP);
      else
        for (int k = 0; k < head_dim; k += P::GROUP, target += step)
          std::memset(target, 0, sizeof(typename P::Element) * P::GROUP);
    }
  }
}

template <class P>
void pack_values(
    const typename P::Element* values, size_t stride, int num_tokens, int head_dim,
    AttentionRoom<P>& room) {
  const int padded = round_up(num_tokens, LANES);
  for (int first = 0; first < head_dim; first += PANEL) {
    const int width = std::min(PANEL, head_dim - first);
    typename P::Element* panel = room.values.get() + static_cast<size_t>(first) * padded;
    for (int k = 0; k < padded; ++k) {
      typename P::Element* target =
          panel + static_cast<size_t>(k / P::GROUP) * width * P::GROUP + k % P::GROUP;
      const typename P::Element* value = values + static_cast<size_t>(k) * stride + first;
      if (k < num_tokens)
        for (int n = 0; n < width; ++n) target[n * P::GROUP] = value[n];
      else
        for (int n = 0; n < width; ++n) target[n * P::GROUP] = 0;
    }
  }
}

// Turns the scores of up to six queries into unnormalized shares, e^(score - largest), and writes
// 1 / sum of each query to `factors`.
template <class P>
void soften(int num_rows, int num_tokens, float scale, AttentionRoom<P>& room, float* factors) {
  const int padded = round_up(num_tokens, LANES);
  const int last = padded - LANES, num_last = num_tokens - last;  // the last vector, its tokens
  for (int r = 0; r < num_rows; ++r) {
    float* scores = room.scores.get() + static_cast<size_t>(r) * padded;
    Floats largest = keep_first(load(scores + last), num_last, -INFINITY);
    for (int i = 0; i < last; i += LANES) largest = larger(largest, load(scores + i));
    const Floats top = all(largest_of(largest));
    Floats sum = all(0.0f);
    for (int i = 0; i < padded; i += LANES) {
      Floats share = exp((load(scores + i) - top) * all(scale));
      if (i == last) share = keep_first(share, num_last, 0.0f);
      sum = sum + share;
      store(scores + i, share);
    }
    encode<P>(scores, padded, room.shares.get() + static_cast<size_t>(r) * padded);
    factors[r] = 1.0f / sum_of(sum);
  }
}

// Attends with the first `num_queries` queries of one row and one head.
//
// `states` is the row's [tokens][3][heads][head_dim], starting at the head's first column; so is
// `context`, [num_queries][heads][head_dim]: left factors of the next product.
template <class P>
void attend(
    const typename P::Element* states, typename P::Element* context, int num_tokens,
    int num_queries, int hidden_size, int head_dim, AttentionRoom<P>& room) {
  const size_t stride = 3 * static_cast<size_t>(hidden_size);
  const int padded = round_up(num_tokens, LANES);
  const float scale = 1.0f / __builtin_sqrtf(static_cast<float>(head_dim));
  pack_keys<P>(states + hidden_size, stride, num_tokens, head_dim, room);
  pack_values<P>(states + 2 * static_cast<size_t>(hidden_size), stride, num_tokens, head_dim, room);
  for (int start = 0; start < num_queries; start += TILE_ROWS) {
    const int num_rows = std::min(TILE_ROWS, num_queries - start);
    const typename P::Element* queries = states + static_cast<size_t>(start) * stride;
    for (int n = 0; n < padded; n += PANEL)
      multiply_panel<P>(
          num_rows, std::min(PANEL, padded - n), queries, stride,
          room.keys.get() + static_cast<size_t>(n) * head_dim, head_dim / P::GROUP,
          [&](int r, int c, Floats sums) {
            store(room.scores.get() + static_cast<size_t>(r) * padded + n + c, sums);
          });
    float factors[TILE_ROWS];
    soften<P>(num_rows, num_tokens, scale, room, factors);
    for (int n = 0; n < head_dim; n += PANEL)
      multiply_panel<P>(
          num_rows, std::min(PANEL, head_dim - n), room.shares.get(), padded,
          room.values.get() + static_cast<size_t>(n) * padded, padded / P::GROUP,
          [&](int r, int c, Floats sums) {
            P::encode(
                sums * all(factors[r]),
                context + static_cast<size_t>(start + r) * hidden_size + n + c);
          });
  }
}

}  // namespace emotion
