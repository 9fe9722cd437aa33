// The micro-kernel for pairs: the only file compiled for AVX512-BF16, so nothing here may be shared with others.
#include <immintrin.h>

#include <array>
#include <utility>

#include "kernels/cpu/pairs.h"
#include "kernels/cpu/sum_tile.h"

namespace flambeau::cpu::FL_ISA {
namespace {

using Bits = Vector<Pair>;

template <int M, AKind kind>
void tile(const TileArgs<float, Pair>& t) {
  constexpr int w = kLanes<float>;
  Vector<float> acc[M][2] = {};
  sum_tile<float, Pair, M, 2, kind, 1>(t, acc, [](Vector<float>& sum, Bits a, Bits b) __attribute__((always_inline)) {
    sum = (Vector<float>)_mm512_dpbf16_ps((__m512)sum, (__m512bh)a, (__m512bh)b);
  });
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

TileKernel<float, Pair> native_pair_kernel(int m, AKind kind) {
  return kind == AKind::kRowContiguous ? table<AKind::kRowContiguous>[m - 1] : table<AKind::kDepthContiguous>[m - 1];
}

}  // namespace flambeau::cpu::FL_ISA
