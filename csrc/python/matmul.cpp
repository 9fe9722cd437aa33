// Matrix products and attention.
#include "ops/solve.h"
#include "python/python.h"

namespace flambeau::python {

void define_matmul(nb::module_& m) {
  m.def("matmul", ops::matmul, nb::arg("input"), nb::arg("other"));
  m.def("addmm", ops::addmm);
  m.def("lu_packed", ops::lu_packed);
  m.def("substitute", ops::substitute);
  m.def("swap_rows", ops::swap_rows);
  m.def(
      "attention",
      [](const Tensor& q, const Tensor& k, const Tensor& v, const std::optional<Tensor>& mask, bool causal,
         double scale) { return ops::attention(q, k, v, mask ? *mask : Tensor(), causal, scale); },
      nb::arg("query"), nb::arg("key"), nb::arg("value"), nb::arg("mask").none(), nb::arg("causal"), nb::arg("scale"));
  m.def(
      "linear",
      [](const Tensor& x, const Tensor& weight, const std::optional<Tensor>& bias) {
        return ops::linear(x, weight, bias ? *bias : Tensor());
      },
      nb::arg("input"), nb::arg("weight"), nb::arg("bias") = nb::none());
}

}  // namespace flambeau::python
