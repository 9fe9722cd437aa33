// The extension module flambeau._C.
#include "core/threads.h"
#include "python/interception.h"

namespace flambeau::python {

namespace {

PyObject* shape_error;
PyObject* dtype_error;
PyObject* memory_error;
PyObject* linalg_error;
PyObject* index_error;  // an IndexError and a RuntimeError: torch raises now one, now the other

PyObject* class_of(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::Shape:
      return shape_error;
    case ErrorKind::DType:
      return dtype_error;
    case ErrorKind::Index:
      return index_error;
    case ErrorKind::Value:
      return PyExc_ValueError;
    case ErrorKind::Type:
      return PyExc_TypeError;
    case ErrorKind::NotImplemented:
      return PyExc_NotImplementedError;
    case ErrorKind::OutOfMemory:
      return memory_error;
    case ErrorKind::Linalg:
      return linalg_error;
    default:
      return PyExc_RuntimeError;
  }
}

PyObject* define_error(nb::module_& m, const char* name) {
  PyObject* type = PyErr_NewException((std::string("flambeau.") + name).c_str(), PyExc_RuntimeError, nullptr);
  m.attr(name) = nb::borrow(type);
  return type;
}

}  // namespace

void set_python_error() {
  try {
    throw;
  } catch (nb::python_error& e) {
    e.restore();
  } catch (const Error& e) {
    PyErr_SetString(class_of(e.kind), e.what());
  } catch (const nb::builtin_exception& e) {
    PyErr_SetString(e.type() == nb::exception_type::index_error ? PyExc_IndexError : PyExc_TypeError,
                    e.what() ? e.what() : "");
  } catch (const std::bad_alloc&) {
    PyErr_SetString(memory_error, "[allocate] out of memory");
  } catch (const std::exception& e) {
    PyErr_SetString(PyExc_RuntimeError, e.what());
  }
}

}  // namespace flambeau::python

NB_MODULE(_C, m) {
  using namespace flambeau;
  using namespace flambeau::python;
  nb::set_leak_warnings(false);
  shape_error = define_error(m, "ShapeError");
  dtype_error = define_error(m, "DTypeError");
  memory_error = define_error(m, "OutOfMemoryError");
  linalg_error = define_error(m, "LinAlgError");
  nb::tuple bases = nb::make_tuple(nb::borrow(PyExc_IndexError), nb::borrow(PyExc_RuntimeError));
  index_error = PyErr_NewException("flambeau.OutOfRangeError", bases.ptr(), nullptr);
  m.attr("OutOfRangeError") = nb::borrow(index_error);
  nb::register_exception_translator([](const std::exception_ptr& p, void*) {
    try {
      std::rethrow_exception(p);
    } catch (const Error& e) {
      PyErr_SetString(class_of(e.kind), e.what());
    }
  });
  lock_hooks.release = []() -> void* { return PyEval_SaveThread(); };
  lock_hooks.acquire = [](void* state) { PyEval_RestoreThread(static_cast<PyThreadState*>(state)); };
  define_types(m);
  define_tensor(m);
  define_autograd(m);
  define_buffers(m);
  define_callable(m);
  define_checksum(m);
  define_creation(m);
  define_indexing(m);
  define_interception(m);
  define_matmul(m);
  define_pointwise(m);
  define_conv(m);
  define_ops(m);
  define_random(m);
  define_recurrent(m);
  define_reduce(m);
  define_optim(m);
  // Nothing is computed for nobody while the interpreter goes down.
  nb::module_::import_("atexit").attr("register")(m.attr("fuse"), false);
}
