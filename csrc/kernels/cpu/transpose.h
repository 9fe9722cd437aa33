// Transposing in registers: packing a k-contiguous matrix, and storing a tile of the transposed result.
#pragma once
#include <algorithm>
#include <cstdint>
#include <type_traits>
#include <utility>

#include "kernels/cpu/microkernel.h"

namespace flambeau::cpu::FL_ISA {

// Lane j of a pair of rows i, i + D after swapping their D x D off-diagonal blocks.
template <int D, bool upper>
constexpr int swap_index(int j, int lanes) {
  return upper ? ((j & D) ? j - D + lanes : j) : ((j & D) ? j + lanes : j + D);
}
template <class T, int D, bool upper, int... J>
inline Vector<T> swap_blocks(Vector<T> a, Vector<T> b, std::integer_sequence<int, J...>) {
  return __builtin_shufflevector(a, b, swap_index<D, upper>(J, kLanes<T>)...);
}

template <class T, int D>
inline void transpose_step(Vector<T>* v) {
  constexpr int w = kLanes<T>;
#pragma GCC unroll 16
  for (int i = 0; i < w; ++i)
    if (!(i & D)) {
      const Vector<T> a = v[i], b = v[i + D];
      v[i] = swap_blocks<T, D, true>(a, b, std::make_integer_sequence<int, w>{});
      v[i + D] = swap_blocks<T, D, false>(a, b, std::make_integer_sequence<int, w>{});
    }
}

// Transposes a block of kLanes x kLanes held in registers.
template <class T>
inline void transpose_block(Vector<T>* v) {
  constexpr int w = kLanes<T>;
  transpose_step<T, 1>(v);
  if constexpr (w > 2) transpose_step<T, 2>(v);
  if constexpr (w > 4) transpose_step<T, 4>(v);
  if constexpr (w > 8) transpose_step<T, 8>(v);
}

// One vector of T from memory that holds S.
template <class T, class S>
inline Vector<T> load_as(const S* p) {
  static_assert(std::is_same_v<T, S>);
  return load(p);
}

// to[c * to_stride + r] = from[r * from_stride + c] for r < rows, c < cols; whole blocks of `from` are readable only
// where rows and cols say so.
template <class T, class S>
inline void transpose_copy(const S* from, int64_t from_stride, T* to, int64_t to_stride, int64_t rows, int64_t cols) {
  constexpr int w = kLanes<T>;
  for (int64_t r = 0; r < rows; r += w) {
    const int64_t height = std::min<int64_t>(w, rows - r);
    for (int64_t c = 0; c < cols; c += w) {
      const int64_t width = std::min<int64_t>(w, cols - c);
      const S* source = from + r * from_stride + c;
      T* target = to + c * to_stride + r;
      if (height == w && width == w) {
        Vector<T> v[w];
#pragma GCC unroll 16
        for (int i = 0; i < w; ++i) v[i] = load_as<T>(source + i * from_stride);
        transpose_block<T>(v);
#pragma GCC unroll 16
        for (int i = 0; i < w; ++i) store(target + i * to_stride, v[i]);
      } else {
        for (int64_t j = 0; j < width; ++j)
          for (int64_t i = 0; i < height; ++i) target[j * to_stride + i] = T(source[i * from_stride + j]);
      }
    }
  }
}

}  // namespace flambeau::cpu::FL_ISA
