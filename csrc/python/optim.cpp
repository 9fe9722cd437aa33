// The optimizers' steps.
#include "ops/optim.h"

#include "python/python.h"

namespace flambeau::python {

namespace {

using Tensors = std::vector<Tensor>;

bool fused_sgd(const Tensors& params, const Tensors& grads, const Tensors& buffers, const std::vector<bool>& first,
               double lr, double momentum, double dampening, double weight_decay, bool nesterov, bool maximize) {
  OptimOptions o;
  o.momentum = momentum, o.weight_decay = weight_decay;
  o.nesterov = nesterov, o.maximize = maximize;
  return ops::optimizer_step(OptimRule::SGD, o, lr, dampening, params, grads, {buffers}, {}, first);
}

bool fused_adam(const Tensors& params, const Tensors& grads, const Tensors& averages, const Tensors& squares,
                const Tensors& largest, const Tensors& steps, double lr, double beta1, double beta2, double eps,
                double weight_decay, bool decoupled, bool amsgrad, bool maximize) {
  OptimOptions o;
  o.beta1 = beta1, o.beta2 = beta2, o.eps = eps, o.amsgrad = amsgrad, o.maximize = maximize;
  (decoupled ? o.shrink : o.weight_decay) = decoupled ? 1 - lr * weight_decay : weight_decay;
  return ops::optimizer_step(OptimRule::Adam, o, lr, 0, params, grads, {averages, squares, largest}, steps);
}

bool fused_rmsprop(const Tensors& params, const Tensors& grads, const Tensors& squares, const Tensors& buffers,
                   const Tensors& averages, const Tensors& steps, double lr, double alpha, double eps,
                   double weight_decay, double momentum, bool centered, bool maximize) {
  OptimOptions o;
  o.beta2 = alpha, o.eps = eps, o.weight_decay = weight_decay, o.momentum = momentum;
  o.centered = centered, o.maximize = maximize;
  return ops::optimizer_step(OptimRule::RMSprop, o, lr, 0, params, grads, {squares, buffers, averages}, steps);
}

bool fused_adagrad(const Tensors& params, const Tensors& grads, const Tensors& sums, const Tensors& steps, double lr,
                   double lr_decay, double eps, double weight_decay, bool maximize) {
  OptimOptions o;
  o.eps = eps, o.weight_decay = weight_decay, o.maximize = maximize;
  return ops::optimizer_step(OptimRule::Adagrad, o, lr, lr_decay, params, grads, {sums}, steps);
}

}  // namespace

void define_optim(nb::module_& m) {
  m.def("fused_adagrad_", fused_adagrad);
  m.def("fused_adam_", fused_adam);
  m.def("fused_rmsprop_", fused_rmsprop);
  m.def("fused_sgd_", fused_sgd);
}

}  // namespace flambeau::python
