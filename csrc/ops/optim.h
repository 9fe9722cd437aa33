// The optimizers' steps: a whole group of parameters in one call.
#pragma once
#include <vector>

#include "core/kernels/optim.h"
#include "core/tensor.h"

namespace flambeau::ops {

// Updates `params` and the states in place and counts `steps` (0-dim) up. `states` has one list per kind of state, in
// the order of OptimTensor::state. `rate` is the learning rate; `second` is Adagrad's lr_decay or SGD's dampening.
// False, with nothing done, if the tensors are not all float32 or all float64 and laid out alike without gaps.
bool optimizer_step(OptimRule rule, OptimOptions options, double rate, double second, const std::vector<Tensor>& params,
                    const std::vector<Tensor>& grads, const std::vector<std::vector<Tensor>>& states,
                    const std::vector<Tensor>& steps);

}  // namespace flambeau::ops
