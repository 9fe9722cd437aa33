"""Layouts, memory formats, and other names for dtypes."""

from . import _C

__all__ = [
    "bfloat16",
    "bool",
    "cdouble",
    "cfloat",
    "channels_last",
    "channels_last_3d",
    "complex64",
    "complex128",
    "contiguous_format",
    "double",
    "e",
    "finfo",
    "float",
    "float8_e4m3fn",
    "float8_e5m2",
    "float16",
    "float32",
    "float64",
    "half",
    "iinfo",
    "inf",
    "int",
    "int8",
    "int16",
    "int32",
    "int64",
    "jagged",
    "layout",
    "legacy_contiguous_format",
    "long",
    "memory_format",
    "nan",
    "pi",
    "preserve_format",
    "short",
    "sparse_bsc",
    "sparse_bsr",
    "sparse_coo",
    "sparse_csc",
    "sparse_csr",
    "strided",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
]  # fmt: skip

_python_float, _python_int = float, int

bool, uint8, int8, int16, int32, int64 = _C.bool, _C.uint8, _C.int8, _C.int16, _C.int32, _C.int64
uint16, uint32, uint64 = _C.uint16, _C.uint32, _C.uint64
half = float16 = _C.float16
float = float32 = _C.float32
double = float64 = _C.float64
bfloat16, float8_e5m2, float8_e4m3fn = _C.bfloat16, _C.float8_e5m2, _C.float8_e4m3fn
short, int, long = int16, int32, int64
cfloat = complex64 = _C.complex64
cdouble = complex128 = _C.complex128

inf, nan, pi, e = _python_float("inf"), _python_float("nan"), 3.141592653589793, 2.718281828459045


class layout:
    """How a tensor's elements lie: `strided` (the only one that computes), `sparse_coo`, `sparse_csr`.

    >>> flambeau.ones(2).layout
    torch.strided
    """

    def __init__(self, name):
        self._name = name

    def __repr__(self):
        return f"torch.{self._name}"

    def __reduce__(self):
        return self._name


class memory_format:
    """The order of a tensor's strides; `code` is the number the core knows it by.

    >>> flambeau.ones(1, 2, 3, 3).contiguous(memory_format=flambeau.channels_last).stride()
    (18, 1, 6, 2)
    """

    def __init__(self, name, code):
        self._name, self.code = name, code

    def __repr__(self):
        return f"torch.{self._name}"

    def __reduce__(self):
        return self._name


strided, sparse_coo, sparse_csr = layout("strided"), layout("sparse_coo"), layout("sparse_csr")
sparse_csc, sparse_bsr, sparse_bsc = layout("sparse_csc"), layout("sparse_bsr"), layout("sparse_bsc")
jagged = layout("jagged")
legacy_contiguous_format = contiguous_format = memory_format("contiguous_format", 0)
preserve_format = memory_format("preserve_format", 1)
channels_last = memory_format("channels_last", 2)
channels_last_3d = memory_format("channels_last_3d", 3)

# bits of the significand (with the hidden one) and the exponent range of each floating-point dtype
_FORMATS = {
    float16: (11, -14, 15, 16),
    bfloat16: (8, -126, 127, 16),
    float32: (24, -126, 127, 32),
    float64: (53, -1022, 1023, 64),
    float8_e5m2: (3, -14, 15, 8),
    float8_e4m3fn: (4, -6, 8, 8),
}


class finfo:
    """Limits of a floating-point dtype.

    >>> flambeau.finfo(flambeau.float32).eps
    1.1920928955078125e-07
    """

    def __init__(self, dtype=None):
        dtype = (_C.get_default_dtype() if dtype is None else dtype).to_real()
        if dtype not in _FORMATS:
            raise TypeError(f"torch.finfo() requires a floating point input type. Use torch.iinfo to handle '{dtype}'")
        digits, low, high, self.bits = _FORMATS[dtype]
        self.dtype = repr(dtype).removeprefix("torch.")
        self.eps = 2.0 ** (1 - digits)
        self.max = 448.0 if dtype is float8_e4m3fn else (2 - self.eps) * 2.0**high
        self.min = -self.max
        self.tiny = self.smallest_normal = 2.0**low
        self.resolution = 10.0 ** -_python_int((digits - 1) * 0.30102999566398120)

    def __repr__(self):
        return (
            f"finfo(resolution={self.resolution:g}, min={self.min:g}, max={self.max:g}, eps={self.eps:g}, "
            f"smallest_normal={self.smallest_normal:g}, tiny={self.tiny:g}, dtype={self.dtype})"
        )

    def __eq__(self, other):
        return isinstance(other, finfo) and self.dtype == other.dtype

    def __hash__(self):
        return hash(self.dtype)


class iinfo:
    """Limits of an integer dtype.

    >>> flambeau.iinfo(flambeau.int8).max
    127
    """

    def __init__(self, dtype):
        if dtype.is_floating_point or dtype.is_complex or dtype is bool:
            raise TypeError(f"torch.iinfo() requires an integer input type. Use torch.finfo to handle '{dtype}'")
        self.bits = 8 * dtype.itemsize
        self.min = -(2 ** (self.bits - 1)) if dtype.is_signed else 0
        self.max = 2 ** (self.bits - dtype.is_signed) - 1
        self.dtype = repr(dtype).removeprefix("torch.")

    def __repr__(self):
        return f"iinfo(min={self.min:g}, max={self.max:g}, dtype={self.dtype})"

    def __eq__(self, other):
        return isinstance(other, iinfo) and self.dtype == other.dtype

    def __hash__(self):
        return hash(self.dtype)
