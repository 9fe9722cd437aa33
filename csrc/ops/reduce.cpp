// Reductions: one walk over the input's memory each, whatever its strides.
#include "ops/reduce.h"

#include <cmath>
#include <numeric>

#include "core/kernels.h"
#include "ops/indexing.h"

namespace flambeau::ops {

namespace {

// ---- the common part

struct Reduced {
  Dims kept;   // the input's shape with ones in place of what is reduced
  Dims shape;  // the output's
  uint64_t mask;
  int64_t count = 1;  // elements per output
};

Reduced reduced(const Tensor& x, DimsRef dims, bool keepdim, const char* op) {
  Reduced r;
  r.mask = dims_mask(dims, x.ndim(), op);
  for (int64_t i = 0; i < x.ndim(); i++) {
    const bool gone = r.mask >> i & 1;
    if (gone) r.count *= x.size(i);
    r.kept.push_back(gone ? 1 : x.size(i));
    if (!gone || keepdim) r.shape.push_back(r.kept[i]);
  }
  return r;
}

void run(Reduction kind, const char* op, const Tensor& x, const Reduced& r, const Tensor& out, double p = 0,
         const Tensor& second = {}) {
  ReduceArgs a;
  a.kind = kind;
  a.in_dtype = x.dtype();
  a.out_dtype = out.dtype();
  a.in = x.raw();
  a.out = out.raw();
  a.second = second.defined() ? second.raw() : nullptr;
  a.p = p;
  int64_t stride = out.numel();
  for (int64_t i = 0; i < x.ndim(); i++) {
    if (r.mask >> i & 1) {
      a.reduced[a.reduced_ndim++] = {x.size(i), x.stride(i), 0};
    } else {
      stride = x.size(i) ? stride / x.size(i) : 0;
      a.kept[a.kept_ndim++] = {x.size(i), x.stride(i), stride};
    }
  }
  need(kernels_of(out).reduce.reduce, op, x)(a);
}

Tensor reduce(Reduction kind, const char* op, const Tensor& x, const Reduced& r, DType dtype, double p = 0) {
  Tensor out = empty(r.shape, dtype, x.device());
  run(kind, op, x, r, out, p);
  return out;
}

// g, of a reduced shape, beside every element that was reduced.
Tensor spread(const Tensor& g, const Dims& kept, const Dims& shape) {
  return expand(g.shape() == kept ? g : reshape(g, kept), shape);
}
Tensor spread(Backward& b, const Tensor& g) { return spread(g, b.attr<Dims>(1), b.attr<Dims>(0)); }

// x as the elements that a sum into `dtype` adds: converted first, unless the kernel does it without another rounding.
Tensor summands(const Tensor& x, DType dtype) {
  if (x.dtype() == dtype || is_complex(x.dtype()) == is_complex(dtype)) {
    const bool widens = is_floating(x.dtype())
                            ? dtype == DType::Float64 || (dtype == DType::Float32 && is_reduced(x.dtype()))
                            : is_integral(x.dtype()) && (dtype == DType::Int64 || dtype == DType::Float64);
    if (x.dtype() == dtype || widens) return x;
  }
  return to_dtype(x, dtype);
}
DType sum_dtype(const Tensor& x, DType wanted) {
  return wanted != DType::Undefined ? wanted : is_integral(x.dtype()) ? DType::Int64 : x.dtype();
}

void refuse_complex(const Tensor& x, const char* op) {
  FL_CHECK(!is_complex(x.dtype()), NotImplemented, op, "\"", op, "\" not implemented for '", info(x.dtype()).title,
           "'");
}
void refuse_wide_unsigned(const Tensor& x, const char* op) {
  const DType t = x.dtype();
  FL_CHECK(t != DType::UInt16 && t != DType::UInt32 && t != DType::UInt64, NotImplemented, op, "\"", op,
           "\" not implemented for '", info(t).title, "'");
}

// An extreme of nothing does not exist.
void check_not_empty(const Tensor& x, DimsRef dims, const char* op) {
  if (x.numel()) return;
  FL_CHECK(!dims.empty(), Runtime, op, op, "(): Expected reduction dim to be specified for input.numel() == 0. ",
           "Specify the reduction dim with the 'dim' argument.");
  for (int64_t d : dims) {
    const int64_t dim = wrap_dim(d, x.ndim(), op);
    FL_CHECK(x.ndim() == 0 || x.size(dim) != 0, Index, op, op, "(): Expected reduction dim ", dim,
             " to have non-zero size.");
  }
}

// ---- sums

void sum_vjp(Backward& b) { b.set(0, spread(b, b.grad())); }
const Op sum_op{"sum", sum_vjp};

void mean_vjp(Backward& b) { b.set(0, spread(b, b.grad() / b.attr<double>(2))); }
const Op mean_op{"mean", mean_vjp};

void nansum_vjp(Backward& b) {
  const Tensor x = b.saved(0);
  b.set(0, where(eq(x, x), spread(b, b.grad()), 0.0));
}
const Op nansum_op{"nansum", nansum_vjp};

// ---- products

// Without zeros each element's cofactor is y / x; with zeros the product is the last element of a running product.
void prod_vjp(Backward& b) {
  const Tensor x = b.saved(0), y = b.saved(1), g = b.grad();
  const Dims &shape = b.attr<Dims>(0), &kept = b.attr<Dims>(1);
  if (!x.device().is_cpu() || item(to_dtype(all(detach(x)), DType::Float64)) != 0) {
    b.set(0, spread(b, g) * conj(spread(b, y) / x));
    return;
  }
  Dims order, back(x.ndim(), 0), moved;
  for (int last = 0; last < 2; last++) {
    for (int64_t i = 0; i < x.ndim(); i++) {
      if ((kept[i] == 1 && shape[i] != 1) == bool(last)) order.push_back(i);
    }
  }
  Dims flat, ends;
  int64_t n = 1;
  for (int64_t i = 0; i < x.ndim(); i++) {
    back[order[i]] = i;
    moved.push_back(shape[order[i]]);
    if (kept[order[i]] == 1 && shape[order[i]] != 1) {
      n *= shape[order[i]];
    } else {
      flat.push_back(shape[order[i]]);
    }
  }
  const int64_t dim = flat.size();
  ends = flat;
  flat.push_back(n);
  ends.push_back(1);
  const Tensor row = reshape(permute(x, order), flat), running = cumprod(row, dim);
  // The last element of the running product has g, all others have none.
  const Tensor last = where(eq(positions(row, dim), double(n - 1)), reshape(g, ends), 0.0);
  const Tensor adjoint = linear_scan(last, conj(row), dim, true);
  const Tensor left = cat(std::vector<Tensor>{ones_like(slice(row, dim, 0, 1)), slice(running, dim, 0, n - 1)}, dim);
  b.set(0, permute(reshape(adjoint * conj(left), moved), back));
}
const Op prod_op{"prod", prod_vjp};

// ---- extremes

// Equal extremes share the gradient.
void extreme_value_vjp(Backward& b) {
  const Tensor x = b.saved(0), y = spread(b, b.saved(1));
  const Dims& kept = b.attr<Dims>(1);
  const Tensor hit = eq(x, y) + ne(x, x) * ne(y, y);
  Dims dims;
  for (int64_t i = 0; i < x.ndim(); i++)
    if (kept[i] != x.size(i)) dims.push_back(i);
  const Tensor share = dims.empty() ? to_dtype(hit, x.dtype()) : sum(hit, dims, true, x.dtype());
  b.set(0, where(hit, spread(b, b.grad()) / share, 0.0));
}
const Op amax_op{"amax", extreme_value_vjp};
const Op amin_op{"amin", extreme_value_vjp};

// Values that stand at known indices along a dim: the gradient goes there.
void indexed_vjp(Backward& b) {
  if (!b.grad(0).defined()) return;
  const int64_t dim = b.attr<int64_t>(0);
  const Dims& shape = b.attr<Dims>(1);
  Tensor index = b.saved(0), g = b.grad(0);
  if (shape.size() == 0) return b.set(0, g);
  if (index.ndim() != shape.size()) index = unsqueeze(index, dim), g = unsqueeze(g, dim);
  b.set(0, scatter_add(zeros(shape, g.dtype(), g.device()), dim, index, g, true));
}
const Op max_op{"max", indexed_vjp};
const Op min_op{"min", indexed_vjp};
const Op median_op{"median", indexed_vjp};
const Op nanmedian_op{"nanmedian", indexed_vjp};
const Op mode_op{"mode", indexed_vjp};

Tensor extreme_value(Reduction kind, const Op& op, const Tensor& x, DimsRef dims, bool keepdim) {
  refuse_complex(x, op.name);
  refuse_wide_unsigned(x, op.name);
  check_not_empty(x, dims, op.name);
  const Reduced r = reduced(x, dims, keepdim, op.name);
  Tensor out = reduce(kind, op.name, x, r, x.dtype());
  if (!needs_grad({&x})) return out;
  return record(op, {&x}, {x.shape(), r.kept}, {x, out}, out);
}

// ---- moments

// The gradient of the variance: 2 (x - mean) / (n - correction).
Tensor var_gradient(Backward& b, const Tensor& x, const Tensor& g) {
  const Dims& kept = b.attr<Dims>(1);
  Dims dims;
  for (int64_t i = 0; i < x.ndim(); i++)
    if (kept[i] != x.size(i)) dims.push_back(i);
  const Tensor centered = dims.empty() ? x - x : x - mean(x, dims, true);
  const double n = b.attr<double>(2) - b.attr<double>(3);
  return spread(b, g * (2.0 / std::max(0.0, n))) * centered;
}
// The deviation's gradient by way of the variance's; zero where there is no deviation.
Tensor root_gradient(const Tensor& g, const Tensor& deviation) {
  return where(eq(deviation, 0.0), 0.0, g / (deviation * 2.0));
}
template <bool root>
void moments_vjp(Backward& b) {
  const Tensor x = b.saved(0);
  Tensor total;
  if (b.grad(0).defined()) total = var_gradient(b, x, root ? root_gradient(b.grad(0), b.saved(1)) : b.grad(0));
  if (b.outputs() > 1 && b.grad(1).defined()) {
    const Tensor part = spread(b, b.grad(1) / b.attr<double>(2));
    total = total.defined() ? total + part : part;
  }
  if (total.defined()) b.set(0, total);
}
const Op var_op{"var", moments_vjp<false>};
const Op std_op{"std", moments_vjp<true>};
const Op var_mean_op{"var_mean", moments_vjp<false>};
const Op std_mean_op{"std_mean", moments_vjp<true>};

// ---- norms

void norm_vjp(Backward& b) {
  const Tensor x = b.saved(0), y = b.saved(1), g = spread(b, b.grad()), norm = spread(b, y);
  const double p = b.attr<double>(2);
  // What is the same for all elements of a norm is computed once for each.
  const Tensor none = eq(y, 0.0), size_or_one = where(none, 1.0, y);
  const auto per_norm = [&](const Tensor& slope) { return spread(b, where(none, 0.0, slope)); };
  if (p == 0) return b.set(0, zeros_like(x));
  if (p == 1) return b.set(0, sign(x) * g);
  if (p == 2) return b.set(0, x * per_norm(b.grad() / size_or_one));
  if (std::isinf(p)) {
    const Tensor hit = eq(abs(x), norm) + ne(x, x) * ne(norm, norm);
    const Tensor share = sum_to(to_dtype(hit, y.dtype()), b.attr<Dims>(1));
    return b.set(0, where(hit, sign(x) * (g / expand(share, x.shape())), 0.0));
  }
  const Tensor size = abs(x);
  const Tensor away = where(eq(size, 0.0), 0.0, pow(where(eq(size, 0.0), 1.0, size), number(p - 1)));
  b.set(0, sign(x) * away * per_norm(b.grad() / pow(size_or_one, number(p - 1))));
}
const Op norm_op{"vector_norm", norm_vjp};

}  // namespace

Tensor positions(const Tensor& x, int64_t dim) {
  Tensor out = empty(Dims{x.size(dim)}, DType::Int64, x.device());
  if (x.device().is_cpu()) std::iota(out.data<int64_t>(), out.data<int64_t>() + out.numel(), int64_t{0});
  Dims shape(x.ndim(), 1);
  shape[dim] = x.size(dim);
  return view(out, shape);
}

Tensor sum(const Tensor& x, DimsRef dims, bool keepdim, DType wanted) {
  const DType dtype = sum_dtype(x, wanted);
  if (dtype == DType::Bool) return any(x, dims, keepdim);
  const Tensor in = summands(x, dtype);
  const Reduced r = reduced(in, dims, keepdim, "sum");
  Tensor out = reduce(Reduction::Sum, "sum", in, r, dtype);
  if (!needs_grad({&in})) return out;
  return record(sum_op, {&in}, {in.shape(), r.kept}, {}, out);
}
Tensor sum(const Tensor& x, const Dims& dims, bool keepdim) { return sum(x, dims, keepdim, DType::Undefined); }

Tensor mean(const Tensor& x, DimsRef dims, bool keepdim, DType wanted) {
  FL_CHECK(wanted != DType::Undefined || is_inexact(x.dtype()), Runtime, "mean",
           "mean(): could not infer output dtype. Input dtype must be either a floating point or complex dtype. Got: ",
           info(x.dtype()).title);
  const DType dtype = wanted == DType::Undefined ? x.dtype() : wanted;
  FL_CHECK(
      is_inexact(dtype), Runtime, "mean",
      "mean(): could not infer output dtype. Optional dtype must be either a floating point or complex dtype. Got: ",
      info(dtype).title);
  const Tensor in = summands(x, dtype);
  const Reduced r = reduced(in, dims, keepdim, "mean");
  Tensor out = reduce(Reduction::Mean, "mean", in, r, dtype);
  if (!needs_grad({&in})) return out;
  return record(mean_op, {&in}, {in.shape(), r.kept, double(r.count)}, {}, out);
}

Tensor nansum(const Tensor& x, DimsRef dims, bool keepdim, DType wanted) {
  FL_CHECK(!is_complex(x.dtype()), Runtime, "nansum", "nansum on CPU does not support complex inputs");
  if (is_integral(x.dtype())) return sum(x, dims, keepdim, wanted);
  const DType dtype = sum_dtype(x, wanted);
  const Tensor in = summands(x, dtype);
  const Reduced r = reduced(in, dims, keepdim, "nansum");
  Tensor out = is_floating(dtype) ? reduce(Reduction::NanSum, "nansum", in, r, dtype) : sum(in, dims, keepdim, dtype);
  if (!needs_grad({&in})) return out;
  return record(nansum_op, {&in}, {in.shape(), r.kept}, {in}, out);
}

Tensor prod(const Tensor& x, DimsRef dims, bool keepdim, DType wanted) {
  const DType dtype = sum_dtype(x, wanted);
  if (dtype == DType::Bool) return all(x, dims, keepdim);
  const Tensor in = x.dtype() == dtype || (is_integral(x.dtype()) && dtype == DType::Int64) ? x : to_dtype(x, dtype);
  const Reduced r = reduced(in, dims, keepdim, "prod");
  Tensor out = reduce(Reduction::Prod, "prod", in, r, dtype);
  if (!needs_grad({&in})) return out;
  return record(prod_op, {&in}, {in.shape(), r.kept}, {in, out}, out);
}

Tensor amax(const Tensor& x, DimsRef dims, bool keepdim) {
  return extreme_value(Reduction::Max, amax_op, x, dims, keepdim);
}
Tensor amin(const Tensor& x, DimsRef dims, bool keepdim) {
  return extreme_value(Reduction::Min, amin_op, x, dims, keepdim);
}

namespace {
Tensor truth(Reduction kind, const char* op, const Tensor& x, DimsRef dims, bool keepdim) {
  const Tensor in = is_complex(x.dtype()) ? ne(x, 0.0) : x;
  return reduce(kind, op, in, reduced(in, dims, keepdim, op), x.dtype() == DType::UInt8 ? DType::UInt8 : DType::Bool);
}
}  // namespace

Tensor any(const Tensor& x, DimsRef dims, bool keepdim) { return truth(Reduction::Any, "any", x, dims, keepdim); }
Tensor all(const Tensor& x, DimsRef dims, bool keepdim) { return truth(Reduction::All, "all", x, dims, keepdim); }

Tensor count_nonzero(const Tensor& x, DimsRef dims) {
  const Tensor in = is_complex(x.dtype()) ? ne(x, 0.0) : x;
  return reduce(Reduction::CountNonzero, "count_nonzero", in, reduced(in, dims, false, "count_nonzero"), DType::Int64);
}

Tensor vector_norm(const Tensor& x, double p, DimsRef dims, bool keepdim, DType wanted) {
  constexpr const char* op = "linalg.vector_norm";
  FL_CHECK(is_inexact(x.dtype()), Runtime, op, op, ": Expected a floating point or complex tensor as input. Got ",
           info(x.dtype()).title);
  Tensor in = wanted == DType::Undefined ? x : to_dtype(x, wanted);
  if (is_complex(in.dtype())) in = abs(in);
  const Reduced r = reduced(in, dims, keepdim, op);
  FL_CHECK(r.count > 0 || (p >= 0 && !std::isinf(p)), Runtime, op, op, " cannot compute the ", p,
           " norm on an empty tensor because the operation does not have an identity");
  if (r.count == 1 && p != 0) return reshape(abs(in), r.shape);  // no square that could overflow
  Tensor out = reduce(Reduction::Norm, op, in, r, in.dtype(), p);
  if (!needs_grad({&in})) return out;
  return record(norm_op, {&in}, {in.shape(), r.kept, p}, {in, out}, out);
}

std::vector<Tensor> moments(Reduction kind, const Tensor& x, DimsRef dims, double correction, bool keepdim) {
  const bool both = kind == Reduction::VarMean || kind == Reduction::StdMean;
  const bool root = kind == Reduction::Std || kind == Reduction::StdMean;
  const Op& op = both ? (root ? std_mean_op : var_mean_op) : root ? std_op : var_op;
  FL_CHECK(is_floating(x.dtype()), Runtime, op.name, both ? op.name : "std and var",
           " only support floating point and complex dtypes");
  const Reduced r = reduced(x, dims, keepdim, op.name);
  std::vector<Tensor> outs{empty(r.shape, x.dtype(), x.device())};
  if (both) outs.push_back(empty(r.shape, x.dtype(), x.device()));
  run(kind, op.name, x, r, outs[0], correction, both ? outs[1] : Tensor{});
  if (!needs_grad({&x})) return outs;
  const double n = double(r.count);
  if (both) {
    record_many(op, {&x, 1}, {x.shape(), r.kept, n, correction}, {x, Save(root ? outs[0] : Tensor{})}, outs);
  } else {
    outs[0] = record(op, {&x}, {x.shape(), r.kept, n, correction}, {x, Save(root ? outs[0] : Tensor{})}, outs[0]);
  }
  return outs;
}

Tensor arg_reduce(Reduction kind, const Tensor& x, std::optional<int64_t> dim, bool keepdim) {
  const char* op = kind == Reduction::ArgMax ? "argmax" : "argmin";
  FL_CHECK(!is_complex(x.dtype()), Runtime, op, op, "(): does not support complex input");
  FL_CHECK(!is_bool(x.dtype()), Runtime, op, op, "(): does not support bool input");
  refuse_wide_unsigned(x, op);
  FL_CHECK(dim || x.numel(), Index, op, op, "(): Expected reduction dim to be specified for input.numel() == 0.");
  Dims dims;
  if (dim) dims.push_back(*dim);
  check_not_empty(x, dims, op);
  return reduce(kind, op, x, reduced(x, dims, keepdim, op), DType::Int64);
}

std::vector<Tensor> extreme(Reduction kind, const Tensor& x, int64_t wanted, bool keepdim) {
  const Op& op = kind == Reduction::MaxIndex ? max_op : min_op;
  FL_CHECK(!is_complex(x.dtype()), Runtime, op.name, op.name, "(): does not support complex input");
  refuse_wide_unsigned(x, op.name);
  const int64_t dim = wrap_dim(wanted, x.ndim(), op.name);
  check_not_empty(x, Dims{dim}, op.name);
  const Reduced r = reduced(x, Dims{dim}, keepdim, op.name);
  std::vector<Tensor> outs{empty(r.shape, x.dtype(), x.device()), empty(r.shape, DType::Int64, x.device())};
  run(kind, op.name, x, r, outs[0], 0, outs[1]);
  if (needs_grad({&x})) record_many(op, {&x, 1}, {dim, x.shape()}, {outs[1]}, outs);
  return outs;
}

std::vector<Tensor> pick(Pick kind, const Tensor& x, int64_t wanted, bool keepdim) {
  const Op& op = kind == Pick::Mode ? mode_op : kind == Pick::Median ? median_op : nanmedian_op;
  refuse_complex(x, op.name);
  refuse_wide_unsigned(x, op.name);
  FL_CHECK(kind == Pick::Mode || !is_bool(x.dtype()), NotImplemented, op.name,
           "\"median_cpu\" not implemented for 'Bool'");
  const int64_t dim = wrap_dim(wanted, x.ndim(), op.name);
  check_not_empty(x, Dims{dim}, op.name);
  const Reduced r = reduced(x, Dims{dim}, keepdim, op.name);
  const DType compute = kComputeDType[static_cast<int>(compute_of(x.dtype()))];
  Tensor values = empty(r.shape, compute, x.device()), indices = empty(r.shape, DType::Int64, x.device());
  {
    GradMode no_grad(false);
    const Tensor last = x.ndim() ? transpose(x, dim, x.ndim() - 1) : x;
    const Tensor rows = contiguous(to_dtype(last, compute, MemoryFormat::Contiguous));
    // The rows come in the order of the other dims with the last one in dim's place.
    Tensor row_values = empty(Dims{values.numel()}, compute, x.device()),
           row_indices = empty(Dims{values.numel()}, DType::Int64, x.device());
    PickArgs a{kind,
               compute,
               rows.raw(),
               row_values.raw(),
               static_cast<int64_t*>(row_indices.raw()),
               values.numel(),
               x.ndim() ? x.size(dim) : 1};
    if (a.rows) need(kernels_of(x).reduce.pick, op.name, x)(a);
    Dims moved = x.ndim() ? last.shape() : Dims{1};
    moved[moved.size() - 1] = 1;
    auto back = [&](const Tensor& t) {
      Tensor shaped = view(t, moved);
      return view(contiguous(x.ndim() ? transpose(shaped, dim, x.ndim() - 1) : shaped), r.shape);
    };
    values = to_dtype(back(row_values), x.dtype());
    indices = back(row_indices);
  }
  std::vector<Tensor> outs{detach(values), detach(indices)};
  if (needs_grad({&x})) record_many(op, {&x, 1}, {dim, x.shape()}, {outs[1]}, outs);
  return outs;
}

}  // namespace flambeau::ops
