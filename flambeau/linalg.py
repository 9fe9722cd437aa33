"""Linear algebra: norms of vectors and matrices."""

from math import inf

from . import _C
from .ops._common import dims_of, write_out
from .ops.matmul import linalg_cross as cross
from .ops.matmul import linalg_vecdot as vecdot
from .ops.matmul import matmul, matrix_power, multi_dot

__all__ = ["cross", "matmul", "matrix_norm", "matrix_power", "multi_dot", "norm", "vecdot", "vector_norm"]


def vector_norm(x, ord=2, dim=None, keepdim=False, *, dtype=None, out=None):
    r"""Norm of the elements, whatever the shape: $(\sum_i |x_i|^{ord})^{1/ord}$; also ord inf, -inf and 0.

    Args:
        x: floating-point or complex tensor.
        ord: number.
        dim: the dimensions that form a vector; all by default.
        dtype: convert to this first.
    Returns: real tensor without these dimensions.

    >>> flambeau.linalg.vector_norm(flambeau.tensor([3.0, 4.0]))
    tensor(5.)
    """
    return write_out(out, _C.vector_norm(x, float(ord), () if dim is None else dim, keepdim, dtype))


def matrix_norm(A, ord="fro", dim=(-2, -1), keepdim=False, *, dtype=None, out=None):
    """Norm of matrices: "fro", "nuc" (sum of singular values), 2, -2 (largest, smallest), inf, -inf (row sums), 1, -1 (column sums).

    >>> flambeau.linalg.matrix_norm(flambeau.tensor([[1.0, -2.0], [3.0, 4.0]]), 1)
    tensor(6.)
    """
    op = "linalg.matrix_norm"
    if A.dim() < 2:
        raise RuntimeError(f"[{op}] The input tensor A must have at least 2 dimensions.")
    if not (A.is_floating_point() or A.is_complex()):
        raise RuntimeError(f"[{op}] Expected a floating point or complex tensor as input. Got {A.dtype}")
    dims = dims_of(dim)
    if len(dims) != 2:
        raise RuntimeError(f"[{op}] dim must be a 2-tuple. Got {dim}")
    rows, columns = _wrapped(op, dims, A.dim())
    if ord in ("fro", "f", "frobenius"):
        return write_out(out, _C.vector_norm(A, 2.0, (rows, columns), keepdim, dtype))
    A = A if dtype is None else A.to(dtype)
    if ord in ("nuc", 2, -2):
        return write_out(out, _of_singular_values(A, ord, rows, columns, keepdim))
    if isinstance(ord, str) or abs(ord) not in (1, inf):
        raise RuntimeError(f"[{op}] Order {ord} not supported.")
    inner, outer = (rows, columns) if abs(ord) == 1 else (columns, rows)
    sums = _C.vector_norm(A, 1.0, (inner,), True)
    extreme = (_C.amax if ord > 0 else _C.amin)(sums, (outer,), True)
    return write_out(out, extreme if keepdim else _C.squeeze(extreme, (rows, columns)))


def _wrapped(op, dims, n):
    for d in dims:
        if not -n <= d < n:
            raise IndexError(f"[{op}] Dimension out of range (expected to be in range of [{-n}, {n - 1}], but got {d})")
    rows, columns = (d % n for d in dims)
    if rows == columns:
        raise RuntimeError(f"[{op}] dims must be different. Got {tuple(dims)}")
    return rows, columns


def _of_singular_values(A, ord, rows, columns, keepdim):
    from . import linalg

    rest = [d for d in range(A.dim()) if d not in (rows, columns)]
    values = linalg.svdvals(_C.permute(A, (*rest, rows, columns)))
    result = _C.sum(values, -1) if ord == "nuc" else (_C.amax if ord == 2 else _C.amin)(values, -1)
    if keepdim:
        for d in sorted((rows, columns)):
            result = _C.unsqueeze(result, d)
    return result


def norm(A, ord=None, dim=None, keepdim=False, *, dtype=None, out=None):
    """vector_norm or matrix_norm, by the number of dimensions in `dim` (or of the tensor, if ord is given).

    >>> flambeau.linalg.norm(flambeau.tensor([[3.0, 4.0]]))
    tensor(5.)
    """
    if ord is None or (dim is not None and len(dims_of(dim)) == 1 and not isinstance(ord, str)):
        return vector_norm(A, 2 if ord is None else ord, dim, keepdim, dtype=dtype, out=out)
    if dim is not None:
        return matrix_norm(A, ord, dim, keepdim, dtype=dtype, out=out)
    if A.dim() == 1 and not isinstance(ord, str):
        return vector_norm(A, ord, None, keepdim, dtype=dtype, out=out)
    if A.dim() not in (1, 2):
        raise RuntimeError(
            f"[linalg.norm] If dim is not specified but ord is, the input must be 1D or 2D. Got {A.dim()}D."
        )
    return matrix_norm(A, ord, (-2, -1), keepdim, dtype=dtype, out=out)
