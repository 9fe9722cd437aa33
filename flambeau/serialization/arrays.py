"""NumPy's scalars and arrays in files: numbers, texts, times, and records of them; never Python objects."""

import re
import sys

from flambeau.serialization.checks import check, ints

_CODE = re.compile(r"[<>|=]?(b1|[iu][1248]|f(2|4|8|16)|c(8|16|32)|[USV]\d{1,9}|[mM]8)")


class Ndarray:
    """Stands for numpy.ndarray as an argument."""


def is_dtype(value):
    """Whether a value is a NumPy dtype; asks without importing NumPy."""
    return type(value).__module__ in ("numpy", "numpy.dtypes") and hasattr(value, "itemsize") and hasattr(value, "kind")


def is_array(value):
    """Whether a value is a NumPy array."""
    return type(value).__module__ == "numpy" and hasattr(value, "__array_interface__") and hasattr(value, "setflags")


def make_dtype(code, align=False, copy=False):
    """A dtype by its code."""
    import numpy

    check(type(code) is str, "a strange numpy dtype")
    check(not code.startswith("O"), "a numpy dtype of Python objects, which only code could make")
    check(_CODE.fullmatch(code), f"a numpy dtype {code!r}")
    return numpy.dtype(code)


def refined_dtype(dtype, state):
    """A dtype with the byte order, the fields or the unit of time that its state says."""
    import numpy

    check(type(state) is tuple and len(state) in (8, 9) and state[1] in ("<", ">", "|", "="), "a strange numpy dtype")
    if dtype.kind == "V" and state[3] is not None:
        return _record_dtype(state)
    check(state[2] is None and state[3] is None and state[4] is None, "a strange numpy dtype")
    if dtype.kind in "mM" and len(state) == 9:
        dtype = numpy.dtype(f"{dtype.kind}8[{_unit(state[8])}]")
    foreign = state[1] == (">" if sys.byteorder == "little" else "<")
    return dtype.newbyteorder(state[1]) if foreign else dtype


def _unit(metadata):
    check(type(metadata) is tuple and len(metadata) == 2 and type(metadata[1]) is tuple, "a strange numpy dtype")
    unit = metadata[1]
    good = len(unit) >= 2 and type(unit[0]) in (bytes, str) and type(unit[1]) is int and unit[1] > 0
    check(good, "a strange numpy dtype")
    name = unit[0].decode("ascii") if type(unit[0]) is bytes else unit[0]
    check(re.fullmatch("[a-zA-Z]{1,7}", name), "a strange numpy dtype")
    return f"{unit[1]}{name}"


def _record_dtype(state):
    import numpy

    names, fields, size = state[3], state[4], state[5]
    check(type(names) is tuple and type(fields) is dict and type(size) is int, "a strange numpy dtype")
    check(all(type(name) is str and name in fields for name in names), "a strange numpy dtype")
    parts = [fields[name] for name in names]
    check(
        all(type(p) is tuple and len(p) >= 2 and is_dtype(p[0]) and type(p[1]) is int for p in parts), "a strange field"
    )
    layout = {"names": list(names), "formats": [p[0] for p in parts], "offsets": [p[1] for p in parts]}
    return numpy.dtype({**layout, "itemsize": size})


def make_scalar(dtype, data):
    """A scalar from its bytes."""
    import numpy

    data = data.encode("latin1") if type(data) is str else data
    check(is_dtype(dtype) and type(data) is bytes and len(data) == dtype.itemsize, "a strange numpy scalar")
    return numpy.frombuffer(data, dtype)[0] if data else dtype.type()


def make_array(kind, shape, code):
    """An array that `fill` will replace the contents of."""
    import numpy

    check(kind is Ndarray or kind is numpy.ndarray, "a strange numpy array")
    return numpy.empty(0, dtype="u1")


def from_buffer(data, dtype, shape, order):
    """An array from its bytes."""
    import numpy

    check(is_dtype(dtype) and type(data) in (bytes, bytearray) and order in ("C", "F"), "a strange numpy array")
    return numpy.frombuffer(data, dtype).reshape(ints(shape, "a numpy array of strange shape"), order=order).copy("K")


def fill(array, state):
    """Gives an array its shape, dtype and numbers."""
    check(type(state) is tuple and len(state) == 5, "a numpy array in a strange state")
    version, shape, dtype, fortran, data = state
    check(type(data) is not list, "a numpy array of Python objects, which only code could make")
    data = data.encode("latin1") if type(data) is str else data
    check(is_dtype(dtype) and type(data) is bytes and type(fortran) is bool, "a numpy array in a strange state")
    count = 1
    for size in ints(shape, "a numpy array of strange shape"):
        count *= size
    check(count * dtype.itemsize == len(data) and min(shape, default=0) >= 0, "a numpy array of strange size")
    check(len(shape) <= 32 and count < 1 << 62, "a numpy array of strange shape")
    array.__setstate__((version, tuple(shape), dtype, fortran, data))


def is_scalar(value):
    """Whether a value is a NumPy scalar."""
    return type(value).__module__ == "numpy" and hasattr(value, "dtype") and value.shape == ()
