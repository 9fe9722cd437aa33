// Entry points of the optimizers: raw pointers, all tensors of a step in one call.
#pragma once
#include <cstdint>

namespace flambeau {

enum class OptimRule { SGD, Adam, RMSprop, Adagrad, Count };

// One parameter with its gradient and state, n elements each, laid out alike.
struct OptimTensor {
  void* param;
  const void* grad;
  void* state[3];  // SGD: momentum; Adam: average, square, largest; RMSprop: square, momentum, average; Adagrad: sum
  int64_t n;
  double rate;  // the step size, with bias corrections that belong to it
  double root =
      1;  // Adam: what the root of the square is divided by; SGD: the weight of the new gradient in the momentum
};

struct OptimOptions {
  double weight_decay = 0;  // times the parameter, added to the gradient
  double shrink = 1;        // the parameter is multiplied by it first
  double momentum = 0;
  double beta1 = 0, beta2 = 0, eps = 0;  // beta2 is RMSprop's alpha
  bool maximize = false, nesterov = false, amsgrad = false, centered = false;
};

struct OptimKernels {
  // By rule, and float (0) or double (1).
  void (*step[static_cast<int>(OptimRule::Count)][2])(const OptimOptions&, const OptimTensor*, int64_t count) = {};
};

}  // namespace flambeau
