#include "ops/optim.h"

#include <cmath>

#include "core/kernels.h"

namespace flambeau::ops {

namespace {

const char* name_of(OptimRule rule) {
  switch (rule) {
    case OptimRule::SGD:
      return "SGD.step";
    case OptimRule::Adam:
      return "Adam.step";
    case OptimRule::RMSprop:
      return "RMSprop.step";
    default:
      return "Adagrad.step";
  }
}

bool alike(const Tensor& t, const Tensor& param) {
  if (!t.defined() || t.dtype() != param.dtype() || !(t.shape() == param.shape())) return false;
  return (t.is_contiguous() && param.is_contiguous()) || t.strides() == param.strides();
}

bool usable(const std::vector<Tensor>& params, const std::vector<Tensor>& grads,
            const std::vector<std::vector<Tensor>>& states, const std::vector<Tensor>& steps) {
  DType dtype = params[0].dtype();
  if (dtype != DType::Float32 && dtype != DType::Float64) return false;
  for (size_t i = 0; i < params.size(); i++) {
    const Tensor& p = params[i];
    bool dense = p.is_contiguous() || is_dense(p.shape(), p.strides());
    if (p.dtype() != dtype || !dense || !alike(grads[i], p)) return false;
    for (const auto& list : states)
      if (!list.empty() && !alike(list[i], params[i])) return false;
  }
  for (const Tensor& step : steps)
    if (step.numel() != 1 || (step.dtype() != DType::Float32 && step.dtype() != DType::Float64)) return false;
  return true;
}

// The number of the step that is being taken.
double count_up(const Tensor& step, const char* op) {
  bump_version(step, op);
  if (!step.device().is_cpu()) return 1;
  if (step.dtype() == DType::Float32) return *step.data<float>() += 1;
  return *step.data<double>() += 1;
}

}  // namespace

bool optimizer_step(OptimRule rule, OptimOptions options, double rate, double second, const std::vector<Tensor>& params,
                    const std::vector<Tensor>& grads, const std::vector<std::vector<Tensor>>& states,
                    const std::vector<Tensor>& steps) {
  if (params.empty()) return true;
  const char* op = name_of(rule);
  size_t count = params.size();
  bool lengths = grads.size() == count && states.size() <= 3 && (steps.empty() || steps.size() == count);
  for (const auto& list : states) lengths = lengths && (list.empty() || list.size() == count);
  FL_CHECK(lengths, Value, op, "lists of parameters, gradients, states and steps must have the same length");
  if (!usable(params, grads, states, steps)) return false;
  auto entry = kernels_of(params[0]).optim.step[static_cast<int>(rule)][params[0].dtype() == DType::Float64];
  need(entry, op, params[0]);

  std::vector<OptimTensor> tensors(count);
  for (size_t i = 0; i < count; i++) {
    OptimTensor& t = tensors[i];
    t = {params[i].raw(), grads[i].raw(), {}, params[i].numel(), rate};
    for (size_t k = 0; k < states.size(); k++)
      if (!states[k].empty()) {
        t.state[k] = states[k][i].raw();
        bump_version(states[k][i], op);
      }
    if (rule == OptimRule::SGD) t.root = 1 - second;
    if (!steps.empty()) {
      double step = count_up(steps[i], op);
      if (rule == OptimRule::Adam) {
        t.rate = rate / (1 - std::pow(options.beta1, step));
        t.root = std::pow(1 - std::pow(options.beta2, step), 0.5);  // Python's ** 0.5, which rounds in its own way
      } else if (rule == OptimRule::Adagrad) {
        t.rate = rate / (1 + (step - 1) * second);
      }
    }
    bump_version(params[i], op);
  }
  entry(options, tensors.data(), static_cast<int64_t>(count));
  return true;
}

}  // namespace flambeau::ops
