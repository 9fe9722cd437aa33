// The checksum of the records of saved files.
#include "core/checksum.h"

#include "python/python.h"

namespace flambeau::python {

void define_checksum(nb::module_& m) {
  m.def(
      "crc32",
      [](nb::handle data, uint32_t before) {
        Py_buffer view;
        if (PyObject_GetBuffer(data.ptr(), &view, PyBUF_SIMPLE)) throw nb::python_error();
        uint32_t value;
        {
          nb::gil_scoped_release release;
          value = crc32(view.buf, static_cast<size_t>(view.len), before);
        }
        PyBuffer_Release(&view);
        return value;
      },
      nb::arg("data"), nb::arg("before") = 0);
}

}  // namespace flambeau::python
