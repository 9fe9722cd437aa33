// Products and extremes over what is scattered to one place.
#include "ops/indexing.h"

namespace flambeau::ops {

namespace {

Tensor zeros_at(const Tensor& x, int64_t dim, const Tensor& at) {
  return scatter(x, dim, at, zeros(at.shape(), x.dtype(), x.device()), false);
}
Tensor cast(const Tensor& truth, DType dtype) { return to_dtype(truth, dtype); }

// The gradient is shared by all elements that are the extreme.
void extreme_vjp(Backward& b) {
  int64_t dim = b.attr<int64_t>(0);
  Tensor g = b.grad(), x = b.saved(0), source = b.saved(1), at = b.saved(2), out = b.saved(3);
  Tensor from_self, from_source;
  {
    GradMode no_grad(false);
    from_self = cast(eq(detach(x), detach(out)), g.dtype());  // as torch: it counts even where it took no part
    from_source = cast(eq(detach(source), gather(detach(out), dim, at)), g.dtype());
  }
  Tensor winners = scatter_add(from_self, dim, at, from_source, false);
  Tensor share = div(g, where(eq(winners, 0.0), ones_like(winners), winners));
  Tensor kept = where(eq(winners, 0.0), zeros_like(g), share);  // where a NaN won, nothing equals it
  if (b.needs(0)) {
    Tensor to_self = mul(from_self, kept);
    b.set(0, b.attr<bool>(1) ? to_self : zeros_at(to_self, dim, at));
  }
  if (b.needs(1)) b.set(1, mul(from_source, gather(kept, dim, at)));
}

Tensor product(const Tensor& x, int64_t dim, const Tensor& at, const Tensor& source, bool include_self) {
  return scatter_reduce(x, dim, at, source, Reduce::Prod, include_self);
}

// g times the product of the other factors; a single zero among them needs the product without it.
void product_vjp(Backward& b) {
  int64_t dim = b.attr<int64_t>(0);
  bool include_self = b.attr<bool>(1);
  Tensor g = b.grad(), x = b.saved(0), source = b.saved(1), at = b.saved(2), out = b.saved(3);
  if (b.needs(0)) {
    Tensor zero = eq(x, 0.0), factor = masked_fill(x, zero, weak_scalar(1.0), false);
    Tensor to_self = div(mul(g, product(factor, dim, at, source, include_self)), factor);
    b.set(0, include_self ? to_self : zeros_at(to_self, dim, at));
  }
  if (!b.needs(1)) return;
  Tensor zero = eq(source, 0.0);
  Tensor zeros_there =
      gather(scatter_add(zeros(x.shape(), g.dtype(), g.device()), dim, at, cast(zero, g.dtype()), false), dim, at);
  Tensor single = cast(mul(cast(eq(zeros_there, 1.0), DType::UInt8), cast(zero, DType::UInt8)), DType::Bool);
  Tensor without = product(x, dim, at, masked_fill(source, single, weak_scalar(1.0), false), include_self);
  Tensor alone = gather(mul(g, without), dim, at);
  Tensor others = div(gather(mul(g, out), dim, at), masked_fill(source, zero, weak_scalar(1.0), false));
  b.set(1, where(single, alone, others));
}

const Op extreme_op{"scatter_extreme", extreme_vjp};
const Op product_op{"scatter_product", product_vjp};

// What changes nothing under the reduction.
Tensor neutral(DType t, Reduce how) {
  if (how == Reduce::Prod) return weak_scalar(int64_t{1});
  bool low = how == Reduce::Amax;
  if (is_floating(t))
    return weak_scalar(low ? -std::numeric_limits<double>::infinity() : std::numeric_limits<double>::infinity());
  if (t == DType::Bool) return weak_scalar(!low);
  if (info(t).kind == Kind::Unsigned)
    return weak_scalar(low ? int64_t{0} : static_cast<int64_t>((uint64_t{1} << (8 * item_size(t))) - 1));
  int64_t top = item_size(t) == 8 ? INT64_MAX : (int64_t{1} << (8 * item_size(t) - 1)) - 1;
  return weak_scalar(low ? -top - 1 : top);
}

}  // namespace

Tensor scatter_reduce(const Tensor& x, int64_t dim, const Tensor& index, const Tensor& source, Reduce how,
                      bool include_self) {
  dim = wrap_dim(dim, x.ndim(), "scatter_reduce");
  if (index.numel() == 0) return clone(x);
  Tensor part = source, out;
  for (int64_t d = 0; d < source.ndim() && d < index.ndim(); d++)
    if (index.size(d) < source.size(d)) part = narrow(part, d, 0, index.size(d));
  Tensor at = clone(index->dtype == DType::Int64 ? index : to_dtype(index, DType::Int64));
  if (at.ndim() != part.ndim() && at.numel() == part.numel()) at = view(at, part.shape());  // one of them is 0-dim
  {
    GradMode no_grad(false);
    Tensor start = detach(x);
    if (!include_self)
      start = scatter(start, dim, at,
                      expand(to_device(to_dtype(neutral(x.dtype(), how), x.dtype()), x.device()), at.shape()), false);
    out = scatter_combine(start, dim, at, detach(part), how);
  }
  return record(how == Reduce::Prod ? product_op : extreme_op, {&x, &part}, {dim, include_self}, {x, part, at, out},
                out);
}

}  // namespace flambeau::ops
