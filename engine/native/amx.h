// The processor's tile registers: AMX. A tile is up to 16 rows of 64 bytes.
//
// It has not run on a processor with AMX: tests compile it, and run tiles.h with scalar_tiles.h.
#pragma once

#include <immintrin.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstddef>

#include "tile_shapes.h"

namespace emotion::tile {

// Asks Linux for the use of the tile registers, for all threads; returns whether it is granted.
inline bool request() {
  constexpr int ARCH_REQ_XCOMP_PERM = 0x1023, XFEATURE_XTILEDATA = 18;  // asm/prctl.h
  return syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA) == 0;
}

// GCC 12's intrinsic says that it reads 8 bytes of the 64, so the compiler may leave out the rest.
inline void configure(const Shapes& shapes) { asm volatile("ldtilecfg %0" ::"m"(shapes)); }
inline void release() { _tile_release(); }

// In assembler, since GCC's intrinsics take the number of a tile only as a literal.
template <int TILE>
inline void clear() {
  asm volatile("tilezero %%tmm%c0" ::"i"(TILE));
}
template <int TILE>
inline void load(const void* source, size_t stride_bytes) {
  asm volatile("tileloadd (%0,%1,1), %%tmm%c2" ::"r"(source), "r"(stride_bytes), "i"(TILE)
               : "memory");
}
template <int TILE>
inline void store(void* target, size_t stride_bytes) {
  asm volatile("tilestored %%tmm%c2, (%0,%1,1)" ::"r"(target), "r"(stride_bytes), "i"(TILE)
               : "memory");
}
// SUMS += LEFT x RIGHT, in pairs of bfloat16.
template <int SUMS, int LEFT, int RIGHT>
inline void multiply_add() {
  asm volatile("tdpbf16ps %%tmm%c2, %%tmm%c1, %%tmm%c0" ::"i"(SUMS), "i"(LEFT), "i"(RIGHT));
}

}  // namespace emotion::tile
