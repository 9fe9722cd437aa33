#include "kernels/cpu/microkernel.h"

#include <algorithm>
#include <array>
#include <utility>

#include "kernels/cpu/transpose.h"

namespace flambeau::cpu::FL_ISA {
namespace {

// Everything but the plain case: runs on the tile in memory (m rows of kCols<T>), which is still in L1.
template <class T>
[[gnu::noinline]] void finish(const TileArgs<T>& t, int m, T* tile) {
  constexpr int w = kCols<T>;
  const T zero = 0;
  for (int r = 0; r < m; ++r) {
    T* row = tile + r * w;
    if (t.alpha != T(1))
      for (int c = 0; c < w; ++c) row[c] *= t.alpha;
    if (t.accumulate) {
      if (t.transpose)
        for (int c = 0; c < t.n; ++c) row[c] += t.c[c * t.c_stride + r];
      else
        for (int c = 0; c < t.n; ++c) row[c] += t.c[r * t.c_stride + c];
    }
    if (t.column_bias)
      for (int c = 0; c < t.n; ++c) row[c] += t.column_bias[c];
    if (t.row_bias)
      for (int c = 0; c < w; ++c) row[c] += t.row_bias[r];
    if (t.relu)
      for (int c = 0; c < w; ++c) row[c] = row[c] < zero ? zero : row[c];  // keeps NaN, as relu does
    if (!t.transpose)
      for (int c = 0; c < t.n; ++c) t.c[r * t.c_stride + c] = row[c];
  }
  if (t.transpose) transpose_copy(tile, w, t.c, t.c_stride, m, t.n);
}

template <class T, int M, int N, AKind kind>
void tile(const TileArgs<T>& t) {
  using V = Vector<T>;
  constexpr int w = kLanes<T>;
  V acc[M][N] = {};
  for (int64_t i = 0; i < t.count; ++i) {
    const T* a = t.a + (t.a_offsets ? t.a_offsets[i] : i * t.a_step);
    const T* b = t.b + (t.b_offsets ? t.b_offsets[i] : i * t.b_step);
    const int64_t a_stride = t.a_stride, b_stride = t.b_stride;
    // Rows of a row-major A are addressed from every third one, which fits the addressing modes (base + 0, 1, 2
    // strides).
    constexpr int groups = (M + 2) / 3;
    const T* rows[groups];
    for (int g = 0; g < groups; ++g) rows[g] = a + 3 * g * a_stride;
    auto step = [&](int64_t k) __attribute__((always_inline)) {
      V bv[N];
      for (int v = 0; v < N; ++v) bv[v] = load(b + v * w);
#pragma GCC unroll 16
      for (int r = 0; r < M; ++r) {
        const T value = kind == AKind::kRowContiguous ? a[r] : rows[r / 3][(r % 3) * a_stride + k];
        const V av = value - V{};
#pragma GCC unroll 4
        for (int v = 0; v < N; ++v) acc[r][v] += av * bv[v];
      }
      b += b_stride;
      if (kind == AKind::kRowContiguous) a += a_stride;
    };
    int64_t k = 0;
    for (; k + 4 <= t.k; k += 4) step(k), step(k + 1), step(k + 2), step(k + 3);
    for (; k < t.k; ++k) step(k);
  }
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

template <class T, int N, AKind kind, int... M>
constexpr std::array<TileKernel<T>, sizeof...(M)> kernels(std::integer_sequence<int, M...>) {
  return {tile<T, M + 1, N, kind>...};
}
template <class T, int N, AKind kind>
constexpr auto table = kernels<T, N, kind>(std::make_integer_sequence<int, kRows>{});

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

// ------------------------------------------------------------------------------------------------------- packing

template <class T, class S>
void pack_panels(const S* b, int64_t k_stride, int64_t n_stride, int64_t k, int64_t n, T* out) {
  constexpr int w = kLanes<T>, cols = kCols<T>;
  for (int64_t j = 0; j < n; j += cols, out += k * cols) {
    const S* from = b + j * n_stride;
    const int64_t width = std::min<int64_t>(cols, n - j);
    if (n_stride == 1 && width == cols) {
      for (int64_t i = 0; i < k; ++i, from += k_stride) {
        store(out + i * cols, load_as<T>(from));
        store(out + i * cols + w, load_as<T>(from + w));
      }
      continue;
    }
    if (width < cols) std::fill(out, out + k * cols, T(0));
    if (k_stride == 1) {
      transpose_copy(from, n_stride, out, cols, width, k);
    } else {
      for (int64_t i = 0; i < k; ++i)
        for (int64_t c = 0; c < width; ++c) out[i * cols + c] = T(from[i * k_stride + c * n_stride]);
    }
  }
}

template <class T, class S>
void pack_rows(const S* a, int64_t row_stride, int64_t k_stride, int64_t m, int64_t k, T* out) {
  if (k_stride == 1) return transpose_copy(a, row_stride, out, m, m, k);
  for (int64_t i = 0; i < k; ++i)
    for (int64_t r = 0; r < m; ++r) out[i * m + r] = T(a[i * k_stride + r * row_stride]);
}

#define FL_PACK(T, S)                                                                \
  template void pack_panels<T, S>(const S*, int64_t, int64_t, int64_t, int64_t, T*); \
  template void pack_rows<T, S>(const S*, int64_t, int64_t, int64_t, int64_t, T*);
FL_PACK(float, float)
FL_PACK(double, double)

}  // namespace flambeau::cpu::FL_ISA
