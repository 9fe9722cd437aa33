"""What the functions of this package ask of their arguments, and how they say that something is wrong."""

from .. import _C, return_types
from ..ops._common import write_out
from ..ops._host import whole

FLOATING = (_C.float32, _C.float64, _C.complex64, _C.complex128)
_NAMES = {
    _C.float16: "Half", _C.bfloat16: "BFloat16", _C.float32: "Float", _C.float64: "Double", _C.uint8: "Byte",
    _C.int8: "Char", _C.int16: "Short", _C.int32: "Int", _C.int64: "Long", _C.bool: "Bool",
    _C.complex64: "ComplexFloat", _C.complex128: "ComplexDouble",
}  # fmt: skip


def dtype_name(dtype):
    """torch's old name of a dtype, as it stands in messages."""
    return _NAMES.get(dtype, str(dtype))


def expect(op, ok, message):
    if not ok:
        raise _C.ShapeError(f"[{op}] {message}")


def check_floating(op, x):
    if not isinstance(x, _C.Tensor):
        raise TypeError(f"[{op}] expected a Tensor, got {type(x).__name__}")
    if not (x.is_floating_point() or x.is_complex()):
        raise _C.DTypeError(
            f"[{op}] Expected a floating point or complex tensor as input. Got {dtype_name(x.dtype)}; convert it with "
            ".to(flambeau.float32)"
        )
    if x.dtype not in FLOATING:
        raise _C.DTypeError(
            f"[{op}] Low precision dtypes not supported. Got {dtype_name(x.dtype)}; convert it with .to(flambeau.float32)"
        )


def check_implemented(op, kernel, x):
    """check_floating, with the error class of functions that meet a dtype first in their kernel."""
    if x.dtype not in FLOATING:
        raise NotImplementedError(
            f"[{op}] \"{kernel}\" not implemented for '{dtype_name(x.dtype)}'; convert it with .to(flambeau.float32)"
        )


def check_matrix(op, x, name="A"):
    """At least two dimensions, of a dtype that linear algebra takes."""
    check_floating(op, x)
    expect(op, x.dim() >= 2, f"The input tensor {name} must have at least 2 dimensions, got {tuple(x.shape)}.")


def check_square(op, x, name="A"):
    check_matrix(op, x, name)
    m, n = x.shape[-2:]
    expect(op, m == n, f"{name} must be batches of square matrices, but they are {m} by {n} matrices")


def check_same_dtype(op, a, b, names=("A", "B")):
    if a.dtype != b.dtype:
        raise _C.DTypeError(
            f"[{op}] Expected {names[0]} and {names[1]} to have the same dtype, but found {names[0]} of type "
            f"{dtype_name(a.dtype)} and {names[1]} of type {dtype_name(b.dtype)} instead"
        )


def check_info(op, info, message, error=None):
    """Raise for the first matrix of a stack whose info is not 0; message gets that number."""
    values = whole(info).reshape(-1).tolist()
    for position, value in enumerate(values):
        if value:
            where = f"(Batch element {position}): " if info.dim() else ""
            raise (error or _C.LinAlgError)(f"[{op}] {where}{message.format(value)}")


def broadcast_batches(op, a, b):
    """Both with the same leading dimensions."""
    from ..ops import broadcast_shapes

    if a.shape[:-2] == b.shape[:-2]:
        return a, b
    batch = tuple(broadcast_shapes(tuple(a.shape[:-2]), tuple(b.shape[:-2])))
    return a.expand(*batch, *a.shape[-2:]), b.expand(*batch, *b.shape[-2:])


def is_vector(a, b):
    """Whether b holds one right hand side per matrix of a, rather than several in columns."""
    return b.dim() == 1 or (b.dim() == a.dim() - 1 and b.shape == a.shape[:-1])


def result(kind, values, out=None):
    """Values as a named result, stored in `out` if one is given."""
    return write_out(out, getattr(return_types, kind)(values))


def real_dtype(x):
    return {_C.complex64: _C.float32, _C.complex128: _C.float64}.get(x.dtype, x.dtype)


def zero_diagonal(x, value):
    """x with `value` on the diagonal."""
    from ..ops import eye, where

    return where(eye(x.shape[-1], dtype=_C.bool), value, x)
