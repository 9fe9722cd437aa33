#include "python/buffers.h"

#include <cstring>

namespace flambeau::python {

namespace {

[[noreturn]] void rethrow() { throw nb::python_error(); }

// A window on foreign memory; `owner` is let go with the interpreter lock held.
Tensor adopt(void* data, int64_t bytes, Dims shape, Dims strides, DType dtype, std::shared_ptr<void> owner) {
  auto deleter = [owner = std::move(owner)]() mutable {
    if (!Py_IsInitialized()) return;
    PyGILState_STATE state = PyGILState_Ensure();
    owner.reset();
    PyGILState_Release(state);
  };
  auto* impl = new TensorImpl;
  Tensor out(impl);
  impl->storage = Ref<Storage>(new Storage(data, bytes, std::move(deleter)));
  impl->version = Ref<Version>(impl->storage.get());
  impl->dtype = dtype;
  impl->inference = inference_mode();
  impl->set_geometry(std::move(shape), std::move(strides));
  return out;
}

// ---- formats of the struct module

DType signed_of(int64_t size) {
  return size == 1 ? DType::Int8 : size == 2 ? DType::Int16 : size == 4 ? DType::Int32 : DType::Int64;
}
DType unsigned_of(int64_t size) {
  return size == 1 ? DType::UInt8 : size == 2 ? DType::UInt16 : size == 4 ? DType::UInt32 : DType::UInt64;
}

// Undefined if no tensor can have it; `foreign`: the bytes are in the other order.
DType dtype_of_format(const char* format, int64_t size, bool& foreign) {
  foreign = (*format == '>' || *format == '!') && size > 1;
  if (*format && std::strchr("@=<>!", *format)) format++;
  if (format[0] == 'Z')
    return format[1] == 'f' ? DType::Complex64 : format[1] == 'd' ? DType::Complex128 : DType::Undefined;
  if (!format[0] || format[1]) return DType::Undefined;
  if (std::strchr("bhilqn", format[0])) return signed_of(size);
  if (std::strchr("BHILQN", format[0])) return unsigned_of(size);
  switch (format[0]) {
    case '?':
      return DType::Bool;
    case 'e':
      return DType::Float16;
    case 'f':
      return DType::Float32;
    case 'd':
      return DType::Float64;
    default:
      return DType::Undefined;
  }
}

const char* format_of(DType t) {
  switch (t) {
    case DType::UInt8:
      return "B";
    case DType::Int8:
      return "b";
    case DType::Int16:
      return "h";
    case DType::Int32:
      return "i";
    case DType::Int64:
      return "q";
    case DType::Float16:
      return "e";
    case DType::Float32:
      return "f";
    case DType::Float64:
      return "d";
    case DType::Complex64:
      return "Zf";
    case DType::Complex128:
      return "Zd";
    case DType::Bool:
      return "?";
    case DType::UInt16:
      return "H";
    case DType::UInt32:
      return "I";
    case DType::UInt64:
      return "Q";
    default:
      return nullptr;
  }
}

struct Buffer {
  Py_buffer view{};
  Buffer(PyObject* o, int flags) {
    if (PyObject_GetBuffer(o, &view, flags) < 0) rethrow();
  }
  Buffer(const Buffer&) = delete;
  ~Buffer() { PyBuffer_Release(&view); }
};

// ---- NumPy, known by its types' names so that it need not be imported

[[noreturn]] void unsupported(PyObject* o) {
  nb::object dtype = nb::borrow(o).attr("dtype");
  std::string type = nb::cast<std::string>(nb::str(dtype.attr("type").attr("__name__")));
  FL_FAIL(Type, "from_numpy", "can't convert np.ndarray of type numpy.", type,
          ". The only supported types are: float64, float32, float16, complex64, complex128, int64, int32, int16, "
          "int8, uint64, uint32, "
          "uint16, uint8, and bool.");
}

bool module_is_numpy(PyTypeObject* type) { return std::strncmp(type->tp_name, "numpy.", 6) == 0; }

std::shared_ptr<Buffer> array_buffer(PyObject* o, DType& dtype) {
  std::shared_ptr<Buffer> buffer;
  try {
    buffer = std::make_shared<Buffer>(o, PyBUF_FULL_RO);
  } catch (nb::python_error&) {
    unsupported(o);  // a dtype without a buffer format
  }
  bool foreign;
  dtype = dtype_of_format(buffer->view.format, buffer->view.itemsize, foreign);
  if (dtype == DType::Undefined) unsupported(o);
  FL_CHECK(!foreign, Value, "from_numpy",
           "given numpy array has byte order different from the native byte order. Conversion between byte orders is "
           "currently not supported.");
  return buffer;
}

}  // namespace

bool is_numpy_array(PyObject* o) {
  for (PyTypeObject* type = Py_TYPE(o); type; type = type->tp_base)
    if (std::strcmp(type->tp_name, "numpy.ndarray") == 0) return true;
  return false;
}

bool is_numpy_scalar(PyObject* o) {
  return module_is_numpy(Py_TYPE(o)) && PyObject_CheckBuffer(o) && !is_numpy_array(o);
}

DType array_dtype(PyObject* o) {
  DType dtype;
  array_buffer(o, dtype);
  return dtype;
}

Tensor from_array(PyObject* o) {
  FL_CHECK(is_numpy_array(o), Type, "from_numpy", "expected np.ndarray (got ", Py_TYPE(o)->tp_name, ")");
  DType dtype;
  std::shared_ptr<Buffer> buffer = array_buffer(o, dtype);
  const Py_buffer& view = buffer->view;
  Dims shape, strides;
  int64_t span = view.itemsize;
  for (int i = 0; i < view.ndim; i++) {
    int64_t step = view.strides[i];
    FL_CHECK(step >= 0, Value, "from_numpy",
             "At least one stride in the given numpy array is negative, and tensors with negative strides are not "
             "currently supported. "
             "(You can probably work around this by making a copy of your array  with array.copy().) ");
    FL_CHECK(step % view.itemsize == 0, Value, "from_numpy",
             "given numpy array strides not a multiple of the element byte size. Copy the numpy array to reallocate "
             "the memory.");
    shape.push_back(view.shape[i]);
    strides.push_back(step / view.itemsize);
    span += view.shape[i] ? (view.shape[i] - 1) * step : 0;
  }
  if (view.len == 0) strides = contiguous_strides(shape);
  void* data = view.buf;
  return adopt(data, view.len ? span : 0, std::move(shape), std::move(strides), dtype, std::move(buffer));
}

namespace {

Tensor from_buffer(nb::handle object, DType dtype, int64_t count, int64_t offset) {
  PyObject* o = object.ptr();
  FL_CHECK(PyObject_CheckBuffer(o), Value, "frombuffer", "object does not implement Python buffer protocol.");
  std::shared_ptr<Buffer> buffer;
  try {
    buffer = std::make_shared<Buffer>(o, PyBUF_WRITABLE);
  } catch (nb::python_error&) {
    buffer = std::make_shared<Buffer>(o, PyBUF_SIMPLE);
  }
  int64_t length = buffer->view.len, size = item_size(dtype);
  FL_CHECK(length > 0 && count != 0, Value, "frombuffer", "both buffer length (", length, ") and count (", count,
           ") must not be 0");
  FL_CHECK(offset >= 0 && offset < length, Value, "frombuffer", "offset (", offset,
           " bytes) must be non-negative and no greater than buffer length (", length, " bytes) minus 1");
  FL_CHECK(count > 0 || (length - offset) % size == 0, Value, "frombuffer", "buffer length (", length - offset,
           " bytes) after offset (", offset, " bytes) must be a multiple of element size (", size, ")");
  int64_t n = count > 0 ? count : (length - offset) / size;
  FL_CHECK(n <= (length - offset) / size, Value, "frombuffer", "requested buffer length (", n, " * ", size,
           " bytes) after offset (", offset, " bytes) must not be greater than actual buffer length (", length,
           " bytes)");
  void* data = static_cast<char*>(buffer->view.buf) + offset;
  return adopt(data, n * size, {n}, {1}, dtype, std::move(buffer));
}

// ---- a tensor's memory as a buffer

struct MemoryObject {
  PyObject_HEAD Tensor* tensor;
  Export* held;
  Py_ssize_t* dims;  // shape, then strides in bytes
};
PyTypeObject* memory_type;

int memory_get(PyObject* o, Py_buffer* view, int) {
  auto* self = reinterpret_cast<MemoryObject*>(o);
  const Tensor& t = *self->tensor;
  *view = {};
  view->buf = t.raw();
  view->obj = Py_NewRef(o);
  view->len = t.bytes();
  view->itemsize = t.item_size();
  view->ndim = static_cast<int>(t.ndim());
  view->format = const_cast<char*>(format_of(t.dtype()));
  view->shape = self->dims;
  view->strides = self->dims + t.ndim();
  return 0;
}

void memory_dealloc(PyObject* o) {
  auto* self = reinterpret_cast<MemoryObject*>(o);
  PyTypeObject* type = Py_TYPE(o);
  delete[] self->dims;
  delete self->held;
  delete self->tensor;
  type->tp_free(o);
  Py_DECREF(type);
}

nb::object memory(const Tensor& t) {
  FL_CHECK(t.device().is_cpu(), Type, "numpy", "can't convert ", to_string(t.device()),
           " device type tensor to numpy. Use Tensor.cpu() to copy the tensor to host memory first.");
  FL_CHECK(format_of(t.dtype()), Type, "numpy", "Got unsupported ScalarType ", info(t.dtype()).title);
  PyObject* o = memory_type->tp_alloc(memory_type, 0);
  if (!o) rethrow();
  auto* self = reinterpret_cast<MemoryObject*>(o);
  self->tensor = new Tensor(detach(t));
  self->held = new Export(t->storage);
  self->dims = new Py_ssize_t[2 * t.ndim() + 1];
  for (int64_t i = 0; i < t.ndim(); i++) {
    self->dims[i] = t.size(i);
    self->dims[t.ndim() + i] = t.stride(i) * t.item_size();
  }
  return nb::steal(o);
}

void define_memory() {
  PyType_Slot slots[] = {{Py_tp_dealloc, reinterpret_cast<void*>(memory_dealloc)},
                         {Py_bf_getbuffer, reinterpret_cast<void*>(memory_get)},
                         {0, nullptr}};
  PyType_Spec spec = {"flambeau.Memory", sizeof(MemoryObject), 0,
                      Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION, slots};
  memory_type = reinterpret_cast<PyTypeObject*>(PyType_FromSpec(&spec));
  if (!memory_type) rethrow();
}

// ---- DLPack: the structs of its ABI, version 1 and the unversioned one before it

struct DLTensor {
  void* data;
  int32_t device_type, device_id;
  int32_t ndim;
  uint8_t code, bits;
  uint16_t lanes;
  int64_t* shape;
  int64_t* strides;
  uint64_t byte_offset;
};
struct DLManaged {
  DLTensor tensor;
  void* context;
  void (*deleter)(DLManaged*);
};
struct DLVersioned {
  uint32_t major, minor;
  void* context;
  void (*deleter)(DLVersioned*);
  uint64_t flags;  // 1: read only, 2: a copy
  DLTensor tensor;
};
constexpr uint8_t kInt = 0, kUInt = 1, kFloat = 2, kBFloat = 4, kComplex = 5, kBool = 6, kE4M3FN = 10, kE5M2 = 12;

uint8_t code_of(DType t) {
  switch (t) {
    case DType::BFloat16:
      return kBFloat;
    case DType::Float8e4m3fn:
      return kE4M3FN;
    case DType::Float8e5m2:
      return kE5M2;
    default:
      break;
  }
  switch (info(t).kind) {
    case Kind::Bool:
      return kBool;
    case Kind::Unsigned:
      return kUInt;
    case Kind::Signed:
      return kInt;
    case Kind::Complex:
      return kComplex;
    default:
      return kFloat;
  }
}

DType dtype_of_code(const DLTensor& t) {
  FL_CHECK(t.lanes == 1, Runtime, "from_dlpack", "unsupported number of lanes: ", t.lanes);
  for (int i = 0; i < kNumDTypes; i++) {
    auto dtype = static_cast<DType>(i);
    if (code_of(dtype) == t.code && item_size(dtype) * 8 == t.bits) return dtype;
  }
  FL_FAIL(Runtime, "from_dlpack", "unsupported DLPack type: code ", int{t.code}, ", ", int{t.bits}, " bits");
}

template <class Managed>
void fill_exchange(Managed* m, const Tensor& t) {
  struct Context {
    Tensor tensor;
    Export held;
    Dims shape, strides;
  };
  auto* context = new Context{t, Export(t->storage), t.shape(), t.strides()};
  m->context = context;
  m->deleter = [](Managed* self) {
    PyGILState_STATE state = PyGILState_Ensure();
    delete static_cast<Context*>(self->context);
    PyGILState_Release(state);
    delete self;
  };
  m->tensor = {t.raw(),
               1,
               0,
               static_cast<int32_t>(t.ndim()),
               code_of(t.dtype()),
               static_cast<uint8_t>(8 * t.item_size()),
               1,
               context->shape.data(),
               context->strides.data(),
               0};
}

template <class Managed>
void drop_capsule(PyObject* capsule, const char* name) {
  if (!PyCapsule_IsValid(capsule, name)) return;  // its taker has renamed it
  auto* m = static_cast<Managed*>(PyCapsule_GetPointer(capsule, name));
  m->deleter(m);
}

nb::object to_capsule(const Tensor& t, bool versioned, bool copied) {
  if (!t.device().is_cpu()) t.refuse_values();
  PyObject* capsule;
  if (versioned) {
    auto* m = new DLVersioned{};
    m->major = 1;
    m->flags = copied ? 2 : 0;
    fill_exchange(m, t);
    capsule =
        PyCapsule_New(m, "dltensor_versioned", [](PyObject* c) { drop_capsule<DLVersioned>(c, "dltensor_versioned"); });
  } else {
    auto* m = new DLManaged{};
    fill_exchange(m, t);
    capsule = PyCapsule_New(m, "dltensor", [](PyObject* c) { drop_capsule<DLManaged>(c, "dltensor"); });
  }
  if (!capsule) rethrow();
  return nb::steal(capsule);
}

template <class Managed>
Tensor take(PyObject* capsule, const char* name, const char* used) {
  auto* m = static_cast<Managed*>(PyCapsule_GetPointer(capsule, name));
  const DLTensor& t = m->tensor;
  FL_CHECK(t.device_type == 1 || t.device_type == 3, Runtime, "from_dlpack",
           "the tensor is not in the CPU's memory: device type ", t.device_type);
  DType dtype = dtype_of_code(t);
  Dims shape(DimsRef(t.shape, t.ndim)),
      strides = t.strides ? Dims(DimsRef(t.strides, t.ndim)) : contiguous_strides(shape);
  int64_t span = 1;
  for (int64_t i = 0; i < shape.size(); i++) {
    FL_CHECK(strides[i] >= 0 || shape[i] < 2, Runtime, "from_dlpack", "negative strides are not supported, got ",
             strides);
    span += shape[i] ? (shape[i] - 1) * strides[i] : 0;
  }
  PyCapsule_SetName(capsule, used);
  std::shared_ptr<void> owner(m, [](void* p) {
    auto* managed = static_cast<Managed*>(p);
    if (managed->deleter) managed->deleter(managed);
  });
  int64_t bytes = count(shape) ? span * item_size(dtype) : 0;
  void* data = static_cast<char*>(t.data) + t.byte_offset;
  return adopt(data, bytes, std::move(shape), std::move(strides), dtype, std::move(owner));
}

Tensor from_capsule(nb::handle capsule) {
  PyObject* c = capsule.ptr();
  if (PyCapsule_IsValid(c, "dltensor_versioned"))
    return take<DLVersioned>(c, "dltensor_versioned", "used_dltensor_versioned");
  FL_CHECK(PyCapsule_IsValid(c, "dltensor"), Runtime, "from_dlpack",
           "expected a DLPack capsule that has not been used before (one can be taken only once), got ",
           Py_TYPE(c)->tp_name);
  return take<DLManaged>(c, "dltensor", "used_dltensor");
}

}  // namespace

void define_buffers(nb::module_& m) {
  define_memory();
  m.def("from_array", [](nb::handle o) { return from_array(o.ptr()); });
  m.def("from_buffer", from_buffer);
  m.def("is_numpy_array", [](nb::handle o) { return is_numpy_array(o.ptr()); }, nb::arg().none());
  m.def("memory", memory);
  m.def("to_dlpack", to_capsule);
  m.def("from_dlpack", from_capsule);
}

}  // namespace flambeau::python
