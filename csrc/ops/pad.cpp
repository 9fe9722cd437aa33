// Padding with a constant; negative padding crops, which makes the op its own adjoint.
#include <algorithm>

#include "ops/conv.h"

namespace flambeau::ops {

namespace {

void constant_pad_vjp(Backward& b) {
  Dims back = b.attr<Dims>(0);
  for (int64_t& p : back) p = -p;
  b.set(0, constant_pad(b.grad(), back, weak_scalar(int64_t{0})));
}
const Op constant_pad_op{"constant_pad", constant_pad_vjp};

}  // namespace

Tensor constant_pad(const Tensor& x, const Dims& pads, const Tensor& value) {
  FL_CHECK(pads.size() % 2 == 0, Runtime, "pad", "Length of pad must be even but instead it equals ", pads.size());
  FL_CHECK(pads.size() / 2 <= x.ndim(), Runtime, "pad",
           "Length of pad should be no more than twice the number of dimensions of the input. Pad length is ",
           pads.size(), " while the input has ", x.ndim(), " dimensions.");
  Dims shape = x.shape();
  Tensor out;
  {
    GradMode no_grad(false);
    for (int64_t i = 0; i < pads.size() / 2; ++i) {
      int64_t& size = shape[x.ndim() - 1 - i];
      size += pads[2 * i] + pads[2 * i + 1];
      FL_CHECK(size >= 0, Runtime, "pad", "The input size ", x.shape(), ", plus padding ", pads,
               " resulted in a negative output size, which is invalid");
    }
    out = suggests_channels_last(x) ? empty_strided(shape, channels_last_strides(shape), x.dtype(), x.device())
                                    : empty(shape, x.dtype(), x.device());
    if (std::any_of(pads.begin(), pads.end(), [](int64_t p) { return p > 0; })) fill_(out, value);
    Tensor inner = out, source = detach(x);
    for (int64_t i = 0; i < pads.size() / 2; ++i) {
      const int64_t d = x.ndim() - 1 - i, before = pads[2 * i], after = pads[2 * i + 1];
      inner = narrow(inner, d, std::min(std::max<int64_t>(before, 0), shape[d]),
                     std::max<int64_t>(0, shape[d] - std::max<int64_t>(before, 0) - std::max<int64_t>(after, 0)));
      source = narrow(source, d, std::min(std::max<int64_t>(-before, 0), x.size(d)), inner.size(d));
    }
    if (inner.numel() > 0) copy_(inner, source);
  }
  return record(constant_pad_op, {&x}, {pads}, {}, out);
}

}  // namespace flambeau::ops
