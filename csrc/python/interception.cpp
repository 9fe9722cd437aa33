#include "python/interception.h"

#include <unordered_map>

namespace flambeau::python {

bool interception = false;

namespace {

// What Python hands in (overrides.py, _interpreters.py).
PyObject* overridden;  // (function, args, kwargs): asks the types and modes
PyObject*
    interpreted;      // (function or the name of a method, args, kwargs): asks the interpreters; NotImplemented: go on
PyObject* opted_out;  // __torch_function__ of types that only look like tensors' subclasses (Parameter)
PyTypeObject* batched_type;

// Of each thread.
thread_local int function_modes = 0;       // active modes with __torch_function__
thread_local bool types_disabled = false;  // DisableTorchFunctionSubclass
thread_local int interpreters = 0;         // active interpreters
thread_local bool every_call = false;      // one of them wants to see calls without batches too

// ---- who overrides

PyObject* protocol_name() {
  static PyObject* name = PyUnicode_InternFromString("__torch_function__");
  return name;
}

bool overrides(PyObject* o) {
  PyTypeObject* type = Py_TYPE(o);
  if (type == tensor_type || type == &PyLong_Type || type == &PyFloat_Type || type == &PyBool_Type || o == Py_None ||
      type == &PyUnicode_Type)
    return false;
  PyObject* found = _PyType_Lookup(type, protocol_name());
  return found && found != opted_out && found != Py_None && !PyType_Check(o);
}

// One argument, or the elements of a list or tuple of them.
template <class Test>
bool anywhere(PyObject* o, Test test) {
  if (PyList_CheckExact(o) || PyTuple_CheckExact(o)) {
    PyObject** items = PySequence_Fast_ITEMS(o);
    for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(o); i++)
      if (test(items[i])) return true;
    return false;
  }
  return test(o);
}

template <class Test>
bool among(PyObject* const* args, Py_ssize_t n, Test test) {
  for (Py_ssize_t i = 0; i < n; i++)
    if (anywhere(args[i], test)) return true;
  return false;
}

bool types_or_modes(PyObject* const* args, Py_ssize_t n) {
  return function_modes || (!types_disabled && among(args, n, overrides));
}

bool batched(PyObject* o) { return Py_TYPE(o) == batched_type; }
bool for_interpreters(PyObject* const* args, Py_ssize_t n) {
  return interpreters && (every_call || among(args, n, batched));
}

// handler(shown, args, kwargs) for a call in CPython's vector convention.
PyObject* hand_over(PyObject* handler, PyObject* shown, PyObject* const* args, Py_ssize_t n, PyObject* keywords) {
  nb::object positional = nb::steal(PyTuple_New(n));
  if (!positional.is_valid()) return nullptr;
  for (Py_ssize_t i = 0; i < n; i++) PyTuple_SET_ITEM(positional.ptr(), i, Py_NewRef(args[i]));
  nb::object named = nb::steal(PyDict_New());
  if (!named.is_valid()) return nullptr;
  for (Py_ssize_t i = 0; keywords && i < PyTuple_GET_SIZE(keywords); i++)
    if (PyDict_SetItem(named.ptr(), PyTuple_GET_ITEM(keywords, i), args[n + i])) return nullptr;
  PyObject* all[] = {shown, positional.ptr(), named.ptr()};
  return PyObject_Vectorcall(handler, all, 3, nullptr);
}

// ---- gates: what the body of a public function becomes once something may override it

struct Gate {
  PyObject_HEAD vectorcallfunc call;
  PyObject* plain;  // the function itself
  PyObject* shown;  // what handlers get to see
  bool modes_only;  // a constructor: the classes of its arguments are not asked
};

PyObject* gate_call(PyObject* self, PyObject* const* args, size_t flags, PyObject* keywords) {
  auto* gate = reinterpret_cast<Gate*>(self);
  Py_ssize_t n = PyVectorcall_NARGS(flags), all = n + (keywords ? PyTuple_GET_SIZE(keywords) : 0);
  if (gate->modes_only ? function_modes > 0 : types_or_modes(args, all))
    return hand_over(overridden, gate->shown, args, n, keywords);
  return PyObject_Vectorcall(gate->plain, args, static_cast<size_t>(n), keywords);
}

int gate_traverse(PyObject* o, visitproc visit, void* arg) {
  Py_VISIT(reinterpret_cast<Gate*>(o)->plain);
  Py_VISIT(reinterpret_cast<Gate*>(o)->shown);
  Py_VISIT(Py_TYPE(o));
  return 0;
}
int gate_clear(PyObject* o) {
  Py_CLEAR(reinterpret_cast<Gate*>(o)->plain);
  Py_CLEAR(reinterpret_cast<Gate*>(o)->shown);
  return 0;
}
void gate_dealloc(PyObject* o) {
  PyTypeObject* type = Py_TYPE(o);
  PyObject_GC_UnTrack(o);
  gate_clear(o);
  type->tp_free(o);
  Py_DECREF(type);
}
PyMemberDef gate_members[] = {
    {"__vectorcalloffset__", T_PYSSIZET, offsetof(Gate, call), READONLY, nullptr},
    {"__wrapped__", T_OBJECT_EX, offsetof(Gate, plain), READONLY, nullptr},
    {nullptr, 0, 0, 0, nullptr},
};
PyTypeObject* gate_type;

void define_gate() {
  PyType_Slot slots[] = {
      {Py_tp_call, reinterpret_cast<void*>(PyVectorcall_Call)},
      {Py_tp_traverse, reinterpret_cast<void*>(gate_traverse)},
      {Py_tp_clear, reinterpret_cast<void*>(gate_clear)},
      {Py_tp_dealloc, reinterpret_cast<void*>(gate_dealloc)},
      {Py_tp_members, gate_members},
      {0, nullptr},
  };
  PyType_Spec spec = {"flambeau.Gate", sizeof(Gate), 0,
                      Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_HAVE_VECTORCALL, slots};
  gate_type = reinterpret_cast<PyTypeObject*>(PyType_FromSpec(&spec));
  if (!gate_type) throw nb::python_error();
}

nb::object make_gate(nb::handle plain, nb::handle shown, bool modes_only) {
  nb::object made = nb::steal(gate_type->tp_alloc(gate_type, 0));
  if (!made.is_valid()) throw nb::python_error();
  auto* gate = reinterpret_cast<Gate*>(made.ptr());
  gate->call = gate_call;
  gate->plain = Py_NewRef(plain.ptr());
  gate->shown = Py_NewRef(shown.ptr());
  gate->modes_only = modes_only;
  return made;
}

// ---- the core's functions: their entry points are exchanged while someone wants to be asked, and put back afterwards

struct Hooked {
  vectorcallfunc original;
  bool is_method = false;     // public as it is: a method of Tensor
  bool is_primitive = false;  // for interpreters
  bool is_random = false;     // for them without batches among the arguments too
};
std::unordered_map<PyObject*, Hooked> hooked;  // written under Python's lock
int hook_users = 0;                            // threads with interpreters

vectorcallfunc& entry_of(PyObject* function) {
  return *reinterpret_cast<vectorcallfunc*>(reinterpret_cast<char*>(function) +
                                            Py_TYPE(function)->tp_vectorcall_offset);
}

PyObject* hooked_call(PyObject* function, PyObject* const* args, size_t flags, PyObject* keywords) {
  Hooked hook = hooked.find(function)->second;
  Py_ssize_t n = PyVectorcall_NARGS(flags), all = n + (keywords ? PyTuple_GET_SIZE(keywords) : 0);
  if (hook.is_method && types_or_modes(args, all)) return hand_over(overridden, function, args, n, keywords);
  if (hook.is_primitive && interpreters && (hook.is_random || for_interpreters(args, all))) {
    PyObject* result = hand_over(interpreted, function, args, n, keywords);
    if (result != Py_NotImplemented) return result;
    Py_DECREF(result);
  }
  return hook.original(function, args, flags, keywords);
}

void update_entry(PyObject* function, const Hooked& hook) {
  entry_of(function) = hook.is_method || (hook_users && hook.is_primitive) ? hooked_call : hook.original;
}

Hooked& hook_of(PyObject* function) {
  auto found = hooked.find(function);
  if (found != hooked.end()) return found->second;
  FL_CHECK(PyType_HasFeature(Py_TYPE(function), Py_TPFLAGS_HAVE_VECTORCALL), Type, "hook",
           "expected a function of the core, got ", Py_TYPE(function)->tp_name);
  Py_INCREF(function);  // the core's functions stay
  return hooked[function] = {entry_of(function)};
}

void hook_method(nb::handle function) {
  Hooked& hook = hook_of(function.ptr());
  hook.is_method = true;
  update_entry(function.ptr(), hook);
}

void hook_primitive(nb::handle function, bool is_random) {
  Hooked& hook = hook_of(function.ptr());
  hook.is_primitive = true;
  hook.is_random = is_random;
  update_entry(function.ptr(), hook);
}

void use_hooks(bool on) {
  hook_users += on ? 1 : -1;
  for (auto& [function, hook] : hooked) update_entry(function, hook);
}

// ---- classes that define the protocol

PyObject* build_class;    // Python's own
PyObject* class_noticed;  // called without arguments

// A class is built seldom, a function called often: so it is here that one with __torch_function__ is noticed. In C,
// because a class body may look at the frames around it.
PyObject* watching_build_class(PyObject*, PyObject* const* args, Py_ssize_t n, PyObject* keywords) {
  PyObject* made = PyObject_Vectorcall(build_class, args, static_cast<size_t>(n), keywords);
  if (!made || !PyType_Check(made)) return made;
  PyObject* found = _PyType_Lookup(reinterpret_cast<PyTypeObject*>(made), protocol_name());
  if (!found || found == opted_out) return made;
  nb::object held = nb::steal(made), done = nb::steal(PyObject_CallNoArgs(class_noticed));
  return done.is_valid() ? held.release().ptr() : nullptr;
}

void watch_classes(nb::object noticed, nb::object opt_out) {
  static PyMethodDef method{
      "__build_class__", reinterpret_cast<PyCFunction>(reinterpret_cast<void*>(watching_build_class)),
      METH_FASTCALL | METH_KEYWORDS, "Builds a class; notices those that define __torch_function__."};
  nb::module_ builtins = nb::module_::import_("builtins");
  class_noticed = noticed.release().ptr();
  opted_out = opt_out.release().ptr();
  build_class = nb::object(builtins.attr("__build_class__")).release().ptr();
  builtins.attr("__build_class__") = nb::steal(PyCFunction_New(&method, nullptr));
}

// ---- slots, methods and attributes of Tensor

// What handlers get to see: a method, or how an attribute is read ("name") or set ("name=").
PyObject* attribute(std::string name) {
  bool set = name.back() == '=';
  if (set) name.pop_back();
  PyObject* found = PyObject_GetAttrString(reinterpret_cast<PyObject*>(tensor_type), name.c_str());
  if (!found || Py_TYPE(found) != &PyGetSetDescr_Type) return found;
  PyObject* accessor = PyObject_GetAttrString(found, set ? "__set__" : "__get__");
  Py_DECREF(found);
  return accessor;
}

}  // namespace

bool diverted_slow(const char* name, PyObject* const* args, Py_ssize_t n, PyObject** result) {
  if (types_or_modes(args, n)) {
    nb::object shown = nb::steal(attribute(name));
    *result = shown.is_valid() ? hand_over(overridden, shown.ptr(), args, n, nullptr) : nullptr;
    return true;
  }
  if (for_interpreters(args, n)) {
    nb::object shown = nb::steal(PyUnicode_FromString(name));
    *result = shown.is_valid() ? hand_over(interpreted, shown.ptr(), args, n, nullptr) : nullptr;
    if (*result != Py_NotImplemented) return true;
    Py_DECREF(*result);
  }
  return false;
}

bool method_diverted_slow(const char* name, PyObject* self, PyObject* const* args, Py_ssize_t n, PyObject** result) {
  if (!function_modes && !interpreters && Py_TYPE(self) == tensor_type) return false;
  std::vector<PyObject*> all{self};
  all.insert(all.end(), args, args + n);
  return diverted_slow(name, all.data(), n + 1, result);
}

void define_interception(nb::module_& m) {
  define_gate();
  // Called once, when the first thing that may stand in for a call appears.
  m.def("enable_overrides", [](nb::object handler) {
    overridden = handler.release().ptr();
    interception = true;
  });
  m.def("enable_interpreters", [](nb::object handler, nb::handle batch_type) {
    interpreted = handler.release().ptr();
    batched_type = reinterpret_cast<PyTypeObject*>(batch_type.inc_ref().ptr());
    interception = true;
  });
  m.def("watch_classes", watch_classes);
  m.def("make_gate", make_gate);
  m.def("hook_method", hook_method);
  m.def("hook_primitive", hook_primitive);
  m.def("use_hooks", use_hooks);
  m.def("has_overrides", [](nb::args values) {
    return types_or_modes(PySequence_Fast_ITEMS(values.ptr()), PyTuple_GET_SIZE(values.ptr()));
  });
  // The state of this thread; each gives the value before.
  m.def("set_function_modes", [](int count) { return std::exchange(function_modes, count); });
  m.def("set_types_disabled", [](bool off) { return std::exchange(types_disabled, off); });
  m.def("set_interpreters", [](int count, bool every) {
    every_call = every;
    return std::exchange(interpreters, count);
  });
  // The logical view of a batch: all but the first dimension of `physical`.
  m.def("make_batched", [](nb::handle type, const Tensor& physical) {
    Dims shape(DimsRef(physical.shape()).subspan(1)), strides(DimsRef(physical.strides()).subspan(1));
    Tensor view = alias(physical, shape, strides, physical->offset);
    return nb::steal(wrap_as(reinterpret_cast<PyTypeObject*>(type.ptr()), view));
  });
}

}  // namespace flambeau::python
