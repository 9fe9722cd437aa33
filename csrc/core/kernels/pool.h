// Entry points of the pooling kernels: raw pointers and sizes, no tensors.
#pragma once
#include <cstdint>

namespace flambeau {

// Pooling over windows that are boxes: along axis d, result o covers source positions begin[d][o], + dilation[d], ...
// below end[d][o] (already clipped to the source). Leading axes of 1-d and 2-d pooling have size 1.
struct PoolArgs {
  const void* source = nullptr;  // what is read: x, or the gradient of the result
  void* result = nullptr;        // what is written: y, or the gradient of x
  int64_t* indices =
      nullptr;  // max: the winner's place in its plane; written forward, read backward; may be null forward
  int64_t n = 0, channels = 0;
  int64_t in[3] = {1, 1, 1}, out[3] = {1, 1, 1}, dilation[3] = {1, 1, 1};
  const int64_t* begin[3] = {};
  const int64_t* end[3] = {};
  const int64_t* extent[3] = {};  // average: the divisor is the product of the axes' extents ...
  int64_t divisor = 0;            // ... or this, if not 0
  bool channels_last = false;     // source, result and indices are (n, spatial..., channels)
};

// Per element type: float, double, int64.
struct PoolKernels {
  void (*max[3])(const PoolArgs&);
  void (*average[3])(const PoolArgs&);
  void (*average_grad[3])(const PoolArgs&);  // source: gradient of y (out), result: gradient of x (in)
  // result[plane][indices[plane][i]] += source[plane][i], zero elsewhere, and its inverse: result[i] =
  // source[indices[i]].
  void (*scatter[3])(const PoolArgs&);
  void (*gather[3])(const PoolArgs&);
};

// Sliding windows of (n, channels, in...) as columns (n, channels * taps, out...), and the sum of columns back.
struct UnfoldArgs {
  const void* source = nullptr;
  void* result = nullptr;
  int64_t planes = 0, in[2] = {1, 1}, out[2] = {1, 1}, kernel[2] = {1, 1};
  int64_t stride[2] = {1, 1}, dilation[2] = {1, 1}, pad[2] = {0, 0};
};

// result[outer][o][inner] = sum over taps of weight[o][t] * source[outer][first[o] + t][inner], first and weights per
// o; `transposed`: the adjoint, result[outer][first[o] + t][inner] += weight[o][t] * source[outer][o][inner].
struct ResampleArgs {
  const void* source = nullptr;
  void* result = nullptr;
  int64_t outer = 0, in = 0, out = 0, inner = 0, taps = 0;
  const int64_t* first = nullptr;
  const double* weight = nullptr;  // (out, taps); taps beyond the source have weight 0 and are not read
  bool transposed = false;
};

struct SampleKernels {
  void (*unfold[3])(const UnfoldArgs&);
  void (*fold[3])(const UnfoldArgs&);
  void (*resample[2])(const ResampleArgs&);  // float, double
};

}  // namespace flambeau
