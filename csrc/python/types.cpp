// dtype, device and Size.
#include <string_view>

#include "python/python.h"

namespace flambeau::python {

namespace {

// dtypes that torch has names for and no tensor here is made of: they can be compared, printed and asked what they are.
constexpr DTypeInfo kNames[] = {
    {"qint8", "QInt8", 1, Kind::None},
    {"quint8", "QUInt8", 1, Kind::None},
    {"qint32", "QInt32", 4, Kind::None},
    {"quint4x2", "QUInt4x2", 1, Kind::None},
    {"quint2x4", "QUInt2x4", 1, Kind::None},
    {"bits1x8", "Bits1x8", 1, Kind::None},
    {"bits2x4", "Bits2x4", 1, Kind::None},
    {"bits4x2", "Bits4x2", 1, Kind::None},
    {"bits8", "Bits8", 1, Kind::None},
    {"bits16", "Bits16", 2, Kind::None},
    {"complex32", "ComplexHalf", 4, Kind::Complex},
    {"float8_e4m3fnuz", "Float8_e4m3fnuz", 1, Kind::Float},
    {"float8_e5m2fnuz", "Float8_e5m2fnuz", 1, Kind::Float},
    {"float8_e8m0fnu", "Float8_e8m0fnu", 1, Kind::Float},
    {"float4_e2m1fn_x2", "Float4_e2m1fn_x2", 1, Kind::Float},
    {"uint1", "UInt1", 1, Kind::Unsigned},
    {"uint2", "UInt2", 1, Kind::Unsigned},
    {"uint3", "UInt3", 1, Kind::Unsigned},
    {"uint4", "UInt4", 1, Kind::Unsigned},
    {"uint5", "UInt5", 1, Kind::Unsigned},
    {"uint6", "UInt6", 1, Kind::Unsigned},
    {"uint7", "UInt7", 1, Kind::Unsigned},
    {"int1", "Int1", 1, Kind::Signed},
    {"int2", "Int2", 1, Kind::Signed},
    {"int3", "Int3", 1, Kind::Signed},
    {"int4", "Int4", 1, Kind::Signed},
    {"int5", "Int5", 1, Kind::Signed},
    {"int6", "Int6", 1, Kind::Signed},
    {"int7", "Int7", 1, Kind::Signed},
};

struct DTypeObject {
  PyObject_HEAD DType type;  // Undefined if only a name
  const DTypeInfo* info;
};
PyTypeObject* dtype_type;
PyTypeObject* size_type;
PyObject* dtype_objects[kNumDTypes];

DType type_of(PyObject* o) { return reinterpret_cast<DTypeObject*>(o)->type; }
const DTypeInfo& info_of(PyObject* o) { return *reinterpret_cast<DTypeObject*>(o)->info; }

PyObject* dtype_repr(PyObject* o) { return PyUnicode_FromFormat("torch.%s", info_of(o).name); }
PyObject* dtype_reduce(PyObject* o, PyObject*) { return PyUnicode_FromString(info_of(o).name); }
PyObject* dtype_same(PyObject* o, PyObject*) {
  Py_INCREF(o);
  return o;
}

PyObject* dtype_signed(const DTypeInfo& info) {
  if (info.kind == Kind::None) {
    return PyErr_Format(PyExc_RuntimeError, "[dtype] torch.%s is neither signed nor unsigned", info.name);
  }
  // float8_e8m0fnu holds powers of two and no sign.
  bool unsigned_float = info.kind == Kind::Float && std::string_view(info.name) == "float8_e8m0fnu";
  return PyBool_FromLong(info.kind != Kind::Unsigned && info.kind != Kind::Bool && !unsigned_float);
}

#define FL_DTYPE_GETTER(name, expression) \
  {#name,                                 \
   [](PyObject* o, void*) -> PyObject* {  \
     const DTypeInfo& info = info_of(o);  \
     return expression;                   \
   },                                     \
   nullptr, nullptr, nullptr}
PyGetSetDef dtype_getters[] = {
    FL_DTYPE_GETTER(is_floating_point, PyBool_FromLong(info.kind == Kind::Float)),
    FL_DTYPE_GETTER(is_complex, PyBool_FromLong(info.kind == Kind::Complex)),
    FL_DTYPE_GETTER(is_signed, dtype_signed(info)),
    FL_DTYPE_GETTER(itemsize, PyLong_FromLong(info.size)),
    {nullptr, nullptr, nullptr, nullptr, nullptr},
};

PyObject* dtype_to_real(PyObject* o, PyObject*) {
  DType type = type_of(o);
  bool half = type == DType::Undefined && info_of(o).kind == Kind::Complex;
  PyObject* out = half ? dtype_object(DType::Float16) : type == DType::Undefined ? o : dtype_object(real_type(type));
  Py_INCREF(out);
  return out;
}
PyObject* dtype_to_complex(PyObject* o, PyObject*) {
  const DTypeInfo& info = info_of(o);
  if (info.kind != Kind::Complex && (info.kind != Kind::Float || info.size == 1)) {
    return PyErr_Format(PyExc_RuntimeError, "[dtype] there is no complex dtype for torch.%s", info.name);
  }
  PyObject* out = type_of(o) == DType::Undefined ? o : dtype_object(complex_type(type_of(o)));
  Py_INCREF(out);
  return out;
}
PyMethodDef dtype_methods[] = {
    {"__reduce__", dtype_reduce, METH_NOARGS, nullptr},     {"__copy__", dtype_same, METH_NOARGS, nullptr},
    {"__deepcopy__", dtype_same, METH_O, nullptr},          {"to_real", dtype_to_real, METH_NOARGS, nullptr},
    {"to_complex", dtype_to_complex, METH_NOARGS, nullptr}, {nullptr, nullptr, 0, nullptr},
};

PyObject* size_numel(PyObject* self, PyObject*) {
  int64_t n = 1;
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(self); i++) n *= PyLong_AsLongLong(PyTuple_GET_ITEM(self, i));
  return PyLong_FromLongLong(n);
}

PyObject* as_size(PyObject* tuple) {
  if (!tuple || !PyTuple_Check(tuple)) return tuple;
  Py_ssize_t n = PyTuple_GET_SIZE(tuple);
  PyObject* out = size_type->tp_alloc(size_type, n);
  for (Py_ssize_t i = 0; out && i < n; i++) PyTuple_SET_ITEM(out, i, Py_NewRef(PyTuple_GET_ITEM(tuple, i)));
  Py_DECREF(tuple);
  return out;
}
PyObject* size_subscript(PyObject* self, PyObject* key) {
  PyObject* out = PyTuple_Type.tp_as_mapping->mp_subscript(self, key);
  return PySlice_Check(key) ? as_size(out) : out;
}
PyObject* size_concat(PyObject* self, PyObject* other) {
  return as_size(PyTuple_Type.tp_as_sequence->sq_concat(self, other));
}
PyObject* size_repeat(PyObject* self, Py_ssize_t n) { return as_size(PyTuple_Type.tp_as_sequence->sq_repeat(self, n)); }

PyObject* size_repr(PyObject* self) {
  PyObject* list = PySequence_List(self);
  if (!list) return nullptr;
  PyObject* out = PyUnicode_FromFormat("torch.Size(%R)", list);
  Py_DECREF(list);
  return out;
}
PyObject* size_reduce(PyObject* self, PyObject*) {
  PyObject* plain = PySequence_List(self);
  return plain ? Py_BuildValue("(O(N))", reinterpret_cast<PyObject*>(size_type), plain) : nullptr;
}
PyMethodDef size_methods[] = {
    {"numel", size_numel, METH_NOARGS, "Number of elements of a tensor of this size."},
    {"__reduce__", size_reduce, METH_NOARGS, nullptr},
    {nullptr, nullptr, 0, nullptr},
};

void define_dtype(nb::module_& m) {
  PyType_Slot slots[] = {{Py_tp_repr, reinterpret_cast<void*>(dtype_repr)},
                         {Py_tp_getset, dtype_getters},
                         {Py_tp_methods, dtype_methods},
                         {0, nullptr}};
  PyType_Spec spec = {"flambeau.dtype", sizeof(DTypeObject), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
                      slots};
  dtype_type = reinterpret_cast<PyTypeObject*>(PyType_FromSpec(&spec));
  auto make = [&m](DType type, const DTypeInfo& info) {
    PyObject* o = dtype_type->tp_alloc(dtype_type, 0);
    reinterpret_cast<DTypeObject*>(o)->type = type;
    reinterpret_cast<DTypeObject*>(o)->info = &info;
    m.attr(info.name) = nb::borrow(o);
    return o;
  };
  for (int i = 0; i < kNumDTypes; i++) dtype_objects[i] = make(static_cast<DType>(i), kDTypes[i]);
  for (const DTypeInfo& info : kNames) make(DType::Undefined, info);
  m.attr("dtype") = nb::borrow(reinterpret_cast<PyObject*>(dtype_type));
}

void define_size(nb::module_& m) {
  PyType_Slot slots[] = {{Py_tp_base, &PyTuple_Type},
                         {Py_tp_repr, reinterpret_cast<void*>(size_repr)},
                         {Py_tp_methods, size_methods},
                         {Py_mp_subscript, reinterpret_cast<void*>(size_subscript)},
                         {Py_sq_concat, reinterpret_cast<void*>(size_concat)},
                         {Py_sq_repeat, reinterpret_cast<void*>(size_repeat)},
                         {0, nullptr}};
  PyType_Spec spec = {"flambeau.Size", 0, 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE, slots};
  size_type = reinterpret_cast<PyTypeObject*>(PyType_FromSpec(&spec));
  m.attr("Size") = nb::borrow(reinterpret_cast<PyObject*>(size_type));
}

// device(other), device("cuda:1") or device("cuda", 1).
Device make_device(nb::handle what, std::optional<int> index) {
  if (nb::isinstance<Device>(what)) return nb::cast<Device>(what);
  if (nb::isinstance<nb::int_>(what)) {
    FL_FAIL(Runtime, "device",
            "Cannot access accelerator device when none is available: write 'cpu' instead of an index");
  }
  if (!nb::isinstance<nb::str>(what)) {
    throw nb::type_error("[device] expected a string such as 'cpu' or a device");
  }
  auto text = nb::cast<std::string>(what);
  Device d = parse_device(text);
  if (index) {
    FL_CHECK(d.index < 0, Runtime, "device",
             "type (string) must not include an index because index was passed: ", text);
    FL_CHECK(*index >= 0 && *index < 128, Runtime, "device", "Device index must not be negative or above 127, got ",
             *index);
    d.index = static_cast<int8_t>(*index);
  }
  return d;
}

void define_device(nb::module_& m) {
  nb::class_<Device>(m, "device")
      .def(
          "__init__",
          [](Device* self, nb::handle what, std::optional<int> index) { new (self) Device(make_device(what, index)); },
          nb::arg("device"), nb::arg("index") = nb::none())
      .def(
          "__init__",
          [](Device* self, nb::handle what, std::optional<int> index) { new (self) Device(make_device(what, index)); },
          nb::arg("type"), nb::arg("index") = nb::none())
      .def_prop_ro("type", [](const Device& d) { return to_string({d.type, -1}); })
      .def_prop_ro("index",
                   [](const Device& d) -> std::optional<int> {
                     if (d.index < 0) return std::nullopt;
                     return d.index;
                   })
      .def("__str__", [](const Device& d) { return to_string(d); })
      .def("__repr__",
           [](const Device& d) {
             std::string text = "device(type='" + to_string({d.type, -1}) + "'";
             return text + (d.index >= 0 ? ", index=" + std::to_string(d.index) : "") + ")";
           })
      .def(
          "__eq__", [](const Device& a, nb::object b) { return nb::isinstance<Device>(b) && a == nb::cast<Device>(b); },
          nb::arg().none())
      .def("__hash__", [](const Device& d) { return static_cast<int>(d.type) * 256 + d.index + 1; })
      .def("__reduce__", [](nb::object self) { return nb::make_tuple(self.type(), nb::make_tuple(nb::str(self))); });
}

}  // namespace

PyObject* dtype_object(DType t) { return dtype_objects[static_cast<int>(t)]; }

bool is_dtype(PyObject* o, DType& out) {
  if (Py_TYPE(o) == dtype_type) {
    out = type_of(o);
    return out != DType::Undefined;
  }
  // Python's own types stand for dtypes.
  if (o == reinterpret_cast<PyObject*>(&PyFloat_Type)) return out = DType::Float64, true;
  if (o == reinterpret_cast<PyObject*>(&PyLong_Type)) return out = DType::Int64, true;
  if (o == reinterpret_cast<PyObject*>(&PyBool_Type)) return out = DType::Bool, true;
  if (o == reinterpret_cast<PyObject*>(&PyComplex_Type)) return out = DType::Complex128, true;
  return false;
}

namespace {

PyObject* fresh_size(DimsRef dims) {
  auto n = static_cast<Py_ssize_t>(dims.size());
  PyObject* out = size_type->tp_alloc(size_type, n);
  if (!out) return nullptr;
  for (Py_ssize_t i = 0; i < n; i++) PyTuple_SET_ITEM(out, i, PyLong_FromLongLong(dims[i]));
  return out;
}

// The sizes made last, each in a place that follows from its numbers: programs ask for the same few again and again.
struct KnownSize {
  Dims dims;
  PyObject* object = nullptr;
};
KnownSize known_sizes[64];

}  // namespace

PyObject* make_size(DimsRef dims) {
  uint64_t hash = dims.size();
  for (int64_t d : dims) hash = (hash ^ static_cast<uint64_t>(d)) * 0x9E3779B97F4A7C15;
  KnownSize& known = known_sizes[hash >> 58];
  if (!known.object || !same(known.dims, dims)) {
    PyObject* made = fresh_size(dims);
    if (!made) return nullptr;
    known.dims = Dims(dims);
    Py_XSETREF(known.object, made);
  }
  Py_INCREF(known.object);
  return known.object;
}

namespace {
bool to_int(PyObject* o, int64_t& out) {
  if (PyLong_CheckExact(o)) {
    out = PyLong_AsLongLong(o);
  } else {
    if (PyFloat_Check(o) || !PyIndex_Check(o)) return false;
    PyObject* index = PyNumber_Index(o);
    if (!index) {
      PyErr_Clear();
      return false;
    }
    out = PyLong_AsLongLong(index);
    Py_DECREF(index);
  }
  if (out == -1 && PyErr_Occurred()) {
    PyErr_Clear();
    return false;
  }
  return true;
}
}  // namespace

bool to_dims(PyObject* o, Dims& out) {
  out.clear();
  int64_t v;
  if (PyLong_Check(o) || (PyIndex_Check(o) && !PyTuple_Check(o) && !PyList_Check(o))) {  // NumPy's ints too
    if (!to_int(o, v)) return false;
    out.push_back(v);
    return true;
  }
  if (!PyTuple_Check(o) && !PyList_Check(o)) return false;
  Py_ssize_t n = PySequence_Fast_GET_SIZE(o);
  PyObject** items = PySequence_Fast_ITEMS(o);
  for (Py_ssize_t i = 0; i < n; i++) {
    if (!to_int(items[i], v)) return false;
    out.push_back(v);
  }
  return true;
}

void define_types(nb::module_& m) {
  define_dtype(m);
  define_size(m);
  define_device(m);
}

}  // namespace flambeau::python
