"""Linear algebra: decompositions, equations, what is read off matrices. Vectors are checked by what they are for."""

import numpy as np
import scipy.linalg

from tests.frame import Error, Row, Sample, T, dtype_name, fl, kind, tensor, to_numpy

DTYPES = ("float32", "float64", "complex64", "complex128")
EXACT = ("float64", "complex128")
LOOSE = {"float32": (1e-4, 1e-4), "complex64": (1e-4, 1e-4)}
POSITIVE = ((4.0, 1.0, -0.5), (1.0, 3.0, 0.7), (-0.5, 0.7, 5.0))
REGULAR = ((2.0, 1.0, -0.5), (0.3, -3.0, 0.7), (-0.5, 0.9, 1.5))
SINGULAR = ((1.0, 2.0, 3.0), (2.0, 4.0, 6.0), (0.0, 1.0, 1.0))
LOWER = ((2.0, 0.0, 0.0), (0.5, 1.5, 0.0), (-0.3, 0.7, 3.0))
NAN = ((np.nan, 1.0), (1.0, 2.0))


def t(*shape):
    return tensor(*shape, low=-1, high=1)


def m(values):
    """A matrix with these values."""
    return T(np.shape(values), values=values)


def pair(values):
    """A stack of two matrices."""
    return m(np.stack([np.asarray(values), 2 * np.asarray(values)]))


EMPTY = t(0, 0)
NOT_FLOAT = Error(tensor(2, 2, dtype="int64"), raises=RuntimeError, match="floating point|not implemented")
NOT_MATRIX = Error(t(3), raises=RuntimeError, match="at least 2 dimensions")
NOT_SQUARE = Error(t(2, 3), raises=RuntimeError, match="square matrices")
NOT_HALF = Error(tensor(2, 2, dtype="float16"), raises=RuntimeError, match="Low precision|not implemented")
CHECKS = [NOT_FLOAT, NOT_MATRIX, NOT_SQUARE, NOT_HALF]
SQUARE = [Sample(m(REGULAR)), Sample(pair(REGULAR)), Sample(m([[-2.0]])), Sample(EMPTY), Sample(t(0, 2, 2))]


def row(name, ref, samples, **fields):
    """A row of this file: a public name of linalg is a method only where it says so."""
    defaults = {"dtypes": DTYPES, "differentiable": EXACT, "out": True, "method": False}
    return Row(name, ref, samples, **{**defaults, **fields})


# ---- for derivatives: inputs from the set on which the function is defined


def eye_like(a):
    return fl.eye(a.shape[-1], dtype=a.dtype)


def positive(call, a, *rest, **kwargs):
    return call(a @ a.mH + eye_like(a), *rest, **kwargs)


def regular(call, a, *rest, **kwargs):
    return call(a + 3 * eye_like(a), *rest, **kwargs)


def hermitian(call, a, *rest, **kwargs):
    return call(a + a.mH + spread(a), *rest, **kwargs)


def spread(a):
    """Different numbers on the diagonal: eigenvalues stay apart."""
    n = a.shape[-1]
    return fl.diag_embed(fl.arange(n).to(a.dtype) * 3)


def phaseless_eigh(call, a, *rest):
    values, vectors = hermitian(call, a, *rest)
    return values, vectors * vectors[..., :1, :].conj()


def phaseless_eig(call, a):
    values, vectors = call(a + spread(a))
    return values, vectors * vectors[..., :1, :].conj()


def phaseless_svd(call, a, *rest, **kwargs):
    u, s, v = call(a, *rest, **kwargs)
    k = s.shape[-1]
    return s, u[..., :k] @ v[..., :k, :] if kwargs.get("full_matrices", True) else u * s[..., None, :] ** 2 @ v


def phaseless_old_svd(call, a, *rest, **kwargs):
    u, s, v = call(a, *rest, **kwargs)
    k = s.shape[-1]
    return s, u[..., :k] @ v[..., :k].mH


def real_diagonal_qr(call, a, *rest, **kwargs):
    q, r = call(a, *rest, **kwargs)
    return q @ r, q[..., :1] @ q[..., :1].mH, r[..., :1, :].mH @ r[..., :1, :]


# ---- checks of what has no unique value


def close(actual, expected, tolerance=1e-4):
    actual, expected = (to_numpy(x) if isinstance(x, fl.Tensor) else np.asarray(x) for x in (actual, expected))
    single = {"float32", "complex64"} & {actual.dtype.name, expected.dtype.name}
    tolerance = tolerance if single else 1e-9
    assert actual.shape == expected.shape, (actual.shape, expected.shape)
    np.testing.assert_allclose(actual, expected, tolerance, tolerance)


def adjoint(a):
    return np.conj(np.swapaxes(a, -1, -2))


def arrays(values):
    return [to_numpy(v) for v in values]


def orthonormal(q):
    close(adjoint(q) @ q, np.broadcast_to(np.eye(q.shape[-1]), (*q.shape[:-2], q.shape[-1], q.shape[-1])))


def from_triangle(a, uplo="L"):
    part = np.tril(a, -1) if uplo == "L" else np.triu(a, 1)
    return part + adjoint(part) + np.real(np.eye(a.shape[-1]) * a)


def check_eigh(result, A, UPLO="L"):
    values, vectors = arrays(result)
    a = from_triangle(to_numpy(A), UPLO)
    assert kind(dtype_name(result[0])) == 2 and result.eigenvalues is result[0]
    orthonormal(vectors)
    close(a @ vectors, vectors * values[..., None, :])
    assert (np.diff(values) >= 0).all()


def check_eig(result, A):
    values, vectors = arrays(result)
    assert kind(dtype_name(result[0])) == kind(dtype_name(result.eigenvectors)) == 3
    close(to_numpy(A).astype(vectors.dtype) @ vectors, vectors * values[..., None, :])
    close(np.linalg.norm(vectors, axis=-2), np.ones(values.shape, np.real(values).dtype))


def check_eigvals(result, A):
    values, expected = to_numpy(result), np.linalg.eigvals(to_numpy(A))
    close(np.sort_complex(np.round(values, 4)), np.sort_complex(np.round(expected, 4)).astype(values.dtype))


def check_svd(result, A, full_matrices=True):
    (u, s, v), a = arrays(result), to_numpy(A)
    rows, columns = a.shape[-2:]
    k = min(rows, columns)
    assert u.shape[-2:] == (rows, rows if full_matrices else k)
    assert v.shape[-2:] == (columns if full_matrices else k, columns)
    orthonormal(u)
    orthonormal(adjoint(v))
    close(u[..., :k] * s[..., None, :] @ v[..., :k, :], a)
    close(s, np.linalg.svd(a, compute_uv=False))


def check_old_svd(result, A, some=True, compute_uv=True):
    u, s, v = arrays(result)
    if not compute_uv:
        assert not u.any() and not v.any() and u.shape[-1] == A.shape[-2] and v.shape[-1] == A.shape[-1]
        close(s, np.linalg.svd(to_numpy(A), compute_uv=False))
        return
    k = s.shape[-1]
    close(u[..., :k] * s[..., None, :] @ adjoint(v[..., :k]), to_numpy(A))
    assert u.shape[-1] == (k if some else u.shape[-2])


def check_qr(result, A, mode="reduced"):
    (q, r), a = arrays(result), to_numpy(A)
    assert np.allclose(np.tril(r, -1), 0)
    if mode == "r":
        assert q.size == 0
        close(adjoint(r) @ r, adjoint(a) @ a)
        return
    orthonormal(q)
    close(q @ r, a)
    assert q.shape[-1] == (a.shape[-2] if mode == "complete" else min(a.shape[-2:]))


def check_old_qr(result, A, some=True):
    check_qr(result, A, "reduced" if some else "complete")


def check_geqrf(result, A):
    q = fl.linalg.householder_product(result.a[..., : result.tau.shape[-1]], result.tau)
    close(to_numpy(q) @ np.triu(to_numpy(result.a))[..., : q.shape[-1], :], to_numpy(A))


def np_lu(a, pivot=True):
    if not a.size:
        k = min(a.shape[-2:])
        eye = np.broadcast_to(np.eye(a.shape[-2]), (*a.shape[:-1], a.shape[-2]))
        return (
            eye,
            np.broadcast_to(np.eye(a.shape[-2], k), (*a.shape[:-1], k)),
            np.zeros((*a.shape[:-2], k, a.shape[-1])),
        )
    return scipy.linalg.lu(a)


def check_factors(result, A, pivot=True, check_errors=False, get_infos=False):
    p, lower, upper = arrays(fl.lu_unpack(result[0], result[1]))
    close(p @ lower @ upper, to_numpy(A))
    assert dtype_name(result[1]) == "int32"
    if len(result) == 3:
        assert dtype_name(result[2]) == "int32" and tuple(result[2].shape) == tuple(A.shape[:-2])


def check_unpack(result, LU, pivots, unpack_data=True, unpack_pivots=True):
    p, lower, upper = arrays(result)
    if not unpack_data:
        assert not lower.size and not upper.size
    else:
        k = min(LU.shape[-2:])
        close(lower, np.tril(to_numpy(LU)[..., :k], -1) + np.eye(LU.shape[-2], k))
        close(upper, np.triu(to_numpy(LU)[..., :k, :]))
    assert p.size == 0 if not unpack_pivots else (p.sum(-1) == 1).all()


def np_solve(a, b, left=True):
    vector = b.ndim == 1 or (b.ndim == a.ndim - 1 and b.shape == a.shape[:-1])
    b = b[..., None] if vector else b
    x = (
        np.linalg.solve(a, b)
        if left
        else np.swapaxes(np.linalg.solve(np.swapaxes(a, -1, -2), np.swapaxes(b, -1, -2)), -1, -2)
    )
    return x[..., 0] if vector else x


def with_info(function, dims=2):
    def ref(a, *args, **kwargs):
        return function(a, *args, **kwargs), np.zeros(a.shape[:-2], np.int32)

    return ref


def np_triangular(a, b, upper, left=True, unitriangular=False):
    a = np.triu(a) if upper else np.tril(a)
    if unitriangular:
        a = a - np.eye(a.shape[-1]) * a + np.eye(a.shape[-1])
    return np_solve(a, b, left)


def np_cholesky(a, upper=False):
    return adjoint(np.linalg.cholesky(adjoint(np.triu(a)) + np.triu(a, 1))) if upper else np.linalg.cholesky(a)


def np_pinv(a, rcond=None, hermitian=False, atol=None, rtol=None):
    return np.linalg.pinv(a, rcond=rtol or rcond or 1e-15, hermitian=hermitian) if a.size else np.swapaxes(a, -1, -2)


def np_slogdet(a):
    return tuple(np.linalg.slogdet(a))


def np_logdet(a):
    sign, size = np.linalg.slogdet(a)
    return np.log(sign) + size


def np_rank(a, tol=None, hermitian=False, atol=None, rtol=None):
    found = (
        [np.linalg.matrix_rank(x, tol=tol or atol) if x.size else 0 for x in a.reshape(-1, *a.shape[-2:])]
        if a.size
        else [0]
    )
    return np.reshape(found, a.shape[:-2])


def np_cond(a, p=None):
    with np.errstate(all="ignore"):
        return np.linalg.cond(a, p) if a.size else np.zeros(a.shape[:-2])


def np_reflections(a, tau):
    rows, columns = a.shape[-2:]
    q = np.broadcast_to(np.eye(rows, dtype=a.dtype), (*a.shape[:-1], rows))
    for i in range(tau.shape[-1]):
        v = np.tril(a, -1)[..., i] + np.eye(rows)[i]
        q = q @ (np.eye(rows) - tau[..., i, None, None] * v[..., :, None] * v[..., None, :].conj())
    return q


def np_ormqr(a, tau, other, left=True, transpose=False):
    q = np_reflections(a, tau)
    q = adjoint(q) if transpose else q
    return q @ other if left else other @ q


def np_expm(a):
    return scipy.linalg.expm(a) if a.size else a


def check_lstsq(result, A, B, rcond=None, driver=None):
    a, b = to_numpy(A), to_numpy(B)
    vector = b.ndim == a.ndim - 1
    close(
        result.solution,
        (np.linalg.pinv(a) @ (b[..., None] if vector else b))[..., 0] if vector else np.linalg.pinv(a) @ b,
    )
    assert dtype_name(result.rank) == "int64"
    assert (result.rank.numel() == 0) == (driver == "gels")
    assert (result.singular_values.numel() > 0) == (driver in ("gelsd", "gelss"))
    has_residuals = driver in ("gels", "gelsd", "gelss") and a.shape[-2] > a.shape[-1]
    assert (result.residuals.numel() > 0) == has_residuals
    if has_residuals:
        close(result.residuals, (abs(a @ to_numpy(result.solution) - b) ** 2).sum(-2), 1e-3)


def check_ldl(result, A, hermitian=False, check_errors=False):
    b = fl.ones(*A.shape[:-1], 1, dtype=A.dtype)
    x = fl.linalg.ldl_solve(result[0], result[1], b, hermitian=hermitian)
    a = to_numpy(A)
    full = from_triangle(a) if hermitian else np.tril(a) + np.swapaxes(np.tril(a, -1), -1, -2)
    close(full @ to_numpy(x), to_numpy(b), 1e-3)


def check_ldl_solve(result, LD, pivots, B, hermitian=False):
    d = np.eye(LD.shape[-1]) * to_numpy(LD)
    lower = np.tril(to_numpy(LD), -1) + np.eye(LD.shape[-1])
    close(lower @ d @ np.swapaxes(lower, -1, -2) @ to_numpy(result), to_numpy(B))


def check_lowrank(result, A, q=6, niter=2, M=None):
    u, s, v = arrays(result)
    a = to_numpy(A) - (0 if M is None else to_numpy(M))
    if q >= min(a.shape[-2:]):
        close(u * s[..., None, :] @ adjoint(v), a)
    orthonormal(u)


def check_pca(result, A, q=None, center=True, niter=2):
    a = to_numpy(A)
    check_lowrank(result, fl.from_numpy(a - a.mean(-2, keepdims=True)) if center else A, q or 6)


def check_lobpcg(result, A, k=None, B=None, largest=None):
    values, vectors = arrays(result)
    a, b = to_numpy(A), np.eye(A.shape[-1]) if B is None else to_numpy(B)
    close(a @ vectors, b @ vectors * values[..., None, :])
    expected = scipy.linalg.eigh(a, b, eigvals_only=True)
    k = values.shape[-1]
    close(values, (expected[::-1] if largest in (None, True) else expected)[:k].astype(values.dtype))


def np_renorm(x, p, dim, maxnorm):
    rest = tuple(d for d in range(x.ndim) if d != dim % x.ndim)
    norm = (abs(x) ** p).sum(rest, keepdims=True) ** (1 / p)
    return x * np.where(norm > maxnorm, maxnorm / (norm + 1e-7), 1)


def np_nuclear(x, dim=(-2, -1), keepdim=False):
    return np.linalg.norm(x, "nuc", dim, keepdim)


def np_frobenius(x, dim=None, keepdim=False):
    return np.sqrt((abs(x) ** 2).sum(dim, keepdims=keepdim))


def np_tensorsolve(a, b, dims=None):
    return np.linalg.tensorsolve(a, b, dims)


def check_lu_solve(result, LU, pivots, B, left=True, adjoint=False):
    p, lower, upper = arrays(fl.lu_unpack(LU, pivots))
    a = p @ lower @ upper
    a = np.conj(a.T) if adjoint else a
    close(a @ to_numpy(result) if left else to_numpy(result) @ a, np.broadcast_to(to_numpy(B), result.shape))


def np_part(a, upper, unitriangular):
    a = np.triu(a) if upper else np.tril(a)
    return a - np.eye(len(a)) * a + np.eye(len(a)) if unitriangular else a


def real_of(dtype):
    return {"complex64": "float32", "complex128": "float64"}.get(dtype, dtype)


def lowrank(result):
    """What does not depend on the signs of vectors, and not on what the method leaves out."""
    u, s, v = result
    return s, (u * s[..., None, :]) @ v.mH


def regular_tensor(*shape):
    values = np.eye(4) + np.arange(16).reshape(4, 4) % 5 / 8
    return T(shape, values=values)


def symmetric(n):
    a = np.cos(np.arange(n * n).reshape(n, n) ** 1.5)
    return m(a + a.T)


FACTORS = T((3, 3), values=((3.0, 1.0, -1.0), (0.5, 2.0, 0.7), (-0.2, 0.3, 4.0)))
PIVOTS = T((3,), values=(2, 3, 3), dtype="int32")
HALF_SQUARE = [Sample(t(4, 3)), Sample(t(2, 3, 4)), Sample(t(3, 3)), Sample(t(1, 1)), Sample(t(0, 3)), Sample(t(3, 0))]
REAL = ("float64",)

ROWS = [
    row(
        "linalg.cholesky",
        np_cholesky,
        [
            Sample(m(POSITIVE)),
            Sample(pair(POSITIVE)),
            Sample(m(POSITIVE), upper=True),
            Sample(EMPTY),
            Sample(m([[4.0]])),
        ],
        through=positive,
        errors=[
            *CHECKS,
            Error(m(SINGULAR), raises=RuntimeError, match="minor of order 2"),
            Error(pair(NAN), raises=fl.linalg.LinAlgError, match="Batch element 0"),
        ],
    ),
    row(
        "linalg.cholesky_ex",
        with_info(np_cholesky),
        [Sample(m(POSITIVE)), Sample(pair(POSITIVE)), Sample(EMPTY)],
        result=("first", "int32"),
        through=positive,
        errors=[*CHECKS, Error(m(SINGULAR), check_errors=True, raises=RuntimeError)],
    ),
    row("cholesky", np_cholesky, [Sample(m(POSITIVE)), Sample(m(POSITIVE), True)], through=positive, method=True),
    row(
        "cholesky_solve",
        lambda b, a, upper=False: np.linalg.solve(
            adjoint(np.triu(a)) @ np.triu(a) if upper else np.tril(a) @ adjoint(np.tril(a)), b
        ),
        [
            Sample(t(3, 2), m(LOWER)),
            Sample(t(3, 2), m(np.transpose(LOWER)), True),
            Sample(t(2, 3, 1), m(LOWER)),
            Sample(t(0, 2), EMPTY),
        ],
        method=True,
        errors=[Error(t(3), m(LOWER), raises=RuntimeError), Error(t(2, 2), m(LOWER), raises=RuntimeError)],
    ),
    row(
        "cholesky_inverse",
        lambda a, upper=False: np.linalg.inv(
            adjoint(np.triu(a)) @ np.triu(a) if upper else np.tril(a) @ adjoint(np.tril(a))
        ),
        [Sample(m(LOWER)), Sample(m(np.transpose(LOWER)), True), Sample(pair(LOWER)), Sample(EMPTY)],
        method=True,
        errors=[NOT_MATRIX, NOT_SQUARE],
    ),
    row(
        "linalg.eigh",
        None,
        [Sample(t(3, 3)), Sample(t(2, 3, 3)), Sample(t(3, 3), "U"), Sample(t(1, 1)), Sample(EMPTY)],
        check=check_eigh,
        through=phaseless_eigh,
        errors=[
            *CHECKS,
            Error(t(2, 2), "X", raises=RuntimeError),
            Error(m(NAN), raises=RuntimeError, match="converge"),
        ],
    ),
    row(
        "linalg.eigvalsh",
        lambda a, UPLO="L": np.linalg.eigvalsh(a, UPLO),
        [Sample(t(3, 3)), Sample(t(2, 3, 3)), Sample(t(3, 3), "U"), Sample(EMPTY)],
        result=real_of,
        through=hermitian,
        errors=CHECKS,
    ),
    row(
        "linalg.eig",
        None,
        [Sample(t(3, 3)), Sample(t(2, 3, 3)), Sample(t(1, 1)), Sample(EMPTY)],
        check=check_eig,
        through=phaseless_eig,
        errors=[NOT_MATRIX, NOT_SQUARE, Error(m(NAN), raises=RuntimeError, match="infs or NaNs")],
    ),
    row(
        "linalg.eigvals",
        None,
        [Sample(t(3, 3)), Sample(t(2, 3, 3)), Sample(EMPTY)],
        check=check_eigvals,
        through=lambda call, a: call(a + spread(a)),
        errors=[NOT_MATRIX, NOT_SQUARE],
    ),
    row(
        "linalg.svd",
        None,
        [*HALF_SQUARE, Sample(t(4, 3), full_matrices=False), Sample(t(2, 3, 4), full_matrices=False)],
        check=check_svd,
        through=phaseless_svd,
        errors=[NOT_FLOAT, NOT_MATRIX, Error(m(NAN), raises=RuntimeError, match="non-finite")],
    ),
    row(
        "linalg.svdvals",
        lambda a: np.linalg.svd(a, compute_uv=False),
        HALF_SQUARE,
        result=real_of,
        errors=[NOT_FLOAT, NOT_MATRIX],
    ),
    row(
        "svd",
        None,
        [Sample(t(4, 3)), Sample(t(2, 3, 4)), Sample(t(4, 3), False), Sample(t(3, 2), compute_uv=False)],
        check=check_old_svd,
        through=phaseless_old_svd,
        method=True,
        errors=[NOT_MATRIX],
    ),
    row(
        "linalg.qr",
        None,
        [*HALF_SQUARE, Sample(t(3, 4), "complete")],
        check=check_qr,
        through=real_diagonal_qr,
        errors=[NOT_FLOAT, NOT_MATRIX, Error(t(2, 2), "raw", raises=RuntimeError, match="unrecognized mode")],
    ),
    row(
        "qr", None, [Sample(t(4, 3)), Sample(t(3, 4), False)], check=check_old_qr, through=real_diagonal_qr, method=True
    ),
    row(
        "geqrf",
        None,
        HALF_SQUARE[:4],
        check=check_geqrf,
        differentiable=(),
        underivable=True,
        errors=[NOT_MATRIX],
        method=True,
    ),
    row(
        "linalg.lu",
        np_lu,
        HALF_SQUARE,
        errors=[Error(t(3), raises=RuntimeError), Error(t(2, 2), pivot=False, raises=RuntimeError)],
    ),
    row(
        "linalg.lu_factor",
        None,
        HALF_SQUARE,
        check=check_factors,
        errors=[Error(m(np.zeros((2, 2))), raises=RuntimeError)],
    ),
    row(
        "linalg.lu_factor_ex",
        None,
        [*HALF_SQUARE],
        check=check_factors,
        errors=[Error(m(np.zeros((2, 2))), check_errors=True, raises=RuntimeError)],
    ),
    row(
        "lu",
        None,
        [Sample(t(3, 3)), Sample(t(2, 4, 3)), Sample(t(3, 3), get_infos=True)],
        check=check_factors,
        method=True,
    ),
    row(
        "lu_unpack",
        None,
        [
            Sample(FACTORS, PIVOTS),
            Sample(FACTORS, PIVOTS, unpack_data=False),
            Sample(FACTORS, PIVOTS, unpack_pivots=False),
            Sample(t(3, 4), PIVOTS),
        ],
        check=check_unpack,
        out=False,
        errors=[Error(t(2, 2), t(2), raises=RuntimeError, match="int32")],
    ),
    row(
        "linalg.lu_solve",
        None,
        [
            Sample(FACTORS, PIVOTS, t(3, 2)),
            Sample(FACTORS, PIVOTS, t(2, 3, 1)),
            Sample(FACTORS, PIVOTS, t(3, 2), adjoint=True),
            Sample(FACTORS, PIVOTS, t(2, 3), left=False),
        ],
        check=check_lu_solve,
        errors=[
            Error(FACTORS, t(3), t(3, 2), raises=RuntimeError, match="int32"),
            Error(FACTORS, T((3,), values=(0, 1, 1), dtype="int32"), t(3, 2), raises=RuntimeError, match="Pivots"),
            Error(FACTORS, T((3,), values=(1, 1, 4), dtype="int32"), t(3, 2), raises=RuntimeError, match="Pivots"),
            Error(FACTORS, PIVOTS, t(2, 2), raises=RuntimeError, match="Incompatible"),
        ],
    ),
    row(
        "lu_solve",
        None,
        [Sample(t(3, 2), FACTORS, PIVOTS)],
        check=lambda x, b, a, p: check_lu_solve(x, a, p, b),
        method=True,
    ),
    row(
        "linalg.ldl_factor",
        None,
        [
            Sample(m(REGULAR)),
            Sample(t(2, 4, 4)),
            Sample(m(POSITIVE), hermitian=True),
            Sample(EMPTY),
            Sample(m([[0.0, 1], [1, 0]])),
        ],
        check=check_ldl,
        differentiable=(),
        underivable=True,
        errors=[*CHECKS, Error(m(np.zeros((2, 2))), raises=RuntimeError)],
    ),
    row(
        "linalg.ldl_factor_ex",
        None,
        [Sample(m(REGULAR)), Sample(t(2, 4, 4)), Sample(t(5, 5), hermitian=True)],
        check=check_ldl,
        differentiable=(),
        underivable=True,
        errors=[Error(m(np.zeros((2, 2))), check_errors=True, raises=RuntimeError)],
    ),
    row(
        "linalg.ldl_solve",
        None,
        [Sample(FACTORS, T((3,), values=(1, 2, 3), dtype="int32"), t(3, 2))],
        check=check_ldl_solve,
        differentiable=(),
        underivable=True,
        errors=[
            Error(FACTORS, t(3), t(3, 2), raises=RuntimeError, match="integers"),
            Error(FACTORS, T((3,), values=(0, 1, 1), dtype="int32"), t(3, 2), raises=RuntimeError, match="Pivots"),
        ],
    ),
    row(
        "linalg.inv",
        np.linalg.inv,
        SQUARE,
        errors=[
            *CHECKS,
            Error(m(np.zeros((2, 2))), raises=fl.linalg.LinAlgError, match="diagonal element 1 is zero"),
            Error(m([np.eye(2), np.zeros((2, 2))]), raises=fl.linalg.LinAlgError, match="Batch element 1"),
        ],
    ),
    row("inverse", np.linalg.inv, SQUARE, errors=CHECKS, method=True),
    row("linalg.inv_ex", with_info(np.linalg.inv), SQUARE, result=("first", "int32"), errors=CHECKS),
    row(
        "linalg.solve",
        np_solve,
        [
            Sample(m(REGULAR), t(3, 2)),
            Sample(m(REGULAR), t(3)),
            Sample(pair(REGULAR), t(2, 3)),
            Sample(pair(REGULAR), t(3, 2)),
            Sample(m(REGULAR), t(2, 3, 1)),
            Sample(m(REGULAR), t(2, 3), left=False),
            Sample(EMPTY, t(0, 2)),
        ],
        errors=[
            Error(m(np.zeros((2, 2))), t(2, 1), raises=fl.linalg.LinAlgError, match="singular"),
            Error(m(REGULAR), t(2, 3), raises=RuntimeError, match="Incompatible shapes"),
            Error(m(REGULAR), tensor(3, 1, dtype="float64"), raises=RuntimeError, match="same dtype"),
            Error(t(2, 3), t(2, 1), raises=RuntimeError, match="square"),
            Error(m(REGULAR), t(), raises=RuntimeError, match="at least 2 dimensions"),
        ],
    ),
    row(
        "linalg.solve_ex",
        with_info(np_solve),
        [Sample(m(REGULAR), t(3, 2)), Sample(pair(REGULAR), t(2, 3))],
        result=("first", "int32"),
    ),
    row(
        "linalg.solve_triangular",
        np_triangular,
        [
            Sample(m(REGULAR), t(3, 2), upper=True),
            Sample(m(REGULAR), t(3, 2), upper=False),
            Sample(pair(REGULAR), t(3, 2), upper=True, unitriangular=True),
            Sample(m(REGULAR), t(2, 2, 3), upper=False, left=False),
            Sample(EMPTY, t(0, 2), upper=True),
        ],
        errors=[
            Error(m(REGULAR), t(3), upper=True, raises=RuntimeError, match="at least 2 dimensions"),
            Error(m(REGULAR), t(2, 3), upper=True, raises=RuntimeError, match="Incompatible"),
            Error(m(REGULAR), t(3, 2), raises=TypeError),
        ],
    ),
    row(
        "triangular_solve",
        lambda b, a, upper=True, transpose=False, unitriangular=False: (
            np.linalg.solve(np_part(a, upper, unitriangular).T if transpose else np_part(a, upper, unitriangular), b),
            a,
        ),
        [
            Sample(t(3, 2), m(REGULAR)),
            Sample(t(3, 2), m(REGULAR), False),
            Sample(t(3, 2), m(REGULAR), True, True, True),
        ],
        method=True,
        errors=[Error(t(3), m(REGULAR), raises=RuntimeError)],
    ),
    row(
        "linalg.tensorinv",
        np.linalg.tensorinv,
        [Sample(regular_tensor(4, 2, 2), ind=1), Sample(regular_tensor(2, 2, 4))],
        errors=[Error(t(2, 3), raises=RuntimeError), Error(t(2, 2), ind=0, raises=RuntimeError)],
    ),
    row(
        "linalg.tensorsolve",
        np_tensorsolve,
        [Sample(regular_tensor(2, 2, 4), t(2, 2)), Sample(regular_tensor(2, 2, 4), t(2, 2), dims=(2,))],
        errors=[Error(t(2, 3), t(2), raises=RuntimeError)],
    ),
    row("linalg.det", np.linalg.det, SQUARE, errors=CHECKS),
    row("det", np.linalg.det, SQUARE, errors=CHECKS, method=True, out=False),
    row("linalg.slogdet", np_slogdet, SQUARE, result=("first", real_of), errors=CHECKS),
    row("slogdet", np_slogdet, SQUARE, result=("first", real_of), errors=CHECKS, method=True, out=False),
    row(
        "logdet",
        np_logdet,
        [Sample(m(POSITIVE)), Sample(pair(POSITIVE)), Sample(EMPTY)],
        errors=CHECKS[:3],
        method=True,
        out=False,
    ),
    row(
        "linalg.lstsq",
        None,
        [
            Sample(t(4, 3), t(4, 2)),
            Sample(t(2, 3, 4), t(2, 3, 2)),
            Sample(t(2, 4, 3), t(2, 4)),
            *(Sample(t(4, 3), t(4, 2), driver=d) for d in ("gels", "gelsy", "gelsd", "gelss")),
        ],
        check=check_lstsq,
        through=lambda call, a, b, **kwargs: [x for x in call(a, b, **kwargs)[:2] if x.numel()],
        out=False,
        errors=[
            Error(t(), t(), raises=RuntimeError, match="at least 2 dimensions"),
            Error(t(3, 2), t(2, 2), raises=RuntimeError, match="should match"),
            Error(t(3, 2), t(3, 2), driver="lu", raises=RuntimeError, match="driver"),
        ],
    ),
    row(
        "linalg.pinv",
        np_pinv,
        [*HALF_SQUARE[:4], Sample(m([[1.0, 2.0], [2.0, 4.0]])), Sample(t(3, 2), rtol=1e-3), Sample(t(0, 3))],
        through=lambda call, a, **kwargs: call(a if a.shape[-1] != a.shape[-2] else a + 3 * eye_like(a), **kwargs),
        errors=[Error(t(3), raises=RuntimeError), Error(tensor(2, 2, dtype="int64"), raises=RuntimeError)],
    ),
    row("pinverse", np_pinv, HALF_SQUARE[:2], method=True, out=False),
    row(
        "linalg.matrix_rank",
        np_rank,
        [Sample(m(SINGULAR)), Sample(pair(REGULAR)), Sample(t(2, 3)), Sample(m(SINGULAR), 0.5), Sample(t(0, 3))],
        result="int64",
        differentiable=(),
        errors=[NOT_MATRIX],
    ),
    row(
        "linalg.cond",
        np_cond,
        [
            *(Sample(m(REGULAR), p) for p in (None, 2, -2, 1, -1, np.inf, "fro", "nuc")),
            Sample(pair(REGULAR)),
            Sample(EMPTY),
            Sample(t(3, 2)),
        ],
        result=real_of,
        errors=[NOT_MATRIX, Error(t(2, 3), 1, raises=RuntimeError), Error(t(2, 2), 3, raises=RuntimeError)],
        tol=LOOSE,
    ),
    row(
        "linalg.matrix_exp",
        np_expm,
        [Sample(m(REGULAR)), Sample(t(2, 3, 3)), Sample(m([[20.0, 1], [0, -3]])), Sample(EMPTY), Sample(t(1, 1))],
        errors=CHECKS[:3],
        out=False,
        alias=("matrix_exp",),
        method="matrix_exp",
        large=Sample(t(40, 40)),
    ),
    row(
        "linalg.householder_product",
        lambda a, tau: np_reflections(a, tau)[..., : a.shape[-1]],
        [Sample(t(4, 3), t(3)), Sample(t(2, 3, 3), t(2, 2)), Sample(t(3, 2), t(0)), Sample(t(0, 0), t(0))],
        tol=LOOSE,
        errors=[
            Error(t(2, 3), t(2), raises=RuntimeError),
            Error(t(3), t(3), raises=RuntimeError),
            Error(t(3, 3), t(4), raises=RuntimeError),
        ],
    ),
    row(
        "orgqr",
        lambda a, tau: np_reflections(a, tau)[..., : a.shape[-1]],
        [Sample(t(4, 3), t(3))],
        tol=LOOSE,
        out=False,
        method=True,
    ),
    row(
        "ormqr",
        np_ormqr,
        [Sample(t(4, 3), t(3), t(4, 2), left, transpose) for left in (True,) for transpose in (False, True)]
        + [Sample(t(2, 4, 3), t(2, 3), t(2, 2, 4), False, transpose) for transpose in (False, True)],
        tol=LOOSE,
        method=True,
        errors=[Error(t(), t(), t(2, 2), raises=RuntimeError), Error(t(4, 3), t(3), t(3, 2), raises=RuntimeError)],
    ),
    row(
        "linalg.vander",
        lambda x, N=None: (
            np.vander(x.reshape(-1), N, True).reshape(*x.shape, -1)
            if x.ndim == 1
            else x[..., None] ** np.arange(N or x.shape[-1])
        ),
        [Sample(t(4)), Sample(t(2, 3), N=5), Sample(t(3), N=2)],
        out=False,
        errors=[Error(t(3), N=1, raises=RuntimeError), Error(t(), raises=RuntimeError)],
    ),
    row(
        "linalg.diagonal",
        lambda a, offset=0, dim1=-2, dim2=-1: np.diagonal(a, offset, dim1, dim2),
        [Sample(t(3, 4)), Sample(t(2, 3, 4), offset=1), Sample(t(2, 3, 4), dim1=0, dim2=1)],
        out=False,
        view=True,
        errors=[Error(t(3), raises=IndexError)],
    ),
    row(
        "svd_lowrank",
        None,
        [Sample(t(5, 4), 4), Sample(t(4, 5), 4), Sample(t(5, 4), 2), Sample(t(5, 4), 4, M=t(5, 4))],
        check=check_lowrank,
        out=False,
        random=True,
        through=lambda call, a, q=6, **kwargs: lowrank(call(a, q, **kwargs)),
    ),
    row(
        "pca_lowrank",
        None,
        [Sample(t(5, 4), 4), Sample(t(5, 4), 2, center=False)],
        check=check_pca,
        out=False,
        random=True,
        through=lambda call, *args, **kwargs: lowrank(call(*args, **kwargs)),
        errors=[Error(t(3, 2), 3, raises=ValueError)],
    ),
    row(
        "lobpcg",
        None,
        [
            Sample(symmetric(6)),
            Sample(symmetric(6), 2),
            Sample(symmetric(6), 2, largest=False),
            Sample(symmetric(3), 1, m(POSITIVE)),
        ],
        check=check_lobpcg,
        out=False,
        dtypes=("float32", "float64"),
        differentiable=REAL,
        through=lambda call, a, *rest, **kwargs: hermitian(
            call, a, *[(b + b.mT) / 2 if isinstance(b, fl.Tensor) else b for b in rest], **kwargs
        )[0],
        errors=[Error(symmetric(3), 2, raises=ValueError, match="applicable")],
    ),
    row(
        "renorm",
        np_renorm,
        [
            Sample(t(3, 4), 2, 0, 1.0),
            Sample(t(2, 3, 2), 1.0, -1, 0.5),
            Sample(t(3, 4), 3, 1, 0.0),
            Sample(t(0, 3), 2, 0, 1.0),
        ],
        method=True,
        inplace=True,
        tol=LOOSE,
        errors=[
            Error(t(3), 2, 0, 1.0, raises=RuntimeError),
            Error(t(2, 2), -1, 0, 1.0, raises=RuntimeError),
            Error(t(2, 2), 2, 0, -1.0, raises=RuntimeError),
        ],
    ),
    row("nuclear_norm", np_nuclear, [Sample(t(3, 4)), Sample(t(2, 3, 4), (0, 2), True)], result=real_of),
    row(
        "frobenius_norm",
        np_frobenius,
        [Sample(t(3, 4), (0, 1)), Sample(t(2, 3, 4), (0, 2), True), Sample(t(3), 0)],
        result=real_of,
    ),
]
