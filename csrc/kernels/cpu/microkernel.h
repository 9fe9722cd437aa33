// The one micro-kernel under everything that is contracted (gemm, convolution, attention, RNN cells):
//
//     C[m x n] (+)= alpha * sum_i A_i[m x k] B_i[k x n]  (+ bias, relu)      (batch-reduce GEMM, arXiv 1906.06440)
//
// with m <= kRows and n <= kCols. C stays in registers over all i and k. A is read one element at a time and
// broadcast, so any layout with one unit stride serves without packing; B is read in whole vectors, from packed
// panels (k rows of kCols elements, zero-padded) or straight from a matrix whose rows are contiguous.
// Element (r, c) is one chain of fused multiply-adds in the order of i and k, whatever the tile's shape is:
// cutting a matrix differently never changes a bit.
#pragma once
#include <cstdint>

#include "kernels/cpu/stream.h"

namespace flambeau::cpu::FL_ISA {

#if defined(__AVX512F__)
constexpr int kVectorBytes = 64;
constexpr int kRows = 14;  // 28 accumulators + 2 of B + 1 broadcast of 32 registers
#elif defined(__AVX2__)
constexpr int kVectorBytes = 32;
constexpr int kRows = 6;  // 12 + 2 + 1 of 16
#elif defined(__aarch64__)
constexpr int kVectorBytes = 16;
constexpr int kRows = 12;
#else
constexpr int kVectorBytes = 16;
constexpr int kRows = 6;
#endif

template <class T>
constexpr int kLanes = kVectorBytes / int(sizeof(T));
template <class T>
constexpr int kCols = 2 * kLanes<T>;

template <class T>
struct VectorOf {
  typedef T type __attribute__((vector_size(kVectorBytes)));
  typedef T loose __attribute__((vector_size(kVectorBytes), aligned(sizeof(T)), may_alias));
};
template <class T>
using Vector = typename VectorOf<T>::type;

template <class T>
[[gnu::always_inline]] inline Vector<T> load(const T* p) {
  return *(const typename VectorOf<T>::loose*)p;
}
template <class T>
[[gnu::always_inline]] inline void store(T* p, Vector<T> v) {
  *(typename VectorOf<T>::loose*)p = v;
}

// One call of the micro-kernel. Strides and steps count elements. E: the elements of A and B (see pairs.h).
template <class T, class E = T>
struct TileArgs {
  int64_t k = 0;      // depth of each A_i, B_i
  int64_t count = 1;  // how many pairs are summed
  const E* a = nullptr;
  int64_t a_stride = 0;                // the stride of A that is not 1 (of rows, or of k; see AKind)
  const int64_t* a_offsets = nullptr;  // A_i = a + a_offsets[i], or a + i * a_step without them
  int64_t a_step = 0;
  const E* b = nullptr;
  int64_t b_stride = kCols<T>;         // from one row of B_i to the next; the default is a packed panel
  const int64_t* b_offsets = nullptr;  // B_i = b + b_offsets[i], or b + i * b_step without them
  int64_t b_step = 0;
  T* c = nullptr;
  int64_t c_stride = 0;     // from one row of C to the next
  int n = kCols<T>;         // columns of C that exist; B is read for whole vectors all the same
  bool accumulate = false;  // add to C instead of overwriting it
  bool transpose = false;   // element (r, c) goes to c[c * c_stride + r]
  // Streaming kernels only: where rows of B are copied to, as a packed panel or (stride 0) one over the other, and what
  // is asked for on the way, as much as a row of B for every fourth of its rows. The panel to the right of C is asked
  // for.
  E* b_copy = nullptr;
  int64_t b_copy_stride = 0;
  const E* ask = nullptr;
  int64_t ask_stride = 0;
  // What happens to the tile before it is stored, in this order: alpha * sum, + C if accumulate, biases, relu.
  bool relu = false;
  T alpha = 1;
  const T* column_bias = nullptr;  // n values, one per column
  const T* row_bias = nullptr;     // m values, one per row
};

enum class AKind {
  kDepthContiguous,  // a[r * a_stride + k]: a row-major matrix
  kRowContiguous,    // a[k * a_stride + r]: a column-major matrix, or a panel packed by pack_rows (a_stride = rows)
};

template <class T, class E = T>
using TileKernel = void (*)(const TileArgs<T, E>&);

// The kernel for a tile of m rows (1..kRows) and n columns (1..kCols). T is float or double. Look it up once per loop.
template <class T>
TileKernel<T> tile_kernel(int m, int n, AKind kind);

// For m rows and kCols columns, AKind::kRowContiguous, where B and C come from far memory.
TileKernel<float> streaming_tile_kernel(int m);

// Rows that lie far apart are asked for this many rows before they are copied: to the processor each is a new page.
constexpr int64_t kRowsAhead = 8;

// Packs B[k x n] with any strides into panels of kCols columns: panel p holds columns p * kCols.., k rows of kCols
// values, the last panel filled up with zeros; k * round_up(n, kCols) values in all. S may be a 16-bit float.
template <class T, class S>
void pack_panels(const S* b, int64_t k_stride, int64_t n_stride, int64_t k, int64_t n, T* out);

// Packs A[m x k] with any strides for AKind::kRowContiguous: m consecutive values per k.
template <class T, class S>
void pack_rows(const S* a, int64_t row_stride, int64_t k_stride, int64_t m, int64_t k, T* out);

}  // namespace flambeau::cpu::FL_ISA
