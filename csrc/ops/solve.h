#pragma once
#include <vector>

#include "ops/ops.h"

namespace flambeau::ops {

std::vector<Tensor> lu_packed(
    const Tensor& x);  // (L below the diagonal and U, row swaps from 1, first zero pivot or 0)
Tensor substitute(const Tensor& a, const Tensor& b, bool lower, bool unit);  // X with A X = B, A triangular
Tensor swap_rows(const Tensor& b, const Tensor& pivots);                     // P^T B

}  // namespace flambeau::ops
