// Convolutions and pooling in C++.
#pragma once
#include "ops/ops.h"

namespace flambeau::ops {

// Everything but sizes that a convolution is told. One entry per spatial dimension.
struct ConvSettings {
  Dims stride, padding, dilation;  // padding: zeros before the first element
  int64_t groups = 1;
};

// y = x * w + bias with the given spatial result sizes (zeros are read behind the last element as needed).
Tensor convolution(const Tensor& x, const Tensor& w, const Tensor& bias, const ConvSettings& settings,
                   const Dims& result);
// The adjoint in x: what `convolution` of a tensor with spatial sizes `result` has as its derivative.
Tensor convolution_transpose(const Tensor& y, const Tensor& w, const Tensor& bias, const ConvSettings& settings,
                             const Dims& result);
// The adjoint in w, of shape `w_shape`; `last`: in channels-last order.
Tensor convolution_weight_grad(const Tensor& x, const Tensor& y, const ConvSettings& settings, const Dims& w_shape,
                               bool last);

// torch's conv1d..3d and conv_transpose1d..3d: checked arguments (a single entry stands for all dimensions), unbatched
// inputs, dtypes. An empty `padding` means "same".
Tensor conv(const char* op, int64_t dims, const Tensor& x, const Tensor& w, const Tensor& bias, Dims stride,
            Dims padding, Dims dilation, int64_t groups);
Tensor conv_transpose(const char* op, int64_t dims, const Tensor& x, const Tensor& w, const Tensor& bias, Dims stride,
                      Dims padding, Dims output_padding, int64_t groups, Dims dilation);

// Pooling over `dims` spatial dimensions of (n, c, spatial...) or (c, spatial...). An empty stride is the kernel size;
// a single entry stands for all dimensions. Max pooling returns (values, indices into the plane); without `indices`
// wanted and no gradient needed they are left out.
struct PoolSettings {
  Dims kernel, stride, padding, dilation;
  bool ceil_mode = false;
};
using ValuesAndIndices = std::pair<Tensor, Tensor>;
ValuesAndIndices max_pool(const char* op, int64_t dims, const Tensor& x, const PoolSettings& settings, bool indices);
ValuesAndIndices adaptive_max_pool(const char* op, int64_t dims, const Tensor& x, const Dims& result);
Tensor avg_pool(const char* op, int64_t dims, const Tensor& x, const PoolSettings& settings, bool include_padding,
                int64_t divisor);
Tensor adaptive_avg_pool(const char* op, int64_t dims, const Tensor& x, const Dims& result);
// result[plane][indices[plane][i]] += x[plane][i], zero elsewhere, and its adjoint; a plane is the last
// `spatial.size()` (or `dims`) dimensions.
Tensor plane_scatter(const Tensor& x, const Tensor& indices, const Dims& spatial);
Tensor plane_gather(const Tensor& x, const Tensor& indices, int64_t dims);

// Sliding windows of a 4-dim tensor as columns (n, c * taps, positions) and the sum of columns back to `spatial`.
Tensor im2col(const Tensor& x, const Dims& kernel, const Dims& dilation, const Dims& padding, const Dims& stride);
Tensor col2im(const Tensor& x, const Dims& spatial, const Dims& kernel, const Dims& dilation, const Dims& padding,
              const Dims& stride);

// pads: before and after, last dimension first, as F.pad takes them; negative ones crop.
Tensor constant_pad(const Tensor& x, const Dims& pads, const Tensor& value);

// A linear map along one dimension: result[o] = sum over t of weight[o][t] * x[first[o] + t].
Tensor resample(const Tensor& x, int64_t dim, int64_t size, const Dims& first, std::vector<double> weight);

// Does torch's suggest_memory_format choose channels last for this tensor of 4 or 5 dimensions?
bool suggests_channels_last(const Tensor& x);

}  // namespace flambeau::ops
