"""What multiplies matrices or is made of products: exponentials, reflections, powers of vectors."""

from .. import _C
from ..ops._common import write_out
from ..ops._host import host
from ..ops.matmul import linalg_cross as cross
from ..ops.matmul import linalg_vecdot as vecdot
from ..ops.matmul import matmul, matrix_power, multi_dot
from ._checks import check_kernel, check_same_dtype, check_square, dtype_name, expect

__all__ = [
    "cross", "diagonal", "householder_product", "matmul", "matrix_exp", "matrix_power", "multi_dot", "vander", "vecdot",
]  # fmt: skip


def diagonal(A, *, offset=0, dim1=-2, dim2=-1):
    """The diagonals of matrices, as a view.

    Args:
        A: a tensor of at least two dimensions.
        offset: 0, above (> 0) or below (< 0) the main diagonal.
        dim1: rows, and
        dim2: columns.
    Returns: the other dimensions, then the diagonal.

    >>> flambeau.linalg.diagonal(flambeau.tensor([[1, 2], [3, 4]]))
    tensor([1, 4])
    """
    return A.diagonal(offset, dim1, dim2)


def _exp_backward(grad, inputs, outputs):
    """The derivative stands beside the exponential of a block matrix (Najfeld and Havel, 1995)."""
    from ..ops import cat

    turned = inputs[0].mH
    n = turned.shape[-1]
    top = cat([turned, grad], -1)
    bottom = cat([_C.zeros_like(turned), turned], -1)
    return _C.narrow(_C.narrow(_exp(cat([top, bottom], -2)), -2, 0, n), -1, n, n)


def _exp(A):
    from ._lapack import exponential

    return host("LinalgMatrixExp", exponential, [A], [_exp_backward])


def matrix_exp(input):
    r"""The exponential of square matrices: $\sum_k A^k / k!$.

    Args:
        input: `(*, n, n)`.
    Returns: `(*, n, n)`.

    >>> flambeau.linalg.matrix_exp(flambeau.tensor([[0.0, 1.0], [0.0, 0.0]]))
    tensor([[1., 1.],
            [0., 1.]])

    Source: Higham, The Scaling and Squaring Method for the Matrix Exponential Revisited, SIAM J. Matrix Anal. 26, 2005.
    """
    op = "linalg.matrix_exp"
    if input.dtype in (_C.float16, _C.bfloat16) and input.dim() >= 2:
        return matrix_exp(input.to(_C.float32)).to(input.dtype)
    check_square(op, input)
    return _exp(input)


def reflectors(op, A, tau):
    """The vectors of Householder reflections `(*, m, n)`: ones on the diagonal, zeros above."""
    from ..ops import eye

    expect(op, A.dim() >= 2, f"input must have at least 2 dimensions, got {tuple(A.shape)}.")
    expect(
        op,
        A.shape[-1] >= tau.shape[-1] if tau.dim() else False,
        "input.shape[-1] must be greater than or equal to tau.shape[-1]",
    )
    expect(
        op,
        tau.dim() == A.dim() - 1,
        f"Expected tau to have one dimension less than input, but got tau.ndim equal to {tau.dim()} and input.ndim is equal to {A.dim()}",
    )
    agree = tau.shape[:-1] == A.shape[:-2]
    expect(op, agree, f"Expected batch dimensions of tau to be equal to input.shape[:-2], but got {tuple(tau.shape)}")
    check_same_dtype(op, A, tau, ("input", "tau"))
    return A.tril(-1) + eye(*A.shape[-2:], dtype=A.dtype, device=A.device)


def reflect(vectors, tau, x, order, conjugate=False):
    """x multiplied from the left by reflections 1 - tau v v^H, in this order."""
    for i in order:
        v = _C.narrow(vectors, -1, i, 1)
        factor = _C.unsqueeze(_C.narrow(tau, -1, i, 1), -1)
        factor = factor.conj() if conjugate else factor
        x = x - factor * (v @ (v.mH @ x))
    return x


def householder_product(input, tau, *, out=None):
    r"""The first n columns of a product of Householder reflections $\prod_i (1 - \tau_i v_i v_i^H)$.

    Args:
        input: `(*, m, n)`, m >= n: v_i in column i, below the diagonal, with a 1 on it that is not stored.
        tau: `(*, k)`, k <= n.
    Returns: `(*, m, n)`.

    >>> flambeau.linalg.householder_product(flambeau.zeros(2, 1), flambeau.tensor([2.0]))
    tensor([[-1.],
            [ 0.]])
    """
    op = "linalg.householder_product"
    expect(op, input.dim() >= 2, f"input must have at least 2 dimensions, got {tuple(input.shape)}.")
    m, n = input.shape[-2:]
    expect(op, m >= n, "input.shape[-2] must be greater than or equal to input.shape[-1]")
    check_kernel(op, input)
    from ..ops import eye, where

    vectors = reflectors(op, input, tau)
    # Without reflections the result depends on input nevertheless, with derivative 0.
    start = where(
        _C.zeros(tuple(input.shape), _C.bool, input.device), input, eye(m, n, dtype=input.dtype, device=input.device)
    )
    return write_out(out, reflect(vectors, tau, start, reversed(range(tau.shape[-1]))).mT.contiguous().mT)


def vander(x, N=None):
    r"""Vandermonde matrices: the powers $x_i^0, x_i^1, ..., x_i^{N-1}$ in rows.

    Args:
        x: `(*, n)`, of any dtype but bool and half precision.
        N: number of columns, above 1; n by default.
    Returns: `(*, n, N)`.

    >>> flambeau.linalg.vander(flambeau.tensor([2, 3]), N=3)
    tensor([[1, 2, 4],
            [1, 3, 9]])
    """
    if x.dtype in (_C.bool, _C.float16, _C.bfloat16):
        raise RuntimeError(
            f"[linalg.vander] supports floating point, complex, and integer tensors, but got {dtype_name(x.dtype)}"
        )
    n = N if N is not None else (x.shape[-1] if x.dim() else 0)
    if n <= 1:
        raise RuntimeError("[linalg.vander] N must be greater than 1.")
    from ..ops import cat

    x = x if x.dim() else x.reshape(1)
    wide = _C.unsqueeze(x, -1).expand(*x.shape, n - 1)
    powers = _C.cumprod(wide, -1).to(_C.int64 if not (x.is_floating_point() or x.is_complex()) else x.dtype)
    first = _C.full((*x.shape, 1), 1, powers.dtype, x.device)
    return cat([first, powers], -1)
