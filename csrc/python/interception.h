// What may stand in for a call: types and modes with __torch_function__ (flambeau/overrides.py), and interpreters of
// the core's functions (vmap, dispatch modes: flambeau/_interpreters.py). Nothing is looked at until one of them
// exists.
#pragma once
#include "python/python.h"

namespace flambeau::python {

extern bool interception;  // something may stand in for calls

// Whether a call of Tensor's `name` goes elsewhere; then `result` is its value, or null with an error set.
bool diverted_slow(const char* name, PyObject* const* args, Py_ssize_t n, PyObject** result);
inline bool diverted(const char* name, std::initializer_list<PyObject*> args, PyObject** result) {
  return interception && diverted_slow(name, args.begin(), static_cast<Py_ssize_t>(args.size()), result);
}
// The same for a method with arguments after self.
bool method_diverted_slow(const char* name, PyObject* self, PyObject* const* args, Py_ssize_t n, PyObject** result);
inline bool method_diverted(const char* name, PyObject* self, PyObject* const* args, Py_ssize_t n, PyObject** result) {
  return interception && method_diverted_slow(name, self, args, n, result);
}

void define_interception(nb::module_& m);

}  // namespace flambeau::python
