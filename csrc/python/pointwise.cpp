// The pointwise primitives, bound from pointwise.def: _C.name(inputs..., params...) and _C.name_(self, ...).
#include "python/python.h"

namespace flambeau::python {

namespace {

// Parameters after the tensors, all floats.
template <int N, class F>
Tensor with_params(F&& f, nb::args params) {
  double p[4] = {};
  if (static_cast<int>(params.size()) != N) throw nb::type_error("wrong number of parameters");
  for (int i = 0; i < N; i++)
    FL_CHECK(nb::try_cast(params[i], p[i]), Type, "number", "expected a number, got ",
             Py_TYPE(params[i].ptr())->tp_name);
  if constexpr (N == 0) return f(ops::Params{});
  if constexpr (N == 1) return f(ops::Params{p[0]});
  if constexpr (N == 2) return f(ops::Params{p[0], p[1]});
  if constexpr (N >= 3) return f(ops::Params{p[0], p[1], p[2]});
}

// Of two operands one must be a tensor, as in torch.
const Tensor& first_of(const char* op, const Operand& a, const Operand& b) {
  FL_CHECK(!a.tensor->weak || !b.tensor->weak, Type, op, "expected a Tensor among the arguments, got two numbers");
  return a.tensor;
}

}  // namespace

void define_pointwise(nb::module_& m) {
  // A bound function as a method: called with the tensor as its first argument.
  m.def("as_method", [](nb::handle function) { return nb::steal(PyInstanceMethod_New(function.ptr())); });
#define UNARY(op, n, ...)                                                               \
  if constexpr (n == 0) {                                                               \
    m.def(#op, [](const Tensor& x) { return ops::op(x); });                             \
    m.def(#op "_", [](const Tensor& x) { return ops::inplace_##op(x); });               \
  } else {                                                                              \
    m.def(#op, [](const Tensor& x, nb::args p) {                                        \
      return with_params<n>([&](ops::Params v) { return ops::op(x, v); }, p);           \
    });                                                                                 \
    m.def(#op "_", [](const Tensor& x, nb::args p) {                                    \
      return with_params<n>([&](ops::Params v) { return ops::inplace_##op(x, v); }, p); \
    });                                                                                 \
  }
#define BINARY(op, n, ...)                                                                                 \
  if constexpr (n == 0) {                                                                                  \
    m.def(#op, [](const Operand& a, const Operand& b) { return ops::op(first_of(#op, a, b), b.tensor); }); \
    m.def(#op "_", [](const Tensor& a, const Operand& b) { return ops::inplace_##op(a, b.tensor); });      \
  } else {                                                                                                 \
    m.def(#op, [](const Operand& a, const Operand& b, nb::args p) {                                        \
      return with_params<n>([&](ops::Params v) { return ops::op(first_of(#op, a, b), b.tensor, v); }, p);  \
    });                                                                                                    \
    m.def(#op "_", [](const Tensor& a, const Operand& b, nb::args p) {                                     \
      return with_params<n>([&](ops::Params v) { return ops::inplace_##op(a, b.tensor, v); }, p);          \
    });                                                                                                    \
  }
#define TERNARY(op, n, ...)                                                                                            \
  if constexpr (n == 0) {                                                                                              \
    m.def(#op,                                                                                                         \
          [](const Operand& a, const Operand& b, const Operand& c) { return ops::op(a.tensor, b.tensor, c.tensor); }); \
    m.def(#op "_", [](const Tensor& a, const Operand& b, const Operand& c) {                                           \
      return ops::inplace_##op(a, b.tensor, c.tensor);                                                                 \
    });                                                                                                                \
  } else {                                                                                                             \
    m.def(#op, [](const Operand& a, const Operand& b, const Operand& c, nb::args p) {                                  \
      return with_params<n>([&](ops::Params v) { return ops::op(a.tensor, b.tensor, c.tensor, v); }, p);               \
    });                                                                                                                \
    m.def(#op "_", [](const Tensor& a, const Operand& b, const Operand& c, nb::args p) {                               \
      return with_params<n>([&](ops::Params v) { return ops::inplace_##op(a, b.tensor, c.tensor, v); }, p);            \
    });                                                                                                                \
  }
#include "pointwise.def"
#undef UNARY
#undef BINARY
#undef TERNARY
#define UNARY(op, ...) names.append(#op);
#define BINARY(op, ...) names.append(#op);
#define TERNARY(op, ...) names.append(#op);
  nb::list names;
#include "pointwise.def"
#undef UNARY
#undef BINARY
#undef TERNARY
  m.attr("POINTWISE") = nb::tuple(names);
}

}  // namespace flambeau::python
