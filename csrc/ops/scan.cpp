// Scans along one dimension.
#include "core/kernels.h"
#include "ops/reduce.h"

namespace flambeau::ops {

namespace {

// A contiguous tensor as (outer, size, inner) around a dim.
void split_at(const Tensor& x, int64_t dim, int64_t& outer, int64_t& size, int64_t& inner) {
  outer = inner = 1;
  for (int64_t i = 0; i < dim; i++) outer *= x.size(i);
  for (int64_t i = dim + 1; i < x.ndim(); i++) inner *= x.size(i);
  size = x.ndim() ? x.size(dim) : 1;
}

// Runs in the compute type of the dtype; halves and small integers are converted there and back.
Tensor run(Scan kind, const char* op, const Tensor& x, int64_t dim, bool reverse, const Tensor& factor,
           const Tensor& indices) {
  GradMode no_grad(false);
  const DType compute = kComputeDType[static_cast<int>(compute_of(x.dtype()))];
  auto prepare = [&](const Tensor& t) { return contiguous(to_dtype(detach(t), compute, MemoryFormat::Contiguous)); };
  const Tensor in = prepare(x), by = factor.defined() ? prepare(factor) : Tensor{};
  const Tensor out = empty(x.shape(), compute, x.device());
  ScanArgs a{kind,
             compute,
             reverse,
             in.raw(),
             by.defined() ? by.raw() : nullptr,
             out.raw(),
             indices.defined() ? static_cast<int64_t*>(indices.raw()) : nullptr,
             1,
             1,
             1};
  split_at(x, dim, a.outer, a.size, a.inner);
  need(kernels_of(x).reduce.scan, op, x)(a);
  return to_dtype(out, x.dtype());
}

void cumsum_vjp(Backward& b) { b.set(0, cumsum(b.grad(), b.attr<int64_t>(0), !b.attr<bool>(1))); }
const Op cumsum_op{"cumsum", cumsum_vjp};

// y moved by one place along dim, with `gap` (of size 1 there) in the place that becomes free.
Tensor shifted(const Tensor& y, int64_t dim, bool reverse, const Tensor& gap) {
  if (y.ndim() == 0) return reshape(gap, {});
  const int64_t n = y.size(dim);
  if (n == 0) return y;
  return reverse ? cat(std::vector<Tensor>{slice(y, dim, 1, n), gap}, dim)
                 : cat(std::vector<Tensor>{gap, slice(y, dim, 0, n - 1)}, dim);
}
Tensor first(const Tensor& y, int64_t dim) { return y.ndim() && y.size(dim) ? slice(y, dim, 0, 1) : y; }
Tensor shifted(const Tensor& y, int64_t dim, double gap) {
  return shifted(y, dim, false, full(first(y, dim).shape(), number(gap), y.dtype(), y.device()));
}

// y[i] = y[i - 1] x[i]: exact where elements are zero, unlike a division by them.
void cumprod_vjp(Backward& b) {
  const Tensor x = b.saved(0), y = b.saved(1);
  const int64_t dim = b.attr<int64_t>(0);
  b.set(0, linear_scan(b.grad(), conj(x), dim, true) * conj(shifted(y, dim, 1)));
}
const Op cumprod_op{"cumprod", cumprod_vjp};

// With a = g + the share of what follows: exp of differences that are never positive cannot overflow.
void logcumsumexp_vjp(Backward& b) {
  const Tensor x = b.saved(0), y = b.saved(1);
  const int64_t dim = b.attr<int64_t>(0);
  const Tensor passed = exp(shifted(y, dim, false, first(y, dim)) - y);
  const Tensor own = exp(x - y);
  const double low = -std::numeric_limits<double>::infinity();
  const Tensor adjoint = linear_scan(b.grad(), where(eq(y, low), 0.0, passed), dim, true);
  b.set(0, adjoint * where(eq(y, low), 0.0, own));
}
const Op logcumsumexp_op{"logcumsumexp", logcumsumexp_vjp};

void linear_scan_vjp(Backward& b) {
  const Tensor factor = b.saved(0), y = b.saved(1);
  const int64_t dim = b.attr<int64_t>(0);
  const bool reverse = b.attr<bool>(1);
  const Tensor adjoint = linear_scan(b.grad(), conj(factor), dim, !reverse);
  if (b.needs(0)) b.set(0, adjoint);
  if (!b.needs(1)) return;
  b.set(1, reverse ? shifted(adjoint, dim, 0) * conj(y) : adjoint * conj(shifted(y, dim, 0)));
}
const Op linear_scan_op{"linear_scan", linear_scan_vjp};

// Each gradient goes to the place its value came from. Equal places follow each other, the first of them being the
// place itself: the sum of a run is a scan that starts anew with each run.
void cumextreme_vjp(Backward& b) {
  if (!b.grad(0).defined()) return;
  const int64_t dim = b.attr<int64_t>(0);
  const Tensor g = b.grad(0), places = b.saved(0);
  if (g.ndim() == 0) return b.set(0, g);
  const Tensor same = to_dtype(eq(places, shifted(places, dim, -1)), g.dtype());
  b.set(0, where(eq(places, positions(places, dim)), linear_scan(g, same, dim, true), 0.0));
}
const Op cummax_op{"cummax", cumextreme_vjp};
const Op cummin_op{"cummin", cumextreme_vjp};

int64_t checked_dim(const Tensor& x, int64_t dim, const char* op) { return wrap_dim(dim, x.ndim(), op); }

}  // namespace

Tensor cumsum(const Tensor& x, int64_t wanted, bool reverse) {
  const int64_t dim = checked_dim(x, wanted, "cumsum");
  Tensor out = run(Scan::Sum, "cumsum", x, dim, reverse, {}, {});
  if (!needs_grad({&x})) return out;
  return record(cumsum_op, {&x}, {dim, reverse}, {}, out);
}

Tensor cumprod(const Tensor& x, int64_t wanted) {
  const int64_t dim = checked_dim(x, wanted, "cumprod");
  Tensor out = run(Scan::Prod, "cumprod", x, dim, false, {}, {});
  if (!needs_grad({&x})) return out;
  return record(cumprod_op, {&x}, {dim}, {x, out}, out);
}

Tensor logcumsumexp(const Tensor& x, int64_t wanted) {
  FL_CHECK(is_floating(x.dtype()), NotImplemented, "logcumsumexp", "\"logcumsumexp_out_cpu\" not implemented for '",
           info(x.dtype()).title, "'");
  const int64_t dim = checked_dim(x, wanted, "logcumsumexp");
  Tensor out = run(Scan::LogSumExp, "logcumsumexp", x, dim, false, {}, {});
  if (!needs_grad({&x})) return out;
  return record(logcumsumexp_op, {&x}, {dim}, {x, out}, out);
}

Tensor linear_scan(const Tensor& x, const Tensor& factor, int64_t dim, bool reverse) {
  Tensor out = run(Scan::Linear, "linear_scan", x, dim, reverse, factor, {});
  if (!needs_grad({&x, &factor})) return out;
  return record(linear_scan_op, {&x, &factor}, {dim, reverse}, {factor, Save(out, 2)}, out);
}

std::vector<Tensor> cumextreme(Scan kind, const Tensor& x, int64_t wanted) {
  const Op& op = kind == Scan::Max ? cummax_op : cummin_op;
  FL_CHECK(!is_complex(x.dtype()), NotImplemented, op.name, "\"", op.name, "_cpu\" not implemented for '",
           info(x.dtype()).title, "'");
  const int64_t dim = checked_dim(x, wanted, op.name);
  std::vector<Tensor> outs(2);
  outs[1] = empty(x.shape(), DType::Int64, x.device());
  outs[0] = run(kind, op.name, x, dim, false, {}, outs[1]);
  if (needs_grad({&x})) record_many(op, {&x, 1}, {dim}, {outs[1]}, outs);
  return outs;
}

}  // namespace flambeau::ops
