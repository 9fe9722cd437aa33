// Arguments of the normalization kernels. Tensors are contiguous and, like every pointer here, float32 or float64.
#pragma once
#include <cstdint>

#include "core/dtype.h"

namespace flambeau {

// layer_norm and rms_norm over the last dimension of (rows, size).
struct LayerNormArgs {
  DType dtype;
  bool rms;  // no mean is subtracted
  int64_t rows, size;
  const void* in;
  const void* weight = nullptr;  // (size) or null
  const void* bias = nullptr;    // (size) or null
  double eps = 0;
  void* out = nullptr;   // forward
  void* mean = nullptr;  // (rows): written by forward, read by backward; null for rms
  void* rstd = nullptr;  // (rows)
  const void* grad = nullptr;
  void* grad_in = nullptr;      // null where not needed, like the next two
  void* grad_weight = nullptr;  // (size)
  void* grad_bias = nullptr;    // (size)
};

// group_norm of (batch, channels, size) with `groups` groups of channels.
struct GroupNormArgs {
  DType dtype;
  int64_t batch, channels, size, groups;
  const void* in;
  const void* weight = nullptr;  // (channels) or null
  const void* bias = nullptr;
  double eps = 0;
  void* out = nullptr;
  void* mean = nullptr;  // (batch, groups)
  void* rstd = nullptr;
  const void* grad = nullptr;
  void* grad_in = nullptr;
  void* grad_weight = nullptr;  // (channels)
  void* grad_bias = nullptr;
};

// batch_norm of (batch, channels, size), or of (batch * size, channels) where channels_last.
struct BatchNormArgs {
  DType dtype;
  bool channels_last, train;
  int64_t batch, channels, size;
  const void* in;
  const void* weight = nullptr;
  const void* bias = nullptr;
  double eps = 0;
  void* out = nullptr;
  void* mean = nullptr;  // (channels): written by a training forward, read otherwise
  void* var = nullptr;   // (channels): biased variance, likewise
  const void* grad = nullptr;
  void* grad_in = nullptr;
  void* grad_weight = nullptr;
  void* grad_bias = nullptr;
};

struct NormKernels {
  void (*layer_norm)(const LayerNormArgs&) = nullptr;
  void (*layer_norm_backward)(const LayerNormArgs&) = nullptr;
  void (*group_norm)(const GroupNormArgs&) = nullptr;
  void (*group_norm_backward)(const GroupNormArgs&) = nullptr;
  void (*batch_norm)(const BatchNormArgs&) = nullptr;
  void (*batch_norm_backward)(const BatchNormArgs&) = nullptr;
};

}  // namespace flambeau
