// Products with panels that are packed once and used many times: recurrent layers, attention.
#pragma once
#include "kernels/cpu/transpose.h"

namespace flambeau::cpu::FL_ISA {
namespace {

// M rows and P panels side by side, so that a few rows keep enough sums going. Element by element the same chain as
// the micro-kernel's.
template <class T, int M, int P>
void thin_tile(const TileArgs<T>& t, int64_t cols, int64_t panel_step) {
  constexpr int w = kLanes<T>;
  Vector<T> sums[M][2 * P] = {};
  for (int64_t i = 0; i < t.count; ++i) {
    const T* a = t.a + (t.a_offsets ? t.a_offsets[i] : i * t.a_step);
    const T* b = t.b + (t.b_offsets ? t.b_offsets[i] : i * t.b_step);
    for (int64_t k = 0; k < t.k; ++k, b += t.b_stride)
#pragma GCC unroll 4
      for (int r = 0; r < M; ++r) {
        const Vector<T> av = a[r * t.a_stride + k] - Vector<T>{};
#pragma GCC unroll 8
        for (int v = 0; v < 2 * P; ++v) sums[r][v] += av * load(b + v / 2 * panel_step + v % 2 * w);
      }
  }
  for (int r = 0; r < M; ++r)
    for (int v = 0; v < 2 * P && v * w < cols; ++v) {
      T* c = t.c + r * t.c_stride + v * w;
      const int64_t count = cols - v * w;
      store_some(c, t.accumulate ? load_some<T>(c, count) + sums[r][v] : sums[r][v], count);
    }
}

template <class T, int M, int P>
void thin_product(TileArgs<T> t, int64_t cols, int64_t panel_step) {
  for (; cols > 0; cols -= P * kCols<T>, t.c += P * kCols<T>, t.b += P * panel_step) {
    if (cols > (P - 1) * kCols<T>) {
      thin_tile<T, M, P>(t, cols, panel_step);
      continue;
    }
    for (int64_t left = cols; left > 0; left -= kCols<T>, t.c += kCols<T>, t.b += panel_step)
      thin_tile<T, M, 1>(t, left, panel_step);
    return;
  }
}

// C[rows x cols] (+)= A B for B in panels of kCols columns, panel_step apart; `t` says the rest.
template <class T>
void panel_product(TileArgs<T> t, AKind kind, int64_t rows, int64_t cols, int64_t panel_step) {
  if (kind == AKind::kDepthContiguous && rows == 1) return thin_product<T, 1, 4>(t, cols, panel_step);
  if (kind == AKind::kDepthContiguous && rows == 2) return thin_product<T, 2, 2>(t, cols, panel_step);
  const int64_t tiles = (rows + kRows - 1) / kRows, height = rows / std::max<int64_t>(tiles, 1);
  const int64_t taller = rows - height * tiles;
  const T* const a = t.a;
  T* const c = t.c;
  for (int64_t j = 0; j < cols; j += kCols<T>, t.b += panel_step) {
    t.n = int(std::min<int64_t>(kCols<T>, cols - j));
    int64_t row = 0;
    for (int64_t i = 0; i < tiles; ++i) {
      const int64_t count = height + (i < taller);
      t.a = a + row * (kind == AKind::kDepthContiguous ? t.a_stride : 1);
      t.c = c + row * t.c_stride + j;
      tile_kernel<T>(int(count), t.n, kind)(t);
      row += count;
    }
  }
}

}  // namespace
}  // namespace flambeau::cpu::FL_ISA
