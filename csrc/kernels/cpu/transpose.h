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

typedef uint16_t HalfVector __attribute__((vector_size(kVectorBytes / 2)));
struct LooseHalfVector {
  typedef uint16_t type __attribute__((vector_size(kVectorBytes / 2), aligned(2), may_alias));
};

inline Vector<float> widen(HalfVector bits, const BFloat16*) {
  return (Vector<float>)(__builtin_convertvector(bits, Vector<uint32_t>) << 16);
}
inline HalfVector narrow_to(Vector<float> v, const BFloat16*) {
  const Vector<uint32_t> bits = (Vector<uint32_t>)v, rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
  return __builtin_convertvector(v == v ? rounded : 0x7fc0u - Vector<uint32_t>{}, HalfVector);
}
#if defined(__AVX512F__)
inline Vector<float> widen(HalfVector bits, const Float16*) {
  return (Vector<float>)_mm512_maskz_cvtph_ps(__mmask16(-1), (__m256i)bits);
}
inline HalfVector narrow_to(Vector<float> v, const Float16*) {
  return (HalfVector)_mm512_maskz_cvtps_ph(__mmask16(-1), (__m512)v, 0);
}
#elif defined(__F16C__)
inline Vector<float> widen(HalfVector bits, const Float16*) { return (Vector<float>)_mm256_cvtph_ps((__m128i)bits); }
inline HalfVector narrow_to(Vector<float> v, const Float16*) { return (HalfVector)_mm256_cvtps_ph((__m256)v, 0); }
#else
inline Vector<float> widen(HalfVector bits, const Float16*) {
  Vector<float> v;
  for (int i = 0; i < kLanes<float>; ++i) v[i] = narrow::from_float16(bits[i]);
  return v;
}
inline HalfVector narrow_to(Vector<float> v, const Float16*) {
  HalfVector bits;
  for (int i = 0; i < kLanes<float>; ++i) bits[i] = narrow::to_float16(v[i]);
  return bits;
}
#endif

// One vector of T from memory that holds S.
template <class T, class S>
inline Vector<T> load_as(const S* p) {
  if constexpr (std::is_same_v<T, S>)
    return load(p);
  else
    return widen(*(const LooseHalfVector::type*)p, p);
}

// The first n lanes (0 <= n < kLanes), zeros behind; memory beyond them is not touched.
template <class T, class S>
inline Vector<T> load_part(const S* p, int64_t n) {
#if defined(__AVX512F__)
  if constexpr (std::is_same_v<S, float>) return (Vector<T>)_mm512_maskz_loadu_ps(__mmask16((1u << n) - 1), p);
  if constexpr (std::is_same_v<S, double>) return (Vector<T>)_mm512_maskz_loadu_pd(__mmask8((1u << n) - 1), p);
  if constexpr (!std::is_same_v<T, S>)
    return widen((HalfVector)_mm256_maskz_loadu_epi16(__mmask16((1u << n) - 1), p), p);
#endif
  alignas(64) T lanes[kLanes<T>] = {};
  for (int64_t i = 0; i < n; ++i) lanes[i] = T(p[i]);
  return load(lanes);
}
// What numbers of S are computed in.
template <class S>
using Wide = std::conditional_t<std::is_same_v<S, BFloat16> || std::is_same_v<S, Float16>, float, S>;

template <class S>
inline void store_part(S* p, Vector<Wide<S>> v, int64_t n) {
#if defined(__AVX512F__)
  if constexpr (std::is_same_v<S, float>) return _mm512_mask_storeu_ps(p, __mmask16((1u << n) - 1), (__m512)v);
  if constexpr (std::is_same_v<S, double>) return _mm512_mask_storeu_pd(p, __mmask8((1u << n) - 1), (__m512d)v);
  if constexpr (!std::is_same_v<Wide<S>, S>)
    return _mm256_mask_storeu_epi16(p, __mmask16((1u << n) - 1), (__m256i)narrow_to(v, p));
#endif
  for (int64_t i = 0; i < n; ++i) p[i] = S(v[i]);
}
template <class T, class S>
inline Vector<T> load_some(const S* p, int64_t n) {
  return n >= kLanes<T> ? load_as<T>(p) : load_part<T>(p, n);
}
// The first n lanes, rounded to S.
template <class S>
inline void store_some(S* p, Vector<Wide<S>> v, int64_t n) {
  if (n < kLanes<Wide<S>>)
    store_part(p, v, n);
  else if constexpr (std::is_same_v<Wide<S>, S>)
    store(p, v);
  else
    *(LooseHalfVector::type*)p = narrow_to(v, p);
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

// to[c * to_stride + r] = value(r, c) for r < rows, c < cols, where load(r, c, n) is a vector of n values (zeros
// behind) of row r. With `pad`, rows of `to` are written in whole vectors, zeros behind the last value: `to` must have
// room.
template <class T, class Load>
[[gnu::always_inline]] inline void transpose_rows(Load load, T* to, int64_t to_stride, int64_t rows, int64_t cols,
                                                  bool pad) {
  constexpr int w = kLanes<T>;
  for (int64_t r = 0; r < rows; r += w) {
    const int64_t height = std::min<int64_t>(w, rows - r);
    for (int64_t c = 0; c < cols; c += w) {
      const int64_t width = std::min<int64_t>(w, cols - c);
      T* target = to + c * to_stride + r;
      Vector<T> v[w];
      if (height == w && width == w) {
#pragma GCC unroll 16
        for (int i = 0; i < w; ++i) v[i] = load(r + i, c, w);
      } else {
#pragma GCC unroll 16
        for (int i = 0; i < w; ++i) v[i] = i < height ? load(r + i, c, width) : Vector<T>{};
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

// to[c * to_stride + r] = from[r * from_stride + c].
template <class T, class S>
inline void transpose_copy(const S* from, int64_t from_stride, T* to, int64_t to_stride, int64_t rows, int64_t cols,
                           bool pad = false) {
  auto load = [&](int64_t r, int64_t c, int64_t n) __attribute__((always_inline)) {
    const S* const p = from + r * from_stride + c;
    if (n == kLanes<T>) __builtin_prefetch(p + 8 * kLanes<T>, 0, 2);  // rows apart: no hardware prefetch keeps up
    return load_some<T>(p, n);
  };
  transpose_rows<T>(load, to, to_stride, rows, cols, pad);
}

}  // namespace flambeau::cpu::FL_ISA
