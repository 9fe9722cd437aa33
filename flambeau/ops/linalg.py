"""Linear algebra under its older names; the work is done in flambeau/linalg/."""

from .. import _C
from ._common import before_write, dims_of, write_out
from ._host import all_of, one_by_one

__all__ = [
    "cholesky", "cholesky_inverse", "cholesky_solve", "det", "frobenius_norm", "geqrf", "inverse", "lobpcg", "logdet",
    "lu", "lu_solve", "lu_unpack", "matrix_exp", "nuclear_norm", "orgqr", "ormqr", "pca_lowrank", "pinverse", "qr",
    "renorm", "slogdet", "svd", "svd_lowrank", "triangular_solve",
]  # fmt: skip


def _checks():
    from ..linalg import _checks

    return _checks


# ---------------------------------------------------------------------------------------------------- determinants


def det(input):
    """The determinant of square matrices: linalg.det.

    >>> flambeau.det(flambeau.tensor([[2.0, 0.0], [0.0, 4.0]]))
    tensor(8.)
    """
    from ..linalg import det

    return det(input)


def slogdet(input):
    """Sign and logarithm of the absolute value of determinants: linalg.slogdet.

    >>> flambeau.slogdet(flambeau.eye(2) * 1e30).logabsdet
    tensor(138.1551)
    """
    from .. import return_types
    from ..linalg import slogdet

    return return_types.slogdet(slogdet(input))


def logdet(input):
    """The logarithm of determinants: -inf for a singular matrix, NaN where a real determinant is negative.

    Args:
        input: `(*, n, n)`.
    Returns: `(*)`.

    >>> flambeau.logdet(flambeau.tensor([[2.0, 0.0], [0.0, 4.0]]))
    tensor(2.0794)
    """
    from ..linalg import solvers
    from .selection import where

    sign, size = solvers._slogdet("logdet", input)
    if sign.is_complex():
        return sign.log() + size
    return where(sign == -1, float("nan"), size)


# ---------------------------------------------------------------------------------------------------- inverses


def inverse(input, *, out=None):
    """The inverse of square matrices: linalg.inv.

    >>> flambeau.inverse(flambeau.tensor([[2.0, 0.0], [0.0, 4.0]]))
    tensor([[0.5000, 0.0000],
            [0.0000, 0.2500]])
    """
    from ..linalg import inv

    return inv(input, out=out)


def pinverse(input, rcond=1e-15):
    """The Moore-Penrose inverse: linalg.pinv with rtol=rcond.

    >>> flambeau.pinverse(flambeau.tensor([[2.0, 0.0], [0.0, 0.0]]))
    tensor([[0.5000, 0.0000],
            [0.0000, 0.0000]])
    """
    from ..linalg import pinv

    return pinv(input, rcond)


# ---------------------------------------------------------------------------------------------------- Cholesky


def cholesky(input, upper=False, *, out=None):
    """The Cholesky factor of positive definite matrices: linalg.cholesky.

    >>> flambeau.cholesky(flambeau.tensor([[4.0, 2.0], [2.0, 5.0]]))
    tensor([[2., 0.],
            [1., 2.]])
    """
    from ..linalg.decompositions import factor_of

    return write_out(out, factor_of("cholesky", input, upper))


def _cholesky_solution(B, L, upper):
    from ..linalg.solvers import triangular

    lower = L.mH if upper else L
    return triangular(lower.mH, triangular(lower, B, upper=False), upper=True)


def cholesky_solve(input, input2, upper=False, *, out=None):
    """The solution of systems of which cholesky gave the factor: X with L L^H X = B.

    Args:
        input: `(*, n, k)`.
        input2: `(*, n, n)`; batches broadcast.
        upper: L is the upper factor: L^H L X = B.
    Returns: X, with the shape of B.

    >>> flambeau.cholesky_solve(flambeau.ones(1, 1), flambeau.tensor([[2.0]]))
    tensor([[0.2500]])
    """
    op, checks = "cholesky_solve", _checks()
    for name, x in (("b", input), ("u", input2)):
        checks.expect(
            op, x.dim() >= 2, f"{name} should have at least 2 dimensions, but has {x.dim()} dimensions instead"
        )
    checks.check_square(op, input2, "A")
    checks.check_same_dtype(op, input2, input)
    a, b = (" by ".join(map(str, x.shape[-2:])) for x in (input2, input))
    message = f"Incompatible matrix sizes for cholesky_solve: each A matrix is {a} but each b matrix is {b}"
    checks.expect(op, input2.shape[-1] == input.shape[-2], message)
    input2, input = checks.broadcast_batches(op, input2, input)
    return write_out(out, _cholesky_solution(input, input2, upper))


def cholesky_inverse(input, upper=False, *, out=None):
    """The inverse of matrices of which cholesky gave the factor.

    Args:
        input: `(*, n, n)`.
        upper: L is the upper factor.
    Returns: (L L^H)^-1 `(*, n, n)`.

    >>> flambeau.cholesky_inverse(flambeau.tensor([[2.0]]))
    tensor([[0.2500]])
    """
    from .creation import eye
    from .reduce import argmax

    checks = _checks()
    checks.check_square("cholesky_inverse", input)
    if input.numel():
        zero = _C.eq(_C.diagonal(input, 0, -2, -1), 0)
        first = argmax(zero.to(_C.int8), -1) + 1
        message = "The diagonal element {} is zero, the inversion could not be completed because the input matrix is singular."
        checks.check_info("cholesky_inverse", first * zero.any(-1), message)
    unit = eye(input.shape[-1], dtype=input.dtype).expand(input.shape)
    return write_out(out, _cholesky_solution(unit, input, upper))


# ---------------------------------------------------------------------------------------------------- LU


def lu(A, pivot=True, get_infos=False, out=None):
    """The compact LU decomposition in torch's old form; use linalg.lu_factor.

    Args:
        A: `(*, m, n)`.
        get_infos: give info too, which says where U has a zero on its diagonal.
    Returns: LU and pivots, or LU, pivots and info.

    >>> flambeau.lu(flambeau.tensor([[1.0, 2.0], [2.0, 2.0]]))[1]
    tensor([2, 2], dtype=torch.int32)
    """
    from .. import return_types
    from ..linalg import lu_factor_ex

    found = lu_factor_ex(A, pivot=pivot)
    return write_out(out, return_types._lu_with_info(found) if get_infos else tuple(found[:2]))


def lu_solve(input, LU_data, LU_pivots, *, out=None):
    """The solution of square systems of which lu gave the factors: linalg.lu_solve.

    >>> A = flambeau.tensor([[1.0, 2.0], [2.0, 2.0]])
    >>> flambeau.lu_solve(flambeau.tensor([[3.0], [4.0]]), *flambeau.lu(A))
    tensor([[1.],
            [1.]])
    """
    from ..linalg import lu_solve

    return lu_solve(LU_data, LU_pivots, input, out=out)


def lu_unpack(LU_data, LU_pivots, unpack_data=True, unpack_pivots=True, *, out=None):
    """P, L and U of compact factors.

    Args:
        LU_data: `(*, m, n)`, and
        LU_pivots: `(*, min(m, n))`, int32: from lu or linalg.lu_factor.
        unpack_data: False leaves L and U empty.
        unpack_pivots: False leaves P empty.
    Returns: P `(*, m, m)`, L `(*, m, k)`, U `(*, k, n)`.

    >>> flambeau.lu_unpack(*flambeau.lu(flambeau.tensor([[1.0, 2.0], [2.0, 2.0]]))).P
    tensor([[0., 1.],
            [1., 0.]])
    """
    from .. import return_types
    from ..linalg.factors import permutation_matrix, split

    if unpack_pivots and LU_pivots.dtype != _C.int32:
        raise _C.DTypeError(
            "[lu_unpack] LU_pivots is expected to be a contiguous tensor of torch.int32 dtype. Note: this function is "
            "intended to be used with the output produced by torch.linalg.lu_factor"
        )
    if unpack_pivots and LU_pivots.numel() and not all_of((LU_pivots >= 1) & (LU_pivots <= LU_data.shape[-2])):
        raise RuntimeError(
            "[lu_unpack] pivots must be between 1 and LU.size(-2) inclusive: are they those of lu_factor?"
        )
    empty = _C.empty((0,), LU_data.dtype, LU_data.device)
    p = permutation_matrix(LU_pivots, LU_data.shape[-2], LU_data.dtype) if unpack_pivots else empty
    parts = tuple(x.contiguous() for x in split(LU_data)) if unpack_data else (empty, empty)
    return write_out(out, return_types.lu_unpack((p, *parts)))


def triangular_solve(input, A, upper=True, transpose=False, unitriangular=False, *, out=None):
    """The solution of triangular systems, in torch's old form; use linalg.solve_triangular.

    Args:
        input: `(*, n, k)`.
        A: `(*, n, n)`; batches broadcast.
        upper: which triangle counts.
        transpose: solve with A^T.
        unitriangular: take ones for the diagonal.
    Returns: solution, with the shape of b, and cloned_coefficient, a copy of A.

    >>> flambeau.triangular_solve(flambeau.ones(1, 1), flambeau.tensor([[2.0]])).solution
    tensor([[0.5000]])
    """
    from .. import return_types
    from ..linalg.solvers import triangular

    op, checks = "triangular_solve", _checks()
    for name, x in (("b", input), ("A", A)):
        message = f"Expected {name} to have at least 2 dimensions, but it has {x.dim()} dimensions instead"
        checks.expect(op, x.dim() >= 2, message)
    checks.check_square(op, A)
    checks.check_same_dtype(op, A, input, ("A", "b"))
    left, right = (" by ".join(map(str, x.shape[-2:])) for x in (A, input))
    message = f"Incompatible matrix sizes for triangular_solve: each A matrix is {left} but each b matrix is {right}"
    checks.expect(op, A.shape[-1] == input.shape[-2], message)
    A, input = checks.broadcast_batches(op, A, input)
    matrix = A.mT if transpose else A
    solution = triangular(matrix, input, upper=upper != transpose, unitriangular=unitriangular)
    return write_out(out, return_types.triangular_solve((solution, A.mT.contiguous().mT.clone())))


# ---------------------------------------------------------------------------------------------------- QR


def qr(input, some=True, *, out=None):
    """The QR decomposition in torch's old form; use linalg.qr.

    Args:
        some: reduced or, if False, complete.

    >>> flambeau.qr(flambeau.ones(1, 1)).R
    tensor([[1.]])
    """
    from .. import return_types
    from ..linalg import qr

    return write_out(out, return_types.qr(qr(input, "reduced" if some else "complete")))


def geqrf(input, *, out=None):
    """The QR decomposition as LAPACK leaves it: R on and above the diagonal, Householder vectors below. No derivative.

    Args:
        input: `(*, m, n)`.
    Returns: a `(*, m, n)` and tau `(*, min(m, n))`, for orgqr and ormqr.

    >>> flambeau.geqrf(flambeau.ones(1, 1)).a
    tensor([[1.]])
    """
    from .. import return_types
    from ._host import host

    _checks().check_implemented("geqrf", "geqrf_cpu", input)
    _checks().expect("geqrf", input.dim() >= 2, "input must have at least 2 dimensions.")

    def compute(a):
        import numpy as np

        h, tau = np.linalg.qr(a, "raw")
        return np.ascontiguousarray(h).swapaxes(-1, -2), tau

    def backward(grad, inputs, outputs):
        raise NotImplementedError("the derivative for 'geqrf' is not implemented.")

    return write_out(out, return_types.geqrf(host("NotImplemented", compute, [input], backward)))


def orgqr(input, input2):
    """The first columns of a product of Householder reflections: linalg.householder_product.

    >>> flambeau.orgqr(flambeau.zeros(2, 1), flambeau.tensor([2.0]))
    tensor([[-1.],
            [ 0.]])
    """
    from ..linalg import householder_product

    return householder_product(input, input2)


def ormqr(input, input2, input3, left=True, transpose=False, *, out=None):
    """A product of Householder reflections Q, multiplied with a matrix.

    Args:
        input: `(*, mn, k)`, and
        input2: `(*, k)`: from geqrf; mn is m if `left`, else n.
        input3: `(*, m, n)`.
        left: Q @ input3, or input3 @ Q.
        transpose: with Q^H.
    Returns: `(*, m, n)`.

    >>> flambeau.ormqr(flambeau.zeros(2, 1), flambeau.tensor([2.0]), flambeau.ones(2, 1))
    tensor([[-1.],
            [ 1.]])
    """
    from ..linalg.products import reflect, reflectors

    op, checks = "ormqr", _checks()
    checks.expect(op, input.dim() >= 2, "input must have at least 2 dimensions.")
    checks.expect(op, input3.dim() >= 2, "other must have at least 2 dimensions.")
    side = -2 if left else -1
    checks.expect(
        op,
        input2.dim() > 0 and input3.shape[side] >= input2.shape[-1],
        f"other.shape[{side}] must be greater than or equal to tau.shape[-1]",
    )
    checks.expect(op, input3.shape[side] == input.shape[-2], f"other.shape[{side}] must be equal to input.shape[-2]")
    checks.expect(
        op,
        input2.shape[-1] == min(input3.shape[side], input.shape[-1]),
        "tau.shape[-1] must be equal to min(other.shape[-2], input.shape[-1])",
    )
    checks.check_kernel(op, input)
    vectors, k = reflectors(op, input, input2), range(input2.shape[-1])
    x = input3 if left else input3.mH
    forward = left == transpose  # Q^H applies the first reflection first; so does other @ Q, seen from its adjoint
    x = reflect(vectors, input2, x, k if forward else reversed(k), conjugate=forward)
    x = x if left else x.mH.resolve_conj()
    return write_out(out, x.mT.contiguous().mT)


# ---------------------------------------------------------------------------------------------------- singular values


def svd(input, some=True, compute_uv=True, *, out=None):
    """The singular value decomposition in torch's old form, with V rather than its adjoint; use linalg.svd.

    Args:
        some: reduced, or with square U and V.
        compute_uv: False gives zeros for U and V.

    >>> flambeau.svd(flambeau.tensor([[3.0, 0.0], [0.0, 4.0]])).S
    tensor([4., 3.])
    """
    from .. import return_types
    from ..linalg import svd
    from ..linalg.decompositions import singular_values

    message = f"input should have at least 2 dimensions, but has {input.dim()} dimensions instead"
    _checks().expect("svd", input.dim() >= 2, message)
    if compute_uv:
        u, s, v = svd(input, not some)
        return write_out(out, return_types.svd((u, s, v.mH.resolve_conj())))
    m, n = input.shape[-2:]
    u, v = (_C.zeros((*input.shape[:-2], size, size), input.dtype, input.device) for size in (m, n))
    return write_out(out, return_types.svd((u, singular_values("linalg.svd", input), v.mT)))


def _range_of(A, q, niter):
    """Orthonormal columns that nearly span A's main directions (Halko, Martinsson, Tropp, arXiv 0909.4061, 4.4)."""
    from ..linalg import qr
    from .random import randn

    basis = qr(A @ randn(A.shape[-1], q, dtype=A.dtype, device=A.device))[0]
    for _ in range(niter):
        basis = qr(A.mH @ basis)[0]
        basis = qr(A @ basis)[0]
    return basis


def svd_lowrank(A, q=6, niter=2, M=None):
    """The q main singular values and vectors, found from q random directions.

    Args:
        A: `(*, m, n)`.
        q: how many, a little more than the rank of A.
        niter: steps of subspace iteration.
        M: subtracted from A.
    Returns: U `(*, m, q)`, S `(*, q)`, V `(*, n, q)`.

    >>> flambeau.svd_lowrank(flambeau.tensor([[3.0, 0.0], [0.0, 0.0]]), q=1)[1]
    tensor([3.])

    Source: Halko, Martinsson, Tropp, Finding Structure with Randomness, arXiv 0909.4061.
    """
    from ..linalg import svd

    A = A if M is None else A - M
    wide = A.shape[-2] < A.shape[-1]
    A = A.mH if wide else A
    basis = _range_of(A, 6 if q is None else q, niter)
    u, s, v = svd(basis.mH @ A, False)
    u, v = basis @ u, v.mH
    return (v, s, u) if wide else (u, s, v)


def pca_lowrank(A, q=None, center=True, niter=2):
    """Principal components by svd_lowrank.

    Args:
        A: `(*, m, n)`: observations in rows.
        q: how many; min(6, m, n) by default.
        center: subtract the mean of each column first.
        niter: steps of subspace iteration.
    Returns: U `(*, m, q)`, S `(*, q)`, V `(*, n, q)`, whose columns are the directions.

    >>> flambeau.pca_lowrank(flambeau.tensor([[1.0, 0.0], [-1.0, 0.0]]), q=1)[1]
    tensor([1.4142])
    """
    m, n = A.shape[-2:]
    q = min(6, m, n) if q is None else q
    if not 0 <= q <= min(m, n):
        raise ValueError(f"q(={q}) must be non-negative integer and not greater than min(m, n)={min(m, n)}")
    if niter < 0:
        raise ValueError(f"niter(={niter}) must be non-negative integer")
    return svd_lowrank(A - _C.mean(A, -2, True) if center else A, q, niter)


@one_by_one
def lobpcg(
    A, k=None, B=None, X=None, n=None, iK=None, niter=None, tol=None, largest=None, method=None, tracker=None,
    ortho_iparams=None, ortho_fparams=None, ortho_bparams=None,
):  # fmt: skip
    """The k largest or smallest eigenvalues and their vectors: A x = lambda B x, for symmetric A, positive definite B.

    Where torch iterates, this decomposes the matrices: the result is exact, and what steers the iteration (X beyond the
    number of its columns, n, iK, niter, tol, method, tracker, ortho_*) changes nothing.

    Args:
        A: `(*, m, m)`.
        k: how many; the columns of X, or 1.
        B: `(*, m, m)`; by default the identity.
        largest: the largest (by default), or the smallest.
    Returns: eigenvalues `(*, k)` and vectors `(*, m, k)`, with x^T B x = 1.
    Raises:
        ValueError: m is smaller than 3 k.

    >>> flambeau.lobpcg(flambeau.tensor([1.0, 2.0, 3.0]).diag())[0]
    tensor([3.])
    """
    from ..linalg import cholesky, eigh, solve_triangular

    k = (1 if X is None else X.shape[-1]) if k is None else k
    if A.shape[-1] < 3 * k:
        raise ValueError(
            f"LPBPCG algorithm is not applicable when the number of A rows (={A.shape[-1]}) is smaller than 3 x the number "
            f"of requested eigenpairs (={k})"
        )
    if B is None:
        values, vectors = eigh(A)
    else:
        lower = cholesky(B)
        half = solve_triangular(lower, A, upper=False)
        values, vectors = eigh(solve_triangular(lower, half.mH, upper=False).mH)
        vectors = solve_triangular(lower.mH, vectors, upper=True)
    if largest is None or largest:
        values, vectors = _C.flip(values, (-1,)), _C.flip(vectors, (-1,))
    return _C.narrow(values, -1, 0, k).contiguous(), _C.narrow(vectors, -1, 0, k).contiguous()


# ---------------------------------------------------------------------------------------------------- the rest


def matrix_exp(input):
    """The exponential of square matrices: linalg.matrix_exp.

    >>> flambeau.matrix_exp(flambeau.tensor([[0.0, 1.0], [0.0, 0.0]]))
    tensor([[1., 1.],
            [0., 1.]])
    """
    from ..linalg import matrix_exp

    return matrix_exp(input)


def nuclear_norm(input, dim=None, keepdim=False, *, out=None):
    """The sum of singular values: linalg.matrix_norm with ord="nuc".

    >>> flambeau.nuclear_norm(flambeau.tensor([[3.0, 0.0], [0.0, 4.0]]))
    tensor(7.)
    """
    from ..linalg import matrix_norm

    return matrix_norm(input, "nuc", (-2, -1) if dim is None else dim, keepdim, out=out)


def frobenius_norm(input, dim=(), keepdim=False, *, out=None):
    """The root of the sum of squares over one or two dimensions, or all.

    >>> flambeau.frobenius_norm(flambeau.tensor([[3.0, 0.0], [0.0, 4.0]]))
    tensor(5.)
    """
    dims = dims_of(dim)
    if len(dims) > 2:
        raise RuntimeError(f"[frobenius_norm] Expected at most 2 dimensions, but got {len(dims)} dimensions instead.")
    return write_out(out, _C.vector_norm(input, 2.0, dims, keepdim))


def renorm(input, p, dim, maxnorm, *, out=None):
    """The slices along a dimension, scaled down to a p-norm of maxnorm where it is larger.

    Args:
        input: of at least two dimensions.
        p: the norm, above 0.
        dim: the dimension whose slices are scaled.
        maxnorm: not negative.

    >>> flambeau.renorm(flambeau.tensor([[3.0, 4.0], [0.0, 1.0]]), 2, 0, 1.0)
    tensor([[0.6000, 0.8000],
            [0.0000, 1.0000]])
    """
    from .selection import where

    if isinstance(p, complex) or p <= 0:
        raise RuntimeError("[renorm] non-positive-norm not supported")
    if maxnorm < 0:
        raise RuntimeError(f"[renorm] expected maxnorm to be >= 0 but got {maxnorm}")
    n = input.dim()
    if n < 2:
        raise _C.ShapeError(f"[renorm] input needs at least 2 dimensions, got {n} dimensions")
    if not -n <= dim < n:
        raise IndexError(f"[renorm] Dimension out of range (expected to be in range of [{-n}, {n - 1}], but got {dim})")
    wide = {_C.float16: _C.float32, _C.bfloat16: _C.float32}.get(input.dtype)
    norm = _C.vector_norm(input, float(p), tuple(d for d in range(n) if d != dim % n), True, wide)
    factor = where(norm > maxnorm, maxnorm / (norm + 1e-7), 1.0)
    return write_out(out, input * factor.to(input.dtype))


def renorm_(self, p, dim, maxnorm):
    """renorm, written into the tensor itself."""
    return _C.copy_(self, renorm(before_write(self), p, dim, maxnorm))


METHODS = [
    "cholesky", "cholesky_inverse", "cholesky_solve", "det", "geqrf", "inverse", "logdet", "lu", "lu_solve",
    "matrix_exp", "orgqr", "ormqr", "pinverse", "qr", "renorm", "renorm_", "slogdet", "svd", "triangular_solve",
]  # fmt: skip
