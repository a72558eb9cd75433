// What AVX2 and AVX-512 share: eight floats to one.
#pragma once

#include <immintrin.h>

namespace emotion {

// Lanes are added to those half a vector away, until one is left.
inline float sum_of(__m256 x) {
  __m128 four = _mm256_castps256_ps128(x) + _mm256_extractf128_ps(x, 1);
  four = four + _mm_movehl_ps(four, four);
  return _mm_cvtss_f32(_mm_add_ss(four, _mm_shuffle_ps(four, four, 1)));
}

inline float largest_of(__m256 x) {
  __m128 four = _mm_max_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
  four = _mm_max_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_max_ss(four, _mm_shuffle_ps(four, four, 1)));
}

// Lets another thread of the same core run while this one waits.
inline void pause() { _mm_pause(); }

// Asks for a cache line that will be needed soon.
inline void prefetch(const char* line) { _mm_prefetch(line, _MM_HINT_T1); }

}  // namespace emotion
