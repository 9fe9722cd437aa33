// What the pointwise ops share.
#pragma once
#include "core/kernels/pointwise.h"
#include "ops/ops.h"

namespace flambeau::ops {

// How the result's dtype follows from the promoted dtype of the inputs; see pointwise.def.
enum class PointwiseResult { SAME, FLOAT, BOOL, REAL, FREAL, CPLX };
DType pointwise_dtype(PointwiseResult rule, DType common);

// Broadcasts, makes the output (or checks `into`), and runs the kernel for the promoted dtype `common`. No graph.
Tensor run_pointwise(PointwiseOp id, const char* name, PointwiseResult rule, std::span<const Tensor* const> inputs,
                     Params params, const Tensor* into, DType common);

}  // namespace flambeau::ops
