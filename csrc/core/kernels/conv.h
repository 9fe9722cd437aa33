// Entry points of the convolution kernels: raw pointers and sizes, no tensors.
#pragma once
#include <cstdint>

#include "core/dtype.h"

namespace flambeau {

struct Chain;
class Packing;

// One convolution y = conv(x, w), seen from all three sides: forward writes y, input_grad writes x, weight_grad writes
// w. Spatial axes are always three (depth, height, width); a 1-d or 2-d convolution has leading axes of size 1.
struct ConvArgs {
  const void* x = nullptr;                    // (n, groups * ic, in...): forward and weight_grad read it
  const void* w = nullptr;                    // (groups * oc, ic, kernel...) with the strides below
  const void* y = nullptr;                    // (n, groups * oc, out...): input_grad and weight_grad read it
  const Chain* then = nullptr;                // what forward and input_grad do to their results before they return
  Packing* packing = nullptr;                 // where forward and input_grad keep what they pack of w, or null
  const void* bias = nullptr;                 // one value per channel of the result, or null
  void* result = nullptr;                     // y, x or w, whichever is computed
  void* bias_grad = nullptr;                  // weight_grad: (groups * oc) sums of y, or null
  int64_t n = 0, groups = 1, ic = 0, oc = 0;  // channels per group
  int64_t in[3] = {1, 1, 1}, out[3] = {1, 1, 1}, kernel[3] = {1, 1, 1};
  int64_t stride[3] = {1, 1, 1}, dilation[3] = {1, 1, 1}, pad[3] = {0, 0, 0};  // pad: zeros before the first element
  int64_t w_stride[5] = {0, 0, 0, 0, 0};  // of w, in elements: oc, ic, depth, height, width
  bool channels_last = false;             // x and y are (n, spatial..., channels); else (n, channels, spatial...)
};

// Values of every result depend on sizes only, never on the number of threads.
struct ConvKernels {
  // By dtype of all tensors, null where there is none. channels_last is for float32 and the 16-bit types.
  using Entry = void (*)(const ConvArgs&);
  Entry forward[kNumDTypes] = {}, input_grad[kNumDTypes] = {}, weight_grad[kNumDTypes] = {};
};

}  // namespace flambeau
