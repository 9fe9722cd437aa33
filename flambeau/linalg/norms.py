"""Norms of vectors and matrices, and what is read off them: condition and rank."""

from math import inf

from .. import _C
from ..ops._common import dims_of, write_out
from ..ops._host import array_of, one_by_one, tensor_of
from ._checks import check_matrix, check_square, dtype_name, expect
from .decompositions import singular_values

__all__ = ["cond", "matrix_norm", "matrix_rank", "norm", "vector_norm"]


def vector_norm(x, ord=2, dim=None, keepdim=False, *, dtype=None, out=None, axis=None, keepdims=None):
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
    dim = dim if axis is None else axis
    keepdim = keepdim if keepdims is None else keepdims
    if dtype is not None:
        _check_norm_dtype(x, dtype)
    return write_out(out, _C.vector_norm(x, float(ord), () if dim is None else dim, keepdim, dtype))


def _check_norm_dtype(x, dtype):
    op = "linalg.vector_norm"
    if not (dtype.is_floating_point or dtype.is_complex):
        raise RuntimeError(f"[{op}] dtype should be floating point or complex, but got {dtype_name(dtype)}")
    if dtype.is_complex != x.is_complex():
        kind = "complex for complex" if x.is_complex() else "real for real"
        raise RuntimeError(f"[{op}] dtype should be {kind} inputs, but got {dtype_name(dtype)}")
    if _C.promote_types(x.dtype, dtype) != dtype:
        raise RuntimeError(
            f"[{op}] the dtype of the input ({dtype_name(x.dtype)}) should be convertible without narrowing to the specified "
            f"dtype ({dtype_name(dtype)})"
        )


def matrix_norm(input, ord="fro", dim=(-2, -1), keepdim=False, *, dtype=None, out=None):
    """Norm of matrices: "fro", "nuc" (sum of singular values), 2, -2 (largest, smallest), inf, -inf (row sums), 1, -1 (column sums).

    >>> flambeau.linalg.matrix_norm(flambeau.tensor([[1.0, -2.0], [3.0, 4.0]]), 1)
    tensor(6.)
    """
    op = "linalg.matrix_norm"
    if input.dim() < 2:
        raise RuntimeError(f"[{op}] The input tensor A must have at least 2 dimensions.")
    if not (input.is_floating_point() or input.is_complex()):
        raise RuntimeError(f"[{op}] Expected a floating point or complex tensor as input. Got {input.dtype}")
    dims = dims_of(dim)
    if len(dims) != 2:
        raise RuntimeError(f"[{op}] dim must be a 2-tuple. Got {dim}")
    rows, columns = _wrapped(op, dims, input.dim())
    if ord in ("fro", "f", "frobenius"):
        return write_out(out, _C.vector_norm(input, 2.0, (rows, columns), keepdim, dtype))
    input = input if dtype is None else input.to(dtype)
    if ord in ("nuc", 2, -2):
        return write_out(out, _of_singular_values(input, ord, rows, columns, keepdim))
    if isinstance(ord, str) or abs(ord) not in (1, inf):
        raise RuntimeError(f"[{op}] Order {ord} not supported.")
    inner, outer = (rows, columns) if abs(ord) == 1 else (columns, rows)
    sums = _C.vector_norm(input, 1.0, (inner,), True)
    if ord > 0 and not sums.shape[outer]:
        extreme = _C.sum(sums, (outer,), True)  # the largest of no sums is 0
    else:
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
    rest = [d for d in range(A.dim()) if d not in (rows, columns)]
    values = singular_values("linalg.matrix_norm", _C.permute(A, (*rest, rows, columns)))
    if not values.shape[-1] and ord == 2:
        result = _C.sum(values, -1)
    else:
        result = _C.sum(values, -1) if ord == "nuc" else (_C.amax if ord == 2 else _C.amin)(values, -1)
    if keepdim:
        order = [*rest, rows, columns]
        result = _C.permute(result[..., None, None], [order.index(d) for d in range(A.dim())])
    return result


def norm(input, ord=None, dim=None, keepdim=False, *, dtype=None, out=None, axis=None, keepdims=None):
    """vector_norm or matrix_norm, by the number of dimensions in `dim` (or of the tensor, if ord is given).

    >>> flambeau.linalg.norm(flambeau.tensor([[3.0, 4.0]]))
    tensor(5.)
    """
    dim = dim if axis is None else axis
    keepdim = keepdim if keepdims is None else keepdims
    if ord is None or (dim is not None and len(dims_of(dim)) == 1 and not isinstance(ord, str)):
        return vector_norm(input, 2 if ord is None else ord, dim, keepdim, dtype=dtype, out=out)
    if dim is not None:
        return matrix_norm(input, ord, dim, keepdim, dtype=dtype, out=out)
    if input.dim() == 1 and not isinstance(ord, str):
        return vector_norm(input, ord, None, keepdim, dtype=dtype, out=out)
    if input.dim() not in (1, 2):
        raise RuntimeError(
            f"[linalg.norm] If dim is not specified but ord is, the input must be 1D or 2D. Got {input.dim()}D."
        )
    return matrix_norm(input, ord, (-2, -1), keepdim, dtype=dtype, out=out)


def cond(input, p=None, *, out=None):
    """The condition number of matrices: how much a relative error may grow when equations are solved.

    Args:
        input: `(*, m, n)`; square unless p is None, 2 or -2.
        p: the norm: None and 2 give the largest over the smallest singular value, -2 the reverse; "fro", "nuc", inf, -inf,
            1, -1 the norm of A times that of its inverse.
    Returns: `(*)`, real; inf for a singular matrix.

    >>> flambeau.linalg.cond(flambeau.tensor([[4.0, 0.0], [0.0, 2.0]]))
    tensor(2.)
    """
    from ..ops import where
    from .solvers import inv_ex

    op = "linalg.cond"
    expect(op, input.dim() >= 2, f"The input tensor must have at least 2 dimensions, got {tuple(input.shape)}.")
    if p not in (None, "fro", "nuc", inf, -inf, 1, -1, 2, -2):
        raise RuntimeError(f"[{op}] got an invalid norm type: {p}")
    if p in (None, 2, -2):
        values = singular_values("linalg.svd", input)
        if not values.shape[-1]:
            return write_out(out, _C.sum(values, -1))
        largest, smallest = _C.select(values, -1, 0), _C.select(values, -1, values.shape[-1] - 1)
        return write_out(out, smallest / largest if p == -2 else largest / smallest)
    if isinstance(p, str):
        check_square(f"linalg.cond(ord={p})", input)
    if input.numel() == 0:
        return write_out(out, _C.zeros(tuple(input.shape[:-2]), input.abs().dtype, input.device))
    check_square(f"linalg.cond(ord={p})", input)
    inverse, info = inv_ex(input)
    product = matrix_norm(input, p) * matrix_norm(where((info == 0)[..., None, None], inverse, 0.0), p)
    return write_out(out, where(info == 0, product, inf))


@one_by_one
def matrix_rank(input, tol=None, hermitian=False, *, atol=None, rtol=None, out=None):
    """The rank of matrices: how many singular values are above `max(atol, rtol * largest)`.

    Args:
        input: `(*, m, n)`.
        tol: an old name of atol, which sets rtol to 0.
        hermitian: A is symmetric or Hermitian, and only its lower triangle is read.
        atol: number, or tensor that broadcasts with `(*)`.
        rtol: by default max(m, n) times the precision of the dtype, or 0 if atol is given.
    Returns: `(*)`, int64. There is no derivative.

    >>> flambeau.linalg.matrix_rank(flambeau.tensor([[1.0, 2.0], [2.0, 4.0]]))
    tensor(1)
    """
    import numpy as np

    from .decompositions import eigvalsh
    from .solvers import tolerances

    op = "linalg.matrix_rank"
    check_matrix(op, input, "input")
    if tol is not None:
        atol, rtol = tol, 0.0
    atol, rtol = tolerances(op, input, atol, rtol)
    input = _C.detach(input)
    values = abs(array_of(eigvalsh(input) if hermitian else singular_values("linalg.svd", input)))
    bound = np.maximum(atol, rtol * values.max(-1, keepdims=True, initial=0))
    return write_out(out, tensor_of(np.asarray((values > bound).sum(-1), np.int64)))
