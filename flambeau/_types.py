"""Layouts, memory formats, and other names for dtypes."""

from . import _C

__all__ = [
    "bfloat16",
    "bit",
    "bits1x8",
    "bits2x4",
    "bits4x2",
    "bits8",
    "bits16",
    "bool",
    "cdouble",
    "cfloat",
    "chalf",
    "channels_last",
    "channels_last_3d",
    "complex32",
    "complex64",
    "complex128",
    "contiguous_format",
    "double",
    "e",
    "finfo",
    "float",
    "float4_e2m1fn_x2",
    "float8_e4m3fn",
    "float8_e4m3fnuz",
    "float8_e5m2",
    "float8_e5m2fnuz",
    "float8_e8m0fnu",
    "float16",
    "float32",
    "float64",
    "half",
    "iinfo",
    "inf",
    "int",
    "int1",
    "int2",
    "int3",
    "int4",
    "int5",
    "int6",
    "int7",
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
    "per_channel_affine",
    "per_channel_affine_float_qparams",
    "per_channel_symmetric",
    "per_tensor_affine",
    "per_tensor_symmetric",
    "pi",
    "preserve_format",
    "qint8",
    "qint32",
    "qscheme",
    "quint2x4",
    "quint4x2",
    "quint8",
    "short",
    "sparse_bsc",
    "sparse_bsr",
    "sparse_coo",
    "sparse_csc",
    "sparse_csr",
    "strided",
    "uint1",
    "uint2",
    "uint3",
    "uint4",
    "uint5",
    "uint6",
    "uint7",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
]  # fmt: skip

_python_float = float

bool, uint8, int8, int16, int32, int64 = _C.bool, _C.uint8, _C.int8, _C.int16, _C.int32, _C.int64
uint16, uint32, uint64 = _C.uint16, _C.uint32, _C.uint64
half = float16 = _C.float16
float = float32 = _C.float32
double = float64 = _C.float64
bfloat16, float8_e5m2, float8_e4m3fn = _C.bfloat16, _C.float8_e5m2, _C.float8_e4m3fn
short, int, long = int16, int32, int64
cfloat = complex64 = _C.complex64
cdouble = complex128 = _C.complex128
# Only names: they can be asked what they are, and no tensor is made of them.
qint8, quint8, qint32, quint4x2, quint2x4 = _C.qint8, _C.quint8, _C.qint32, _C.quint4x2, _C.quint2x4
bits1x8, bits2x4, bits4x2, bits8, bits16 = _C.bits1x8, _C.bits2x4, _C.bits4x2, _C.bits8, _C.bits16
float8_e4m3fnuz, float8_e5m2fnuz, float8_e8m0fnu = _C.float8_e4m3fnuz, _C.float8_e5m2fnuz, _C.float8_e8m0fnu
float4_e2m1fn_x2 = _C.float4_e2m1fn_x2
chalf = complex32 = _C.complex32
uint1, uint2, uint3, uint4, uint5, uint6, uint7 = (getattr(_C, f"uint{n}") for n in range(1, 8))
int1, int2, int3, int4, int5, int6, int7 = (getattr(_C, f"int{n}") for n in range(1, 8))
bit = uint1

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


class qscheme:
    """How quantized numbers stand for real ones: one scale for all, or one per channel.

    >>> flambeau.per_tensor_affine
    torch.per_tensor_affine
    """

    def __init__(self, name):
        self._name = name

    def __repr__(self):
        return f"torch.{self._name}"

    def __reduce__(self):
        return self._name


per_tensor_affine, per_channel_affine = qscheme("per_tensor_affine"), qscheme("per_channel_affine")
per_tensor_symmetric, per_channel_symmetric = qscheme("per_tensor_symmetric"), qscheme("per_channel_symmetric")
per_channel_affine_float_qparams = qscheme("per_channel_affine_float_qparams")

# Of each floating-point dtype: eps, the largest and the smallest normal number, decimal digits, bits.
_FORMATS = {
    float16: (2.0**-10, 65504.0, 2.0**-14, 3, 16),
    bfloat16: (2.0**-7, 2.0**128 - 2.0**120, 2.0**-126, 2, 16),
    float32: (2.0**-23, 2.0**128 - 2.0**104, 2.0**-126, 6, 32),
    float64: (2.0**-52, (2 - 2.0**-52) * 2.0**1023, 2.0**-1022, 15, 64),
    float8_e5m2: (2.0**-2, 57344.0, 2.0**-14, 0, 8),
    float8_e4m3fn: (2.0**-3, 448.0, 2.0**-6, 0, 8),
    float8_e5m2fnuz: (2.0**-3, 57344.0, 2.0**-15, 0, 8),
    float8_e4m3fnuz: (2.0**-3, 240.0, 2.0**-7, 0, 8),
    float8_e8m0fnu: (1.0, 2.0**127, 2.0**-127, 0, 8),
}


class _Limits:
    """What finfo and iinfo have in common; torch calls the argument `type`."""

    __slots__ = ("bits", "dtype", "max", "min")

    def __eq__(self, other):
        return type(other) is type(self) and self.dtype == other.dtype

    def __reduce__(self):
        return type(self), (getattr(_C, self.dtype),)


def _check_dtype(function, type):
    if not isinstance(type, _C.dtype):
        raise TypeError(f"[{function}] argument 'type' must be torch.dtype, not {type.__class__.__name__}")


class finfo(_Limits):
    """Limits of a floating-point dtype: `eps`, `max`, `min`, `tiny`, `smallest_normal`, `resolution`, `bits`.

    Args:
        type: the dtype, or a complex one for that of its parts; the default one if left out.

    >>> flambeau.finfo(flambeau.float32).eps
    1.1920928955078125e-07
    """

    __slots__ = ("eps", "resolution", "smallest_normal", "tiny")

    def __init__(self, type=None):
        type = _C.get_default_dtype() if type is None else type
        _check_dtype("finfo", type)
        type = type.to_real()
        if type not in _FORMATS:
            raise TypeError(f"torch.finfo() requires a floating point input type. Use torch.iinfo to handle '{type}'")
        self.dtype = repr(type).removeprefix("torch.")
        self.eps, self.max, self.tiny, digits, self.bits = _FORMATS[type]
        self.smallest_normal, self.resolution = self.tiny, 10.0**-digits
        self.min = -self.max if type.is_signed else self.tiny

    def __repr__(self):
        return (
            f"finfo(resolution={self.resolution:g}, min={self.min:g}, max={self.max:g}, eps={self.eps:g}, "
            f"smallest_normal={self.smallest_normal:g}, tiny={self.tiny:g}, dtype={self.dtype})"
        )


_INTEGERS = (uint8, int8, int16, int32, int64, uint16, uint32, uint64)


class iinfo(_Limits):
    """Limits of an integer dtype: `min`, `max`, `bits`.

    >>> flambeau.iinfo(flambeau.int8).max
    127
    """

    __slots__ = ()

    def __init__(self, type):
        _check_dtype("iinfo", type)
        if type not in _INTEGERS:
            raise TypeError(f"torch.iinfo() requires an integer input type. Use torch.finfo to handle '{type}'")
        self.bits = 8 * type.itemsize
        self.min = -(2 ** (self.bits - 1)) if type.is_signed else 0
        self.max = 2 ** (self.bits - type.is_signed) - 1
        self.dtype = repr(type).removeprefix("torch.")

    def __repr__(self):
        return f"iinfo(min={self.min:g}, max={self.max:g}, dtype={self.dtype})"
