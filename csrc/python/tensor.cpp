// The Tensor type. Written against CPython directly: one is made by every op, and operators are called without a
// lookup.
#include <cstddef>

#include "core/kernels.h"
#include "python/buffers.h"
#include "python/interception.h"

namespace flambeau::python {

PyTypeObject* tensor_type;

namespace {

PyObject* constructor;  // the Python function behind Tensor(...)

PyObject* steal(nb::object o) { return o.release().ptr(); }

// ---- life

// Objects of Tensor itself that have died: most live for one op, and the next takes their place.
constexpr int kKept = 64;
PyObject* kept[kKept];
int kept_count = 0;

PyObject* take_kept() {
  PyObject* o = PyObject_Init(kept[--kept_count], tensor_type);
  PyObject_GC_Track(o);
  return o;
}

PyObject* allocate(PyTypeObject* type, const Tensor& t) {
  PyObject* o = type == tensor_type && kept_count ? take_kept() : type->tp_alloc(type, 0);
  if (!o) return nullptr;
  auto* self = reinterpret_cast<TensorObject*>(o);
  self->impl = t.impl();
  self->impl->bind_python(o);  // every C++ owner becomes a reference to the object
  return o;
}

void tensor_dealloc(PyObject* o) {
  auto* self = reinterpret_cast<TensorObject*>(o);
  PyTypeObject* type = Py_TYPE(o);
  PyObject_GC_UnTrack(o);
  if (self->weakrefs) PyObject_ClearWeakRefs(o);
  Py_CLEAR(self->dict);
  if (TensorImpl* impl = std::exchange(self->impl, nullptr)) impl->dispose();
  if (type == tensor_type && kept_count < kKept) {
    self->weakrefs = nullptr;
    kept[kept_count++] = o;
  } else {
    type->tp_free(o);
  }
  Py_DECREF(type);
}

int tensor_traverse(PyObject* o, visitproc visit, void* arg) {
  Py_VISIT(reinterpret_cast<TensorObject*>(o)->dict);
  Py_VISIT(Py_TYPE(o));
  return 0;
}

int tensor_clear(PyObject* o) {
  Py_CLEAR(reinterpret_cast<TensorObject*>(o)->dict);
  return 0;
}

PyObject* tensor_new(PyTypeObject* type, PyObject* args, PyObject* kwargs) {
  PyObject* made = PyObject_Call(constructor, args, kwargs);
  if (!made || type == tensor_type) return made;
  if (!is_tensor(made)) {
    Py_DECREF(made);
    PyErr_SetString(PyExc_TypeError, "Tensor(...) did not make a tensor");
    return nullptr;
  }
  PyObject* out = wrap_as(type, alias(unwrap(made)));
  Py_DECREF(made);
  return out;
}

// ---- operators

using Binary = Tensor (*)(const Tensor&, const Tensor&, ops::Params);

// Names of methods: of `tensor op other`, and of `other op tensor` where other is no tensor (called with the tensor
// first).
struct Names {
  const char* plain;
  const char* reflected;
};
bool operator_diverted(const Names& names, PyObject* a, PyObject* b, PyObject** result) {
  if (!interception) return false;
  return is_tensor(a) ? diverted(names.plain, {a, b}, result) : diverted(names.reflected, {b, a}, result);
}

// Template arguments cannot hold string literals: references to these can.
constexpr Names kAdd{"add", "add"}, kSub{"sub", "__rsub__"}, kMul{"mul", "mul"}, kDiv{"div", "__rdiv__"};
constexpr Names kInplaceAdd{"add_", ""}, kInplaceSub{"sub_", ""}, kInplaceMul{"mul_", ""}, kInplaceDiv{"div_", ""};

template <Binary F, const Names& N>
PyObject* binary_slot(PyObject* a, PyObject* b) {
  if (PyObject* result; operator_diverted(N, a, b, &result)) return result;
  return guarded([&]() -> PyObject* {
    Tensor x, y;
    bool quotient_of_array = &N == &kDiv && is_numpy_array(a);  // NumPy leaves these to us
    if (quotient_of_array) x = from_array(a);
    if ((!quotient_of_array && !operand(a, x)) || !operand(b, y)) Py_RETURN_NOTIMPLEMENTED;
    constexpr bool commutes = &N == &kAdd || &N == &kMul;
    if (commutes && !is_tensor(a)) std::swap(x, y);  // 2 * x is recorded as x * 2, as torch does
    return wrap(F(x, y, {}));
  });
}

template <Binary F, const Names& N>
PyObject* inplace_slot(PyObject* a, PyObject* b) {
  if (PyObject* result; operator_diverted(N, a, b, &result)) return result;
  return guarded([&]() -> PyObject* {
    Tensor y;
    if (!operand(b, y)) Py_RETURN_NOTIMPLEMENTED;
    F(unwrap(a), y, {});
    Py_INCREF(a);
    return a;
  });
}

PyObject* negative_slot(PyObject* a) {
  if (PyObject* result; diverted("neg", {a}, &result)) return result;
  return guarded([&] { return wrap(ops::neg(unwrap(a))); });
}

// Operators that are Python functions (set by tensor.py): looked up once.
struct Named {
  const char* name;
  Names methods;
  PyObject* function = nullptr;
  PyObject* code = nullptr;  // of the function, as long as nobody has given it another
  bool unchanged() const { return PyFunction_Check(function) && PyFunction_GET_CODE(function) == code; }
};
Named named[] = {{"matmul", {"matmul", "__rmatmul__"}},
                 {"pow", {"pow", "__rpow__"}},
                 {"remainder", {"remainder", "__rmod__"}},
                 {"floor_divide", {"__floordiv__", "__rfloordiv__"}},
                 {"bitwise_and", {"__and__", "bitwise_and"}},
                 {"bitwise_or", {"__or__", "bitwise_or"}},
                 {"bitwise_xor", {"__xor__", "bitwise_xor"}},
                 {"bitwise_left_shift", {"__lshift__", "__rlshift__"}},
                 {"bitwise_right_shift", {"__rshift__", "__rrshift__"}},
                 {"bitwise_not", {"__invert__", ""}},
                 {"abs", {"abs", ""}}};
enum NamedIndex { Matmul, Pow, Remainder, FloorDivide, And, Or, Xor, LeftShift, RightShift, Invert, Abs };

// A 0-dim array stands for its number.
nb::object plain_number(PyObject* o) {
  if (is_tensor(o) || !is_numpy_array(o)) return nb::borrow(o);
  return nb::borrow(o).attr("item")();
}

template <NamedIndex N>
PyObject* named_slot(PyObject* a, PyObject* b) {
  if (PyObject* result; operator_diverted(named[N].methods, a, b, &result)) return result;
  return guarded([&]() -> PyObject* {
    if constexpr (N == Matmul) {  // what the function would do
      if (is_tensor(a) && is_tensor(b) && !interception && named[N].unchanged())
        return wrap(ops::matmul(unwrap(a), unwrap(b)));
    }
    Tensor ignored;
    if (!operand(a, ignored) || !operand(b, ignored)) Py_RETURN_NOTIMPLEMENTED;
    nb::object left = plain_number(a), right = plain_number(b);
    PyObject* args[] = {left.ptr(), right.ptr()};
    return PyObject_Vectorcall(named[N].function, args, 2, nullptr);
  });
}
template <NamedIndex N>
PyObject* named_unary(PyObject* a) {
  if (PyObject* result; diverted(named[N].methods.plain, {a}, &result)) return result;
  return PyObject_Vectorcall(named[N].function, &a, 1, nullptr);
}
PyObject* power_slot(PyObject* a, PyObject* b, PyObject*) { return named_slot<Pow>(a, b); }

// Arrays of what tensors cannot hold are unequal as objects are.
bool is_text_array(PyObject* o) {
  try {
    array_dtype(o);
    return false;
  } catch (const std::exception&) {
    return true;
  }
}

PyObject* compare(PyObject* a, PyObject* b, int op) {
  static const char* names[] = {"lt", "le", "__eq__", "ne", "gt", "ge"};  // in the order of Py_LT ... Py_GE
  if (PyObject* result; diverted(names[op], {a, b}, &result)) return result;
  return guarded([&]() -> PyObject* {
    Tensor y;
    if (!operand(b, y)) {
      bool numbers = (op == Py_EQ || op == Py_NE) && is_numpy_array(b) && !is_text_array(b);
      if (!numbers) Py_RETURN_NOTIMPLEMENTED;
      y = from_array(b);
    }
    Tensor x = unwrap(a);
    switch (op) {
      case Py_LT:
        return wrap(ops::lt(x, y));
      case Py_LE:
        return wrap(ops::le(x, y));
      case Py_EQ:
        return wrap(ops::eq(x, y));
      case Py_NE:
        return wrap(ops::ne(x, y));
      case Py_GT:
        return wrap(ops::gt(x, y));
      default:
        return wrap(ops::ge(x, y));
    }
  });
}

Py_hash_t tensor_hash(PyObject* o) {
  auto bits = reinterpret_cast<uintptr_t>(o);
  return static_cast<Py_hash_t>(bits >> 4 | bits << 60);
}

// ---- numbers

PyObject* to_number(const Tensor& t, const char* op, ErrorKind kind = ErrorKind::Runtime) {
  if (t.numel() != 1) {
    fail(kind, op, "only one element tensors can be converted to Python scalars; a Tensor with ", t.numel(),
         " elements cannot be converted to Scalar; shape ", t.shape());
  }
  FL_CHECK(t.device().is_cpu(), Runtime, op, "Tensor.item() cannot be called on meta tensors: they have no values");
  void* at = t.raw();
  switch (t.dtype()) {
    case DType::Float32:
      return PyFloat_FromDouble(*static_cast<float*>(at));
    case DType::Float64:
      return PyFloat_FromDouble(*static_cast<double*>(at));
    case DType::Int64:
      return PyLong_FromLongLong(*static_cast<int64_t*>(at));
    case DType::Bool:
      return PyBool_FromLong(*static_cast<uint8_t*>(at) != 0);
    case DType::UInt64:
      return PyLong_FromUnsignedLongLong(*static_cast<uint64_t*>(at));
    default:
      break;
  }
  DType wide = is_complex(t.dtype()) ? DType::Complex128 : is_floating(t.dtype()) ? DType::Float64 : DType::Int64;
  Tensor out = empty({}, wide);
  cpu_kernels().pointwise.copy(out, alias(t, {}, {}, t->offset));
  if (wide == DType::Float64) return PyFloat_FromDouble(*out.data<double>());
  if (wide == DType::Int64) return PyLong_FromLongLong(*out.data<int64_t>());
  auto z = *out.data<std::complex<double>>();
  return PyComplex_FromDoubles(z.real(), z.imag());
}

// Nested lists of numbers.
PyObject* to_list(const Tensor& t, const char* at, int64_t dim) {
  if (dim == t.ndim()) {
    Tensor element = alias(t, {}, {}, (at - static_cast<char*>(t->storage->data)) / t.item_size());
    return to_number(element, "tolist");
  }
  int64_t n = t.size(dim), step = t.stride(dim) * t.item_size();
  nb::object list = nb::steal(PyList_New(n));
  if (!list.is_valid()) throw nb::python_error();
  bool last = dim == t.ndim() - 1, doubles = last && t.dtype() == DType::Float64,
       longs = last && t.dtype() == DType::Int64, bools = last && t.dtype() == DType::Bool;
  for (int64_t i = 0; i < n; i++, at += step) {
    PyObject* item = doubles ? PyFloat_FromDouble(*reinterpret_cast<const double*>(at))
                     : longs ? PyLong_FromLongLong(*reinterpret_cast<const int64_t*>(at))
                     : bools ? PyBool_FromLong(*at)
                             : to_list(t, at, dim + 1);
    PyList_SET_ITEM(list.ptr(), i, item);
  }
  return list.release().ptr();
}

PyObject* tensor_tolist(PyObject* self, PyObject*) {
  if (PyObject* result; diverted("tolist", {self}, &result)) return result;
  return guarded([&]() -> PyObject* {
    Tensor t = unwrap(self);
    // Floats and small integers in one conversion.
    if (is_floating(t.dtype()) && t.dtype() != DType::Float64)
      t = ops::to_dtype(detach(t), DType::Float64);
    else if (is_integral(t.dtype(), false) && t.dtype() != DType::UInt64)
      t = ops::to_dtype(detach(t), DType::Int64);
    return to_list(t, t.data<char>(), 0);
  });
}

PyObject* tensor_item(PyObject* self, PyObject*) {
  if (PyObject* result; diverted("item", {self}, &result)) return result;
  return guarded([&] { return to_number(unwrap(self), "item"); });
}
PyObject* tensor_int(PyObject* self) {
  if (PyObject* result; diverted("__int__", {self}, &result)) return result;
  return guarded([&]() -> PyObject* {
    nb::object v = nb::steal(to_number(unwrap(self), "int", ErrorKind::Value));
    return PyNumber_Long(v.ptr());
  });
}
PyObject* tensor_float(PyObject* self) {
  if (PyObject* result; diverted("__float__", {self}, &result)) return result;
  return guarded([&]() -> PyObject* {
    nb::object v = nb::steal(to_number(unwrap(self), "float", ErrorKind::Value));
    if (PyComplex_Check(v.ptr()))
      FL_FAIL(Runtime, "float", "value cannot be converted to type double without overflow");
    return PyNumber_Float(v.ptr());
  });
}
PyObject* tensor_index(PyObject* self) {
  if (PyObject* result; diverted("__index__", {self}, &result)) return result;
  return guarded([&]() -> PyObject* {
    Tensor t = unwrap(self);
    FL_CHECK(is_integral(t.dtype()) && t.numel() == 1, Type, "__index__",
             "only integer tensors of a single element can be converted to an index");
    nb::object v = nb::steal(to_number(t, "__index__"));
    return PyNumber_Long(v.ptr());
  });
}
int tensor_bool(PyObject* self) {
  if (PyObject* result; diverted("__bool__", {self}, &result)) {
    nb::object held = nb::steal(result);
    return result ? PyObject_IsTrue(result) : -1;
  }
  try {
    Tensor t = unwrap(self);
    FL_CHECK(t.numel() != 0, Runtime, "bool", "Boolean value of Tensor with no values is ambiguous");
    FL_CHECK(t.numel() == 1, Runtime, "bool",
             "Boolean value of Tensor with more than one value is ambiguous; use .any() or .all()");
    nb::object v = nb::steal(to_number(t, "bool"));
    return PyObject_IsTrue(v.ptr());
  } catch (...) {
    set_python_error();
    return -1;
  }
}

// ---- indexing: ints, slices, None and Ellipsis are one view; anything else is Python's (ops/indexing.py)

constexpr int64_t kNoStop = INT64_MAX;

bool basic_item(PyObject* o, Dims& items) {
  auto push = [&](int64_t kind, int64_t a = 0, int64_t b = 0, int64_t c = 1) {
    for (int64_t v : {kind, a, b, c}) items.push_back(v);
  };
  if (PyLong_Check(o) && !PyBool_Check(o)) {
    int64_t v = PyLong_AsLongLong(o);
    if (v == -1 && PyErr_Occurred()) throw nb::python_error();
    push(ops::IndexItem::Int, v);
  } else if (PySlice_Check(o)) {
    auto* s = reinterpret_cast<PySliceObject*>(o);
    for (PyObject* part : {s->start, s->stop, s->step})
      if (part != Py_None && !PyLong_Check(part) && !PyIndex_Check(part)) return false;
    Py_ssize_t start, stop, step;
    if (PySlice_Unpack(o, &start, &stop, &step) < 0) throw nb::python_error();
    FL_CHECK(step > 0, Value, "index", "step must be greater than zero");
    push(ops::IndexItem::Slice, start, stop, step);
  } else if (o == Py_None) {
    push(ops::IndexItem::New);
  } else if (o == Py_Ellipsis) {
    push(ops::IndexItem::Rest);
  } else {
    return false;
  }
  return true;
}

// The items of a key that asks for a plain view; false if it does not.
bool basic_key(PyObject* key, Dims& items) {
  if (!PyTuple_Check(key)) return basic_item(key, items);
  bool rest = false;
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(key); i++) {
    PyObject* o = PyTuple_GET_ITEM(key, i);
    if (o == Py_Ellipsis) {
      if (rest) return false;
      rest = true;
    }
    if (!basic_item(o, items)) return false;
  }
  return true;
}

PyObject* tensor_getitem(PyObject* self, PyObject* key) {
  if (PyObject* result; diverted("__getitem__", {self, key}, &result)) return result;
  return guarded([&]() -> PyObject* {
    Dims items;
    Tensor t = unwrap(self);
    if (basic_key(key, items)) {
      FL_CHECK(t.ndim() > 0 || items.empty() || items[0] == ops::IndexItem::New || items[0] == ops::IndexItem::Rest,
               Index, "index",
               "invalid index of a 0-dim tensor. Use `tensor.item()` to convert a 0-dim tensor to a number");
      return wrap(ops::basic_index(t, items));
    }
    return wrap(advanced_get(t, key));
  });
}

int tensor_setitem(PyObject* self, PyObject* key, PyObject* value) {
  if (PyObject* result; value && diverted("__setitem__", {self, key, value}, &result)) {
    Py_XDECREF(result);
    return result ? 0 : -1;
  }
  try {
    FL_CHECK(value, Type, "index", "Tensor does not support deleting items");
    Dims items;
    Tensor v;
    if (basic_key(key, items) && operand(value, v)) {
      Tensor target = ops::basic_index(unwrap(self), items);
      // torch lets a value have more leading dimensions of size 1 than the target.
      while (v.ndim() > target.ndim() && v.size(0) == 1) v = ops::select(v, 0, 0);
      ops::copy_(target, v);
      return 0;
    }
    advanced_set(unwrap(self), key, value);
    return 0;
  } catch (...) {
    set_python_error();
    return -1;
  }
}

Py_ssize_t tensor_length(PyObject* self) {
  if (PyObject* result; diverted("__len__", {self}, &result)) {
    nb::object held = nb::steal(result);
    return result ? PyNumber_AsSsize_t(result, PyExc_OverflowError) : -1;
  }
  Tensor t = unwrap(self);
  if (t.ndim() == 0) {
    PyErr_SetString(PyExc_TypeError, "len() of a 0-d tensor");
    return -1;
  }
  return static_cast<Py_ssize_t>(t.size(0));
}

// ---- methods with a variable number of sizes

// f(2, 3), f((2, 3)), f([2, 3]) or f(Size); null and an error otherwise.
bool sizes(PyObject* const* args, Py_ssize_t n, Dims& out) {
  if (n == 1 && !PyLong_Check(args[0])) {
    if (to_dims(args[0], out)) return true;
  } else {
    for (Py_ssize_t i = 0; i < n; i++) {
      int64_t v;
      Dims one;
      if (PyLong_Check(args[i])) {
        v = PyLong_AsLongLong(args[i]);
        if (v == -1 && PyErr_Occurred()) return false;
      } else if (PyIndex_Check(args[i])) {
        nb::object index = nb::steal(PyNumber_Index(args[i]));
        if (!index.is_valid()) return false;
        v = PyLong_AsLongLong(index.ptr());
      } else {
        PyErr_Format(PyExc_TypeError, "expected ints as sizes, got %s at position %zd", Py_TYPE(args[i])->tp_name, i);
        return false;
      }
      out.push_back(v);
    }
    return true;
  }
  PyErr_Format(PyExc_TypeError, "expected ints or a tuple of ints as sizes, got %s", Py_TYPE(args[0])->tp_name);
  return false;
}

template <Tensor (*F)(const Tensor&, const Dims&)>
PyObject* sized_method(PyObject* self, PyObject* const* args, Py_ssize_t n) {
  return guarded([&]() -> PyObject* {
    Dims dims;
    if (!sizes(args, n, dims)) return nullptr;
    return wrap(F(unwrap(self), dims));
  });
}

PyObject* tensor_view(PyObject* self, PyObject* const* args, Py_ssize_t n) {
  DType dtype;
  if (n == 1 && is_dtype(args[0], dtype)) return guarded([&] { return wrap(ops::view_dtype(unwrap(self), dtype)); });
  return sized_method<ops::view>(self, args, n);
}

PyObject* tensor_size(PyObject* self, PyObject* const* args, Py_ssize_t n) {
  return guarded([&]() -> PyObject* {
    Tensor t = unwrap(self);
    if (n == 0 || args[0] == Py_None) return make_size(t.shape());
    int64_t dim = PyLong_AsLongLong(args[0]);
    if (dim == -1 && PyErr_Occurred()) return nullptr;
    FL_CHECK(t.ndim() > 0, Index, "size", "Dimension specified as ", dim, " but tensor has no dimensions");
    return PyLong_FromLongLong(t.size(wrap_dim(dim, t.ndim(), "size")));
  });
}

PyObject* tensor_stride(PyObject* self, PyObject* const* args, Py_ssize_t n) {
  return guarded([&]() -> PyObject* {
    Tensor t = unwrap(self);
    if (n == 0 || args[0] == Py_None) {
      PyObject* out = PyTuple_New(t.ndim());
      for (int64_t i = 0; i < t.ndim(); i++) PyTuple_SET_ITEM(out, i, PyLong_FromLongLong(t.stride(i)));
      return out;
    }
    int64_t dim = PyLong_AsLongLong(args[0]);
    if (dim == -1 && PyErr_Occurred()) return nullptr;
    FL_CHECK(t.ndim() > 0, Index, "stride", "Dimension specified as ", dim, " but tensor has no dimensions");
    return PyLong_FromLongLong(t.stride(wrap_dim(dim, t.ndim(), "stride")));
  });
}

#define FL_NOARGS(name, expression)                                                          \
  {#name,                                                                                    \
   [](PyObject* self, PyObject*) -> PyObject* {                                              \
     if (PyObject* result; method_diverted(#name, self, nullptr, 0, &result)) return result; \
     [[maybe_unused]] Tensor t = unwrap(self);                                               \
     return guarded([&]() -> PyObject* { return expression; });                              \
   },                                                                                        \
   METH_NOARGS, nullptr}
using FastMethod = PyObject* (*)(PyObject* self, PyObject* const* args, Py_ssize_t n, PyObject* names);

// The one argument by name stands where it would without its name. False, with an error set, for other names.
bool by_name(const char* method, std::initializer_list<const char*> allowed, Py_ssize_t& n, PyObject* names) {
  PyObject* name = PyTuple_GET_ITEM(names, 0);
  if (n == 0 && PyTuple_GET_SIZE(names) == 1) {
    for (const char* each : allowed)
      if (PyUnicode_CompareWithASCIIString(name, each) == 0) return n = 1;
  }
  PyErr_Format(PyExc_TypeError, "%s() got an unexpected keyword argument '%U'", method, name);
  return false;
}

#define FL_FAST(name, function, ...)                                                                                   \
  {name,                                                                                                               \
   reinterpret_cast<PyCFunction>(reinterpret_cast<void*>(                                                              \
       static_cast<FastMethod>([](PyObject* self, PyObject* const* args, Py_ssize_t n, PyObject* names) -> PyObject* { \
         if (names && !by_name(name, {__VA_ARGS__}, n, names)) return nullptr;                                         \
         if (PyObject* result; method_diverted(name, self, args, n, &result)) return result;                           \
         return function(self, args, n);                                                                               \
       }))),                                                                                                           \
   METH_FASTCALL | METH_KEYWORDS, nullptr}

uintptr_t address_of(const Tensor& t) {
  if (t.numel() == 0 || !t.device().is_cpu()) return 0;
  t->storage->addressed = true;
  return reinterpret_cast<uintptr_t>(t.raw());
}

PyMethodDef methods[] = {
    {"item", tensor_item, METH_NOARGS, nullptr},
    {"tolist", tensor_tolist, METH_NOARGS, nullptr},
    FL_FAST("view", tensor_view, "size", "dtype"),
    FL_FAST("reshape", sized_method<ops::reshape>, "shape"),
    FL_FAST("permute", sized_method<ops::permute>, "dims"),
    FL_FAST("expand", sized_method<ops::expand>, "size"),
    FL_FAST("size", tensor_size, "dim"),
    FL_FAST("stride", tensor_stride, "dim"),
    FL_NOARGS(dim, PyLong_FromLongLong(t.ndim())),
    FL_NOARGS(ndimension, PyLong_FromLongLong(t.ndim())),
    FL_NOARGS(numel, PyLong_FromLongLong(t.numel())),
    FL_NOARGS(nelement, PyLong_FromLongLong(t.numel())),
    FL_NOARGS(data_ptr, PyLong_FromUnsignedLongLong(address_of(t))),
    FL_NOARGS(element_size, PyLong_FromLongLong(t.item_size())),
    FL_NOARGS(storage_offset, PyLong_FromLongLong(t->offset)),
    FL_NOARGS(is_floating_point, PyBool_FromLong(is_floating(t.dtype()))),
    FL_NOARGS(is_complex, PyBool_FromLong(is_complex(t.dtype()))),
    FL_NOARGS(is_signed, PyBool_FromLong(info(t.dtype()).kind != Kind::Unsigned && info(t.dtype()).kind != Kind::Bool)),
    FL_NOARGS(is_inference, PyBool_FromLong(t->inference)),
    {nullptr, nullptr, 0, nullptr},
};

// ---- attributes

#define FL_GETTER(name, expression)                                                       \
  {#name,                                                                                 \
   [](PyObject* o, void*) -> PyObject* {                                                  \
     if (PyObject* result; method_diverted(#name, o, nullptr, 0, &result)) return result; \
     [[maybe_unused]] Tensor t = unwrap(o);                                               \
     return guarded([&]() -> PyObject* { return expression; });                           \
   },                                                                                     \
   nullptr, nullptr, nullptr}

PyObject* get_requires_grad(PyObject* o, void*) {
  if (PyObject* result; method_diverted("requires_grad", o, nullptr, 0, &result)) return result;
  return PyBool_FromLong(unwrap(o).requires_grad());
}
int set_requires_grad(PyObject* o, PyObject* value, void*) {
  if (PyObject* result; value && diverted("requires_grad=", {o, value}, &result)) {
    Py_XDECREF(result);
    return result ? 0 : -1;
  }
  try {
    Tensor t = unwrap(o);
    int on = value ? PyObject_IsTrue(value) : 0;
    if (on < 0) return -1;
    FL_CHECK(t.is_leaf() || on, Runtime, "requires_grad",
             "you can only change requires_grad flags of leaf variables. If you want to use a computed "
             "variable in a subgraph that doesn't require differentiation use var_no_grad = var.detach().");
    FL_CHECK(!on || is_inexact(t.dtype()), Runtime, "requires_grad",
             "only Tensors of floating point and complex dtype can require gradients, got ", name(t.dtype()));
    FL_CHECK(!on || !t->inference || inference_mode(), Runtime, "requires_grad",
             "Setting requires_grad=True on inference tensor outside InferenceMode is not allowed.");
    if (t.is_leaf()) t->requires_grad = on;
    return 0;
  } catch (...) {
    set_python_error();
    return -1;
  }
}

PyObject* get_grad(PyObject* o, void*) {
  if (PyObject* result; method_diverted("grad", o, nullptr, 0, &result)) return result;
  Tensor t = unwrap(o);
  return guarded([&] { return wrap(t->autograd ? t->autograd->grad : Tensor()); });
}
int set_grad(PyObject* o, PyObject* value, void*) {
  if (PyObject* result; value && diverted("grad=", {o, value}, &result)) {
    Py_XDECREF(result);
    return result ? 0 : -1;
  }
  try {
    Tensor t = unwrap(o);
    if (!value || value == Py_None) {
      if (t->autograd) t->autograd->grad = Tensor();
      return 0;
    }
    FL_CHECK(is_tensor(value), Type, "grad", "assigned grad expected to be a Tensor or None but got grad of type '",
             Py_TYPE(value)->tp_name, "'");
    Tensor g = unwrap(value);
    FL_CHECK(value != o, Runtime, "grad", "can't assign Variable as its own grad");
    FL_CHECK(g.shape() == t.shape(), Runtime, "grad", "assigned grad has data of a different size: ", g.shape(),
             " for a tensor of shape ", t.shape());
    FL_CHECK(g.dtype() == t.dtype(), Runtime, "grad", "assigned grad has data of a different type: ", name(g.dtype()),
             " for a ", name(t.dtype()), " tensor");
    need_autograd(t).grad = g;
    return 0;
  } catch (...) {
    set_python_error();
    return -1;
  }
}

// `.data`: the same memory outside the graph, with a version counter of its own.
PyObject* get_data(PyObject* o, void*) {
  if (PyObject* result; method_diverted("data", o, nullptr, 0, &result)) return result;
  return guarded([&]() -> PyObject* {
    Tensor out = alias(unwrap(o));
    out->version = Ref<Version>(new Version);
    return wrap(out);
  });
}
int set_data(PyObject* o, PyObject* value, void*) {
  if (PyObject* result; value && diverted("data=", {o, value}, &result)) {
    Py_XDECREF(result);
    return result ? 0 : -1;
  }
  try {
    FL_CHECK(value && is_tensor(value), Type, "data", "Variable data has to be a tensor, got ",
             value ? Py_TYPE(value)->tp_name : "nothing");
    Tensor t = unwrap(o), from = unwrap(value);
    t->storage = from->storage;
    t->offset = from->offset;
    t->dtype = from->dtype;
    t->set_geometry(from.shape(), from.strides());
    return 0;
  } catch (...) {
    set_python_error();
    return -1;
  }
}

// One object for each kind of device without an index.
PyObject* device_object(Device device) {
  static PyObject* known[2];
  if (device.index >= 0 || (!device.is_cpu() && device.type != DeviceType::Meta)) return steal(nb::cast(device));
  PyObject*& object = known[device.is_cpu()];
  if (!object) object = steal(nb::cast(device));
  return Py_NewRef(object);
}

PyObject* reverse_dims(const Tensor& t) {
  Dims order(t.ndim(), 0);
  for (int64_t i = 0; i < t.ndim(); i++) order[i] = t.ndim() - 1 - i;
  return wrap(ops::permute(t, order));
}
Tensor matrix_transpose(const Tensor& t) {
  FL_CHECK(t.ndim() >= 2, Runtime, "mT", "tensor.mT is only supported on matrices or batches of matrices. Got ",
           t.ndim(), "-D tensor.");
  return ops::transpose(t, -2, -1);
}

PyGetSetDef getters[] = {
    FL_GETTER(shape, make_size(t.shape())),
    {"dtype",
     [](PyObject* o, void*) -> PyObject* {
       if (PyObject* result; method_diverted("dtype", o, nullptr, 0, &result)) return result;
       PyObject* out = dtype_object(reinterpret_cast<TensorObject*>(o)->impl->dtype);
       Py_INCREF(out);
       return out;
     },
     nullptr, nullptr, nullptr},
    FL_GETTER(device, device_object(t.device())),
    FL_GETTER(ndim, PyLong_FromLongLong(t.ndim())),
    {"requires_grad", get_requires_grad, set_requires_grad, nullptr, nullptr},
    {"grad", get_grad, set_grad, nullptr, nullptr},
    FL_GETTER(grad_fn, wrap_node(grad_fn(t))),
    FL_GETTER(is_leaf, PyBool_FromLong(t.is_leaf())),
    FL_GETTER(retains_grad, PyBool_FromLong(t->autograd && t->autograd->retains_grad)),
    {"data", get_data, set_data, nullptr, nullptr},
    FL_GETTER(T, reverse_dims(t)),
    FL_GETTER(mT, wrap(matrix_transpose(t))),
    FL_GETTER(H, wrap(t.ndim() == 0 ? t : ops::conj(matrix_transpose(t)))),
    FL_GETTER(mH, wrap(ops::conj(matrix_transpose(t)))),
    FL_GETTER(itemsize, PyLong_FromLongLong(t.item_size())),
    FL_GETTER(nbytes, PyLong_FromLongLong(t.bytes())),
    FL_GETTER(_version, PyLong_FromLong(t.version())),
    FL_GETTER(_base, wrap(t->autograd && t->autograd->view ? t->autograd->view->base : Tensor())),
    FL_GETTER(_is_view_flag, PyBool_FromLong(t->autograd && t->autograd->view)),
    FL_GETTER(output_nr, PyLong_FromLong(t->autograd ? t->autograd->output : 0)),
    FL_GETTER(is_cpu, PyBool_FromLong(t.device().is_cpu())),
    FL_GETTER(is_meta, PyBool_FromLong(t.device().type == DeviceType::Meta)),
    FL_GETTER(is_cuda, PyBool_FromLong(false)),
    {"__dict__", PyObject_GenericGetDict, PyObject_GenericSetDict, nullptr, nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr},
};

PyMemberDef members[] = {
    {"__dictoffset__", T_PYSSIZET, offsetof(TensorObject, dict), READONLY, nullptr},
    {"__weaklistoffset__", T_PYSSIZET, offsetof(TensorObject, weakrefs), READONLY, nullptr},
    {nullptr, 0, 0, 0, nullptr},
};

template <class F>
void* slot(F* f) {
  return reinterpret_cast<void*>(f);
}

}  // namespace

PyObject* wrap(const Tensor& t) {
  if (!t.defined()) Py_RETURN_NONE;
  if (void* o = t.impl()->python()) {
    Py_INCREF(static_cast<PyObject*>(o));
    return static_cast<PyObject*>(o);
  }
  return allocate(tensor_type, t);
}

PyObject* wrap_as(PyTypeObject* type, const Tensor& fresh) { return allocate(type, fresh); }

bool number(PyObject* o, Tensor& out) {
  if (PyFloat_CheckExact(o)) {
    out = weak_scalar(PyFloat_AS_DOUBLE(o));
  } else if (PyBool_Check(o)) {
    out = weak_scalar(o == Py_True);
  } else if (PyLong_Check(o)) {
    int over = 0;
    int64_t v = PyLong_AsLongLongAndOverflow(o, &over);
    if (over) {  // up to 2^64 as a float
      double wide = PyLong_AsDouble(o);
      PyErr_Clear();
      if (!(wide > 0 && wide < 0x1p64)) {
        PyErr_SetString(PyExc_OverflowError,
                        "int too big to convert: a number that takes part in an op has at most 64 bits");
        throw nb::python_error();
      }
      out = weak_scalar(wide);
      return true;
    }
    out = weak_scalar(v);
  } else if (PyFloat_Check(o)) {
    out = weak_scalar(PyFloat_AsDouble(o));
  } else if (PyComplex_Check(o)) {
    out = weak_scalar(std::complex<double>(PyComplex_RealAsDouble(o), PyComplex_ImagAsDouble(o)));
  } else if (Py_TYPE(o)->tp_as_number && (Py_TYPE(o)->tp_as_number->nb_float || Py_TYPE(o)->tp_as_number->nb_index) &&
             PyObject_HasAttrString(o, "dtype") && !PyObject_HasAttrString(o, "__array_ufunc_disabled__")) {
    // A NumPy scalar or 0-dim array.
    nb::object value = nb::steal(PyObject_CallMethod(o, "item", nullptr));
    if (!value.is_valid()) {
      PyErr_Clear();
      return false;
    }
    return !PyObject_HasAttrString(value.ptr(), "dtype") && number(value.ptr(), out);
  } else {
    return false;
  }
  return true;
}

void define_tensor(nb::module_& m) {
  PyType_Slot slots[] = {
      {Py_tp_new, slot(tensor_new)},
      {Py_tp_dealloc, slot(tensor_dealloc)},
      {Py_tp_traverse, slot(tensor_traverse)},
      {Py_tp_clear, slot(tensor_clear)},
      {Py_tp_members, members},
      {Py_tp_methods, methods},
      {Py_tp_getset, getters},
      {Py_tp_hash, slot(tensor_hash)},
      {Py_tp_richcompare, slot(compare)},
      {Py_mp_subscript, slot(tensor_getitem)},
      {Py_mp_ass_subscript, slot(tensor_setitem)},
      {Py_mp_length, slot(tensor_length)},
      {Py_nb_add, slot(binary_slot<ops::add, kAdd>)},
      {Py_nb_subtract, slot(binary_slot<ops::sub, kSub>)},
      {Py_nb_multiply, slot(binary_slot<ops::mul, kMul>)},
      {Py_nb_true_divide, slot(binary_slot<ops::div, kDiv>)},
      {Py_nb_inplace_add, slot(inplace_slot<ops::inplace_add, kInplaceAdd>)},
      {Py_nb_inplace_subtract, slot(inplace_slot<ops::inplace_sub, kInplaceSub>)},
      {Py_nb_inplace_multiply, slot(inplace_slot<ops::inplace_mul, kInplaceMul>)},
      {Py_nb_inplace_true_divide, slot(inplace_slot<ops::inplace_div, kInplaceDiv>)},
      {Py_nb_matrix_multiply, slot(named_slot<Matmul>)},
      {Py_nb_power, slot(power_slot)},
      {Py_nb_remainder, slot(named_slot<Remainder>)},
      {Py_nb_floor_divide, slot(named_slot<FloorDivide>)},
      {Py_nb_and, slot(named_slot<And>)},
      {Py_nb_or, slot(named_slot<Or>)},
      {Py_nb_xor, slot(named_slot<Xor>)},
      {Py_nb_lshift, slot(named_slot<LeftShift>)},
      {Py_nb_rshift, slot(named_slot<RightShift>)},
      {Py_nb_invert, slot(named_unary<Invert>)},
      {Py_nb_absolute, slot(named_unary<Abs>)},
      {Py_nb_negative, slot(negative_slot)},
      {Py_nb_bool, slot(tensor_bool)},
      {Py_nb_int, slot(tensor_int)},
      {Py_nb_float, slot(tensor_float)},
      {Py_nb_index, slot(tensor_index)},
      {0, nullptr},
  };
  PyType_Spec spec = {"flambeau.Tensor", sizeof(TensorObject), 0,
                      Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC, slots};
  tensor_type = reinterpret_cast<PyTypeObject*>(PyType_FromSpec(&spec));
  if (!tensor_type) throw nb::python_error();
  nb::object type = nb::borrow(reinterpret_cast<PyObject*>(tensor_type));
  m.attr("Tensor") = type;
  python_hooks.incref = [](void* o) { Py_INCREF(static_cast<PyObject*>(o)); };
  python_hooks.decref = [](void* o) { Py_DECREF(static_cast<PyObject*>(o)); };
  m.def("set_constructor", [](nb::object construct) { constructor = steal(construct); });
  m.def("set_operator", [](const std::string& which, nb::object function) {
    for (Named& n : named)
      if (which == n.name) {
        n.function = steal(function);
        if (PyFunction_Check(n.function)) n.code = Py_NewRef(PyFunction_GET_CODE(n.function));
        return;
      }
    FL_FAIL(Value, "set_operator", "no operator named ", which);
  });
  // Another view, as an instance of a subclass.
  m.def("as_subclass", [](nb::handle type, const Tensor& t) {
    Dims order(t.ndim(), 0);
    for (int64_t i = 0; i < t.ndim(); i++) order[i] = i;
    return nb::steal(wrap_as(reinterpret_cast<PyTypeObject*>(type.ptr()), ops::permute(t, order)));
  });
  m.def("make_subclass", [](nb::handle type, const Tensor& t, bool requires_grad) {
    FL_CHECK(PyType_Check(type.ptr()) && PyType_IsSubtype(reinterpret_cast<PyTypeObject*>(type.ptr()), tensor_type),
             Type, "_make_subclass", "cls must be a subclass of Tensor");
    Tensor fresh = alias(t);
    fresh->requires_grad = requires_grad;
    FL_CHECK(!requires_grad || is_inexact(t.dtype()), Runtime, "_make_subclass",
             "Only Tensors of floating point and complex dtype can require gradients, got ", name(t.dtype()));
    return nb::steal(wrap_as(reinterpret_cast<PyTypeObject*>(type.ptr()), fresh));
  });
}

}  // namespace flambeau::python
