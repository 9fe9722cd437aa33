// Products of bfloat16 numbers by AVX512-BF16: an element of A or B is a pair of two consecutive k, one instruction
// multiplies 16 pairs and adds both products to float32 sums. The first of a pair is its high half, which the
// instruction adds first, so that the sums are the same chain of fused multiply-adds as those of converted numbers
// (but for denormal numbers, which the instruction takes for zero). Where k is odd the last pair ends with a zero.
#pragma once
#include "core/half.h"
#include "kernels/cpu/microkernel.h"

#if defined(__AVX512F__)
#define FL_PAIRS 1
#else
#define FL_PAIRS 0
#endif

namespace flambeau::cpu::FL_ISA {

using Pair = uint32_t;

#if FL_PAIRS

// Steps over pairs that k products take.
constexpr int64_t pair_steps(int64_t k) { return (k + 1) / 2; }

// As tile_kernel; all kCols<float> columns are computed, C is float32 and only added to or overwritten: no epilogue.
// One is for processors that have the instruction, one does the same in other words, for tests. `pair_kernel` is the
// chosen one.
TileKernel<float, Pair> native_pair_kernel(int m, AKind kind);
TileKernel<float, Pair> emulated_pair_kernel(int m, AKind kind);
extern TileKernel<float, Pair> (*pair_kernel)(int m, AKind kind);

// As pack_panels and pack_rows, with pairs of k.
void pack_pair_panels(const BFloat16* b, int64_t k_stride, int64_t n_stride, int64_t k, int64_t n, Pair* out);
void pack_pair_rows(const BFloat16* a, int64_t row_stride, int64_t k_stride, int64_t m, int64_t k, Pair* out);

// out[p][s] = pair s of the channels of pixel p. One of the strides must be 1.
void pack_pair_pixels(const BFloat16* from, int64_t pixel_stride, int64_t channel_stride, int64_t pixels,
                      int64_t channels, Pair* out);

#endif

}  // namespace flambeau::cpu::FL_ISA
