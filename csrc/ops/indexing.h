// Elements chosen by index tensors and masks.
#pragma once
#include "core/kernels/indexing.h"
#include "ops/ops.h"

namespace flambeau::ops {

// What an advanced index comes down to: some dimensions of x, flattened, and the places in them.
struct Places {
  Dims dims;    // ascending
  Tensor at;    // int64, contiguous, in [0, product of the sizes of dims)
  bool front;   // the dimensions of `at` come first in the result; else where dims[0] was
  Dims result;  // the result's shape
};
// Per dimension an int64, int32, bool or uint8 tensor, or undefined for all of it; a mask stands for as many dimensions
// as it has.
Places resolve_index(const Tensor& x, std::span<const Tensor> index);

Tensor index(const Tensor& x, std::span<const Tensor> index);
Tensor index_put(const Tensor& x, std::span<const Tensor> index, const Tensor& values, bool accumulate, bool in_place);

Tensor index_select(const Tensor& x, int64_t dim, const Tensor& index);
Tensor index_add(const Tensor& x, int64_t dim, const Tensor& index, const Tensor& source, bool in_place);
Tensor index_copy(const Tensor& x, int64_t dim, const Tensor& index, const Tensor& source, bool in_place);
Tensor index_fill(const Tensor& x, int64_t dim, const Tensor& index, const Tensor& value, bool in_place);

Tensor gather(const Tensor& x, int64_t dim, const Tensor& index);
Tensor scatter(const Tensor& x, int64_t dim, const Tensor& index, const Tensor& source, bool in_place);
Tensor scatter_add(const Tensor& x, int64_t dim, const Tensor& index, const Tensor& source, bool in_place);
// Without derivative.
Tensor scatter_combine(const Tensor& x, int64_t dim, const Tensor& index, const Tensor& source, Reduce how);

// prod, amax or amin (scatter_reduce.cpp); sums and means are composed of scatter_add.
Tensor scatter_reduce(const Tensor& x, int64_t dim, const Tensor& index, const Tensor& source, Reduce how,
                      bool include_self);

Tensor take(const Tensor& x, const Tensor& index);
Tensor put(const Tensor& x, const Tensor& index, const Tensor& source, bool accumulate, bool in_place);

Tensor masked_fill(const Tensor& x, const Tensor& mask, const Tensor& value, bool in_place);
Tensor masked_select(const Tensor& x, const Tensor& mask);
Tensor masked_scatter(const Tensor& x, const Tensor& mask, const Tensor& source, bool in_place);
Tensor nonzero(const Tensor& x);  // (count, dims)

Tensor flip(const Tensor& x, const Dims& dims);
Tensor roll(const Tensor& x, const Dims& shifts, const Dims& dims);

Tensor embedding(const Tensor& weight, const Tensor& index, int64_t padding, bool scale_by_frequency);
void embedding_renorm_(const Tensor& weight, const Tensor& index, double max_norm, double norm_type);

}  // namespace flambeau::ops
