// The optimizers' steps. A group's parameters are read here, from their list and the dict of states, since in Python
// that takes longer than the step of a small network.
#include "ops/optim.h"

#include "python/python.h"

namespace flambeau::python {

namespace {

using Tensors = std::vector<Tensor>;

PyObject *grad_name, *step_name;

bool plain(PyObject* o) { return o && Py_TYPE(o) == tensor_type; }

// What Python's dicts have for a key; null if there is none.
PyObject* entry(PyObject* dict, PyObject* key) {
  PyObject* found = PyDict_GetItemWithError(dict, key);
  if (!found && PyErr_Occurred()) throw nb::python_error();
  return found;
}

// The parameters that have a gradient, with their states under `keys` and, if `counts`, their step counters.
struct Group {
  Tensors params, grads, steps;
  std::vector<Tensors> states;

  // A key that is None has no list. False if a state is missing, or it or a gradient is no plain tensor: the group's
  // first step, sparse gradients, subclasses.
  bool read(nb::handle all, nb::handle known, nb::tuple keys, bool counts) {
    if (!PyList_Check(all.ptr()) || !PyDict_Check(known.ptr())) return false;
    states.resize(keys.size());
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(all.ptr()); i++) {
      const nb::object param = nb::borrow(PyList_GET_ITEM(all.ptr(), i));
      const nb::object grad = nb::steal(PyObject_GetAttr(param.ptr(), grad_name));
      if (!grad.is_valid()) throw nb::python_error();
      if (grad.is_none()) continue;
      if (!plain(grad.ptr()) || !is_tensor(param.ptr())) return false;
      params.push_back(unwrap(param.ptr()));
      grads.push_back(unwrap(grad.ptr()));
      if (states.empty()) continue;
      PyObject* state = entry(known.ptr(), param.ptr());
      if (!state || !PyDict_Check(state)) return false;
      for (size_t k = 0; k < states.size(); k++) {
        PyObject* key = PyTuple_GET_ITEM(keys.ptr(), k);
        if (key != Py_None && !add(states[k], entry(state, key))) return false;
      }
      if (counts && !add(steps, entry(state, step_name))) return false;
    }
    return true;
  }
  static bool add(Tensors& list, PyObject* value) {
    if (!plain(value)) return false;
    list.push_back(unwrap(value));
    return true;
  }
};

bool take(OptimRule rule, const OptimOptions& o, double rate, double second, nb::handle params, nb::handle known,
          nb::tuple keys, bool counts) {
  Group g;
  if (!g.read(params, known, keys, counts)) return false;
  return ops::optimizer_step(rule, o, rate, second, g.params, g.grads, g.states, g.steps);
}

bool fused_sgd(nb::handle params, nb::handle known, nb::tuple keys, double lr, double momentum, double dampening,
               double weight_decay, bool nesterov, bool maximize) {
  OptimOptions o;
  o.momentum = momentum, o.weight_decay = weight_decay;
  o.nesterov = nesterov, o.maximize = maximize;
  return take(OptimRule::SGD, o, lr, dampening, params, known, keys, false);
}

bool fused_adam(nb::handle params, nb::handle known, nb::tuple keys, double lr, double beta1, double beta2, double eps,
                double weight_decay, bool decoupled, bool amsgrad, bool maximize) {
  OptimOptions o;
  o.beta1 = beta1, o.beta2 = beta2, o.eps = eps, o.amsgrad = amsgrad, o.maximize = maximize;
  (decoupled ? o.shrink : o.weight_decay) = decoupled ? 1 - lr * weight_decay : weight_decay;
  return take(OptimRule::Adam, o, lr, 0, params, known, keys, true);
}

bool fused_rmsprop(nb::handle params, nb::handle known, nb::tuple keys, double lr, double alpha, double eps,
                   double weight_decay, double momentum, bool centered, bool maximize) {
  OptimOptions o;
  o.beta2 = alpha, o.eps = eps, o.weight_decay = weight_decay, o.momentum = momentum;
  o.centered = centered, o.maximize = maximize;
  return take(OptimRule::RMSprop, o, lr, 0, params, known, keys, true);
}

bool fused_adagrad(nb::handle params, nb::handle known, nb::tuple keys, double lr, double lr_decay, double eps,
                   double weight_decay, bool maximize) {
  OptimOptions o;
  o.eps = eps, o.weight_decay = weight_decay, o.maximize = maximize;
  return take(OptimRule::Adagrad, o, lr, lr_decay, params, known, keys, true);
}

}  // namespace

void define_optim(nb::module_& m) {
  grad_name = PyUnicode_InternFromString("grad");
  step_name = PyUnicode_InternFromString("step");
  m.def("fused_adagrad_", fused_adagrad);
  m.def("fused_adam_", fused_adam);
  m.def("fused_rmsprop_", fused_rmsprop);
  m.def("fused_sgd_", fused_sgd);
}

}  // namespace flambeau::python
