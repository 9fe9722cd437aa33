// Tensors from Python's data: numbers, nested sequences, arrays.
#include "ops/creation.h"

#include "core/kernels.h"
#include "python/buffers.h"

namespace flambeau::python {

namespace {

constexpr int kMaxDepth = 64;

[[noreturn]] void rethrow() { throw nb::python_error(); }
const char* type_name(PyObject* o) { return Py_TYPE(o)->tp_name; }

bool is_text(PyObject* o) { return PyUnicode_Check(o) || PyBytes_Check(o); }
bool is_number(PyObject* o) { return PyFloat_Check(o) || PyLong_Check(o) || PyComplex_Check(o); }
bool is_sequence(PyObject* o) {
  return PyList_Check(o) || PyTuple_Check(o) ||
         (PySequence_Check(o) && !is_number(o) && !is_tensor(o) && !is_numpy_scalar(o));
}

// The items of a sequence, by length and position as in torch: iteration may not end.
struct Sequence {
  nb::object fast;
  explicit Sequence(PyObject* o) {
    if (PyList_CheckExact(o) || PyTuple_CheckExact(o)) {
      fast = nb::borrow(o);
      return;
    }
    Py_ssize_t n = PySequence_Size(o);
    if (n < 0) rethrow();
    PyObject* list = PyList_New(n);
    if (!list) rethrow();
    fast = nb::steal(list);
    for (Py_ssize_t i = 0; i < n; i++) {
      PyObject* item = PySequence_GetItem(o, i);
      if (!item) rethrow();
      PyList_SET_ITEM(list, i, item);
    }
  }
  Py_ssize_t size() const { return PySequence_Fast_GET_SIZE(fast.ptr()); }
  PyObject* operator[](Py_ssize_t i) const { return PySequence_Fast_GET_ITEM(fast.ptr(), i); }
};

Dims shape_of(PyObject* o) {
  Dims shape;
  nb::object hold = nb::borrow(o);
  while (is_sequence(hold.ptr())) {
    FL_CHECK(!is_text(hold.ptr()) && shape.size() < kMaxDepth, Value, "tensor", "too many dimensions '",
             type_name(hold.ptr()), "'");
    Sequence items(hold.ptr());
    shape.push_back(items.size());
    if (items.size() == 0) break;
    hold = nb::borrow(items[0]);
  }
  return shape;
}

DType leaf_dtype(PyObject* o) {
  if (is_tensor(o)) return unwrap(o).dtype();
  if (is_numpy_scalar(o)) return array_dtype(o);
  if (PyFloat_Check(o)) return default_dtype();
  if (PyBool_Check(o)) return DType::Bool;
  if (PyLong_Check(o)) return DType::Int64;
  if (PyComplex_Check(o)) return complex_type(default_dtype());
  FL_CHECK(!is_text(o), Type, "tensor", "new(): invalid data type '", type_name(o), "'");
  FL_FAIL(Runtime, "tensor", "Could not infer dtype of ", type_name(o),
          "; pass numbers, nested lists of numbers, arrays or tensors");
}

DType merge(DType a, DType b) { return a == DType::Undefined || a == b ? b : promote(a, b); }

void infer_dtype(PyObject* o, int64_t depth, DType& found) {
  if (depth == 0) {
    found = merge(found, leaf_dtype(o));
    return;
  }
  if (!is_sequence(o)) return;  // filling says what is wrong
  Sequence items(o);
  for (Py_ssize_t i = 0; i < items.size(); i++) {
    PyObject* item = items[i];
    if (depth == 1 && PyFloat_CheckExact(item)) {
      found = merge(found, default_dtype());
    } else {
      infer_dtype(item, depth - 1, found);
    }
  }
}

// ---- numbers into memory

double to_double(PyObject* o) {
  double v = PyFloat_CheckExact(o) ? PyFloat_AS_DOUBLE(o) : PyFloat_AsDouble(o);
  if (v == -1.0 && PyErr_Occurred()) rethrow();
  return v;
}

std::complex<double> to_complex(PyObject* o) {
  if (!PyComplex_Check(o)) return to_double(o);
  return {PyComplex_RealAsDouble(o), PyComplex_ImagAsDouble(o)};
}

[[noreturn]] void overflow(DType t) {
  FL_FAIL(Runtime, "tensor", "value cannot be converted to type ", name(t), " without overflow");
}

// An integer in the range of T; a negative one may wrap around an unsigned type, as in torch.
template <class T>
T to_integer(PyObject* o, DType t) {
  using Limits = std::numeric_limits<T>;
  if (PyComplex_Check(o)) FL_FAIL(Type, "tensor", "'complex' object cannot be interpreted as an integer");
  if (PyFloat_Check(o)) {
    double v = PyFloat_AsDouble(o), high = static_cast<double>(Limits::max());
    double low = std::is_signed_v<T> ? static_cast<double>(Limits::min()) : -high;
    bool fits = v >= low && (sizeof(T) == 8 ? v < high : v <= high);
    if (!fits) overflow(t);
    return v < 0 ? static_cast<T>(static_cast<int64_t>(v)) : static_cast<T>(v);
  }
  nb::object number = nb::steal(PyNumber_Index(o));
  if (!number.is_valid()) rethrow();
  if constexpr (std::is_same_v<T, uint64_t>) {
    uint64_t v = PyLong_AsUnsignedLongLong(number.ptr());
    if (v == UINT64_MAX && PyErr_Occurred()) rethrow();
    return v;
  } else {
    int over;
    int64_t v = PyLong_AsLongLongAndOverflow(number.ptr(), &over), high = static_cast<int64_t>(Limits::max());
    FL_CHECK(!over, Value, "tensor", "Overflow when unpacking long long");
    if (v < (std::is_signed_v<T> ? static_cast<int64_t>(Limits::min()) : -high) || v > high) overflow(t);
    return static_cast<T>(v);
  }
}

template <class T>
T to_value(PyObject* o, DType t) {
  if constexpr (std::is_same_v<T, bool>) {
    int v = PyObject_IsTrue(o);
    if (v < 0) rethrow();
    return v != 0;
  } else if constexpr (requires(T v) { v.imag(); }) {
    return T(to_complex(o));
  } else if constexpr (std::is_integral_v<T>) {
    return to_integer<T>(o, t);
  } else {
    if (PyComplex_Check(o)) FL_FAIL(Type, "tensor", "must be real number, not complex");
    if constexpr (std::is_same_v<T, double>) return to_double(o);
    return static_cast<T>(static_cast<float>(to_double(o)));
  }
}

// What stands for a number: a tensor or NumPy scalar as a Python number.
nb::object plain_leaf(PyObject* o) {
  if (is_tensor(o)) {
    FL_CHECK(unwrap(o).numel() == 1, Value, "tensor", "only one element tensors can be converted to Python scalars");
    return nb::borrow(o).attr("item")();
  }
  if (is_numpy_scalar(o)) return nb::borrow(o).attr("item")();
  FL_CHECK(!is_sequence(o), Type, "tensor", "expected a number, got ", type_name(o),
           ": the nested lists are not of one shape");
  return nb::borrow(o);
}

template <class T>
void fill_nested(PyObject* o, const Dims& shape, int64_t dim, T*& at, DType t) {
  FL_CHECK(is_sequence(o), Type, "tensor", "not a sequence: expected ", shape[dim], " items at dim ", dim, ", got ",
           type_name(o));
  Sequence items(o);
  FL_CHECK(items.size() == shape[dim], Value, "tensor", "expected sequence of length ", shape[dim], " at dim ", dim,
           " (got ", items.size(), ")");
  bool last = dim + 1 == shape.size();
  for (Py_ssize_t i = 0; i < items.size(); i++) {
    PyObject* item = items[i];
    if (!last) {
      fill_nested(item, shape, dim + 1, at, t);
    } else if (PyFloat_CheckExact(item) || PyLong_CheckExact(item)) {
      *at++ = to_value<T>(item, t);
    } else {
      *at++ = to_value<T>(plain_leaf(item).ptr(), t);
    }
  }
}

template <class T>
void fill_values(PyObject* o, const Tensor& out) {
  T* at = out.data<T>();
  if (out.ndim() == 0) {
    *at = to_value<T>(plain_leaf(o).ptr(), out.dtype());
  } else if (out.numel()) {
    fill_nested<T>(o, out.shape(), 0, at, out.dtype());
  }
}

void fill_any(PyObject* o, const Tensor& out) {
  switch (out.dtype()) {
#define FL_CASE(D, T) \
  case DType::D:      \
    return fill_values<T>(o, out);
    FL_CASE(UInt8, uint8_t)
    FL_CASE(Int8, int8_t)
    FL_CASE(Int16, int16_t)
    FL_CASE(Int32, int32_t)
    FL_CASE(Int64, int64_t)
    FL_CASE(Float16, Float16)
    FL_CASE(Float32, float)
    FL_CASE(Float64, double)
    FL_CASE(Complex64, std::complex<float>)
    FL_CASE(Complex128, std::complex<double>)
    FL_CASE(Bool, bool)
    FL_CASE(BFloat16, BFloat16)
    FL_CASE(Float8e5m2, Float8e5m2)
    FL_CASE(Float8e4m3fn, Float8e4m3fn)
    FL_CASE(UInt16, uint16_t)
    FL_CASE(UInt32, uint32_t)
    FL_CASE(UInt64, uint64_t)
#undef FL_CASE
    default:
      FL_FAIL(Type, "tensor", "unknown dtype");
  }
}

Tensor with_grad(Tensor out, bool requires_grad) {
  if (requires_grad) {
    FL_CHECK(is_inexact(out.dtype()), Runtime, "requires_grad",
             "Only Tensors of floating point and complex dtype can require gradients, got ", name(out.dtype()));
    out->requires_grad = true;
  }
  return out;
}

Tensor cast_copy(const Tensor& x, std::optional<DType> dtype) {
  GradMode no_grad(false);
  return dtype && *dtype != x.dtype() ? ops::to_dtype(detach(x), *dtype) : ops::clone(detach(x));
}

Tensor from_nested(PyObject* o, std::optional<DType> dtype) {
  FL_CHECK(!is_text(o), Type, "tensor", "new(): invalid data type '", type_name(o), "'");
  Dims shape = shape_of(o);
  DType type = dtype.value_or(DType::Undefined);
  if (!dtype) infer_dtype(o, shape.size(), type);
  Tensor out = empty(shape, type == DType::Undefined ? default_dtype() : type);
  fill_any(o, out);
  return out;
}

Tensor tensor(nb::handle data, std::optional<DType> dtype, bool requires_grad) {
  PyObject* o = data.ptr();
  if (is_tensor(o)) return with_grad(cast_copy(unwrap(o), dtype), requires_grad);
  if (is_numpy_array(o)) return with_grad(cast_copy(from_array(o), dtype), requires_grad);
  return with_grad(from_nested(o, dtype), requires_grad);
}

// Sizes given as f(2, 3) or f((2, 3)).
Dims size_of(nb::handle args) {
  PyObject* o = args.ptr();
  Dims out;
  if (PyTuple_Check(o) && PyTuple_GET_SIZE(o) == 1) {
    PyObject* only = PyTuple_GET_ITEM(o, 0);
    if (PyTuple_Check(only) || PyList_Check(only)) o = only;
  }
  if (!to_dims(o, out)) {
    PyObject* wrong = PyTuple_Check(o) && PyTuple_GET_SIZE(o) ? PyTuple_GET_ITEM(o, 0) : o;
    FL_FAIL(Type, "size", "argument 'size' must be tuple of ints, not ", type_name(wrong));
  }
  return out;
}

}  // namespace

Tensor tensor_from_sequence(PyObject* o) { return from_nested(o, std::nullopt); }

void define_creation(nb::module_& m) {
  using Maybe = std::optional<DType>;
  auto or_default = [](Maybe t) { return t.value_or(default_dtype()); };
  m.def("tensor", tensor, nb::arg("data").none(), nb::arg("dtype").none(), nb::arg("requires_grad"));
  m.def("size", size_of);
  m.def(
      "new_empty",
      [=](nb::handle size, Maybe dtype, bool grad) { return with_grad(empty(size_of(size), or_default(dtype)), grad); },
      nb::arg("size"), nb::arg("dtype").none(), nb::arg("requires_grad"));
  m.def(
      "new_zeros",
      [=](nb::handle size, Maybe dtype, bool grad) {
        return with_grad(ops::zeros(size_of(size), or_default(dtype)), grad);
      },
      nb::arg("size"), nb::arg("dtype").none(), nb::arg("requires_grad"));
  m.def(
      "new_full",
      [=](nb::handle size, const Operand& value, Maybe dtype, bool grad) {
        return with_grad(ops::full(size_of(size), value.tensor, or_default(dtype)), grad);
      },
      nb::arg("size"), nb::arg("value"), nb::arg("dtype").none(), nb::arg("requires_grad"));
  m.def("empty_like", [](const Tensor& x, DType dtype) { return empty_like(x, dtype); });
  m.def("empty_like", [](const Tensor& x, DType dtype, Device device) { return empty_like(x, dtype, device); });
  m.def(
      "arange",
      [](const Operand& start, const Operand& end, const Operand& step, DType dtype, Device device) {
        return ops::to_device(ops::arange(start.tensor, end.tensor, step.tensor, dtype), device);
      },
      nb::arg("start"), nb::arg("end"), nb::arg("step"), nb::arg("dtype"), nb::arg("device") = Device{});
  m.def("linspace", ops::linspace);
  m.def("logspace", ops::logspace);
  m.def("eye", ops::eye);
  m.def("triangle_indices", ops::triangle_indices);
  m.def("triangle", ops::triangle);
}

}  // namespace flambeau::python
