#include "kernels/cpu/pairs.h"

#include <algorithm>

#include "kernels/cpu/transpose.h"

#if FL_PAIRS

namespace flambeau::cpu::FL_ISA {
namespace {

constexpr int kWidth = kLanes<float>, kPanel = kCols<float>;

inline Pair pair_of(const BFloat16* first, int64_t k_stride, bool both) {
  return uint32_t(first[0].bits) << 16 | (both ? first[k_stride].bits : 0u);
}

// n (up to kWidth) pairs of a row of k and the next one; there is no next one where `both` is false.
inline Vector<float> pair_rows(const BFloat16* row, int64_t k_stride, bool both, int64_t n) {
  const auto high = (Vector<Pair>)load_some<float>(row, n);
  if (!both) return (Vector<float>)high;
  return (Vector<float>)(high | (Vector<Pair>)load_some<float>(row + k_stride, n) >> 16);
}

// n pairs of consecutive numbers: in memory the first is the low half.
inline Vector<float> pairs_along(const BFloat16* p, int64_t n) {
  const auto bits = (Vector<Pair>)_mm512_maskz_loadu_epi32(__mmask16((1u << std::min<int64_t>(n, kWidth)) - 1), p);
  return (Vector<float>)(bits << 16 | bits >> 16);
}

// to[p * to_stride + r] = pair p of row r, where k is contiguous.
void turn_pairs(const BFloat16* from, int64_t row_stride, Pair* to, int64_t to_stride, int64_t rows, int64_t k,
                bool pad) {
  auto load = [&](int64_t r, int64_t c, int64_t n)
                  __attribute__((always_inline)) { return pairs_along(from + r * row_stride + 2 * c, n); };
  const int64_t whole = k / 2;
  transpose_rows<float>(load, reinterpret_cast<float*>(to), to_stride, rows, whole, pad);
  if (k % 2 == 0) return;
  Pair* const last = to + whole * to_stride;
  if (pad) std::fill_n(last, (rows + kWidth - 1) / kWidth * kWidth, Pair(0));
  for (int64_t r = 0; r < rows; ++r) last[r] = pair_of(from + r * row_stride + k - 1, 0, false);
}

// The instruction as documented: denormal inputs and results are zero, the high halves' product is added first, each
// with one rounding.
Vector<float> flushed(Vector<Pair> bits) {
  return (Vector<float>)((bits & 0x7f800000u) == 0 ? bits & 0x80000000u : bits);
}
Vector<float> add_product(Vector<float> sum, Vector<Pair> a, Vector<Pair> b) {
  return flushed(
      (Vector<Pair>)_mm512_fmadd_ps((__m512)flushed(a), (__m512)flushed(b), (__m512)flushed((Vector<Pair>)sum)));
}

void emulate(const TileArgs<float, Pair>& t, int m, AKind kind) {
  const int64_t row = kind == AKind::kRowContiguous ? 1 : t.a_stride,
                step = kind == AKind::kRowContiguous ? t.a_stride : 1;
  for (int r = 0; r < m; ++r)
    for (int c = 0; c < kPanel; c += kWidth) {
      Vector<float> sum{};
      for (int64_t i = 0; i < t.count; ++i) {
        const Pair* a = t.a + (t.a_offsets ? t.a_offsets[i] : i * t.a_step) + r * row;
        const Pair* b = t.b + (t.b_offsets ? t.b_offsets[i] : i * t.b_step) + c;
        for (int64_t k = 0; k < t.k; ++k) {
          const Vector<Pair> av = a[k * step] - Vector<Pair>{}, bv = load(b + k * t.b_stride);
          sum = add_product(add_product(sum, av & 0xffff0000u, bv & 0xffff0000u), av << 16, bv << 16);
        }
      }
      float* const to = t.c + r * t.c_stride + c;
      store(to, t.accumulate ? load(to) + sum : sum);
    }
}
template <int M, AKind kind>
void emulated_tile(const TileArgs<float, Pair>& t) {
  emulate(t, M, kind);
}
template <int... M>
TileKernel<float, Pair> pick_emulated(int m, AKind kind, std::integer_sequence<int, M...>) {
  constexpr TileKernel<float, Pair> by_row[] = {emulated_tile<M + 1, AKind::kRowContiguous>...},
                                    by_depth[] = {emulated_tile<M + 1, AKind::kDepthContiguous>...};
  return (kind == AKind::kRowContiguous ? by_row : by_depth)[m - 1];
}

}  // namespace

TileKernel<float, Pair> emulated_pair_kernel(int m, AKind kind) {
  return pick_emulated(m, kind, std::make_integer_sequence<int, kRows>{});
}
TileKernel<float, Pair> (*pair_kernel)(int, AKind) = native_pair_kernel;

void pack_pair_panels(const BFloat16* b, int64_t k_stride, int64_t n_stride, int64_t k, int64_t n, Pair* out) {
  const int64_t steps = pair_steps(k);
  for (int64_t j = 0; j < n; j += kPanel, out += steps * kPanel) {
    const BFloat16* from = b + j * n_stride;
    const int64_t width = std::min<int64_t>(kPanel, n - j);
    if (width <= kWidth)
      for (int64_t s = 0; s < steps; ++s) store(out + s * kPanel + kWidth, Vector<Pair>{});
    if (k_stride == 1) {
      turn_pairs(from, n_stride, out, kPanel, width, k, true);
      continue;
    }
    for (int64_t s = 0; s < steps; ++s, from += 2 * k_stride) {
      const bool both = 2 * s + 1 < k;
      float* const to = reinterpret_cast<float*>(out + s * kPanel);
      if (n_stride == 1) {
        store(to, pair_rows(from, k_stride, both, width));
        if (width > kWidth) store(to + kWidth, pair_rows(from + kWidth, k_stride, both, width - kWidth));
      } else {
        for (int64_t c = 0; c < kPanel; ++c)
          out[s * kPanel + c] = c < width ? pair_of(from + c * n_stride, k_stride, both) : 0;
      }
    }
  }
}

void pack_pair_rows(const BFloat16* a, int64_t row_stride, int64_t k_stride, int64_t m, int64_t k, Pair* out) {
  if (k_stride == 1) return turn_pairs(a, row_stride, out, m, m, k, false);
  for (int64_t s = 0; s < pair_steps(k); ++s, a += 2 * k_stride, out += m) {
    const bool both = 2 * s + 1 < k;
    if (row_stride == 1) {
      for (int64_t r = 0; r < m; r += kWidth)
        store_some(reinterpret_cast<float*>(out + r), pair_rows(a + r, k_stride, both, m - r), m - r);
    } else {
      for (int64_t r = 0; r < m; ++r) out[r] = pair_of(a + r * row_stride, k_stride, both);
    }
  }
}

void pack_pair_pixels(const BFloat16* from, int64_t pixel_stride, int64_t channel_stride, int64_t pixels,
                      int64_t channels, Pair* out) {
  const int64_t steps = pair_steps(channels), whole = channels / 2;
  if (channel_stride != 1) {
    auto load = [&](int64_t r, int64_t c, int64_t n) __attribute__((always_inline)) {
      return pair_rows(from + 2 * r * channel_stride + c, channel_stride, r < whole, n);
    };
    return transpose_rows<float>(load, reinterpret_cast<float*>(out), steps, steps, pixels, false);
  }
  for (int64_t p = 0; p < pixels; ++p, from += pixel_stride, out += steps) {
    for (int64_t s = 0; s < whole; s += kWidth)
      store_some(reinterpret_cast<float*>(out + s), pairs_along(from + 2 * s, whole - s), whole - s);
    if (whole < steps) out[whole] = pair_of(from + channels - 1, 0, false);
  }
}

}  // namespace flambeau::cpu::FL_ISA

#endif
