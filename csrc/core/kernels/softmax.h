// Arguments of softmax and cross entropy kernels. Tensors are contiguous (outer, size, inner), float32 or float64, and
// `size` is the dimension that is normalized.
#pragma once
#include <cstdint>

#include "core/dtype.h"

namespace flambeau {

struct SoftmaxArgs {
  DType dtype;
  bool log;
  int64_t outer, size, inner;
  const void* in;  // forward: the input; backward: the forward's output
  const void* grad = nullptr;
  void* out = nullptr;
};

// Class targets: loss = -(1 - smoothing) w[t] logp[t] - smoothing / size * sum_c w[c] logp[c]; 0 where t ==
// ignore_index.
struct CrossEntropyArgs {
  DType dtype;
  int64_t outer, size, inner;
  const void* in;
  const int64_t* target;         // (outer, inner), already checked to be in range
  const void* weight = nullptr;  // (size), of the input's dtype, or null for ones
  int64_t ignore_index = -100;
  double smoothing = 0;
  void* logsumexp = nullptr;   // (outer, inner): written by forward, read by backward
  void* loss = nullptr;        // forward: (outer, inner)
  void* share = nullptr;       // forward: (outer, inner): w[t], 0 where ignored: what `mean` divides by the sum of
  const void* grad = nullptr;  // backward: dL/dloss per position, or one number where grad_stride is 0
  int64_t grad_stride = 0;
  const void* divisor = nullptr;  // backward: one number that grad is divided by, or null
  void* grad_in = nullptr;        // backward: (outer, size, inner)
};

struct SoftmaxKernels {
  void (*forward)(const SoftmaxArgs&) = nullptr;
  void (*backward)(const SoftmaxArgs&) = nullptr;
  void (*logsumexp)(const SoftmaxArgs&) = nullptr;  // out: (outer, inner)
  void (*cross_entropy)(const CrossEntropyArgs&) = nullptr;
  void (*cross_entropy_backward)(const CrossEntropyArgs&) = nullptr;
};

}  // namespace flambeau
