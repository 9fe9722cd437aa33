// Memory shared with others: Python's buffer protocol (NumPy) and DLPack.
#pragma once
#include "python/python.h"

namespace flambeau::python {

bool is_numpy_array(PyObject* o);
bool is_numpy_scalar(PyObject* o);
DType array_dtype(PyObject* o);  // of an array or scalar; throws for those that no tensor can have
Tensor from_array(PyObject* o);  // shares the memory and keeps the array alive

Tensor tensor_from_sequence(PyObject* o);  // creation.cpp: nested numbers, of the dtype that they need

}  // namespace flambeau::python
