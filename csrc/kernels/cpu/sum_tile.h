// The loop of the micro-kernel, shared by the kernels of floating-point numbers and of bfloat16 pairs (pairs.h).
// Everything here is inlined: the latter are compiled for more than the instruction set of the rest.
#pragma once
#include <type_traits>

#include "kernels/cpu/microkernel.h"

namespace flambeau::cpu::FL_ISA {
namespace {

// C, or the panel to its right, is asked for before the sums begin, so that it is there when they end.
template <class T, class E, int M, int N>
[[gnu::always_inline]] inline void fetch_target(const TileArgs<T, E>& t, bool right) {
  if (!t.transpose) {
    const T* c = t.c + (right ? N * kLanes<T> : 0);
#pragma GCC unroll 16
    for (int r = 0; r < M; ++r)
#pragma GCC unroll 4
      for (int v = 0; v < N; ++v) __builtin_prefetch(c + r * t.c_stride + v * kLanes<T>, 1);
  } else {
    for (int c = 0; c < t.n; ++c) __builtin_prefetch(t.c + c * t.c_stride, 1);
  }
}

// AVX-512 can multiply by a number in memory: one instruction less, but one more load for each vector of B. For every
// fourth row loads and arithmetic are in balance, and a core that is shared with another thread gets further.
#if defined(__AVX512F__)
template <class T, class E, AKind kind>
constexpr bool kFromMemory = std::is_same_v<T, float> && std::is_same_v<E, float> && kind == AKind::kRowContiguous;
[[gnu::always_inline]] inline void add_from_memory(Vector<float>& sum, const float* a, Vector<float> b) {
  asm("vfmadd231ps %2%{1to16%}, %1, %0" : "+v"(sum) : "v"(b), "m"(*a));
}
#else
template <class T, class E, AKind kind>
constexpr bool kFromMemory = false;
#endif

// add(acc[r][v], A_i[r][k], B_i[k][v]) for all i and k, in this order.
template <class T, class E, int M, int N, AKind kind, int unroll, bool streams = false, class Add>
[[gnu::always_inline]] inline void sum_tile(const TileArgs<T, E>& t, Vector<T> (&acc)[M][N], Add add) {
  constexpr int w = kLanes<E>;
  fetch_target<T, E, M, N>(t, streams);
  E* copy = t.b_copy;
  const E* ask = t.ask;
  for (int64_t i = 0; i < t.count; ++i) {
    const E* a = t.a + (t.a_offsets ? t.a_offsets[i] : i * t.a_step);
    const E* b = t.b + (t.b_offsets ? t.b_offsets[i] : i * t.b_step);
    const int64_t a_stride = t.a_stride, b_stride = t.b_stride;
    // Rows of a row-major A are addressed from every third one, which fits the addressing modes (base + 0, 1, 2
    // strides).
    constexpr int groups = (M + 2) / 3;
    const E* rows[groups];
    for (int g = 0; g < groups; ++g) rows[g] = a + 3 * g * a_stride;
    auto step = [&](int64_t k) __attribute__((always_inline)) {
      Vector<E> bv[N];
      for (int v = 0; v < N; ++v) bv[v] = load(b + v * w);
      if constexpr (streams) {
        for (int v = 0; v < N; ++v) store(copy + v * w, bv[v]);
        copy += t.b_copy_stride;
      }
#pragma GCC unroll 16
      for (int r = 0; r < M; ++r) {
        const E* const value = kind == AKind::kRowContiguous ? a + r : rows[r / 3] + (r % 3) * a_stride + k;
        if constexpr (kFromMemory<T, E, kind>)
          if (r % 4 == 0) {
#pragma GCC unroll 4
            for (int v = 0; v < N; ++v) add_from_memory(acc[r][v], value, bv[v]);
            continue;
          }
        const Vector<E> av = *value - Vector<E>{};
#pragma GCC unroll 4
        for (int v = 0; v < N; ++v) add(acc[r][v], av, bv[v]);
      }
      b += b_stride;
      if (kind == AKind::kRowContiguous) a += a_stride;
    };
    int64_t k = 0;
    if constexpr (unroll == 4)
      for (; k + 4 <= t.k; k += 4) {
        step(k), step(k + 1), step(k + 2), step(k + 3);
        if constexpr (streams) {
          // Not ask_for: a call of a function that does nothing else is taken for one that does nothing.
          for (int i = 0; i < kCols<E>; i += 64 / int(sizeof(E))) __builtin_prefetch(ask + i);
          ask += t.ask_stride;
        }
      }
    for (; k < t.k; ++k) step(k);
  }
}

}  // namespace
}  // namespace flambeau::cpu::FL_ISA
