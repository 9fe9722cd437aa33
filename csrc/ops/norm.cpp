// Normalizations. First derivatives are fused kernels; where the derivative itself is to be differentiated, the
// statistics are computed anew with public ops and the same formulas are applied to them.
#include "core/kernels/norm.h"

#include "core/kernels.h"
#include "ops/chain.h"
#include "ops/reduce.h"

namespace flambeau::ops {

namespace {

DType compute_dtype(const Tensor& x) { return x.dtype() == DType::Float64 ? DType::Float64 : DType::Float32; }
Tensor prepare(const Tensor& x, DType compute) {
  if (!x.defined()) return x;
  if (x.dtype() == compute && x.is_contiguous()) return x;
  return contiguous(to_dtype(detach(x), compute, MemoryFormat::Contiguous));
}
void* pointer(const Tensor& x) { return x.defined() ? x.raw() : nullptr; }
Tensor quiet_cast(const Tensor& x, DType dtype) {
  GradMode no_grad(false);
  return to_dtype(x, dtype);
}
void set_cast(Backward& b, int input, const Tensor& gradient, const Tensor& like) {
  if (b.needs(input) && gradient.defined()) b.set(input, to_dtype(gradient, like.dtype()));
}

void check_floating(const Tensor& x, const char* op) {
  FL_CHECK(is_floating(x.dtype()), NotImplemented, op, "\"", op, "\" not implemented for '", info(x.dtype()).title,
           "'");
}

// dL/dx of y = (x - mean) / deviation * w for rows over `dims`, by public ops: g is dL/dy * w.
Tensor normalized_back(const Tensor& g, const Tensor& x, const Dims& dims, double eps, bool centered,
                       Tensor* normalized) {
  const Tensor away = centered ? x - mean(x, dims, true) : x;
  const Tensor rstd = 1.0 / sqrt(mean(away * away, dims, true) + eps);
  *normalized = away * rstd;
  const Tensor along = *normalized * mean(g * *normalized, dims, true);
  return centered ? (g - mean(g, dims, true) - along) * rstd : (g - along) * rstd;
}

// ---- layer norm and rms norm

LayerNormArgs layer_arguments(const Tensor& x, int64_t size, double eps, bool rms) {
  LayerNormArgs a{};
  a.dtype = x.dtype();
  a.rms = rms;
  a.size = size;
  a.rows = size ? x.numel() / size : 0;
  a.in = x.raw();
  a.eps = eps;
  return a;
}

// inputs: x, weight, bias; saved: x, weight, mean, rstd; attrs: the normalized shape, eps.
template <bool rms>
void layer_norm_vjp(Backward& b) {
  const Tensor x = b.saved(0), weight = b.saved(1), mean = b.saved(2), rstd = b.saved(3), &g = b.grad();
  const Dims& shape = b.attr<Dims>(0);
  const double eps = b.attr<double>(1);
  const int64_t lead = x.ndim() - shape.size();
  if (grad_enabled()) {
    Dims dims, rows;
    for (int64_t i = 0; i < x.ndim(); i++) (i < lead ? rows : dims).push_back(i);
    Tensor normalized;
    const Tensor dx = normalized_back(weight.defined() ? g * weight : g, x, dims, eps, !rms, &normalized);
    if (b.needs(0)) b.set(0, dx);
    if (b.needs(1)) b.set(1, sum_to(g * normalized, shape));
    if (!rms && b.needs(2)) b.set(2, sum_to(g, shape));
    return;
  }
  const DType compute = compute_dtype(x);
  const Tensor in = prepare(x, compute), w = prepare(weight, compute), grad = prepare(g, compute);
  LayerNormArgs a = layer_arguments(in, count(shape), eps, rms);
  a.weight = pointer(w);
  a.mean = pointer(mean);
  a.rstd = rstd.raw();
  a.grad = grad.raw();
  const Tensor dx = b.needs(0) ? empty(x.shape(), compute, x.device()) : Tensor{};
  const Tensor dw = b.needs(1) ? empty(shape, compute, x.device()) : Tensor{};
  const Tensor db = !rms && b.needs(2) ? empty(shape, compute, x.device()) : Tensor{};
  a.grad_in = pointer(dx), a.grad_weight = pointer(dw), a.grad_bias = pointer(db);
  need(kernels_of(x).norm.layer_norm_backward, "layer_norm", x)(a);
  if (dx.defined()) b.set(0, to_dtype(dx, x.dtype()));
  if (dw.defined()) b.set(1, dw);
  if (db.defined()) b.set(2, db);
}
const Op layer_norm_op{"layer_norm", layer_norm_vjp<false>};
const Op rms_norm_op{"rms_norm", layer_norm_vjp<true>};

Tensor layer(const Op& op, const Tensor& x, const Dims& shape, const Tensor& weight, const Tensor& bias, double eps,
             bool rms) {
  check_floating(x, op.name);
  const DType compute = compute_dtype(x);
  const Tensor in = prepare(x, compute), w = prepare(weight, compute), c = prepare(bias, compute);
  const Tensor out = empty(x.shape(), compute, x.device());
  LayerNormArgs a = layer_arguments(in, count(shape), eps, rms);
  const Tensor mean = rms ? Tensor{} : empty(Dims{a.rows}, compute, x.device()),
               rstd = empty(Dims{a.rows}, compute, x.device());
  a.weight = pointer(w);
  a.bias = pointer(c);
  a.out = out.raw();
  a.mean = pointer(mean);
  a.rstd = rstd.raw();
  if (x.numel()) need(kernels_of(op.name, {&x, &weight, &bias}).norm.layer_norm, op.name, x)(a);
  Tensor y = x.dtype() == compute ? out : quiet_cast(out, x.dtype());
  if (!needs_grad({&x, &weight, &bias})) return y;
  return record(op, {&x, &weight, &bias}, {shape, eps}, {x, weight, Save(mean), rstd}, y);
}

// ---- group norm

// inputs: x, weight, bias; saved: x, weight, mean, rstd; attrs: groups, eps.
void group_norm_vjp(Backward& b) {
  const Tensor x = b.saved(0), weight = b.saved(1), mean = b.saved(2), rstd = b.saved(3), &g = b.grad();
  const int64_t groups = b.attr<int64_t>(0), channels = x.size(1), batch = x.size(0);
  const double eps = b.attr<double>(1);
  const int64_t size = batch * channels ? x.numel() / (batch * channels) : 0;
  const Dims planes{batch, channels, size}, grouped{batch, groups, groups ? channels / groups * size : 0};
  if (grad_enabled()) {
    Tensor normalized;
    const Tensor g3 = reshape(g, planes), w = weight.defined() ? view(contiguous(weight), {1, channels, 1}) : Tensor{};
    const Tensor dx = normalized_back(reshape(w.defined() ? g3 * w : g3, grouped), reshape(x, grouped), Dims{2}, eps,
                                      true, &normalized);
    if (b.needs(0)) b.set(0, reshape(dx, x.shape()));
    if (b.needs(1)) b.set(1, sum(g3 * reshape(normalized, planes), Dims{0, 2}, false));
    if (b.needs(2)) b.set(2, sum(g3, Dims{0, 2}, false));
    return;
  }
  const DType compute = compute_dtype(x);
  const Tensor in = prepare(x, compute), w = prepare(weight, compute), grad = prepare(g, compute);
  GroupNormArgs a{};
  a.dtype = compute;
  a.batch = batch, a.channels = channels, a.size = size, a.groups = groups;
  a.in = in.raw(), a.weight = pointer(w), a.eps = eps;
  a.mean = mean.raw(), a.rstd = rstd.raw(), a.grad = grad.raw();
  const Tensor dx = b.needs(0) ? empty(x.shape(), compute, x.device()) : Tensor{};
  const Tensor dw = b.needs(1) ? empty(Dims{channels}, compute, x.device()) : Tensor{},
               db = b.needs(2) ? empty(Dims{channels}, compute, x.device()) : Tensor{};
  a.grad_in = pointer(dx), a.grad_weight = pointer(dw), a.grad_bias = pointer(db);
  need(kernels_of(x).norm.group_norm_backward, "group_norm", x)(a);
  if (dx.defined()) b.set(0, to_dtype(dx, x.dtype()));
  if (dw.defined()) b.set(1, dw);
  if (db.defined()) b.set(2, db);
}
const Op group_norm_op{"group_norm", group_norm_vjp};

// ---- batch norm

bool lies_channels_last(const Tensor& x) {
  if (x.ndim() == 2) return true;
  if (x.ndim() == 4) return !x.is_contiguous() && is_contiguous(x, MemoryFormat::ChannelsLast);
  if (x.ndim() == 5) return !x.is_contiguous() && is_contiguous(x, MemoryFormat::ChannelsLast3d);
  return false;
}
MemoryFormat batch_format(const Tensor& x, bool last) {
  return !last || x.ndim() == 2 ? MemoryFormat::Contiguous
         : x.ndim() == 4        ? MemoryFormat::ChannelsLast
                                : MemoryFormat::ChannelsLast3d;
}

BatchNormArgs batch_arguments(const Tensor& x, bool last, bool train, double eps) {
  BatchNormArgs a{};
  a.dtype = x.dtype();
  a.channels_last = last;
  a.train = train;
  a.batch = x.size(0);
  a.channels = x.size(1);
  a.size = a.batch * a.channels ? x.numel() / (a.batch * a.channels) : 0;
  a.eps = eps;
  return a;
}

// inputs: x, weight, bias; saved: x, weight, mean, var; attrs: train, eps.
void batch_norm_vjp(Backward& b) {
  const Tensor x = b.saved(0), weight = b.saved(1), mean = b.saved(2), var = b.saved(3);
  const Tensor g = b.grad_or_zeros(0);
  const bool train = b.attr<bool>(0);
  const double eps = b.attr<double>(1);
  Dims dims{0}, column{1, x.size(1)};
  for (int64_t i = 2; i < x.ndim(); i++) dims.push_back(i), column.push_back(1);
  if (grad_enabled()) {
    const Tensor scaled = weight.defined() ? g * view(contiguous(weight), column) : g;
    Tensor dx, normalized;
    if (train) {
      dx = normalized_back(scaled, x, dims, eps, true, &normalized);
    } else {
      const Tensor rstd = view(1.0 / sqrt(var + eps), column);
      normalized = (x - view(mean, column)) * rstd;
      dx = scaled * rstd;
    }
    if (b.needs(0)) b.set(0, dx);
    if (b.needs(1)) b.set(1, sum(g * normalized, dims, false));
    if (b.needs(2)) b.set(2, sum(g, dims, false));
    return;
  }
  const DType compute = compute_dtype(x);
  const bool last = lies_channels_last(x);
  const MemoryFormat format = batch_format(x, last);
  const Tensor in = contiguous(to_dtype(x, compute), format), grad = contiguous(to_dtype(g, compute), format);
  const Tensor w = prepare(weight, compute), m = prepare(mean, compute), v = prepare(var, compute);
  BatchNormArgs a = batch_arguments(in, last, train, eps);
  a.in = in.raw();
  a.weight = pointer(w), a.mean = m.raw(), a.var = v.raw(), a.grad = grad.raw();
  const Tensor dx = b.needs(0) ? empty_strided(in.shape(), in.strides(), compute, x.device()) : Tensor{};
  const Tensor dw = b.needs(1) ? empty(Dims{x.size(1)}, compute, x.device()) : Tensor{},
               db = b.needs(2) ? empty(Dims{x.size(1)}, compute, x.device()) : Tensor{};
  a.grad_in = pointer(dx), a.grad_weight = pointer(dw), a.grad_bias = pointer(db);
  need(kernels_of(x).norm.batch_norm_backward, "batch_norm", x)(a);
  if (dx.defined()) b.set(0, to_dtype(dx, x.dtype()));
  if (dw.defined()) b.set(1, dw);
  if (db.defined()) b.set(2, db);
}
const Op batch_norm_op{"batch_norm", batch_norm_vjp};

}  // namespace

Tensor layer_norm(const Tensor& x, const Dims& shape, const Tensor& weight, const Tensor& bias, double eps) {
  return layer(layer_norm_op, x, shape, weight, bias, eps, false);
}
Tensor rms_norm(const Tensor& x, const Dims& shape, const Tensor& weight, double eps) {
  return layer(rms_norm_op, x, shape, weight, {}, eps, true);
}

Tensor group_norm(const Tensor& x, int64_t groups, const Tensor& weight, const Tensor& bias, double eps) {
  check_floating(x, "group_norm");
  const DType compute = compute_dtype(x);
  const Tensor in = prepare(x, compute), w = prepare(weight, compute), c = prepare(bias, compute);
  const Tensor out = empty(x.shape(), compute, x.device());
  const Tensor mean = empty(Dims{x.size(0), groups}, compute, x.device()),
               rstd = empty(Dims{x.size(0), groups}, compute, x.device());
  GroupNormArgs a{};
  a.dtype = compute;
  a.batch = x.size(0), a.channels = x.size(1), a.groups = groups;
  a.size = a.batch * a.channels ? x.numel() / (a.batch * a.channels) : 0;
  a.in = in.raw(), a.weight = pointer(w), a.bias = pointer(c), a.eps = eps;
  a.out = out.raw(), a.mean = mean.raw(), a.rstd = rstd.raw();
  if (x.numel()) need(kernels_of("group_norm", {&x, &weight, &bias}).norm.group_norm, "group_norm", x)(a);
  Tensor y = x.dtype() == compute ? out : quiet_cast(out, x.dtype());
  if (!needs_grad({&x, &weight, &bias})) return y;
  return record(group_norm_op, {&x, &weight, &bias}, {groups, eps}, {x, weight, mean, rstd}, y);
}

std::vector<Tensor> batch_norm(const Tensor& x, const Tensor& weight, const Tensor& bias, const Tensor& given_mean,
                               const Tensor& given_var, bool train, double eps) {
  check_floating(x, "batch_norm");
  const DType compute = compute_dtype(x);
  const bool last = lies_channels_last(x);
  Tensor in;
  {
    GradMode no_grad(false);
    in = contiguous(to_dtype(x, compute), batch_format(x, last));
  }
  const Tensor w = prepare(weight, compute), c = prepare(bias, compute);
  const Tensor mean = train ? empty(Dims{x.size(1)}, compute, x.device()) : prepare(given_mean, compute);
  const Tensor var = train ? empty(Dims{x.size(1)}, compute, x.device()) : prepare(given_var, compute);
  BatchNormArgs a = batch_arguments(in, last, train, eps);
  a.weight = pointer(w), a.bias = pointer(c), a.mean = mean.raw(), a.var = var.raw();
  if (!train && in.is(x) && x.dtype() == DType::Float32 && !needs_grad({&x, &weight, &bias}))
    if (const Tensor later = defer_norm(x, a, last); later.defined()) return {later, mean, var};
  const Tensor out = empty_strided(in.shape(), in.strides(), compute, x.device());
  a.in = in.raw(), a.out = out.raw();
  if (x.numel()) need(kernels_of("batch_norm", {&x, &weight, &bias}).norm.batch_norm, "batch_norm", x)(a);
  Tensor y = x.dtype() == compute ? out : quiet_cast(out, x.dtype());
  if (needs_grad({&x, &weight, &bias})) {
    y = record(batch_norm_op, {&x, &weight, &bias}, {train, eps}, {x, weight, Save(detach(mean)), Save(detach(var))},
               y);
  }
  return {y, mean, var};
}

}  // namespace flambeau::ops
