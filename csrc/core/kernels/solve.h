// Linear systems: entry points and their arguments. All for float, double and complex of both.
#pragma once
#include <cstdint>

#include "core/dtype.h"

namespace flambeau {

// A = P L U in place, for `batch` dense matrices m x n one after the other, rows contiguous: U on and above the
// diagonal, L below it. Row swaps are counted from 1; `info` is the position of the first zero pivot, or 0.
struct LuArgs {
  DType dtype = DType::Float32;
  int64_t m = 0, n = 0, batch = 1;
  void* a = nullptr;
  int32_t* pivots = nullptr;  // (batch, min(m, n))
  int32_t* info = nullptr;    // (batch)
};

// X with A X = B for triangular A (n x n, strides in elements), in place of B (n x k, dense). Zeros on the diagonal
// give infinities.
struct TriangularArgs {
  DType dtype = DType::Float32;
  int64_t n = 0, k = 0, batch = 1;
  const void* a = nullptr;
  int64_t a_row = 0, a_col = 0, a_batch = 0;
  void* x = nullptr;
  bool lower = true, unit = false;
};

struct SolveKernels {
  void (*lu)(const LuArgs&) = nullptr;
  void (*triangular)(const TriangularArgs&) = nullptr;
};

}  // namespace flambeau
