// Order: sorting, selecting, searching, counting.
#pragma once
#include <optional>
#include <utility>

#include "ops/ops.h"

namespace flambeau::ops {

std::pair<Tensor, Tensor> sort(const Tensor& x, int64_t dim, bool descending);
std::pair<Tensor, Tensor> topk(const Tensor& x, int64_t k, int64_t dim, bool largest);
std::pair<Tensor, Tensor> kthvalue(const Tensor& x, int64_t k, int64_t dim, bool keepdim);
Tensor searchsorted(const Tensor& sorted, const Tensor& values, const Tensor& sorter, bool right, bool int32);

struct Unique {
  Tensor values, inverse, counts;
};
// Of all elements, or of the slices along `dim`; of neighbours only if `consecutive`.
Unique unique(const Tensor& x, std::optional<int64_t> dim, bool consecutive);

Tensor bincount(const Tensor& x, const Tensor& weights, int64_t least);
Tensor histc(const Tensor& x, int64_t bins, double low, double high);

}  // namespace flambeau::ops
