// The bindings' shared pieces: the Tensor type, casters, errors.
#pragma once
// clang-format off
#include <Python.h>  // before what needs it
#include <frameobject.h>
#include <structmember.h>
// clang-format on
#include <nanobind/nanobind.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include "core/node.h"
#include "ops/ops.h"

namespace nb = nanobind;

namespace flambeau::python {

// ---- the Tensor type (tensor.cpp): an own CPython type, since an instance is made by every op
struct TensorObject {
  PyObject_HEAD TensorImpl* impl;
  PyObject* dict;
  PyObject* weakrefs;
};
extern PyTypeObject* tensor_type;
inline bool is_tensor(PyObject* o) { return Py_TYPE(o) == tensor_type || PyType_IsSubtype(Py_TYPE(o), tensor_type); }
inline Tensor unwrap(PyObject* o) { return Tensor(reinterpret_cast<TensorObject*>(o)->impl); }
PyObject* wrap(const Tensor& t);                             // a new reference; None if undefined
PyObject* wrap_as(PyTypeObject* type, const Tensor& fresh);  // `fresh` has no Python object yet
bool number(PyObject* o, Tensor& out);                       // a Python or NumPy number as a weak 0-dim tensor
inline bool operand(PyObject* o, Tensor& out) {
  if (is_tensor(o)) {
    out = unwrap(o);
    return true;
  }
  return number(o, out);
}
void define_tensor(nb::module_& m);

// ---- dtype and device objects, Size (types.cpp)
PyObject* dtype_object(DType t);  // borrowed
bool is_dtype(PyObject* o, DType& out);
PyObject* make_size(DimsRef dims);     // new reference to a flambeau.Size
bool to_dims(PyObject* o, Dims& out);  // a sequence of ints
void define_types(nb::module_& m);

// ---- graph nodes (autograd.cpp)
PyObject* wrap_node(const Ref<Node>& node);  // new reference; None if null
void define_autograd(nb::module_& m);

// ---- keys that are more than a view (indexing.cpp)
Tensor advanced_get(const Tensor& x, PyObject* key);
void advanced_set(const Tensor& x, PyObject* key, PyObject* value);

// ---- ops, by family
void define_buffers(nb::module_& m);
void define_callable(nb::module_& m);
void define_checksum(nb::module_& m);
void define_creation(nb::module_& m);
void define_indexing(nb::module_& m);
void define_matmul(nb::module_& m);
void define_conv(nb::module_& m);
void define_indexing(nb::module_& m);
void define_ops(nb::module_& m);
void define_optim(nb::module_& m);
void define_pointwise(nb::module_& m);
void define_random(nb::module_& m);
void define_recurrent(nb::module_& m);
void define_reduce(nb::module_& m);

// ---- errors (module.cpp)
void set_python_error();  // from the C++ exception being handled
[[noreturn]] void throw_python_error();

// Runs `body`, turning C++ exceptions into Python ones; for raw C slots.
template <class F>
PyObject* guarded(F&& body) {
  try {
    return body();
  } catch (...) {
    set_python_error();
    return nullptr;
  }
}

// A number or a tensor.
struct Operand {
  Tensor tensor;
};

}  // namespace flambeau::python

namespace nanobind::detail {

template <>
struct type_caster<flambeau::Tensor> {
  NB_TYPE_CASTER(flambeau::Tensor, const_name("Tensor"))
  bool from_python(handle src, uint8_t, cleanup_list*) noexcept {
    if (!flambeau::python::is_tensor(src.ptr())) return false;
    value = flambeau::python::unwrap(src.ptr());
    return true;
  }
  static handle from_cpp(const flambeau::Tensor& t, rv_policy, cleanup_list*) noexcept {
    return flambeau::python::wrap(t);
  }
};

template <>
struct type_caster<flambeau::python::Operand> {
  NB_TYPE_CASTER(flambeau::python::Operand, const_name("Tensor | float"))
  // Throws on an int of more than 64 bits, so no caster that may not throw (of optional, vector) may be put around it.
  bool from_python(handle src, uint8_t, cleanup_list*) { return flambeau::python::operand(src.ptr(), value.tensor); }
  static handle from_cpp(const flambeau::python::Operand& t, rv_policy, cleanup_list*) noexcept {
    return flambeau::python::wrap(t.tensor);
  }
};

template <>
struct type_caster<flambeau::Dims> {
  NB_TYPE_CASTER(flambeau::Dims, const_name("Sequence[int]"))
  bool from_python(handle src, uint8_t, cleanup_list*) noexcept { return flambeau::python::to_dims(src.ptr(), value); }
  static handle from_cpp(const flambeau::Dims& d, rv_policy, cleanup_list*) noexcept {
    return flambeau::python::make_size(d);
  }
};

template <>
struct type_caster<flambeau::DType> {
  NB_TYPE_CASTER(flambeau::DType, const_name("dtype"))
  bool from_python(handle src, uint8_t, cleanup_list*) noexcept { return flambeau::python::is_dtype(src.ptr(), value); }
  static handle from_cpp(flambeau::DType t, rv_policy, cleanup_list*) noexcept {
    PyObject* o = flambeau::python::dtype_object(t);
    Py_INCREF(o);
    return o;
  }
};

}  // namespace nanobind::detail
