// The micro-kernel for pairs: the only file compiled for AVX512-BF16, so nothing here may be shared with others.
#include <immintrin.h>

#include <array>
#include <utility>

#include "kernels/cpu/pairs.h"
#include "kernels/cpu/sum_tile.h"

namespace flambeau::cpu::FL_ISA {
namespace {

using Bits = Vector<uint32_t>;

#ifdef FL_EMULATE_BF16
// What the instruction does, for machines without it: denormal inputs and results are zero, the high halves'
// product is added first, each with one rounding.
inline Vector<float> flush(Vector<float> v) {
  const Bits bits = (Bits)v;
  return (Vector<float>)((bits & 0x7f800000u) == 0 ? bits & 0x80000000u : bits);
}
inline void add_products(Vector<float>& sum, Bits a, Bits b) {
  auto add = [&](Bits x, Bits y) {
    sum = flush((Vector<float>)_mm512_fmadd_ps((__m512)flush((Vector<float>)x), (__m512)flush((Vector<float>)y),
                                               (__m512)flush(sum)));
  };
  add(a & 0xffff0000u, b & 0xffff0000u);
  add(a << 16, b << 16);
}
#else
[[gnu::always_inline]] inline void add_products(Vector<float>& sum, Bits a, Bits b) {
  sum = (Vector<float>)_mm512_dpbf16_ps((__m512)sum, (__m512bh)a, (__m512bh)b);
}
#endif

template <int M, AKind kind>
void tile(const TileArgs<float, Pair>& t) {
  constexpr int w = kLanes<float>;
  Vector<float> acc[M][2] = {};
  sum_tile<float, Pair, M, 2, kind, 1>(
      t, acc, [](Vector<float>& sum, Bits a, Bits b) __attribute__((always_inline)) { add_products(sum, a, b); });
#pragma GCC unroll 16
  for (int r = 0; r < M; ++r)
#pragma GCC unroll 2
    for (int v = 0; v < 2; ++v) {
      float* const to = t.c + r * t.c_stride + v * w;
      store(to, t.accumulate ? load(to) + acc[r][v] : acc[r][v]);
    }
}

template <AKind kind, int... M>
constexpr std::array<TileKernel<float, Pair>, sizeof...(M)> kernels(std::integer_sequence<int, M...>) {
  return {tile<M + 1, kind>...};
}
template <AKind kind>
constexpr auto table = kernels<kind>(std::make_integer_sequence<int, kRows>{});

}  // namespace

#ifdef FL_EMULATE_BF16
extern const bool pairs_emulated = true;
#else
extern const bool pairs_emulated = false;
#endif

TileKernel<float, Pair> pair_kernel(int m, AKind kind) {
  return kind == AKind::kRowContiguous ? table<AKind::kRowContiguous>[m - 1] : table<AKind::kDepthContiguous>[m - 1];
}

}  // namespace flambeau::cpu::FL_ISA
