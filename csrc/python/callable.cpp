// nn.Module's `__call__`: a call of `forward`, without a frame of Python in between, until somebody registers a hook.
#include "python/python.h"

namespace flambeau::python {

namespace {

PyObject* forward_name;
PyObject* with_hooks;  // (module, args, kwargs): looks for hooks, once there may be some

constexpr Py_ssize_t kFew = 6;

PyObject* call_hooked(PyObject* self, PyObject* const* args, Py_ssize_t n, PyObject* names) {
  nb::object positional = nb::steal(PyTuple_New(n)), named = nb::steal(PyDict_New());
  if (!positional.is_valid() || !named.is_valid()) return nullptr;
  for (Py_ssize_t i = 0; i < n; i++) PyTuple_SET_ITEM(positional.ptr(), i, Py_NewRef(args[i]));
  for (Py_ssize_t i = 0; names && i < PyTuple_GET_SIZE(names); i++)
    if (PyDict_SetItem(named.ptr(), PyTuple_GET_ITEM(names, i), args[n + i])) return nullptr;
  PyObject* all[] = {self, positional.ptr(), named.ptr()};
  return PyObject_Vectorcall(with_hooks, all, 3, nullptr);
}

PyObject* call(PyObject* self, PyObject* const* args, Py_ssize_t n, PyObject* names) {
  if (with_hooks) return call_hooked(self, args, n, names);
  if (n > kFew || names) {
    nb::object forward = nb::steal(PyObject_GetAttr(self, forward_name));
    return forward.is_valid() ? PyObject_Vectorcall(forward.ptr(), args, n, names) : nullptr;
  }
  PyObject* all[kFew + 2] = {nullptr, self};  // the callee may use the place before the first
  std::copy_n(args, n, all + 2);
  return PyObject_VectorcallMethod(forward_name, all + 1, (n + 1) | PY_VECTORCALL_ARGUMENTS_OFFSET, nullptr);
}

PyMethodDef call_method{"__call__", reinterpret_cast<PyCFunction>(reinterpret_cast<void*>(call)),
                        METH_FASTCALL | METH_KEYWORDS, "Calls `forward`, with the hooks around it."};

}  // namespace

void define_callable(nb::module_& m) {
  forward_name = PyUnicode_InternFromString("forward");
  m.attr("call_forward") = nb::steal(PyDescr_NewMethod(&PyBaseObject_Type, &call_method));
  // From now on every call of every module goes to this function.
  m.def("call_with_hooks", [](nb::object function) {
    if (!with_hooks) with_hooks = function.release().ptr();
  });
}

}  // namespace flambeau::python
