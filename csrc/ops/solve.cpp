// LU factors and the systems that they and triangular matrices solve: values only, flambeau/linalg has the derivatives.
#include "ops/solve.h"

#include <algorithm>

#include "core/kernels.h"

namespace flambeau::ops {

namespace {

// A dense copy to work in.
Tensor dense_copy(const Tensor& x) {
  Tensor out = empty(x.shape(), x.dtype(), x.device());
  if (x.numel()) copy_(out, x);
  return out;
}

int64_t batch_of(const Tensor& x) { return count(DimsRef(x.shape()).first(x.ndim() - 2)); }

}  // namespace

std::vector<Tensor> lu_packed(const Tensor& x) {
  GradMode no_grad(false);
  FL_CHECK(x.ndim() >= 2, Shape, "lu", "expected matrices, got shape ", x.shape());
  const Tensor packed = dense_copy(detach(x));
  Dims batch(DimsRef(x.shape()).first(x.ndim() - 2)), swaps = batch;
  swaps.push_back(std::min(x.size(-2), x.size(-1)));
  const Tensor pivots = empty(swaps, DType::Int32, x.device()), info = zeros(batch, DType::Int32, x.device());
  LuArgs args{x.dtype(),
              x.size(-2),
              x.size(-1),
              batch_of(x),
              packed.raw(),
              static_cast<int32_t*>(pivots.raw()),
              static_cast<int32_t*>(info.raw())};
  if (x.numel()) kernels_of(x).solve.lu(args);
  return {packed, pivots, info};
}

// a and b of the same batch and dtype.
Tensor substitute(const Tensor& a, const Tensor& b, bool lower, bool unit) {
  GradMode no_grad(false);
  FL_CHECK(a.ndim() >= 2 && a.ndim() == b.ndim() && a.size(-1) == a.size(-2) && a.size(-1) == b.size(-2) &&
               batch_of(a) == batch_of(b) && a.dtype() == b.dtype(),
           Shape, "solve_triangular", "expected a square system, got ", a.shape(), " and ", b.shape());
  const Tensor x = dense_copy(detach(b));
  if (x.numel() == 0) return x;
  // Either order of rows and columns will do; other strides are made dense.
  Tensor in = detach(a);
  bool regular = a.stride(-1) == 1 || a.stride(-2) == 1;
  for (int64_t i = 0; i + 2 < a.ndim(); ++i)
    regular &=
        a.size(i) == 1 || a.stride(i) == (i + 3 < a.ndim() ? a.stride(i + 1) * a.size(i + 1) : a.size(-1) * a.size(-1));
  if (!regular) in = contiguous(in);
  TriangularArgs args;
  args.dtype = x.dtype();
  args.n = x.size(-2), args.k = x.size(-1), args.batch = batch_of(x);
  args.a = in.raw(), args.a_row = in.stride(-2), args.a_col = in.stride(-1), args.a_batch = args.n * args.n;
  args.x = x.raw();
  args.lower = lower, args.unit = unit;
  kernels_of("solve_triangular", {&x, &a}).solve.triangular(args);
  return x;
}

// b with its rows swapped as lu_packed did.
Tensor swap_rows(const Tensor& b, const Tensor& pivots) {
  GradMode no_grad(false);
  const Tensor out = dense_copy(detach(b)), swaps = contiguous(detach(pivots));
  const int64_t n = b.size(-2), k = swaps.size(-1), bytes = b.size(-1) * b.item_size();
  FL_CHECK(swaps.dtype() == DType::Int32 && k <= n && swaps.numel() == batch_of(b) * k, Shape, "lu_solve",
           "pivots of shape ", pivots.shape(), " do not fit a right-hand side of shape ", b.shape());
  if (!out.device().is_cpu()) return out;
  for (int64_t i = 0; i < batch_of(b); ++i) {
    char* rows = out.data<char>() + i * n * bytes;
    for (int64_t j = 0; j < k; ++j) {
      const int64_t other = swaps.data<int32_t>()[i * k + j] - 1;
      FL_CHECK(other >= 0 && other < n, Runtime, "lu_solve", "pivots must be in [1, ", n, "], got ", other + 1);
      if (other != j) std::swap_ranges(rows + j * bytes, rows + (j + 1) * bytes, rows + other * bytes);
    }
  }
  return out;
}

}  // namespace flambeau::ops
