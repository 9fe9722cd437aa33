"""LU and LDL factors, and equations solved with them."""

from .. import _C
from ..ops._common import write_out
from ..ops._host import any_of, array_of, host, one_by_one
from ._checks import (
    broadcast_batches,
    check_implemented,
    check_info,
    check_same_dtype,
    check_square,
    dtype_name,
    expect,
    result,
)
from ._lapack import columns, ldl, permutation
from ._lapack import ldl_solve as lapack_ldl_solve
from ._lapack import lu as lapack_lu
from .solvers import in_columns, triangular

__all__ = ["ldl_factor", "ldl_factor_ex", "ldl_solve", "lu", "lu_factor", "lu_factor_ex", "lu_solve"]

# ---------------------------------------------------------------------------------------------------- LU


def _unit(x):
    """The lower factor: what is below the diagonal, and ones on it."""
    from ..ops import eye

    return x.tril(-1) + eye(*x.shape[-2:], dtype=x.dtype, device=x.device)


def split(packed):
    """L `(*, m, k)` and U `(*, k, n)` of packed factors `(*, m, n)`."""
    k = min(packed.shape[-2:])
    return _unit(_C.narrow(packed, -1, 0, k)), _C.narrow(packed, -2, 0, k).triu()


@one_by_one
def permutation_matrix(pivots, m, dtype):
    """P with A = P L U."""
    import numpy as np

    from ..ops import tensor

    order = permutation(array_of(pivots), m)
    return tensor(order[..., None, :] == np.arange(m)[:, None]).to(dtype)


def _square_backward(g_l, g_u, lower, upper):
    """P^T times the gradient of a square A = P L U."""
    inner = (lower.mH @ g_l).tril(-1) + (g_u @ upper.mH).triu()
    left = triangular(lower.mH, inner, upper=True, unitriangular=True)
    return triangular(upper, left.mH, upper=True).mH


def _lu_backward(grad, inputs, outputs):
    """Of packed factors: what is not square follows from the square block by triangular equations."""
    from ..ops import cat

    packed, pivots, g = outputs[0], outputs[1], grad[0]
    m, n = packed.shape[-2:]
    k = min(m, n)
    block = _C.narrow(_C.narrow(packed, -1, 0, k), -2, 0, k)
    lower, upper = _unit(block), block.triu()
    corner = _C.narrow(_C.narrow(g, -1, 0, k), -2, 0, k)
    g_l, g_u = corner.tril(-1), corner.triu()
    if m < n:  # U2 = L^-1 A2
        u2, g2 = _C.narrow(packed, -1, k, n - k), _C.narrow(g, -1, k, n - k)
        g_a2 = triangular(lower.mH, g2, upper=True, unitriangular=True)
        whole = cat([_square_backward(g_l - g_a2 @ u2.mH, g_u, lower, upper), g_a2], -1)
    elif m > n:  # L2 = A2 U^-1
        l2, g2 = _C.narrow(packed, -2, k, m - k), _C.narrow(g, -2, k, m - k)
        g_a2 = triangular(upper, g2.mH, upper=True).mH
        whole = cat([_square_backward(g_l, g_u - l2.mH @ g_a2, lower, upper), g_a2], -2)
    else:
        whole = _square_backward(g_l, g_u, lower, upper)
    return permutation_matrix(pivots, m, packed.dtype) @ whole


def _lu_factor(op, A, pivot):
    """(packed factors, pivots, info)."""
    check_implemented(op, "lu_cpu", A)
    expect(op, A.dim() >= 2, f"Expected tensor with 2 or more dimensions. Got size: {list(A.shape)} instead")
    if not pivot:
        raise RuntimeError(f"[{op}] LU without pivoting is not implemented on the CPU")

    def compute(a):
        packed, pivots, info = lapack_lu(a)
        return columns(packed), pivots, info

    return host("LinalgLuFactorEx", compute, [A], [_lu_backward])


_ZERO_PIVOT = (
    "U[{0},{0}] is zero and using it on lu_solve would result in a division by zero. If you still want to perform the "
    "factorization, consider calling linalg.lu(A, pivot) or linalg.lu_factor_ex(A, pivot)"
)


def lu_factor(A, *, pivot=True, out=None):
    """The LU decomposition in the compact form that lu_solve takes.

    Args:
        A: `(*, m, n)`.
        pivot: True; without pivoting there is no CPU version.
    Returns: LU `(*, m, n)`, with L below the diagonal; pivots `(*, min(m, n))`, int32: the row that each row was swapped
        with, counted from 1.
    Raises:
        RuntimeError: U has a zero on its diagonal.

    >>> flambeau.linalg.lu_factor(flambeau.tensor([[1.0, 2.0], [2.0, 2.0]])).pivots
    tensor([2, 2], dtype=torch.int32)
    """
    packed, pivots, info = _lu_factor("linalg.lu_factor", A, pivot)
    check_info("linalg.lu_factor", info, _ZERO_PIVOT, RuntimeError)
    return result("linalg_lu_factor", (packed, pivots), out)


def lu_factor_ex(A, *, pivot=True, check_errors=False, out=None):
    """lu_factor that reports a failure in `info` instead of raising.

    Args:
        A: `(*, m, n)`.
        check_errors: raise nevertheless.
    Returns: LU, pivots, and info `(*)`, int32: 0, or the position of the first zero on U's diagonal.

    >>> flambeau.linalg.lu_factor_ex(flambeau.zeros(1, 1)).info
    tensor(1, dtype=torch.int32)
    """
    found = _lu_factor("linalg.lu_factor_ex", A, pivot)
    if check_errors:
        check_info("linalg.lu_factor_ex", found[2], _ZERO_PIVOT, RuntimeError)
    return result("linalg_lu_factor_ex", tuple(found), out)


def lu(A, *, pivot=True, out=None):
    """The LU decomposition: A = P L U with a permutation P, L lower triangular with ones on the diagonal, U upper.

    Args:
        A: `(*, m, n)`; k = min(m, n).
    Returns: P `(*, m, m)`, L `(*, m, k)`, U `(*, k, n)`.

    >>> flambeau.linalg.lu(flambeau.tensor([[1.0, 2.0], [2.0, 2.0]])).U
    tensor([[2., 2.],
            [0., 1.]])
    """
    packed, pivots, _ = _lu_factor("linalg.lu", A, pivot)
    lower, upper = split(packed)
    values = (permutation_matrix(pivots, A.shape[-2], A.dtype), lower.contiguous(), upper.contiguous())
    return result("linalg_lu", values, out)


@one_by_one
def lu_solve(LU, pivots, B, *, left=True, adjoint=False, out=None):
    """The solution of square systems of which lu_factor gave the factors.

    Args:
        LU: `(*, n, n)`, and
        pivots: `(*, n)`: from lu_factor(A).
        B: `(*, n, k)`; batches broadcast.
        left: solve A X = B, otherwise X A = B.
        adjoint: with A^H in place of A.
    Returns: X, with the shape of B.

    >>> A = flambeau.tensor([[1.0, 2.0], [2.0, 2.0]])
    >>> flambeau.linalg.lu_solve(*flambeau.linalg.lu_factor(A), flambeau.tensor([[3.0], [4.0]]))
    tensor([[1.],
            [1.]])
    """
    op = "linalg.lu_solve"
    check_square(op, LU, "LU")
    check_same_dtype(op, LU, B, ("LU", "B"))
    if pivots.dtype != _C.int32:
        raise _C.DTypeError(f"[{op}] pivots should be a Tensor of scalar type torch.int32, got {pivots.dtype}")
    _check_factored(op, LU, pivots, B, left)
    if not left:
        turned = lu_solve(LU, pivots, B.mH, adjoint=not adjoint)
        return write_out(out, turned.mH.resolve_conj())
    order = permutation_matrix(pivots, LU.shape[-1], LU.dtype)
    LU, B = broadcast_batches(op, LU, B)
    order = order.expand(LU.shape)
    if adjoint:
        inner = triangular(LU.mH, B, upper=False)
        return write_out(out, in_columns(order @ triangular(LU.mH, inner, upper=True, unitriangular=True)))
    inner = triangular(LU, order.mT @ B, upper=False, unitriangular=True)
    return write_out(out, triangular(LU, inner, upper=True))


def _check_factored(op, packed, pivots, B, left=True):
    expect(op, B.dim() >= 2, f"The input tensor B must have at least 2 dimensions, got {tuple(B.shape)}.")
    n = packed.shape[-1]
    agree = tuple(pivots.shape) == tuple(packed.shape[:-1])
    expect(
        op,
        agree,
        f"Number of pivots per batch should be same as the dimension of the matrix, got {tuple(pivots.shape)}",
    )
    equation = "AX = B" if left else "XA = B"
    a, b = ("x".join(map(str, x.shape[-2:])) for x in (packed, B))
    agree = n == B.shape[-2 if left else -1]
    expect(op, agree, f"Incompatible shapes of A and B for the equation {equation} ({a} and {b})")
    sizes = abs(array_of(pivots))
    if sizes.size and (sizes.min() < 1 or sizes.max() > n):
        kind = "ldl" if "ldl" in op else "lu"
        must = "satisfy |pivot| >= 1" if kind == "ldl" else "be greater or equal to 1"
        if sizes.min() >= 1:
            must = f"be smaller or equal to LU.size(-2) = {n}"
        raise RuntimeError(
            f"[{op}] Pivots given to {kind}_solve must all {must}. Did you properly pass the result of {kind}_factor?"
        )
    if sizes.size and "ldl" not in op and any_of(pivots < 1):
        raise RuntimeError(
            f"[{op}] Pivots given to lu_solve must all be greater or equal to 1. Did you properly pass the result of "
            "lu_factor?"
        )


# ---------------------------------------------------------------------------------------------------- LDL


def _no_derivative(name):
    def backward(grad, inputs, outputs):
        raise RuntimeError(f"derivative for aten::{name} is not implemented")

    return backward


def _ldl(op, A, hermitian):
    check_square(op, A)

    def compute(a):
        packed, pivots, info = ldl(a, hermitian)
        return columns(packed), pivots, info

    return host("NotImplemented", compute, [A], _no_derivative("linalg_ldl_factor_ex"))


_ZERO_D = "D[{0},{0}] is zero and using it on ldl_solve would result in a division by zero"


def ldl_factor(input, *, hermitian=False, out=None):
    """Compact factors of symmetric or Hermitian matrices, definite or not: A = L D L^T (L D L^H) with swapped rows.

    Args:
        input: `(*, n, n)`, of which the lower triangle is read.
        hermitian: A is Hermitian rather than symmetric, if it is complex.
    Returns: LD `(*, n, n)` and pivots `(*, n)`, int32; two equal negative pivots stand for a 2 x 2 block of D. There is no
        derivative.

    >>> flambeau.linalg.ldl_factor(flambeau.tensor([[4.0, 2.0], [2.0, 3.0]])).LD
    tensor([[4.0000, 0.0000],
            [0.5000, 2.0000]])
    """
    packed, pivots, info = _ldl("linalg.ldl_factor", input, hermitian)
    check_info("linalg.ldl_factor", info, _ZERO_D, RuntimeError)
    return result("linalg_ldl_factor", (packed, pivots), out)


def ldl_factor_ex(input, *, hermitian=False, check_errors=False, out=None):
    """ldl_factor that reports a failure in `info` instead of raising.

    Args:
        input: `(*, n, n)`.
        check_errors: raise nevertheless.
    Returns: LD, pivots, and info `(*)`, int32: 0, or the position of the first zero of D.

    >>> flambeau.linalg.ldl_factor_ex(flambeau.zeros(1, 1)).info
    tensor(1, dtype=torch.int32)
    """
    found = _ldl("linalg.ldl_factor_ex", input, hermitian)
    if check_errors:
        check_info("linalg.ldl_factor_ex", found[2], _ZERO_D, RuntimeError)
    return result("linalg_ldl_factor_ex", tuple(found), out)


@one_by_one
def ldl_solve(LD, pivots, B, *, hermitian=False, out=None):
    """The solution of systems of which ldl_factor gave the factors.

    Args:
        LD: `(*, n, n)`, and
        pivots: `(*, n)`: from ldl_factor(A).
        B: `(*, n, k)`; batches broadcast.
    Returns: X with A X = B, with the shape of B. There is no derivative.

    >>> A = flambeau.tensor([[4.0, 2.0], [2.0, 3.0]])
    >>> flambeau.linalg.ldl_solve(*flambeau.linalg.ldl_factor(A), flambeau.tensor([[6.0], [5.0]]))
    tensor([[1.],
            [1.]])
    """
    op = "linalg.ldl_solve"
    check_square(op, LD, "LD")
    check_same_dtype(op, LD, B, ("LD", "B"))
    if pivots.is_floating_point() or pivots.is_complex() or pivots.dtype == _C.bool:
        raise _C.DTypeError(f"[{op}] Expected pivots to be integers. Got {dtype_name(pivots.dtype)}")
    _check_factored(op, LD, pivots, B)
    LD, B = broadcast_batches(op, LD, B)
    swaps = array_of(pivots.expand(LD.shape[:-1]))

    def compute(packed, b):
        return columns(lapack_ldl_solve(packed, swaps, b, hermitian))

    return write_out(out, host("NotImplemented", compute, [LD, B], _no_derivative("linalg_ldl_solve")))
