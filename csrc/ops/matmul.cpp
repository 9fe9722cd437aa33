// Matrix products: one primitive for all of mm, bmm, mv, dot and matmul, one that adds, and the linear layer's.
#include "core/kernels.h"
#include "core/packing.h"
#include "ops/ops.h"

namespace flambeau::ops {

namespace {

void check_dtypes(const char* op, const Tensor& a, const Tensor& b) {
  if (a.dtype() == b.dtype()) return;
  const DType wider = is_inexact(b.dtype()) > is_inexact(a.dtype()) ? b.dtype() : a.dtype();
  FL_FAIL(DType, op, "expected both matrices to have the same dtype, got ", a.shape(), " ", name(a.dtype()), " and ",
          b.shape(), " ", name(b.dtype()), "; convert one with .to(", name(wider), ")");
}

// The sizes of a product. Vectors are a row on the left, a column on the right, and leave no dimension in the result.
struct Sizes {
  int64_t m, n, k;
  Dims batch, out;
};

Sizes sizes_of(const char* op, const Tensor& a, const Tensor& b) {
  FL_CHECK(a.ndim() > 0 && b.ndim() > 0, Shape, op, "both arguments need to be at least 1D, but they are ", a.ndim(),
           "D and ", b.ndim(), "D; use * for a number");
  const bool left_vector = a.ndim() == 1, right_vector = b.ndim() == 1;
  Sizes s;
  s.m = left_vector ? 1 : a.size(-2);
  s.k = a.size(-1);
  s.n = right_vector ? 1 : b.size(-1);
  const int64_t other = right_vector ? b.size(0) : b.size(-2);
  FL_CHECK(s.k == other, Shape, op, "mat1 and mat2 shapes cannot be multiplied (", s.m, "x", s.k, " and ", other, "x",
           s.n, "): the last dimension of ", a.shape(), " must equal the ", right_vector ? "only" : "second to last",
           " one of ", b.shape(),
           other != s.k && !right_vector && b.size(-1) == s.k ? "; transpose the second with .mT" : "");
  if (a.ndim() > 2 || b.ndim() > 2)
    s.batch = broadcast_shapes(DimsRef(a.shape()).first(std::max<int64_t>(0, a.ndim() - 2)),
                               DimsRef(b.shape()).first(std::max<int64_t>(0, b.ndim() - 2)), op);
  s.out = s.batch;
  if (!left_vector) s.out.push_back(s.m);
  if (!right_vector) s.out.push_back(s.n);
  return s;
}

// Where each of the batches lies: one stride where that is enough, a list of offsets otherwise.
struct Batches {
  int64_t count = 1, a_stride = 0, b_stride = 0;
  std::vector<int64_t> a_offsets, b_offsets;
};

Dims batch_strides(const Tensor& t, const Dims& batch) {
  const int64_t n = std::max<int64_t>(0, t.ndim() - 2);
  return broadcast_strides(DimsRef(t.shape()).first(n), DimsRef(t.strides()).first(n), batch);
}

Batches batches_of(const Dims& batch, const Tensor& a, const Tensor& b) {
  Batches r;
  if (batch.empty()) return r;
  const Dims a_strides = batch_strides(a, batch), b_strides = batch_strides(b, batch);
  Dims sizes, as, bs;  // without what can be merged
  for (int64_t i = 0; i < batch.size(); ++i) {
    r.count *= batch[i];
    if (batch[i] == 1) continue;
    const int64_t last = sizes.size() - 1;
    if (last >= 0 && as[last] == a_strides[i] * batch[i] && bs[last] == b_strides[i] * batch[i]) {
      sizes[last] *= batch[i];
      as[last] = a_strides[i];
      bs[last] = b_strides[i];
    } else {
      sizes.push_back(batch[i]);
      as.push_back(a_strides[i]);
      bs.push_back(b_strides[i]);
    }
  }
  if (sizes.size() <= 1) {
    r.a_stride = sizes.empty() ? 0 : as[0];
    r.b_stride = sizes.empty() ? 0 : bs[0];
    return r;
  }
  r.a_offsets.resize(r.count);
  r.b_offsets.resize(r.count);
  Dims index(sizes.size(), 0);
  int64_t at_a = 0, at_b = 0;
  for (int64_t i = 0; i < r.count; ++i) {
    r.a_offsets[i] = at_a;
    r.b_offsets[i] = at_b;
    for (int64_t d = sizes.size() - 1; d >= 0; --d) {
      at_a += as[d];
      at_b += bs[d];
      if (++index[d] < sizes[d]) break;
      at_a -= as[d] * sizes[d];
      at_b -= bs[d] * sizes[d];
      index[d] = 0;
    }
  }
  return r;
}

// Few rows at a time, far from the next few, against one matrix: copied first, all rows are one product.
bool better_copied(const Tensor& a, const Tensor& b, const Sizes& s, const Batches& batches) {
  constexpr int64_t many = 256;
  return batches.count > 1 && s.m < many && b.ndim() == 2 && !is_contiguous(a, MemoryFormat::Contiguous) &&
         (!batches.a_offsets.empty() || batches.a_stride != s.m * a.stride(-2));
}

// How b lies: as it is, or with its last two dimensions exchanged.
enum class Right { Plain, Transposed };

// Is packing b, which may be the same in many products, a large part of the work? Few rows read it where it lies, and
// so do all if its columns are contiguous: the product is turned around then.
bool packing_counts(const GemmArgs& g, const Tensor& b, int64_t rows) {
  return b.ndim() == 2 && rows > 8 && rows <= 512 && g.b_row != 1;
}

// out = alpha * a b + beta * out (+ bias per column).
void multiply_into(const char* op, const Tensor& out, const Tensor& a, const Tensor& b, const Sizes& s,
                   double alpha = 1, double beta = 0, const Tensor* bias = nullptr, Right right = Right::Plain) {
  const auto entry = need(kernels_of(op, {&a, &b, bias ? bias : &out}).gemm.gemm[static_cast<int>(a.dtype())], op, a);
  const Batches batches = batches_of(s.batch, a, b);
  if (better_copied(a, b, s, batches))
    return multiply_into(op, out, contiguous(alias(a)), b, s, alpha, beta, bias, right);
  GemmArgs g;
  g.dtype = a.dtype();
  g.m = s.m;
  g.n = s.n;
  g.k = s.k;
  g.a = a.raw();
  g.a_row = a.ndim() == 1 ? 0 : a.stride(-2);
  g.a_col = a.stride(-1);
  g.b = b.raw();
  g.b_row = b.ndim() == 1 ? b.stride(0) : b.stride(-2);
  g.b_col = b.ndim() == 1 ? 1 : b.stride(-1);
  if (right == Right::Transposed) std::swap(g.b_row, g.b_col);
  g.c = out.raw();
  g.c_row = s.n;
  g.batch = batches.count;
  g.a_batch = batches.a_stride;
  g.b_batch = batches.b_stride;
  g.c_batch = s.m * s.n;
  if (!batches.a_offsets.empty()) {
    g.a_offsets = batches.a_offsets.data();
    g.b_offsets = batches.b_offsets.data();
  }
  g.alpha = alpha;
  g.beta = beta;
  if (bias) g.column_bias = bias->raw();
  if (!packing_counts(g, b, s.m * batches.count)) return entry(g);
  Packing packing(b);
  g.b_packing = packing.pointer();
  entry(g);
}

// Without a record where nothing is recorded.
Tensor transposed(const Tensor& x) {
  if (grad_enabled() || x.ndim() != 2) return transpose(x, -1, -2);
  return alias(x, {x.size(1), x.size(0)}, {x.stride(1), x.stride(0)}, x->offset);
}

Tensor adjoint(const Tensor& x) { return conj(transposed(x)); }

// All but the last dimension as one.
Tensor rows_of(const Tensor& x) {
  return x.ndim() == 2 ? x : reshape(x, Dims{count(DimsRef(x.shape()).first(x.ndim() - 1)), x.size(-1)});
}

// The gradients of a and b in g = d(a b), given as matrices (or stacks of them); scaled by alpha.
Tensor left_gradient(const Tensor& g, const Tensor& b, bool left_vector, bool right_vector) {
  if (right_vector) return left_vector ? g * conj(b) : unsqueeze(g, -1) * conj(b);
  const Tensor result = matmul(left_vector ? unsqueeze(g, -2) : g, adjoint(b));
  return left_vector ? squeeze(result, Dims{-2}) : result;
}

Tensor right_gradient(const Tensor& g, const Tensor& a, bool left_vector, bool right_vector, bool flat) {
  if (left_vector && right_vector) return g * conj(a);
  Tensor wide = right_vector ? unsqueeze(g, -1) : g;
  if (left_vector) wide = unsqueeze(wide, -2);
  Tensor rows = left_vector ? unsqueeze(a, 0) : a;
  // One matrix for all batches: their sum is one product, over the rows of all of them.
  if (flat && rows.ndim() > 2 && rows.numel() > 0) {
    rows = rows_of(rows);
    wide = rows_of(wide);
  }
  const Tensor result = matmul(adjoint(rows), wide);
  return right_vector ? squeeze(result, Dims{-1}) : result;
}

void matmul_vjp(Backward& b) {
  const Tensor g = b.grad();
  const int64_t left = b.attr<int64_t>(0), right = b.attr<int64_t>(1);
  if (b.needs(0)) b.set(0, left_gradient(g, b.saved(1), left == 1, right == 1));
  if (b.needs(1)) b.set(1, right_gradient(g, b.saved(0), left == 1, right == 1, right <= 2));
}
const Op matmul_op{"matmul", matmul_vjp};

void addmm_vjp(Backward& b) {
  const Tensor g = b.grad();
  const double beta = b.attr<double>(0), alpha = b.attr<double>(1);
  auto scaled = [](const Tensor& t, double by) { return by == 1 ? t : mul(t, by); };
  if (b.needs(0)) b.set(0, scaled(g, beta));
  if (b.needs(1)) b.set(1, scaled(left_gradient(g, b.saved(1), false, false), alpha));
  if (b.needs(2)) b.set(2, scaled(right_gradient(g, b.saved(0), false, false, false), alpha));
}
const Op addmm_op{"addmm", addmm_vjp};

void linear_vjp(Backward& b) {
  const Tensor g = b.grad();
  if (b.needs(0)) b.set(0, matmul(g, conj(b.saved(1))));
  if (b.needs(1)) {
    const Tensor x = b.saved(0);
    const Tensor rows = x.ndim() == 1 ? unsqueeze(x, 0) : rows_of(x),
                 wide = g.ndim() == 1 ? unsqueeze(g, 0) : rows_of(g);
    b.set(1, matmul(transposed(wide), conj(rows)));
  }
  if (b.inputs() > 2 && b.needs(2)) {
    Dims dims;
    for (int64_t i = 0; i + 1 < g.ndim(); ++i) dims.push_back(i);
    b.set(2, dims.empty() ? g : sum(g, dims, false));
  }
}
const Op linear_op{"linear", linear_vjp};

}  // namespace

Tensor matmul(const Tensor& a, const Tensor& b) {
  check_dtypes("matmul", a, b);
  const Sizes s = sizes_of("matmul", a, b);
  const Tensor out = empty(s.out, a.dtype(), a.device());
  multiply_into("matmul", out, a, b, s);
  return record(matmul_op, {&a, &b}, {a.ndim(), b.ndim()}, {Save(a, 2), Save(b, 1)}, out);
}

Tensor addmm(const Tensor& input, const Tensor& a, const Tensor& b, double beta, double alpha) {
  check_dtypes("addmm", a, b);
  check_dtypes("addmm", input, a);
  FL_CHECK(is_floating(a.dtype()), DType, "addmm", "expected floating-point matrices, got ", name(a.dtype()));
  FL_CHECK(a.ndim() >= 2 && b.ndim() >= 2, Shape, "addmm", "expected matrices, got ", a.shape(), " and ", b.shape());
  const Sizes s = sizes_of("addmm", a, b);
  const Tensor out = empty(s.out, a.dtype(), a.device());
  const Tensor plain = expand(alias(input), s.out);
  const bool bias = beta == 1 && input.ndim() == 1 && s.n > 1 && input.stride(0) == 1 && input.size(0) == s.n;
  if (beta != 0 && !bias) copy_(out, plain);
  multiply_into("addmm", out, a, b, s, alpha, bias ? 0 : beta, bias ? &input : nullptr);
  return record(addmm_op, {&input, &a, &b}, {beta, alpha}, {Save(a, 4), Save(b, 2)}, out);
}

Tensor linear(const Tensor& x, const Tensor& weight, const Tensor& bias) {
  FL_CHECK(weight.ndim() > 0 && weight.ndim() <= 2 && x.ndim() > 0, Shape, "linear",
           "expected an input of at least 1 dimension and a weight of 1 or 2, got input ", x.shape(), " and weight ",
           weight.shape());
  if (weight.ndim() == 1) return bias.defined() ? matmul(x, weight) + bias : matmul(x, weight);
  FL_CHECK(x.size(-1) == weight.size(1), Shape, "linear", "input's last dimension (", x.size(-1),
           ") must equal weight's in_features (", weight.size(1),
           "): mat1 and mat2 shapes cannot be multiplied, input ", x.shape(), " ", name(x.dtype()), ", weight ",
           weight.shape(), " ", name(weight.dtype()));
  check_dtypes("linear", x, weight);
  Sizes s;
  s.k = weight.size(1);
  s.n = weight.size(0);
  s.m = x.ndim() == 1 ? 1 : x.size(-2);
  if (x.ndim() > 2) s.batch = Dims(DimsRef(x.shape()).first(x.ndim() - 2));
  s.out = Dims(DimsRef(x.shape()).first(x.ndim() - 1));
  s.out.push_back(s.n);
  if (bias.defined()) check_dtypes("linear", x, bias);
  const bool fused = bias.defined() && bias.ndim() == 1 && bias.size(0) == s.n && is_floating(x.dtype());
  if (bias.defined() && !fused) return linear(x, weight, Tensor()) + bias;
  const Tensor flat = !fused || bias.is_contiguous() ? bias : contiguous(alias(bias));
  const Tensor out = empty(s.out, x.dtype(), x.device());
  multiply_into("linear", out, x, weight, s, 1, 0, fused ? &flat : nullptr, Right::Transposed);
  if (!bias.defined()) return record(linear_op, {&x, &weight}, {}, {Save(x, 2), Save(weight, 1)}, out);
  return record(linear_op, {&x, &weight, &bias}, {}, {Save(x, 2), Save(weight, 1)}, out);
}

}  // namespace flambeau::ops
