#include "kernels/cpu/microkernel.h"

#include <algorithm>
#include <array>
#include <utility>

#include "kernels/cpu/sum_tile.h"
#include "kernels/cpu/transpose.h"

namespace flambeau::cpu::FL_ISA {
namespace {

// Everything but the plain case: runs on the tile in memory (rows of kCols<T>), which is still in L1.
template <class T>
void finish_rows(const TileArgs<T>& t, const T* tile, int stride, int rows, int cols, const T* column_bias,
                 const T* row_bias) {
  constexpr int w = kLanes<T>;
  const Vector<T> zero{};
  for (int r = 0; r < rows; ++r)
    for (int c = 0; c < cols; c += w) {
      T* to = t.c + r * t.c_stride + c;
      Vector<T> v = load(tile + r * stride + c);
      if (t.alpha != T(1)) v *= t.alpha;
      if (t.accumulate) v += load_some<T>(to, cols - c);
      if (column_bias) v += load_some<T>(column_bias + c, cols - c);
      if (row_bias) v += row_bias[r];
      if (t.relu) v = v < zero ? zero : v;  // keeps NaN
      store_some(to, v, cols - c);
    }
}

template <class T>
[[gnu::noinline]] void finish(const TileArgs<T>& t, int m, const T* tile) {
  if (!t.transpose) return finish_rows(t, tile, kCols<T>, m, t.n, t.column_bias, t.row_bias);
  constexpr int stride = (kRows + kLanes<T> - 1) / kLanes<T> * kLanes<T>;
  alignas(64) T turned[kCols<T> * stride];
  transpose_copy(tile, kCols<T>, turned, stride, m, t.n, true);
  finish_rows(t, turned, stride, t.n, m, t.row_bias, t.column_bias);
}

template <class T, int M, int N, AKind kind, bool streams = false>
void tile(const TileArgs<T>& t) {
  constexpr int w = kLanes<T>;
  Vector<T> acc[M][N] = {};
  // Double has half the lanes, so its loop matters half as much: not worth the code.
  sum_tile<T, T, M, N, kind, sizeof(T) == 4 ? 4 : 1, streams>(
      t, acc, [](Vector<T>& sum, Vector<T> a, Vector<T> b) __attribute__((always_inline)) { sum += a * b; });
  const bool plain = t.alpha == T(1) && !t.column_bias && !t.row_bias && !t.relu && !t.transpose && t.n == N * w;
  if (plain) {
    T* c = t.c;
    if (t.accumulate) {
#pragma GCC unroll 16
      for (int r = 0; r < M; ++r)
#pragma GCC unroll 4
        for (int v = 0; v < N; ++v) store(c + r * t.c_stride + v * w, load(c + r * t.c_stride + v * w) + acc[r][v]);
    } else {
#pragma GCC unroll 16
      for (int r = 0; r < M; ++r)
#pragma GCC unroll 4
        for (int v = 0; v < N; ++v) store(c + r * t.c_stride + v * w, acc[r][v]);
    }
    return;
  }
  alignas(64) T out[M * kCols<T>];
#pragma GCC unroll 16
  for (int r = 0; r < M; ++r)
#pragma GCC unroll 4
    for (int v = 0; v < N; ++v) store(out + r * kCols<T> + v * w, acc[r][v]);
  finish(t, M, out);
}

template <class T, int N, AKind kind, bool streams, int... M>
constexpr std::array<TileKernel<T>, sizeof...(M)> kernels(std::integer_sequence<int, M...>) {
  return {tile<T, M + 1, N, kind, streams>...};
}
template <class T, int N, AKind kind, bool streams = false>
constexpr auto table = kernels<T, N, kind, streams>(std::make_integer_sequence<int, kRows>{});

}  // namespace

template <class T>
TileKernel<T> tile_kernel(int m, int n, AKind kind) {
  if (n <= kLanes<T>)
    return kind == AKind::kRowContiguous ? table<T, 1, AKind::kRowContiguous>[m - 1]
                                         : table<T, 1, AKind::kDepthContiguous>[m - 1];
  return kind == AKind::kRowContiguous ? table<T, 2, AKind::kRowContiguous>[m - 1]
                                       : table<T, 2, AKind::kDepthContiguous>[m - 1];
}
template TileKernel<float> tile_kernel<float>(int, int, AKind);
template TileKernel<double> tile_kernel<double>(int, int, AKind);

TileKernel<float> streaming_tile_kernel(int m) { return table<float, 2, AKind::kRowContiguous, true>[m - 1]; }

// ------------------------------------------------------------------------------------------------------- packing

template <class T, class S>
void pack_panels(const S* b, int64_t k_stride, int64_t n_stride, int64_t k, int64_t n, T* out) {
  constexpr int w = kLanes<T>, cols = kCols<T>;
  const int64_t whole = n / cols, rest = n % cols;
  if (n_stride == 1) {  // along the rows: memory is read in order, whatever the distance between rows is
    for (int64_t i = 0; i < k; ++i) {
      const S* from = b + i * k_stride;
      T* to = out + i * cols;
      if (i + kRowsAhead < k) ask_for(from + kRowsAhead * k_stride, n);
      for (int64_t q = 0; q < whole; ++q, from += cols, to += k * cols) {
        store(to, load_as<T>(from));
        store(to + w, load_as<T>(from + w));
      }
      if (rest) {
        store(to, load_some<T>(from, rest));
        store(to + w, rest > w ? load_some<T>(from + w, rest - w) : Vector<T>{});
      }
    }
    return;
  }
  for (int64_t j = 0; j < n; j += cols, out += k * cols) {
    const S* from = b + j * n_stride;
    const int64_t width = std::min<int64_t>(cols, n - j);
    if (k_stride == 1) {
      if (width <= w)
        for (int64_t i = 0; i < k; ++i) store(out + i * cols + w, Vector<T>{});
      transpose_copy(from, n_stride, out, cols, width, k, true);
    } else {
      for (int64_t i = 0; i < k; ++i)
        for (int64_t c = 0; c < cols; ++c) out[i * cols + c] = c < width ? T(from[i * k_stride + c * n_stride]) : T(0);
    }
  }
}

template <class T, class S>
void pack_rows(const S* a, int64_t row_stride, int64_t k_stride, int64_t m, int64_t k, T* out) {
  if (k_stride == 1) return transpose_copy(a, row_stride, out, m, m, k);
  if (row_stride == 1) {  // whole vectors overlap into the next row, which is written after
    for (int64_t i = 0; i < k; ++i)
      for (int64_t r = 0; r < m; r += kLanes<T>) {
        const Vector<T> v = load_some<T>(a + i * k_stride + r, m - r);
        if (i + kLanes<T> < k)
          store(out + i * m + r, v);
        else
          store_some(out + i * m + r, v, m - r);
      }
    return;
  }
  for (int64_t i = 0; i < k; ++i)
    for (int64_t r = 0; r < m; ++r) out[i * m + r] = T(a[i * k_stride + r * row_stride]);
}

#define FL_PACK(T, S)                                                                \
  template void pack_panels<T, S>(const S*, int64_t, int64_t, int64_t, int64_t, T*); \
  template void pack_rows<T, S>(const S*, int64_t, int64_t, int64_t, int64_t, T*);
FL_PACK(float, float)
FL_PACK(double, double)
FL_PACK(float, BFloat16)
FL_PACK(float, Float16)

}  // namespace flambeau::cpu::FL_ISA
