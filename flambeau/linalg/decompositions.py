"""Matrices as products: Cholesky, eigenvectors, singular vectors, QR."""

from .. import _C
from ..ops._common import write_out
from ..ops._host import host
from ._checks import (
    check_info,
    check_matrix,
    check_square,
    real_dtype,
    result,
    zero_diagonal,
)
from ._lapack import cholesky as lapack_cholesky
from ._lapack import columns, quiet

__all__ = ["cholesky", "cholesky_ex", "eig", "eigh", "eigvals", "eigvalsh", "qr", "svd", "svdvals"]

_PHASE = "specified up to multiplication by e^{i phi}. The specified loss function depends on this"


def _diagonal(x):
    return _C.diagonal(x, 0, -2, -1)


def _skew(x):
    return x - x.mH


def _has_phase(x):
    """Whether a diagonal that must be real is not."""
    from ..ops import allclose

    imaginary = _C.detach(_diagonal(x)).imag
    return not allclose(imaginary, _C.zeros_like(imaginary), rtol=1e-2, atol=1e-2)


# ---------------------------------------------------------------------------------------------------- Cholesky


def _cholesky_backward(grad, inputs, outputs):
    from .solvers import triangular

    lower = outputs[0]
    inner = zero_diagonal(lower.mH @ grad[0], 0.0).tril(-1) + 0.5 * _diagonal(lower.mH @ grad[0]).real.diag_embed()
    inner = 0.5 * (inner + inner.mH)
    left = triangular(lower.mH, inner, upper=True)
    return triangular(lower.mH, left.mH, upper=True).mH


def _factor(A):
    """(L, info)."""

    def compute(a):
        lower, info = lapack_cholesky(a)
        return columns(lower), info

    return host("LinalgCholeskyEx", compute, [A], [_cholesky_backward])


def cholesky_ex(input, *, upper=False, check_errors=False, out=None):
    """cholesky that reports a failure in `info` instead of raising.

    Args:
        input: `(*, n, n)`, of which the lower triangle is read (the upper one if `upper`).
        check_errors: raise nevertheless.
    Returns: L `(*, n, n)`, and info `(*)`, int32: 0, or the order of the first leading minor that is not positive.

    >>> flambeau.linalg.cholesky_ex(flambeau.tensor([[4.0, 2.0], [2.0, 0.0]])).info
    tensor(2, dtype=torch.int32)
    """
    check_square("linalg.cholesky_ex", input)
    lower, info = _factor(input.mH if upper else input)
    if check_errors:
        check_info("linalg.cholesky_ex", info, _NOT_POSITIVE)
    return result("linalg_cholesky_ex", (_upper(lower) if upper else lower, info), out)


_NOT_POSITIVE = (
    "The factorization could not be completed because the input is not positive-definite (the leading minor of order {} "
    "is not positive-definite)."
)


def _upper(lower):
    """L^H with its columns next to each other."""
    turned = lower.mH
    return turned.mT.contiguous().mT


def cholesky(input, *, upper=False, out=None):
    r"""The Cholesky factor of positive definite matrices: $A = L L^H$ with L lower triangular.

    Args:
        input: `(*, n, n)`, symmetric or Hermitian; only its lower triangle is read (the upper one if `upper`).
        upper: give $L^H$.
    Returns: `(*, n, n)`.
    Raises:
        LinAlgError: a matrix is not positive definite.

    >>> flambeau.linalg.cholesky(flambeau.tensor([[4.0, 2.0], [2.0, 5.0]]))
    tensor([[2., 0.],
            [1., 2.]])
    """
    return write_out(out, factor_of("linalg.cholesky", input, upper))


def factor_of(op, input, upper):
    """The Cholesky factor, with messages in the name of `op`."""
    check_square(op, input)
    lower, info = _factor(input.mH if upper else input)
    check_info(op, info, _NOT_POSITIVE)
    return _upper(lower) if upper else lower


# ---------------------------------------------------------------------------------------------------- eigenvectors


def _failed(op, error):
    return _C.LinAlgError(
        f"[{op}] The algorithm failed to converge because the input matrix is ill-conditioned, has too many repeated "
        f"eigenvalues or is not finite ({error})."
    )


def _gaps(values):
    """values[j] - values[i], with 1 on the diagonal."""
    return zero_diagonal(_C.unsqueeze(values, -2) - _C.unsqueeze(values, -1), 1.0)


def _eigh_backward(grad, inputs, outputs):
    (g_values, g_vectors), (values, vectors) = grad, outputs
    if g_vectors is None:
        return (vectors * _C.unsqueeze(g_values, -2)) @ vectors.mH
    inner = vectors.mH @ g_vectors
    if inner.is_complex() and _has_phase(inner):
        raise RuntimeError(
            f"linalg_eigh_backward: The eigenvectors in the complex case are {_PHASE} quantity, so it is ill-defined."
        )
    inner = zero_diagonal(inner / _gaps(values), 0.0)
    if g_values is not None:
        inner = inner + g_values.diag_embed()
    return vectors @ inner @ vectors.mH


def eigh(input, UPLO="L", *, out=None):
    r"""Eigenvalues and eigenvectors of symmetric or Hermitian matrices: $A = Q \, diag(\lambda) \, Q^H$.

    Args:
        input: `(*, n, n)`, of which one triangle is read.
        UPLO: "L" for the lower triangle, "U" for the upper one.
    Returns: eigenvalues `(*, n)`, real and ascending, and eigenvectors `(*, n, n)` in columns.
    Raises:
        LinAlgError: the iteration did not converge.

    >>> flambeau.linalg.eigh(flambeau.tensor([[2.0, 0.0], [0.0, 1.0]])).eigenvalues
    tensor([1., 2.])
    """
    return result("linalg_eigh", _eigh("linalg.eigh", input, UPLO), out)


def _eigh(op, A, UPLO):
    check_square(op, A)
    if UPLO.upper() not in ("L", "U"):
        raise RuntimeError(f"[{op}] Expected UPLO argument to be 'L' or 'U', but got {UPLO}")

    def compute(a):
        import numpy as np

        if not np.isfinite((np.tril if UPLO.upper() == "L" else np.triu)(a)).all():
            raise _failed(op, "it is not finite")
        try:
            values, vectors = np.linalg.eigh(a, UPLO.upper())
        except np.linalg.LinAlgError as error:
            raise _failed(op, error) from None
        return values, columns(vectors)

    return host("LinalgEigh", compute, [A], [_eigh_backward])


def eigvalsh(input, UPLO="L", *, out=None):
    """Eigenvalues of symmetric or Hermitian matrices, ascending.

    Args:
        input: `(*, n, n)`, of which one triangle is read.
        UPLO: "L" for the lower triangle, "U" for the upper one.
    Returns: `(*, n)`, real.

    >>> flambeau.linalg.eigvalsh(flambeau.tensor([[2.0, 0.0], [0.0, 1.0]]))
    tensor([1., 2.])
    """
    return write_out(out, _eigh("linalg.eigh", input, UPLO)[0])


def _eig_backward(grad, inputs, outputs):
    from .solvers import solve_square

    (g_values, g_vectors), (values, vectors) = grad, outputs
    if g_vectors is None:
        inner = g_values.diag_embed()
    else:
        inner = vectors.mH @ g_vectors
        if _has_phase(inner):
            raise RuntimeError(
                f"linalg_eig_backward: The eigenvectors in the complex case are {_PHASE} quantity, so it is ill-defined."
            )
        inner = inner - (vectors.mH @ vectors) * _C.unsqueeze(_diagonal(inner).real, -2)
        inner = zero_diagonal(inner / _gaps(values).conj(), 0.0)
        if g_values is not None:
            inner = inner + g_values.diag_embed()
    found = solve_square(vectors.mH, inner @ vectors.mH)
    return found if inputs[0].is_complex() else found.real


def eig(input, *, out=None):
    r"""Eigenvalues and eigenvectors of square matrices: $A = V \, diag(\lambda) \, V^{-1}$, complex even for real A.

    Args:
        input: `(*, n, n)`.
    Returns: eigenvalues `(*, n)`, in no order, and eigenvectors `(*, n, n)` in columns, of length 1.
    Raises:
        RuntimeError: A is not finite.

    >>> flambeau.linalg.eig(flambeau.tensor([[0.0, 0.0], [0.0, 3.0]])).eigenvalues
    tensor([0.+0.j, 3.+0.j])
    """
    return result("linalg_eig", _eig("linalg.eig", input), out)


def _eig(op, A):
    check_square(op, A)
    dtype = {_C.float32: _C.complex64, _C.float64: _C.complex128}.get(A.dtype, A.dtype)

    def compute(a):
        import numpy as np

        if not np.isfinite(a).all():
            raise RuntimeError(f"[{op}] input tensor should not contain infs or NaNs.")
        try:
            values, vectors = np.linalg.eig(a)
        except np.linalg.LinAlgError as error:
            raise _failed(op, error) from None
        return values.astype(complex), columns(vectors.astype(complex))

    return host("LinalgEig", compute, [A], [_eig_backward], (dtype, dtype))


def eigvals(input, *, out=None):
    """Eigenvalues of square matrices, complex, in no order.

    Args:
        input: `(*, n, n)`.
    Returns: `(*, n)`.

    >>> flambeau.linalg.eigvals(flambeau.tensor([[0.0, 0.0], [0.0, 3.0]]))
    tensor([0.+0.j, 3.+0.j])
    """
    return write_out(out, _eig("linalg.eigvals", input)[0])


# ---------------------------------------------------------------------------------------------------- singular values


def _svd_backward(grad, inputs, outputs):
    """Wan and Zhang, Automatic Differentiation for Complex Valued SVD, arXiv 1909.02659."""
    (g_u, g_s, g_v), (u, s, v) = grad, outputs
    k, m, n = s.shape[-1], u.shape[-2], v.shape[-1]
    u, v = _C.narrow(u, -1, 0, k), _C.narrow(v, -2, 0, k)
    g_u = None if g_u is None else _C.narrow(g_u, -1, 0, k)
    g_v = None if g_v is None else _C.narrow(g_v, -2, 0, k)
    row, column = _C.unsqueeze(s, -2), _C.unsqueeze(s, -1)
    if g_u is None and g_v is None:
        return (u * _C.unsqueeze(g_s, -2)) @ v
    of_u = None if g_u is None else _skew(u.mH @ g_u)
    of_v = None if g_v is None else _skew(v @ g_v.mH)
    _check_svd_phase(of_u, of_v)
    inner = (0.0 if of_u is None else of_u * row) + (0.0 if of_v is None else column * of_v)
    inner = zero_diagonal(inner / _gaps(s * s), 0.0)
    if g_s is not None:
        inner = inner + g_s.diag_embed()
    if u.is_complex() and of_u is not None and of_v is not None:
        inner = inner + (_diagonal(of_u) / (2 * s)).diag_embed()
    found = u @ inner @ v
    if g_u is not None and m > k:
        outside = g_u / row
        found = found + (outside - u @ (u.mH @ outside)) @ v
    if g_v is not None and n > k:
        outside = g_v / column
        found = found + u @ (outside - (outside @ v.mH) @ v)
    return found


def _check_svd_phase(of_u, of_v):
    both = of_u if of_v is None else of_v if of_u is None else of_u + of_v
    if both.is_complex() and _has_phase(both):
        raise RuntimeError(
            f"svd_backward: The singular vectors in the complex case are {_PHASE} phase term, making it ill-defined."
        )


def _svd(op, A, full_matrices, driver=None):
    check_matrix(op, A)
    if driver is not None:
        raise RuntimeError(f"[{op}] keyword argument `driver=` is only supported on CUDA inputs")
    real = real_dtype(A)

    def compute(a):
        import numpy as np

        if not np.isfinite(a).all():
            raise _C.LinAlgError(
                f"[{op}] The algorithm failed to converge because the input matrix contained non-finite values."
            )
        try:
            u, s, v = np.linalg.svd(a, full_matrices)
        except np.linalg.LinAlgError as error:
            raise _failed(op, error) from None
        return columns(u), s, columns(v)

    return host("LinalgSvd", compute, [A], [_svd_backward], (A.dtype, real, A.dtype))


def svd(A, full_matrices=True, *, driver=None, out=None):
    r"""Singular value decomposition: $A = U \, diag(S) \, V^H$.

    Args:
        A: `(*, m, n)`.
        full_matrices: whether U and Vh are square, or have only the min(m, n) vectors that matter.
        driver: None; there is a choice only on CUDA.
    Returns: U `(*, m, m)`, S `(*, min(m, n))`, real and descending, Vh `(*, n, n)`.
    Raises:
        LinAlgError: A is not finite.

    >>> flambeau.linalg.svd(flambeau.tensor([[3.0, 0.0], [0.0, 4.0]])).S
    tensor([4., 3.])
    """
    return result("linalg_svd", _svd("linalg.svd", A, full_matrices, driver), out)


def svdvals(A, *, driver=None, out=None):
    """Singular values, descending.

    Args:
        A: `(*, m, n)`.
    Returns: `(*, min(m, n))`, real.

    >>> flambeau.linalg.svdvals(flambeau.tensor([[3.0, 0.0], [0.0, 4.0]]))
    tensor([4., 3.])
    """
    return write_out(out, singular_values("linalg.svd", A, driver))


@quiet
def _values_only(a):
    import numpy as np

    return np.linalg.svd(a, compute_uv=False)


def singular_values(op, A, driver=None):
    """svdvals; the vectors are computed only if a derivative will need them."""
    if _C.is_grad_enabled() and A.requires_grad:
        return _svd(op, A, False, driver)[1]
    check_matrix(op, A)
    if driver is not None:
        raise RuntimeError(f"[{op}] keyword argument `driver=` is only supported on CUDA inputs")

    def compute(a):
        import numpy as np

        if not np.isfinite(a).all():
            raise _C.LinAlgError(
                f"[{op}] The algorithm failed to converge because the input matrix contained non-finite values."
            )
        return _values_only(a)

    return host("LinalgSvd", compute, [A], dtypes=(real_dtype(A),))


# ---------------------------------------------------------------------------------------------------- QR


def _qr_backward(mode):
    def backward(grad, inputs, outputs):
        (g_q, g_r), (q, r) = grad, outputs
        m, n = inputs[0].shape[-2:]
        if mode == "r":
            raise RuntimeError(
                "The derivative of linalg.qr depends on Q, which is not computed when mode='r'. Please use "
                "linalg.qr(A, mode='reduced') if you are going to differentiate through linalg.qr."
            )
        if mode == "complete" and m > n:
            raise RuntimeError("The QR decomposition is not differentiable when mode='complete' and nrows > ncols.")
        if m >= n:
            return _qr_tall(g_q, g_r, q, r)
        return _qr_wide(g_q, g_r, q, r)

    return backward


def _qr_tall(g_q, g_r, q, r):
    from .solvers import triangular

    inner = 0.0 if g_r is None else g_r @ r.mH
    inner = inner if g_q is None else inner - q.mH @ g_q
    inner = inner.triu()
    # The Hermitian matrix with this upper triangle, and a real diagonal.
    inner = zero_diagonal(inner + inner.mH, 0.0) + _diagonal(inner).real.diag_embed()
    left = q @ inner
    left = left if g_q is None else left + g_q
    return triangular(r, left.mH, upper=True).mH


def _qr_wide(g_q, g_r, q, r):
    """A = [A1, A2] with A1 square: A1 = Q R1, and R2 = Q^H A2."""
    from ..ops import cat

    m, n = r.shape[-2:]
    if g_r is None:
        g_r = _C.zeros_like(r)
    r1, r2 = _C.narrow(r, -1, 0, m), _C.narrow(r, -1, m, n - m)
    g1, g2 = _C.narrow(g_r, -1, 0, m), _C.narrow(g_r, -1, m, n - m)
    through = q @ (r2 @ g2.mH)
    g_q = through if g_q is None else g_q + through
    return cat([_qr_tall(g_q, g1, q, r1), q @ g2], -1)


def qr(A, mode="reduced", *, out=None):
    r"""QR decomposition: $A = Q R$ with orthonormal columns in Q and R upper triangular.

    Args:
        A: `(*, m, n)`; k = min(m, n).
        mode: "reduced" gives Q `(*, m, k)` and R `(*, k, n)`; "complete" `(*, m, m)` and `(*, m, n)`; "r" only R, and
            an empty Q.
    Returns: Q and R.

    >>> Q, R = flambeau.linalg.qr(flambeau.tensor([[3.0, 1.0], [4.0, 2.0]]))
    >>> (Q @ R).round()
    tensor([[3., 1.],
            [4., 2.]])
    """
    check_matrix("linalg.qr", A)
    if mode not in ("reduced", "complete", "r"):
        raise RuntimeError(
            f"[linalg.qr] qr received unrecognized mode '{mode}' but expected one of 'reduced' (default), 'r', or 'complete'"
        )

    def compute(a):
        import numpy as np

        if mode == "r":
            return np.empty(0), columns(np.linalg.qr(a, "r"))
        return tuple(columns(x) for x in np.linalg.qr(a, mode))

    q, r = host("LinalgQr", compute, [A], [_qr_backward(mode)], (A.dtype, A.dtype))
    return result("linalg_qr", (q, r), out)
