// nn.Module's `__call__`: a call of `forward`, without a frame of Python in between, until somebody registers a hook.
#include "python/python.h"

namespace flambeau::python {

namespace {

PyObject* forward_name;
PyObject* with_hooks;  // (module, args, kwargs): looks for hooks, once there may be some

constexpr Py_ssize_t kFew = 6;

// The slot behind `__call__`.
PyObject* call(PyObject* self, PyObject* args, PyObject* kwargs) {
  if (with_hooks) {
    nb::object named = kwargs ? nb::borrow(kwargs) : nb::steal(PyDict_New());
    if (!named.is_valid()) return nullptr;
    PyObject* all[] = {self, args, named.ptr()};
    return PyObject_Vectorcall(with_hooks, all, 3, nullptr);
  }
  Py_ssize_t n = PyTuple_GET_SIZE(args);
  if (n > kFew || (kwargs && PyDict_GET_SIZE(kwargs))) {
    nb::object forward = nb::steal(PyObject_GetAttr(self, forward_name));
    return forward.is_valid() ? PyObject_Call(forward.ptr(), args, kwargs) : nullptr;
  }
  PyObject* all[kFew + 2] = {nullptr, self};  // the callee may use the place before the first
  for (Py_ssize_t i = 0; i < n; i++) all[i + 2] = PyTuple_GET_ITEM(args, i);
  return PyObject_VectorcallMethod(forward_name, all + 1, (n + 1) | PY_VECTORCALL_ARGUMENTS_OFFSET, nullptr);
}

// `__call__` as Python has it for a slot, of any object: a class with it among its attributes has `call` in the slot
// itself, with no search for the attribute in each call, and no base class that would change the layout of instances.
nb::object slot_wrapper() {
  nb::object known = nb::steal(PyObject_GetAttrString(reinterpret_cast<PyObject*>(&PyType_Type), "__dict__"));
  nb::object like = known["__call__"];
  if (!Py_IS_TYPE(like.ptr(), &PyWrapperDescr_Type)) throw nb::type_error("type.__call__ is no slot");
  auto* base = reinterpret_cast<PyWrapperDescrObject*>(like.ptr())->d_base;
  return nb::steal(PyDescr_NewWrapper(&PyBaseObject_Type, base, reinterpret_cast<void*>(call)));
}

}  // namespace

void define_callable(nb::module_& m) {
  forward_name = PyUnicode_InternFromString("forward");
  m.attr("call_forward") = slot_wrapper();
  // From now on every call of every module goes to this function.
  m.def("call_with_hooks", [](nb::object function) {
    if (!with_hooks) with_hooks = function.release().ptr();
  });
}

}  // namespace flambeau::python
