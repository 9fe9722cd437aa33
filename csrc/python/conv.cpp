// Convolutions, pooling, columns, resampling.
#include "ops/conv.h"

#include "python/python.h"

namespace flambeau::python {

namespace {

Tensor or_undefined(const std::optional<Tensor>& t) { return t ? *t : Tensor(); }
Dims or_empty(const std::optional<Dims>& d) { return d ? *d : Dims(); }

template <int dims>
void define_conv_of(nb::module_& m) {
  static const std::string names[] = {"conv" + std::to_string(dims) + "d",
                                      "conv_transpose" + std::to_string(dims) + "d"};
  m.def(
      names[0].c_str(),
      [](const Tensor& x, const Tensor& w, const std::optional<Tensor>& bias, const Dims& stride,
         const std::optional<Dims>& padding, const Dims& dilation, int64_t groups) {
        return ops::conv(names[0].c_str(), dims, x, w, or_undefined(bias), stride, or_empty(padding), dilation, groups);
      },
      nb::arg("input"), nb::arg("weight"), nb::arg("bias").none(), nb::arg("stride"), nb::arg("padding").none(),
      nb::arg("dilation"), nb::arg("groups"));
  m.def(
      names[1].c_str(),
      [](const Tensor& x, const Tensor& w, const std::optional<Tensor>& bias, const Dims& stride, const Dims& padding,
         const Dims& output_padding, int64_t groups, const Dims& dilation) {
        return ops::conv_transpose(names[1].c_str(), dims, x, w, or_undefined(bias), stride, padding, output_padding,
                                   groups, dilation);
      },
      nb::arg("input"), nb::arg("weight"), nb::arg("bias").none(), nb::arg("stride"), nb::arg("padding"),
      nb::arg("output_padding"), nb::arg("groups"), nb::arg("dilation"));
}

}  // namespace

void define_conv(nb::module_& m) {
  define_conv_of<1>(m);
  define_conv_of<2>(m);
  define_conv_of<3>(m);
  m.def(
      "max_pool",
      [](const char* op, int64_t dims, const Tensor& x, const Dims& kernel, const std::optional<Dims>& stride,
         const Dims& padding, const Dims& dilation, bool ceil_mode, bool indices) {
        return ops::max_pool(op, dims, x, {kernel, or_empty(stride), padding, dilation, ceil_mode}, indices);
      },
      nb::arg("op"), nb::arg("dims"), nb::arg("input"), nb::arg("kernel"), nb::arg("stride").none(), nb::arg("padding"),
      nb::arg("dilation"), nb::arg("ceil_mode"), nb::arg("indices"));
  m.def(
      "avg_pool",
      [](const char* op, int64_t dims, const Tensor& x, const Dims& kernel, const std::optional<Dims>& stride,
         const Dims& padding, bool ceil_mode, bool include_padding, int64_t divisor) {
        return ops::avg_pool(op, dims, x, {kernel, or_empty(stride), padding, Dims{1}, ceil_mode}, include_padding,
                             divisor);
      },
      nb::arg("op"), nb::arg("dims"), nb::arg("input"), nb::arg("kernel"), nb::arg("stride").none(), nb::arg("padding"),
      nb::arg("ceil_mode"), nb::arg("include_padding"), nb::arg("divisor"));
  m.def("adaptive_max_pool", ops::adaptive_max_pool);
  m.def("adaptive_avg_pool", ops::adaptive_avg_pool);
  m.def("constant_pad", [](const Tensor& x, const Dims& pads, const Operand& value) {
    return ops::constant_pad(x, pads, value.tensor);
  });
  m.def("im2col", ops::im2col);
  m.def("col2im", ops::col2im);
  m.def("resample", ops::resample);
}

}  // namespace flambeau::python
