// Vectors from memory of any element type, whole or in part, and transposing in registers.
#pragma once
#include <algorithm>
#include <cstdint>
#include <type_traits>
#include <utility>

#include "core/half.h"
#include "kernels/cpu/microkernel.h"

#if defined(__AVX2__)
#include <immintrin.h>
#endif

namespace flambeau::cpu::FL_ISA {

// One vector of T from memory that holds S.
template <class T, class S>
inline Vector<T> load_as(const S* p) {
  if constexpr (std::is_same_v<T, S>) {
    return load(p);
#if defined(__AVX512F__)
  } else if constexpr (std::is_same_v<S, Float16>) {
    return (Vector<T>)_mm512_maskz_cvtph_ps(__mmask16(-1), _mm256_loadu_si256((const __m256i*)p));
#elif defined(__F16C__)
  } else if constexpr (std::is_same_v<S, Float16>) {
    return (Vector<T>)_mm256_cvtph_ps(_mm_loadu_si128((const __m128i*)p));
#endif
  } else {
    Vector<T> v;
    for (int i = 0; i < kLanes<T>; ++i) v[i] = T(p[i]);
    return v;
  }
}

// The first n lanes (0 <= n < kLanes), zeros behind; memory beyond them is not touched.
template <class T, class S>
inline Vector<T> load_part(const S* p, int64_t n) {
#if defined(__AVX512F__)
  if constexpr (std::is_same_v<S, float>) return (Vector<T>)_mm512_maskz_loadu_ps(__mmask16((1u << n) - 1), p);
  if constexpr (std::is_same_v<S, double>) return (Vector<T>)_mm512_maskz_loadu_pd(__mmask8((1u << n) - 1), p);
#endif
  alignas(64) T lanes[kLanes<T>] = {};
  for (int64_t i = 0; i < n; ++i) lanes[i] = T(p[i]);
  return load(lanes);
}
template <class T>
inline void store_part(T* p, Vector<T> v, int64_t n) {
#if defined(__AVX512F__)
  if constexpr (std::is_same_v<T, float>) return _mm512_mask_storeu_ps(p, __mmask16((1u << n) - 1), (__m512)v);
  if constexpr (std::is_same_v<T, double>) return _mm512_mask_storeu_pd(p, __mmask8((1u << n) - 1), (__m512d)v);
#endif
  for (int64_t i = 0; i < n; ++i) p[i] = v[i];
}
template <class T, class S>
inline Vector<T> load_some(const S* p, int64_t n) {
  return n >= kLanes<T> ? load_as<T>(p) : load_part<T>(p, n);
}
template <class T>
inline void store_some(T* p, Vector<T> v, int64_t n) {
  if (n >= kLanes<T>)
    store(p, v);
  else
    store_part(p, v, n);
}

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

// to[c * to_stride + r] = from[r * from_stride + c] for r < rows, c < cols. With `pad`, rows of `to` are written
// in whole vectors, zeros behind the last value: `to` must have room for them.
template <class T, class S>
inline void transpose_copy(const S* from, int64_t from_stride, T* to, int64_t to_stride, int64_t rows, int64_t cols,
                           bool pad = false) {
  constexpr int w = kLanes<T>;
  for (int64_t r = 0; r < rows; r += w) {
    const int64_t height = std::min<int64_t>(w, rows - r);
    for (int64_t c = 0; c < cols; c += w) {
      const int64_t width = std::min<int64_t>(w, cols - c);
      const S* source = from + r * from_stride + c;
      T* target = to + c * to_stride + r;
      Vector<T> v[w];
      if (height == w && width == w) {
#pragma GCC unroll 16
        for (int i = 0; i < w; ++i) {
          v[i] = load_as<T>(source + i * from_stride);
          __builtin_prefetch(source + i * from_stride + 8 * w, 0, 2);  // rows apart: no hardware prefetch keeps up
        }
      } else {
#pragma GCC unroll 16
        for (int i = 0; i < w; ++i) v[i] = i < height ? load_some<T>(source + i * from_stride, width) : Vector<T>{};
      }
      transpose_block<T>(v);
      if (width == w && (height == w || pad)) {
#pragma GCC unroll 16
        for (int i = 0; i < w; ++i) store(target + i * to_stride, v[i]);
      } else {
#pragma GCC unroll 16
        for (int i = 0; i < w; ++i)
          if (i < width) store_some(target + i * to_stride, v[i], pad ? w : height);
      }
    }
  }
}

}  // namespace flambeau::cpu::FL_ISA
