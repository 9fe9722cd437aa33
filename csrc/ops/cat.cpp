// Concatenation.
#include <array>
#include <numeric>

#include "core/kernels.h"
#include "ops/reduce.h"

namespace flambeau::ops {

namespace {

void cat_vjp(Backward& b) {
  const int64_t dim = b.attr<int64_t>(0);
  const Dims& sizes = b.attr<Dims>(1);
  int64_t start = 0;
  for (int i = 0; i < b.inputs(); i++) {
    if (b.needs(i) && sizes[i] >= 0) b.set(i, narrow(b.grad(), dim, start, sizes[i]));
    start += std::max<int64_t>(sizes[i], 0);
  }
}
const Op cat_op{"cat", cat_vjp};

// torch skips tensors of shape (0,) whatever the others are.
bool skipped(const Tensor& t) { return t.ndim() == 1 && t.numel() == 0; }

Dims cat_shape(std::span<const Tensor> tensors, const Tensor& first, int64_t dim) {
  Dims shape = first.shape();
  int64_t total = 0;
  for (size_t k = 0; k < tensors.size(); k++) {
    const Tensor& t = tensors[k];
    FL_CHECK(t.ndim() > 0, Runtime, "cat", "zero-dimensional tensor (at position ", k, ") cannot be concatenated");
    if (skipped(t)) continue;
    FL_CHECK(t.ndim() == first.ndim(), Shape, "cat", "Tensors must have same number of dimensions: got ", first.ndim(),
             " and ", t.ndim());
    for (int64_t i = 0; i < t.ndim(); i++) {
      FL_CHECK(i == dim || t.size(i) == first.size(i), Shape, "cat", "Sizes of tensors must match except in dimension ",
               dim, ". Expected size ", first.size(i), " but got size ", t.size(i), " for tensor number ", k,
               " in the list: shapes ", first.shape(), " and ", t.shape());
    }
    total += t.size(dim);
  }
  shape[dim] = total;
  return shape;
}

// Contiguous tensors of the output's dtype are runs of bytes.
bool cat_runs(std::span<const Tensor> tensors, const Tensor& out, int64_t dim) {
  int64_t runs = 1, inner = out.item_size();
  for (int64_t i = 0; i < dim; i++) runs *= out.size(i);
  for (int64_t i = dim + 1; i < out.ndim(); i++) inner *= out.size(i);
  Few<CatPart, 8> parts;
  parts.reserve(tensors.size());
  int64_t offset = 0;
  for (const Tensor& t : tensors) {
    if (skipped(t) || t.numel() == 0) continue;
    if (t.dtype() != out.dtype() || !t.is_contiguous()) return false;
    const int64_t bytes = t.size(dim) * inner;
    parts.push_back({t.raw(), bytes, offset});
    offset += bytes;
  }
  if (parts.empty()) return true;
  need(kernels_of(out).copy.cat, "cat",
       out)({parts.data(), int64_t(parts.size()), runs, out.size(dim) * inner, out.raw()});
  return true;
}

}  // namespace

Tensor cat(std::span<const Tensor> tensors, int64_t wanted) {
  FL_CHECK(!tensors.empty(), Runtime, "cat", "expected a non-empty list of Tensors");
  const Tensor* first = &tensors[0];
  for (const Tensor& t : tensors) {
    if (skipped(t)) continue;
    first = &t;
    break;
  }
  const int64_t dim = wrap_dim(wanted, first->ndim(), "cat");
  DType dtype = tensors[0].dtype();
  for (const Tensor& t : tensors)
    if (t.dtype() != dtype) dtype = result_type(tensors);
  const Tensor out = empty(cat_shape(tensors, *first, dim), dtype, first->device());
  for (const Tensor& t : tensors)
    if (!skipped(t)) common_device("cat", std::array{&out, &t});
  if (!cat_runs(tensors, out, dim)) {
    GradMode no_grad(false);
    int64_t start = 0;
    for (const Tensor& t : tensors) {
      if (skipped(t)) continue;
      kernels_of(out).pointwise.copy(narrow(out, dim, start, t.size(dim)), t);
      start += t.size(dim);
    }
  }
  if (!needs_grad(tensors)) return out;
  Dims sizes;
  for (const Tensor& t : tensors) sizes.push_back(skipped(t) ? -1 : t.size(dim));
  return record_list(cat_op, tensors, {dim, sizes}, {}, out);
}

Tensor stack(std::span<const Tensor> tensors, int64_t dim) {
  Few<Tensor, 8> parts;
  parts.reserve(tensors.size());
  for (const Tensor& t : tensors) {
    FL_CHECK(same(t.shape(), tensors[0].shape()), Shape, "stack", "expects each tensor to be equal size, but got ",
             tensors[0].shape(), " at entry 0 and ", t.shape(), " at entry ", &t - tensors.data());
    parts.push_back(unsqueeze(t, dim));
  }
  return cat({parts.data(), parts.size()}, dim);
}

}  // namespace flambeau::ops
