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


# Functions in torch that meet a dtype first in their kernel: of low precision, and any that is not of FLOATING.
_LOW = {
    "linalg.cholesky": "cholesky_cpu", "linalg.cholesky_ex": "cholesky_cpu", "linalg.det": "lu_cpu",
    "linalg.eig": "linalg_eig_out_cpu", "linalg.eigvals": "linalg_eig_out_cpu", "linalg.svd": "linalg_svd_cpu", "linalg.qr": "geqrf_cpu",
    "linalg.ldl_factor": "ldl_factor_kernel_cpu", "linalg.ldl_factor_ex": "ldl_factor_kernel_cpu", "linalg.solve": "lu_cpu",
    "linalg.solve_ex": "lu_cpu", "linalg.lu_solve": "linalg.lu_solve_cpu", "linalg.ldl_solve": "ldl_solve_kernel_cpu",
}  # fmt: skip
_ANY = {
    "cholesky": "cholesky_cpu", "cholesky_inverse": "cholesky_inverse_out_cpu", "cholesky_solve": "cholesky_solve_cpu",
    "linalg.eigh": "linalg_eigh_cpu", "linalg.householder_product": "orgqr_cpu", "linalg.solve_triangular": "triangular_solve_cpu",
    "ormqr": "ormqr_cpu", "triangular_solve": "triangular_solve_cpu",
}  # fmt: skip


def check_floating(op, x):
    if not isinstance(x, _C.Tensor):
        raise TypeError(f"[{op}] expected a Tensor, got {type(x).__name__}")
    if op in _ANY:
        return
    if not (x.is_floating_point() or x.is_complex()):
        raise _C.DTypeError(
            f"[{op}] Expected a floating point or complex tensor as input. Got {dtype_name(x.dtype)}; convert it with "
            ".to(flambeau.float32)"
        )
    if x.dtype not in FLOATING and op not in _LOW:
        raise _C.DTypeError(
            f"[{op}] Low precision dtypes not supported. Got {dtype_name(x.dtype)}; convert it with .to(flambeau.float32)"
        )


def check_implemented(op, kernel, x):
    """check_floating, with the error class of functions that meet a dtype first in their kernel."""
    if x.dtype not in FLOATING:
        raise NotImplementedError(
            f"[{op}] \"{kernel}\" not implemented for '{dtype_name(x.dtype)}'; convert it with .to(flambeau.float32)"
        )


def check_kernel(op, x):
    """Whether there is a kernel for the dtype, in the functions that find out last."""
    kernel = _ANY.get(op) or _LOW.get(op)
    if kernel:
        check_implemented(op, kernel, x)


def check_matrix(op, x, name="A", square=False):
    """At least two dimensions, of a dtype that linear algebra takes."""
    check_floating(op, x)
    expect(op, x.dim() >= 2, f"The input tensor {name} must have at least 2 dimensions, got {tuple(x.shape)}.")
    m, n = x.shape[-2:]
    expect(op, m == n or not square, f"{name} must be batches of square matrices, but they are {m} by {n} matrices")
    check_kernel(op, x)


def check_square(op, x, name="A"):
    check_matrix(op, x, name, square=True)


def check_same_dtype(op, a, b, names=("A", "B")):
    if a.dtype != b.dtype:
        raise _C.DTypeError(
            f"[{op}] Expected {names[0]} and {names[1]} to have the same dtype, but found {names[0]} of type "
            f"{dtype_name(a.dtype)} and {names[1]} of type {dtype_name(b.dtype)} instead"
        )


def check_info(op, info, message, error=None):
    """Raise for the first matrix of a stack whose info is not 0; message gets that number."""
    if info.is_meta:
        return
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

    return where(eye(x.shape[-1], dtype=_C.bool, device=x.device), value, x)
