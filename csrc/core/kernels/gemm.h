// Matrix products: entry points and their arguments.
#pragma once
#include <cstdint>

#include "core/dtype.h"
#include "core/threads.h"

namespace flambeau {

class Packing;

// C[m x n] = relu?(alpha * A[m x k] B[k x n] + beta * C + column_bias + row_bias), `batch` times.
// Strides count elements and may be anything (0 too) for A and B; rows of C are contiguous. What C held
// is not looked at when beta is 0. C must not overlap A or B. Floats of 16 bits are summed in float32 and
// rounded once; integers wrap. Complex and integer products know alpha 1, beta 0 or 1, and no bias.
struct GemmArgs {
  DType dtype = DType::Float32;
  int64_t m = 0, n = 0, k = 0;
  const void* a = nullptr;
  int64_t a_row = 0, a_col = 0;
  const void* b = nullptr;
  int64_t b_row = 0, b_col = 0;
  void* c = nullptr;
  int64_t c_row = 0;
  int64_t batch = 1;
  int64_t a_batch = 0, b_batch = 0, c_batch = 0;
  const int64_t* a_offsets = nullptr;  // instead of a_batch, where batches do not follow one stride
  const int64_t* b_offsets = nullptr;
  double alpha = 1, beta = 0;
  const void* column_bias = nullptr;  // n values, one per column
  const void* row_bias = nullptr;     // m values, one per row
  bool relu = false;
  Packing *a_packing = nullptr, *b_packing = nullptr;  // where what is packed of a and b is kept, or null
  // Told, on any thread, when some rows and columns of one of the products are there; all of them once. Or null.
  using Done = FunctionRef<void(int64_t batch, int64_t row, int64_t rows, int64_t column, int64_t end_column)>;
  const Done* done = nullptr;
};

struct GemmKernels {
  // Null for a dtype that has no product (bool, float8, uint16..64).
  void (*gemm[kNumDTypes])(const GemmArgs& args) = {};
};

}  // namespace flambeau
