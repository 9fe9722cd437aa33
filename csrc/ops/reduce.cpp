#include "core/kernels.h"
#include "ops/ops.h"

namespace flambeau::ops {

namespace {
void sum_vjp(Backward& b) {
  const Dims& shape = b.attr<Dims>(0);
  Tensor g = b.grad();
  if (g.ndim() != shape.size())
    for (int64_t d : b.attr<Dims>(1)) g = unsqueeze(g, d);
  b.set(0, expand(g, shape));
}
const Op sum_op{"sum", sum_vjp};
}  // namespace

Tensor sum(const Tensor& x, const Dims& dims, bool keepdim) {
  uint64_t mask = dims_mask(dims, x.ndim(), "sum");
  Dims kept, shape, sorted;
  for (int64_t i = 0; i < x.ndim(); i++) {
    bool gone = mask >> i & 1;
    kept.push_back(gone ? 1 : x.size(i));
    if (gone) sorted.push_back(i);
    if (!gone || keepdim) shape.push_back(gone ? 1 : x.size(i));
  }
  Tensor out = zeros(kept, x.dtype());
  Tensor spread = alias(out, x.shape(), broadcast_strides(kept, out.strides(), x.shape()), 0);
  need(kernels_of(out).pointwise.add_overlapping, "sum", out)(spread, x);
  return record(sum_op, {&x}, {x.shape(), sorted}, {}, alias(out, shape, contiguous_strides(shape), 0));
}

}  // namespace flambeau::ops
