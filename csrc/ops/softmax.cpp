// softmax, log_softmax, logsumexp and cross entropy. In a first derivative their backward passes are fused kernels;
// when the derivative itself is to be differentiated they are formulas of public ops.
#include "core/kernels/softmax.h"

#include <algorithm>

#include "core/kernels.h"
#include "ops/reduce.h"

namespace flambeau::ops {

namespace {

DType compute_dtype(const Tensor& x) { return x.dtype() == DType::Float64 ? DType::Float64 : DType::Float32; }
// For kernels: as it is, or a copy outside the graph.
Tensor prepare(const Tensor& x, DType compute) {
  if (x.dtype() == compute && x.is_contiguous()) return x;
  return contiguous(to_dtype(detach(x), compute, MemoryFormat::Contiguous));
}

SoftmaxArgs arguments(const Tensor& x, DType compute, int64_t dim) {
  SoftmaxArgs a{};
  a.dtype = compute;
  a.outer = a.inner = 1;
  for (int64_t i = 0; i < dim; i++) a.outer *= x.size(i);
  for (int64_t i = dim + 1; i < x.ndim(); i++) a.inner *= x.size(i);
  a.size = x.ndim() ? x.size(dim) : 1;
  return a;
}

Tensor fused_backward(const Tensor& y, const Tensor& g, int64_t dim, bool log) {
  GradMode no_grad(false);
  const DType compute = compute_dtype(y);
  const Tensor from = prepare(y, compute), grad = prepare(g, compute), out = empty(y.shape(), compute, y.device());
  SoftmaxArgs a = arguments(y, compute, dim);
  a.log = log;
  a.in = from.raw();
  a.grad = grad.raw();
  a.out = out.raw();
  need(kernels_of(y).softmax.backward, "softmax", y)(a);
  return to_dtype(out, y.dtype());
}

void softmax_vjp(Backward& b) {
  const Tensor y = b.saved(0);
  const int64_t dim = b.attr<int64_t>(0);
  if (!grad_enabled()) return b.set(0, fused_backward(y, b.grad(), dim, false));
  const Tensor gy = b.grad() * y;
  b.set(0, gy - y * (y.ndim() ? sum(gy, Dims{dim}, true) : gy));
}
const Op softmax_op{"softmax", softmax_vjp};

void log_softmax_vjp(Backward& b) {
  const Tensor y = b.saved(0), g = b.grad();
  const int64_t dim = b.attr<int64_t>(0);
  if (!grad_enabled()) return b.set(0, fused_backward(y, g, dim, true));
  b.set(0, g - exp(y) * (y.ndim() ? sum(g, Dims{dim}, true) : g));
}
const Op log_softmax_op{"log_softmax", log_softmax_vjp};

Tensor forward(const Op& op, const Tensor& x, int64_t wanted, bool log) {
  FL_CHECK(is_floating(x.dtype()), NotImplemented, op.name, "\"", op.name,
           "_lastdim_kernel_impl\" not implemented for '", info(x.dtype()).title, "'");
  const int64_t dim = wrap_dim(wanted, x.ndim(), op.name);
  const DType compute = compute_dtype(x);
  const Tensor in = prepare(x, compute);
  Tensor out = empty(x.shape(), compute, x.device());
  SoftmaxArgs a = arguments(x, compute, dim);
  a.log = log;
  a.in = in.raw();
  a.out = out.raw();
  need(kernels_of(x).softmax.forward, op.name, x)(a);
  if (x.dtype() != compute) {
    GradMode no_grad(false);
    out = to_dtype(out, x.dtype());
  }
  if (!needs_grad({&x})) return out;
  return record(op, {&x}, {dim}, {out}, out);
}

void logsumexp_vjp(Backward& b) {
  const Tensor x = b.saved(0);
  const Dims& kept = b.attr<Dims>(0);
  const Tensor y = reshape(b.saved(1), kept), g = reshape(b.grad(), kept);
  const double low = -std::numeric_limits<double>::infinity();
  b.set(0, g * where(eq(y, low), 0.0, exp(x - y)));
}
const Op logsumexp_op{"logsumexp", logsumexp_vjp};

}  // namespace

Tensor softmax(const Tensor& x, int64_t dim) { return forward(softmax_op, x, dim, false); }
Tensor log_softmax(const Tensor& x, int64_t dim) { return forward(log_softmax_op, x, dim, true); }

Tensor logsumexp(const Tensor& given, DimsRef dims, bool keepdim) {
  const Tensor x = is_integral(given.dtype()) ? to_dtype(given, default_dtype()) : given;
  FL_CHECK(is_floating(x.dtype()), NotImplemented, "logsumexp", "\"logsumexp\" not implemented for '",
           info(x.dtype()).title, "'");
  const uint64_t mask = dims_mask(dims, x.ndim(), "logsumexp");
  Dims kept, shape, order, rows;
  for (int64_t i = 0; i < x.ndim(); i++) {
    const bool gone = mask >> i & 1;
    kept.push_back(gone ? 1 : x.size(i));
    if (!gone || keepdim) shape.push_back(kept[i]);
    if (!gone) order.push_back(i), rows.push_back(x.size(i));
  }
  for (int64_t i = 0; i < x.ndim(); i++)
    if (mask >> i & 1) order.push_back(i);
  const DType compute = compute_dtype(x);
  const Tensor out = empty(shape, compute, x.device());
  {
    // What is reduced goes to the end, unless one dim is reduced where it stands.
    GradMode no_grad(false);
    int64_t dim = -1, gone = 0;
    for (int64_t i = 0; i < x.ndim(); i++)
      if (mask >> i & 1) dim = i, gone++;
    const bool in_place = gone == 1 && x.is_contiguous();
    const Tensor in = prepare(in_place || x.ndim() == 0 ? x : permute(x, order), compute);
    SoftmaxArgs a = in_place ? arguments(in, compute, dim) : arguments(in, compute, 0);
    if (!in_place) a.outer = out.numel(), a.size = out.numel() ? x.numel() / out.numel() : 0, a.inner = 1;
    a.in = in.raw();
    a.out = out.raw();
    need(kernels_of(x).softmax.logsumexp, "logsumexp", x)(a);
  }
  Tensor result;
  {
    GradMode no_grad(false);
    result = to_dtype(out, x.dtype());
  }
  if (!needs_grad({&x})) return result;
  return record(logsumexp_op, {&x}, {kept}, {x, result}, result);
}

// ---- cross entropy

namespace {

CrossEntropyArgs cross_entropy_arguments(const Tensor& x, const Tensor& target, const Tensor& weight, int64_t ignore,
                                         double smoothing) {
  CrossEntropyArgs a{};
  const SoftmaxArgs s = arguments(x, x.dtype(), x.ndim() == 1 ? 0 : 1);
  a.dtype = x.dtype();
  a.outer = s.outer, a.size = s.size, a.inner = s.inner;
  a.in = x.raw();
  a.target = static_cast<const int64_t*>(target.raw());
  a.weight = weight.defined() ? weight.raw() : nullptr;
  a.ignore_index = ignore;
  a.smoothing = smoothing;
  return a;
}

void cross_entropy_vjp(Backward& b) {
  const Tensor x = b.saved(0), target = b.saved(1), weight = b.saved(2), lse = b.saved(3), divisor = b.saved(4);
  const int64_t reduction = b.attr<int64_t>(0), ignore = b.attr<int64_t>(1);
  const double smoothing = b.attr<double>(2);
  const Tensor& g = b.grad();
  if (grad_enabled()) {
    // d loss / d x from public ops: the softmax times what is summed, minus what each class gets.
    const int64_t dim = x.ndim() == 1 ? 0 : 1;
    Tensor z = log_softmax(x, dim);
    const Tensor used = unsqueeze(ne(target, number(ignore)), dim);
    const Tensor hit = eq(positions(x, dim), unsqueeze(target, dim)) * used;
    Dims shape(x.ndim(), 1);
    shape[dim] = x.size(dim);
    const Tensor w = weight.defined() ? view(contiguous(weight), shape)
                                      : full(Dims(x.ndim(), 1), number(1.0), x.dtype(), x.device());
    Tensor parts = where(hit, w * (1.0 - smoothing), 0.0);
    if (smoothing > 0) parts = parts + where(used, w * (smoothing / double(x.size(dim))), 0.0);
    parts = parts + zeros(x.shape(), x.dtype(), x.device());
    Tensor scale = reduction == 0 ? unsqueeze(g, dim) : reduction == 1 ? g / to_dtype(divisor, x.dtype()) : g;
    b.set(0, scale * (exp(z) * sum(parts, Dims{dim}, true) - parts));
    return;
  }
  GradMode no_grad(false);
  const DType compute = compute_dtype(x);
  const Tensor in = prepare(x, compute), grad = prepare(g, compute), out = empty(x.shape(), compute, x.device());
  const Tensor w = weight.defined() ? prepare(weight, compute) : Tensor{};
  CrossEntropyArgs a = cross_entropy_arguments(in, target, w, ignore, smoothing);
  a.logsumexp = lse.raw();
  a.grad = grad.raw();
  a.grad_stride = reduction == 0;
  a.divisor = reduction == 1 ? divisor.raw() : nullptr;
  a.grad_in = out.raw();
  need(kernels_of(x).softmax.cross_entropy_backward, "cross_entropy", x)(a);
  b.set(0, to_dtype(out, x.dtype()));
}
const Op cross_entropy_op{"cross_entropy", cross_entropy_vjp};

void check_targets(const Tensor& target, int64_t classes, int64_t ignore) {
  if (!target.device().is_cpu()) return;
  const int64_t* t = target.data<int64_t>();
  for (int64_t i = 0; i < target.numel(); i++) {
    FL_CHECK((t[i] >= 0 && t[i] < classes) || t[i] == ignore, Index, "cross_entropy", "Target ", t[i],
             " is out of bounds: there are ", classes, " classes");
  }
}

}  // namespace

bool all_classes(const Tensor& given, int64_t classes, int64_t ignore) {
  const Tensor target = prepare(given, DType::Int64);
  const int64_t* t = target.data<int64_t>();
  return std::all_of(t, t + target.numel(), [=](int64_t v) { return v >= 0 && v < classes && v != ignore; });
}

Tensor cross_entropy(const Tensor& x, const Tensor& given, const Tensor& weight, int64_t reduction, int64_t ignore,
                     double smoothing) {
  const DType compute = compute_dtype(x);
  const int64_t classes = x.size(x.ndim() == 1 ? 0 : 1);
  const Tensor in = prepare(x, compute), target = prepare(given, DType::Int64);
  const Tensor w = weight.defined() ? prepare(detach(weight), compute) : Tensor{};
  check_targets(target, classes, ignore);
  const Tensor loss = empty(target.shape(), compute, target.device()),
               share = empty(target.shape(), compute, target.device()),
               lse = empty(target.shape(), compute, target.device());
  CrossEntropyArgs a = cross_entropy_arguments(in, target, w, ignore, smoothing);
  a.logsumexp = lse.raw();
  a.loss = loss.raw();
  a.share = share.raw();
  need(kernels_of("cross_entropy", {&x, &given, &weight}).softmax.cross_entropy, "cross_entropy", x)(a);
  Tensor out = loss, divisor;
  {
    GradMode no_grad(false);
    if (reduction) out = sum(loss, Dims{}, false);
    if (reduction == 1) divisor = sum(share, Dims{}, false), out = out / divisor;
    out = to_dtype(out, x.dtype());
  }
  if (!needs_grad({&x})) return out;
  return record(cross_entropy_op, {&x}, {reduction, ignore, smoothing}, {x, target, Save(w), lse, Save(divisor)}, out);
}

}  // namespace flambeau::ops
