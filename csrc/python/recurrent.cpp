// Recurrent layers.
#include "ops/recurrent.h"

#include "python/python.h"

namespace flambeau::python {

namespace {

using MaybeTensors = std::vector<std::optional<Tensor>>;

Tensor or_undefined(const std::optional<Tensor>& t) { return t ? *t : Tensor(); }

std::vector<Tensor> recurrent(int64_t cell, const Tensor& input, const std::optional<Tensor>& h0,
                              const std::optional<Tensor>& c0, const MaybeTensors& weights, const Dims& batch_sizes) {
  std::vector<Tensor> given;
  for (const auto& w : weights) given.push_back(or_undefined(w));
  return ops::recurrent(RecurrentCell(cell), input, or_undefined(h0), or_undefined(c0), given, batch_sizes);
}

// See flambeau/nn/_recurrence.py.
std::vector<Tensor> recurrent_again(RecurrentCell cell, const std::vector<Tensor>& inputs, const Dims& batch_sizes,
                                    const std::vector<Tensor>& gradients, const std::vector<bool>& needed) {
  const nb::object results = nb::module_::import_("flambeau.nn._recurrence")
                                 .attr("gradients")(int64_t(cell), inputs, batch_sizes, gradients, needed);
  std::vector<Tensor> given;
  for (const auto& g : nb::cast<MaybeTensors>(results)) given.push_back(or_undefined(g));
  return given;
}

}  // namespace

void define_recurrent(nb::module_& m) {
  ops::recurrent_again = recurrent_again;
  m.def("recurrent", recurrent, nb::arg("cell"), nb::arg("input"), nb::arg("h0").none(), nb::arg("c0").none(),
        nb::arg("weights"), nb::arg("batch_sizes"));
}

}  // namespace flambeau::python
