// Ranges and patterns.
#pragma once
#include "ops/ops.h"

namespace flambeau::ops {

// start, start + step, ... up to but without end; numbers are 0-dim tensors, int64 or float64.
Tensor arange(const Tensor& start, const Tensor& end, const Tensor& step, DType dtype);
Tensor linspace(double start, double end, int64_t steps, DType dtype);
Tensor logspace(double start, double end, int64_t steps, double base, DType dtype);
Tensor eye(int64_t rows, int64_t columns, DType dtype);
// The places on and below (above) a diagonal, as a tensor (2, n).
Tensor triangle_indices(int64_t rows, int64_t columns, int64_t offset, bool lower, DType dtype);
// The part of each matrix on and below (above) a diagonal, and zeros.
Tensor triangle(const Tensor& x, int64_t diagonal, bool lower);

}  // namespace flambeau::ops
