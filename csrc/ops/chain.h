// Ops put off until somebody looks at their results, and then done in one pass over memory: convolution, normalization,
// what is added and activations; long formulas. A result on the way that nobody has looked at when its last owner lets
// go of it is never written.
#pragma once
#include <functional>

#include "core/kernels/chain.h"
#include "ops/ops.h"

namespace flambeau::ops {

// Whether it is done at all. Results are the same to the bit either way.
void enable_fusion(bool on);

// Results of a convolution or the like: `fill` writes them, and runs the chain over what it has written. It reads
// `sources` only.
using Fill = std::function<void(float* result, const Chain& then)>;
Tensor defer_fill(const Tensor& result, std::vector<Tensor> sources, Fill fill);
bool can_defer(const Tensor& result, std::initializer_list<const Tensor*> sources);

// A first look, for the sake of small ops: is one of the operands large, or itself waiting?
extern int64_t fewest_elements;
inline bool might_defer(std::span<const Tensor* const> inputs) {
  for (const Tensor* t : inputs)
    if (t->numel() >= fewest_elements || (*t)->storage->pending) return true;
  return false;
}

// One pointwise op; undefined if it cannot wait. `into` is the result of an op in place.
Tensor defer_pointwise(TileFn tile, std::span<const Tensor* const> inputs, Params params, const Tensor* into);

// Batch norm with given statistics; undefined if it cannot wait.
Tensor defer_norm(const Tensor& x, const BatchNormArgs& args, bool channels_last);

}  // namespace flambeau::ops
