// Scaled dot-product attention: entry points and their arguments.
#pragma once
#include <cstdint>

#include "core/dtype.h"

namespace flambeau {

// out[b, h, i] = sum_j softmax_j(scale * q[b, h, i] . k[b, h', j] + mask) v[b, h', j], h' = h / (heads / kv_heads).
// Rows of q, k, v, out and their gradients are contiguous; other strides (of batch, head, row) count elements. A row
// that is masked whole gives zeros. log_sum holds log(sum_j exp(score)) per row, in float (double for float64).
struct AttentionArgs {
  int64_t batch = 0, heads = 0, kv_heads = 0, queries = 0, keys = 0, depth = 0, value_depth = 0;
  const void *q = nullptr, *k = nullptr, *v = nullptr;
  int64_t q_strides[3] = {}, k_strides[3] = {}, v_strides[3] = {};
  const void* mask = nullptr;  // bool (true: look) or the type of log_sum (added); strides of batch, head, row, column
  bool mask_is_bool = false;
  int64_t mask_strides[4] = {};
  bool causal = false;  // key j is seen by query i if j <= i
  double scale = 1;
  void *out = nullptr, *log_sum = nullptr;  // written by forward, read by backward; contiguous
  const void* grad = nullptr;
  int64_t grad_strides[3] = {};
  void *q_grad = nullptr, *k_grad = nullptr, *v_grad = nullptr;  // contiguous
};

struct AttentionKernels {
  void (*forward[kNumDTypes])(const AttentionArgs& args) = {};
  void (*backward[kNumDTypes])(const AttentionArgs& args) = {};
};

}  // namespace flambeau
