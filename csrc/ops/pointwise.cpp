// The pointwise primitives of pointwise.def as ops: promotion, output, kernel, derivative, in-place form.
#include "ops/pointwise.h"

#include "core/kernels.h"
#include "ops/chain.h"
#include "ops/derivatives.h"

namespace flambeau::ops {

namespace {

constexpr bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

// Whether an expression names a variable: what a derivative names is what has to be saved.
constexpr bool names(const char* text, char variable) {
  char before = ' ';
  for (const char* c = text; *c; c++) {
    if (*c == variable && !is_word(before) && !is_word(c[1])) return true;
    before = *c;
  }
  return false;
}

std::shared_ptr<void> pack_params(Params params) { return std::make_shared<std::vector<double>>(params); }
Tensor record_with(const Op& op, Inputs inputs, Params params, Saves saved, const Tensor& out) {
  if (params.size() == 0) return record(op, inputs, {}, saved, out);
  return record(op, inputs, {pack_params(params)}, saved, out);
}
void finish_with(InplaceRecord& recording, Params params, Saves saved) {
  if (params.size() == 0) return recording.finish({}, saved);
  recording.finish({pack_params(params)}, saved);
}
const double* params_of(Backward& b) {
  if (b.node().attrs.empty()) return nullptr;
  return static_cast<std::vector<double>*>(b.attr<std::shared_ptr<void>>(0).get())->data();
}

const Tensor NONE;
constexpr bool is_none(std::string_view text) { return text == "NONE"; }

}  // namespace

DType pointwise_dtype(PointwiseResult rule, DType common) {
  switch (rule) {
    case PointwiseResult::SAME:
      return common;
    case PointwiseResult::FLOAT:
      return is_inexact(common) ? common : default_dtype();
    case PointwiseResult::BOOL:
      return DType::Bool;
    case PointwiseResult::REAL:
      return real_type(common);
    case PointwiseResult::FREAL:
      return is_inexact(common) ? real_type(common) : default_dtype();
    case PointwiseResult::CPLX:
      return complex_type(common);
  }
  return common;
}

namespace {

Tile tile_of(PointwiseResult rule, DType common) {
  switch (rule) {
    case PointwiseResult::BOOL:
      return Tile::Bool;
    case PointwiseResult::REAL:
    case PointwiseResult::FREAL:
      return is_complex(common) ? Tile::Real : Tile::Same;
    case PointwiseResult::CPLX:
      return Tile::Complex;
    default:
      return Tile::Same;
  }
}

// The layout of the first input that has the output's shape.
Tensor make_output(const Dims& shape, DType dtype, Device device, std::span<const Tensor* const> inputs) {
  for (const Tensor* t : inputs)
    if (t->shape() == shape && (t->is_contiguous() || t->device() == device)) return empty_like(*t, dtype, device);
  return empty(shape, dtype, device);
}

void check_into(const char* op, const Tensor& into, const Dims& shape, DType dtype,
                std::span<const Tensor* const> inputs) {
  FL_CHECK(can_cast(dtype, into.dtype()), Runtime, op, "result type ", info(dtype).title,
           " can't be cast to the desired output type ", info(into.dtype()).title);
  FL_CHECK(into.shape() == shape, Shape, op, "output with shape ", into.shape(), " doesn't match the broadcast shape ",
           shape);
  for (const Tensor* t : inputs) {
    if (t->is(into) || !((*t)->storage == into->storage) || t->numel() == 0) continue;
    bool same_window = (*t)->offset == into->offset && (*t).strides() == into.strides() && (*t).shape() == into.shape();
    if (same_window || !t->is_contiguous() || !into.is_contiguous()) continue;
    auto low = std::max((*t)->offset, into->offset);
    auto high = std::min((*t)->offset + t->numel(), into->offset + into.numel());
    FL_CHECK(low >= high, Runtime, op,
             "unsupported operation: some elements of the input tensor and the written-to tensor refer to a single "
             "memory location. Please clone() the tensor before performing the operation");
  }
}

}  // namespace

// torch says so with a RuntimeError in these cases, with NotImplementedError in all others.
[[noreturn, gnu::cold]] static void refuse(PointwiseOp id, const char* op, DType common) {
  using enum PointwiseOp;
  bool runtime = is_bool(common) ? id == neg || id == sub || id == relu || id == hardtanh
                                 : id == maximum || id == minimum || id == fmax || id == fmin || id == isposinf ||
                                       id == isneginf || id == heaviside || id == scale || id == imag_;
  FL_CHECK(!runtime, Runtime, op, "does not support ", info(common).title, " tensors");
  FL_FAIL(NotImplemented, op, "\"", op, "\" not implemented for '", info(common).title, "'");
}

// A scalar of a wider dtype gives way to the tensors' dtype: it is rounded to that before the op, not after it.
static bool loses_range(const Tensor& x, DType common, PointwiseResult rule) {
  if (x.dtype() == common || x.ndim() || is_bool(x.dtype()) || is_complex(common)) return false;
  if (!is_inexact(common)) return common != DType::Int64 && !is_bool(common);
  return rule == PointwiseResult::BOOL && (common == DType::Float16 || common == DType::BFloat16);
}

static Tensor rounded_to(const Tensor& x, DType dtype) {
  Tensor out = empty({}, dtype, x.device());
  kernels_of(x).pointwise.copy(out, x);
  return out;
}

Tensor run_pointwise(PointwiseOp id, const char* name, PointwiseResult rule, std::span<const Tensor* const> inputs,
                     Params params, const Tensor* into, DType common) {
  Dims broadcast;
  const Dims* common_shape = &inputs[0]->shape();
  for (size_t i = 1; i < inputs.size(); i++)
    if (!(inputs[i]->shape() == *common_shape)) {
      broadcast = broadcast_shapes(*common_shape, inputs[i]->shape(), name);
      common_shape = &broadcast;
    }
  const Dims& shape = *common_shape;
  DType computed = rule == PointwiseResult::FLOAT || rule == PointwiseResult::FREAL || rule == PointwiseResult::CPLX
                       ? (is_inexact(common) ? common : default_dtype())
                       : common;
  DType dtype = pointwise_dtype(rule, common);
  Compute compute = is_bool(computed) ? Compute::Bool : compute_of(computed);
  const Device device = common_device(name, inputs);
  const Kernels& kernels = kernels_on(device);
  TileFn tile = kernels.pointwise.tile[static_cast<int>(id)][static_cast<int>(compute)];
  if (!tile) [[unlikely]]
    refuse(id, name, common);
  if (id == PointwiseOp::sub && (is_bool(inputs[0]->dtype()) || is_bool(inputs[1]->dtype()))) [[unlikely]]
    FL_FAIL(Runtime, name, "subtraction with a bool tensor is not supported. To invert a mask, use ~ or logical_not()");
  PointwiseCall call{tile,    compute, tile_of(rule, computed), static_cast<int>(inputs.size()),
                     nullptr, {},      std::data(params)};
  Tensor cast[3];
  for (size_t i = 0; i < inputs.size(); i++) {
    call.in[i] = inputs[i];
    if (loses_range(*inputs[i], common, rule)) [[unlikely]] {
      cast[i] = rounded_to(*inputs[i], common);
      call.in[i] = &cast[i];
    }
  }
  const bool wait =
      compute == Compute::F32 && dtype == DType::Float32 && call.result == Tile::Same && might_defer(inputs);
  Tensor out;
  if (into) {
    check_into(name, *into, shape, dtype, inputs);
    FL_CHECK(into->device() == device, Runtime, name,
             "Expected all tensors to be on the same device, but found at least two devices, ",
             to_string(into->device()), " and ", to_string(device), "!");
    if (wait && into->dtype() == dtype)
      if (out = defer_pointwise(tile, inputs, params, into); out.defined()) return out;
    out = *into;
  } else {
    if (wait)
      if (out = defer_pointwise(tile, inputs, params, nullptr); out.defined()) return out;
    out = make_output(shape, dtype, device, inputs);
  }
  call.out = &out;
  kernels.pointwise.run(call);
  return out;
}

namespace {

void check_defined(const char* op, std::span<const Tensor* const> inputs) {
  for (const Tensor* t : inputs) FL_CHECK(t->defined(), Type, op, "expected a Tensor, got None");
}

// The promoted dtype of three inputs; a condition does not take part.
DType common3(PointwiseOp op, const Tensor& a, const Tensor& b, const Tensor& c) {
  return op == PointwiseOp::where_ ? result_type({&b, &c}) : result_type({&a, &b, &c});
}

}  // namespace

#define RULE(result) PointwiseResult::result

// An in-place op overwrites its first input: a derivative that names it gets a copy from before.
#define UNARY(op, nparams, types, result, formula, dx)                                                              \
  static void op##_vjp(Backward& b) {                                                                               \
    [[maybe_unused]] const Tensor& g = b.grad();                                                                    \
    [[maybe_unused]] const Tensor x = b.saved(0), y = b.saved(1);                                                   \
    [[maybe_unused]] const double* p = params_of(b);                                                                \
    b.set(0, dx);                                                                                                   \
  }                                                                                                                 \
  static const Op op##_op{#op, op##_vjp};                                                                           \
  Tensor op(const Tensor& x, Params params) {                                                                       \
    const Tensor* in[] = {&x};                                                                                      \
    check_defined(#op, in);                                                                                         \
    Tensor y = run_pointwise(PointwiseOp::op, #op, RULE(result), in, params, nullptr, x.dtype());                   \
    if (is_none(#dx) || !needs_grad({&x})) return y;                                                                \
    return record_with(op##_op, {&x}, params, {Save(names(#dx, 'x') ? x : NONE), Save(names(#dx, 'y') ? y : NONE)}, \
                       y);                                                                                          \
  }                                                                                                                 \
  Tensor inplace_##op(const Tensor& self, Params params) {                                                          \
    const Tensor* in[] = {&self};                                                                                   \
    InplaceRecord recording(op##_op, {&self}, self);                                                                \
    Tensor x = recording.active() && names(#dx, 'x') ? clone(self) : NONE;                                          \
    run_pointwise(PointwiseOp::op, #op "_", RULE(result), in, params, &self, self.dtype());                         \
    finish_with(recording, params, {Save(x), Save(names(#dx, 'y') ? self : NONE)});                                 \
    return self;                                                                                                    \
  }
#define BINARY(op, nparams, types, result, formula, da, db)                                                           \
  static void op##_vjp(Backward& bw) {                                                                                \
    [[maybe_unused]] const Tensor& g = bw.grad();                                                                     \
    [[maybe_unused]] const Tensor a = bw.saved(0), b = bw.saved(1), y = bw.saved(2);                                  \
    [[maybe_unused]] const double* p = params_of(bw);                                                                 \
    if (bw.needs(0)) bw.set(0, da);                                                                                   \
    if (bw.needs(1)) bw.set(1, db);                                                                                   \
  }                                                                                                                   \
  static const Op op##_op{#op, op##_vjp};                                                                             \
  static constexpr uint64_t op##_saves_a = names(#da, 'a') | names(#db, 'a') << 1;                                    \
  static constexpr uint64_t op##_saves_b = names(#da, 'b') | names(#db, 'b') << 1;                                    \
  static constexpr uint64_t op##_saves_y = names(#da, 'y') | names(#db, 'y') << 1;                                    \
  Tensor op(const Tensor& a, const Tensor& b, Params params) {                                                        \
    const Tensor* in[] = {&a, &b};                                                                                    \
    check_defined(#op, in);                                                                                           \
    DType common = a.dtype() == b.dtype() && !a->weak && !b->weak ? a.dtype() : result_type({&a, &b});                \
    Tensor y = run_pointwise(PointwiseOp::op, #op, RULE(result), in, params, nullptr, common);                        \
    if ((is_none(#da) && is_none(#db)) || !needs_grad({&a, &b})) return y;                                            \
    return record_with(op##_op, {&a, &b}, params,                                                                     \
                       {Save(a, op##_saves_a), Save(b, op##_saves_b), Save(y, op##_saves_y)}, y);                     \
  }                                                                                                                   \
  Tensor inplace_##op(const Tensor& self, const Tensor& b, Params params) {                                           \
    const Tensor* in[] = {&self, &b};                                                                                 \
    check_defined(#op "_", in);                                                                                       \
    InplaceRecord recording(op##_op, {&self, &b}, self);                                                              \
    Tensor before = recording.active() && (op##_saves_a || (b.is(self) && op##_saves_b)) ? clone(self) : NONE;        \
    run_pointwise(PointwiseOp::op, #op "_", RULE(result), in, params, &self, result_type({&self, &b}));               \
    finish_with(recording, params,                                                                                    \
                {Save(before, op##_saves_a), Save(b.is(self) ? before : b, op##_saves_b), Save(self, op##_saves_y)}); \
    return self;                                                                                                      \
  }
#define TERNARY(op, nparams, types, result, formula, da, db, dc)                                                      \
  static void op##_vjp(Backward& bw) {                                                                                \
    [[maybe_unused]] const Tensor& g = bw.grad();                                                                     \
    [[maybe_unused]] const Tensor a = bw.saved(0), b = bw.saved(1), c = bw.saved(2), y = bw.saved(3);                 \
    [[maybe_unused]] const double* p = params_of(bw);                                                                 \
    if (bw.needs(0)) bw.set(0, da);                                                                                   \
    if (bw.needs(1)) bw.set(1, db);                                                                                   \
    if (bw.needs(2)) bw.set(2, dc);                                                                                   \
  }                                                                                                                   \
  static const Op op##_op{#op, op##_vjp};                                                                             \
  static constexpr uint64_t op##_saves(char v) { return names(#da, v) | names(#db, v) << 1 | names(#dc, v) << 2; }    \
  Tensor op(const Tensor& a, const Tensor& b, const Tensor& c, Params params) {                                       \
    const Tensor* in[] = {&a, &b, &c};                                                                                \
    check_defined(#op, in);                                                                                           \
    Tensor y =                                                                                                        \
        run_pointwise(PointwiseOp::op, #op, RULE(result), in, params, nullptr, common3(PointwiseOp::op, a, b, c));    \
    if (!needs_grad({&a, &b, &c})) return y;                                                                          \
    return record_with(                                                                                               \
        op##_op, {&a, &b, &c}, params,                                                                                \
        {Save(a, op##_saves('a')), Save(b, op##_saves('b')), Save(c, op##_saves('c')), Save(y, op##_saves('y'))}, y); \
  }                                                                                                                   \
  Tensor inplace_##op(const Tensor& self, const Tensor& b, const Tensor& c, Params params) {                          \
    const Tensor* in[] = {&self, &b, &c};                                                                             \
    check_defined(#op "_", in);                                                                                       \
    InplaceRecord recording(op##_op, {&self, &b, &c}, self);                                                          \
    bool again = (b.is(self) && op##_saves('b')) || (c.is(self) && op##_saves('c'));                                  \
    Tensor before = recording.active() && (op##_saves('a') || again) ? clone(self) : NONE;                            \
    run_pointwise(PointwiseOp::op, #op "_", RULE(result), in, params, &self, common3(PointwiseOp::op, self, b, c));   \
    finish_with(recording, params,                                                                                    \
                {Save(before, op##_saves('a')), Save(b.is(self) ? before : b, op##_saves('b')),                       \
                 Save(c.is(self) ? before : c, op##_saves('c')), Save(self, op##_saves('y'))});                       \
    return self;                                                                                                      \
  }

#include "pointwise.def"
#undef UNARY
#undef BINARY
#undef TERNARY

Tensor where(const Tensor& condition, const Tensor& a, const Tensor& b) { return where_(condition, a, b); }
Tensor conj(const Tensor& x) { return is_complex(x.dtype()) ? conj_(x) : x; }

}  // namespace flambeau::ops
