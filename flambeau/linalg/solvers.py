"""Linear equations and what answers them: inverses, determinants, least squares."""

from .. import _C
from ..ops._common import write_out
from ..ops._host import all_of, array_of, host, one_by_one
from ._checks import (
    broadcast_batches,
    check_floating,
    check_info,
    check_matrix,
    check_same_dtype,
    check_square,
    dtype_name,
    expect,
    is_vector,
    real_dtype,
    result,
)
from ._lapack import columns, invert, quiet, substitute
from ._lapack import solve as lapack_solve

__all__ = [
    "det", "inv", "inv_ex", "lstsq", "pinv", "slogdet", "solve", "solve_ex", "solve_triangular", "tensorinv",
    "tensorsolve",
]  # fmt: skip

# ---------------------------------------------------------------------------------------------------- inverse


def _inverse(A):
    """(inverse, info)."""

    def compute(a):
        inverse, info = invert(a)
        return columns(inverse), info

    def backward(grad, inputs, outputs):
        turned = outputs[0].mH
        return -(turned @ grad[0] @ turned)

    return host("LinalgInvEx", compute, [A], [backward])


_SINGULAR = (
    "The diagonal element {} is zero, the inversion could not be completed because the input matrix is singular."
)


def inv(A, *, out=None):
    """The inverse of square matrices; to solve equations, `solve` is faster and more exact.

    Args:
        A: `(*, n, n)`.
    Returns: `(*, n, n)`.
    Raises:
        LinAlgError: a matrix is singular.

    >>> flambeau.linalg.inv(flambeau.tensor([[2.0, 0.0], [0.0, 4.0]]))
    tensor([[0.5000, 0.0000],
            [0.0000, 0.2500]])
    """
    check_square("linalg.inv", A)
    inverse, info = _inverse(A)
    check_info("linalg.inv", info, _SINGULAR)
    return write_out(out, inverse)


def inv_ex(A, *, check_errors=False, out=None):
    """inv that reports a failure in `info` instead of raising.

    Args:
        A: `(*, n, n)`.
        check_errors: raise nevertheless.
    Returns: inverse `(*, n, n)`, and info `(*)`, int32: 0, or the position of the first zero pivot.

    >>> flambeau.linalg.inv_ex(flambeau.zeros(1, 1)).info
    tensor(1, dtype=torch.int32)
    """
    check_square("linalg.inv_ex", A)
    inverse, info = _inverse(A)
    if check_errors:
        check_info("linalg.inv_ex", info, _SINGULAR)
    return result("linalg_inv_ex", (inverse, info), out)


# ---------------------------------------------------------------------------------------------------- equations


def _solve(A, B):
    """(X, info) of A X = B for matrices of the same batch."""

    def compute(a, b):
        x, info = lapack_solve(a, b)
        return columns(x), info

    def backward(grad, inputs, outputs):
        g_b = solve_square(inputs[0].mH, grad[0])
        return -(g_b @ outputs[0].mH), g_b

    return host("LinalgSolveEx", compute, [A, B], backward)


def in_columns(x):
    """x with the elements of its columns next to each other, as LAPACK leaves them."""
    return x.mT.contiguous().mT if x.dim() > 1 else x


def solve_square(A, B):
    """X with A X = B, without checks."""
    return _solve(A, B)[0]


def _of_batch(values, batch):
    """What was computed for each matrix of a broadcast batch, for the matrices of the batch as it was."""
    extra = values.dim() - len(batch)
    if tuple(values.shape) == batch or extra < 0:
        return values
    if not values.numel():
        return _C.zeros(batch, values.dtype, values.device)
    for _ in range(extra):
        values = _C.select(values, 0, 0)
    for d, n in enumerate(batch):
        values = _C.narrow(values, d, 0, n)
    return values.clone()


def _solve_checked(op, A, B, left):
    check_square(op, A)
    check_same_dtype(op, A, B)
    vector = is_vector(A, B)
    expect(op, vector or B.dim() >= 2, f"The input tensor B must have at least 2 dimensions, got {tuple(B.shape)}.")
    if vector:
        expect(op, left, "Vector broadcasting of the left hand side is not supported for left=False")
        B = _C.unsqueeze(B, -1)
    agree = A.shape[-1] == B.shape[-2 if left else -1]
    equation = "AX = B" if left else "XA = B"
    a, b = ("x".join(map(str, x.shape[-2:])) for x in (A, B))
    expect(op, agree, f"Incompatible shapes of A and B for the equation {equation} ({a} and {b})")
    batch = tuple(A.shape[:-2])
    A, B = broadcast_batches(op, A, B)
    if left:
        x, info = _solve(A, B)
        return (in_columns(x.squeeze(-1)) if vector else x), _of_batch(info, batch)
    x, info = _solve(A.mT, B.mT)
    return x.mT, _of_batch(info, batch)


_NO_SOLUTION = "The solver failed because the input matrix is singular."


def solve(A, B, *, left=True, out=None):
    """The solution of square systems of linear equations: X with A X = B (X A = B if not `left`).

    Args:
        A: `(*, n, n)`.
        B: `(*, n, k)`, or one vector `(n,)` or `(*, n)` per matrix; batches broadcast.
    Returns: X, with the shape of B.
    Raises:
        LinAlgError: a matrix is singular.

    >>> flambeau.linalg.solve(flambeau.tensor([[2.0, 0.0], [0.0, 4.0]]), flambeau.tensor([2.0, 2.0]))
    tensor([1.0000, 0.5000])
    """
    x, info = _solve_checked("linalg.solve", A, B, left)
    check_info("linalg.solve", info, _NO_SOLUTION)
    return write_out(out, x)


def solve_ex(A, B, *, left=True, check_errors=False, out=None):
    """solve that reports a failure in `info` instead of raising.

    Args:
        A: `(*, n, n)`.
        B: `(*, n, k)`, `(n,)` or `(*, n)`.
        check_errors: raise nevertheless.
    Returns: result, and info `(*)`, int32: 0, or the position of the first zero pivot.

    >>> flambeau.linalg.solve_ex(flambeau.zeros(1, 1), flambeau.ones(1)).info
    tensor(1, dtype=torch.int32)
    """
    x, info = _solve_checked("linalg.solve_ex", A, B, left)
    if check_errors:
        check_info("linalg.solve_ex", info, _NO_SOLUTION)
    return result("linalg_solve_ex", (x, info), out)


def triangular(A, B, *, upper, unitriangular=False):
    """X with A X = B for triangular A, without checks; batches are equal."""

    def compute(a, b):
        return columns(substitute(a, b, not upper, unitriangular))

    def backward(grad, inputs, outputs):
        g_b = triangular(inputs[0].mH, grad, upper=not upper, unitriangular=unitriangular)
        whole = -(g_b @ outputs[0].mH)
        offset = 1 if unitriangular else 0
        return (whole.triu(offset) if upper else whole.tril(-offset)), g_b

    return host("LinalgSolveTriangular", compute, [A, B], backward)


def solve_triangular(input, B, *, upper, left=True, unitriangular=False, out=None):
    """The solution of triangular systems: X with A X = B (X A = B if not `left`).

    Args:
        input: `(*, n, n)`, of which one triangle is read.
        B: `(*, n, k)` (`(*, k, n)` if not `left`); batches broadcast.
        upper: whether the upper triangle counts, or the lower one.
        unitriangular: take ones for the diagonal.
    Returns: X, with the shape of B. Zeros on the diagonal give infinities.

    >>> flambeau.linalg.solve_triangular(flambeau.tensor([[2.0, 1.0], [9.0, 1.0]]), flambeau.ones(2, 1), upper=True)
    tensor([[0.],
            [1.]])
    """
    op = "linalg.solve_triangular"
    check_square(op, input)
    check_matrix(op, B, "B")
    agree = input.shape[-1] == B.shape[-2 if left else -1]
    a, b = ("x".join(map(str, x.shape[-2:])) for x in (input, B))
    equation = "AX = B" if left else "XA = B"
    expect(op, agree, f"Incompatible shapes of A and B for the equation {equation} ({a} and {b})")
    if input.dtype != B.dtype:
        common = _C.promote_types(input.dtype, B.dtype)
        input, B = input.to(common), B.to(common)
    input, B = broadcast_batches(op, input, B)
    if left:
        return write_out(out, triangular(input, B, upper=upper, unitriangular=unitriangular))
    return write_out(out, in_columns(triangular(input.mT, B.mT, upper=not upper, unitriangular=unitriangular).mT))


def tensorinv(input, ind=2, *, out=None):
    """The inverse of a tensor as a linear map from its last dimensions to its first `ind`.

    Args:
        input: sizes of the first `ind` dimensions multiply to as much as those of the rest.
    Returns: the rest of the dimensions, then the first `ind`.

    >>> flambeau.linalg.tensorinv(flambeau.eye(4).reshape(2, 2, 4)).shape
    torch.Size([4, 2, 2])
    """
    op = "linalg.tensorinv"
    if ind <= 0:
        raise RuntimeError(f"[{op}] Expected a strictly positive integer for 'ind', but got {ind}")
    first, rest = tuple(input.shape[:ind]), tuple(input.shape[ind:])
    rows, width = _product(first), _product(rest)
    expect(
        op,
        rows == width,
        f"Expected self to satisfy the requirement prod(self.shape[ind:]) == prod(self.shape[:ind]), but got {width} != {rows}",
    )
    inverse, info = inv_ex(input.reshape(rows, width))
    check_info(op, info, "Failed to invert the input tensor, because it is singular.")
    return write_out(out, inverse.reshape(*rest, *first))


def _product(sizes):
    total = 1
    for size in sizes:
        total *= size
    return total


def tensorsolve(input, other, dims=None, *, out=None):
    """X with tensordot(A, X, X.dim()) = B.

    Args:
        input: `(*b, *x)` with as many elements in b as in x.
        other: `(*b)`.
        dims: dimensions of A to move to its end first.
    Returns: `(*x)`.

    >>> flambeau.linalg.tensorsolve(flambeau.eye(4).reshape(2, 2, 4), flambeau.ones(2, 2))
    tensor([1., 1., 1., 1.])
    """
    op = "linalg.tensorsolve"
    if dims is not None:
        from ..ops import movedim

        input = movedim(input, tuple(dims), tuple(range(input.dim() - len(dims), input.dim())))
    shape = tuple(input.shape[other.dim() :])
    n = _product(shape)
    expect(
        op,
        n == other.numel() and input.numel() == n * n,
        "Expected self to satisfy the requirement prod(self.shape[other.ndim:]) == prod(self.shape[:other.ndim]), but got "
        f"{n} != {other.numel()}",
    )
    return write_out(out, solve(input.reshape(n, n), other.reshape(n)).reshape(shape))


# ---------------------------------------------------------------------------------------------------- determinants


def _others(values):
    """For each value, the product of the others in the last dimension."""
    from ..ops import eye, where

    n = values.shape[-1]
    return where(eye(n, dtype=_C.bool, device=values.device), 1.0, _C.unsqueeze(values, -2)).prod(-1)


def _det_backward(grad, inputs, outputs):
    A, value = inputs[0], outputs[0]
    wide = _C.unsqueeze(_C.unsqueeze(grad, -1), -1)
    if all_of(_C.ne(value, 0)):
        scaled = _C.unsqueeze(_C.unsqueeze(value.conj(), -1), -1)
        return wide * scaled * _inverse(A)[0].mH
    # The cofactors exist where the inverse does not.
    from .decompositions import svd

    u, s, v = svd(A)
    sign = (det(u) * det(v)).conj()
    cofactors = (u * _C.unsqueeze(_others(s), -2)) @ v
    return wide * _C.unsqueeze(_C.unsqueeze(sign, -1), -1) * cofactors


def det(A, *, out=None):
    """The determinant of square matrices.

    Args:
        A: `(*, n, n)`.
    Returns: `(*)`; 1 for n = 0.

    >>> flambeau.linalg.det(flambeau.tensor([[2.0, 0.0], [0.0, 4.0]]))
    tensor(8.)
    """
    check_square("linalg.det", A)

    @quiet
    def compute(a):
        import numpy as np

        return np.asarray(np.linalg.det(a))

    return write_out(out, host("LinalgDet", compute, [A], [_det_backward]))


def _slogdet_backward(grad, inputs, outputs):
    (g_sign, g_log), (sign, _) = grad, outputs
    if not sign.is_complex():
        factor = _C.zeros_like(sign) if g_log is None else g_log
    else:
        factor = _C.zeros_like(sign) if g_log is None else g_log.to(sign.dtype)
        factor = factor if g_sign is None else factor - 1j * (g_sign.conj() * sign).imag
    return _C.unsqueeze(_C.unsqueeze(factor, -1), -1) * _inverse(inputs[0])[0].mH


def _slogdet(op, A):
    check_square(op, A)

    @quiet
    def compute(a):
        import numpy as np

        return tuple(np.asarray(x) for x in np.linalg.slogdet(a))

    return host("LinalgSlogdet", compute, [A], [_slogdet_backward], (A.dtype, real_dtype(A)))


def slogdet(A, *, out=None):
    """Sign and logarithm of the absolute value of the determinant of square matrices: no overflow.

    Args:
        A: `(*, n, n)`.
    Returns: sign `(*)` (of absolute value 1, or 0), and logabsdet `(*)`, real (-inf for a singular matrix).

    >>> flambeau.linalg.slogdet(flambeau.eye(2) * 1e30).logabsdet
    tensor(138.1551)
    """
    return result("linalg_slogdet", _slogdet("linalg.slogdet", A), out)


# ---------------------------------------------------------------------------------------------------- least squares


def _epsilon(A):
    return 2.0**-23 if real_dtype(A) == _C.float32 else 2.0**-52


def tolerances(op, A, atol, rtol):
    """Absolute and relative tolerance as arrays; by default eps times the larger side, unless atol is given."""
    import numpy as np

    found = []
    for name, value in (("atol", atol), ("rtol", rtol)):
        if isinstance(value, _C.Tensor):
            if value.is_complex():
                raise RuntimeError(
                    f"[{op}] {name} tensor of complex type is not supported. Got {dtype_name(value.dtype)}"
                )
            value = array_of(value)[..., None].astype(np.float64)
        found.append(value)
    default = _epsilon(A) * max(A.shape[-2:])
    given = atol is not None and (not isinstance(atol, int | float) or atol > 0)
    if rtol is None:
        found[1] = np.where(found[0] > 0, 0.0, default) if given else default
    return 0.0 if atol is None else found[0], found[1]


@quiet
def _pseudo_inverse(a, atol, rtol):
    import numpy as np

    if not np.isfinite(a).all():
        raise _C.LinAlgError(
            "[linalg.pinv] The algorithm failed to converge because the input matrix contained non-finite values."
        )
    u, s, v = np.linalg.svd(a.astype(np.result_type(a, np.float64)), full_matrices=False)
    bound = np.maximum(atol, rtol * s.max(-1, keepdims=True, initial=0))
    keep = s > bound
    inverse = np.where(keep, 1 / np.where(keep, s, 1), 0)
    return (v.conj().swapaxes(-1, -2) * inverse[..., None, :]) @ u.conj().swapaxes(-1, -2)


def pinv_gradient(grad, A, P):
    """Golub and Pereyra, The Differentiation of Pseudo-Inverses, SIAM J. Numer. Anal. 10, 1973."""
    turned, g = P.mH, grad.mH
    a_p, g_p = A @ P, g @ P
    found = -(turned @ grad @ turned)
    found = found + g_p @ turned - a_p @ (g_p @ turned)
    p_g = P @ g
    return found + turned @ p_g - (turned @ p_g @ P) @ A


def pinv(input, rcond=None, hermitian=False, *, atol=None, rtol=None, out=None):
    """The Moore-Penrose inverse: what solves least squares, for matrices of any shape and rank.

    Args:
        input: `(*, m, n)`.
        rcond: an old name of rtol.
        hermitian: A is symmetric or Hermitian, and only its lower triangle is read.
        atol: singular values not above `max(atol, rtol * largest)` count as 0: number or tensor `(*)`.
        rtol: by default max(m, n) times the precision of the dtype, or 0 if atol is given.
    Returns: `(*, n, m)`.

    >>> flambeau.linalg.pinv(flambeau.tensor([[2.0, 0.0], [0.0, 0.0]]))
    tensor([[0.5000, 0.0000],
            [0.0000, 0.0000]])
    """
    op = "linalg.pinv"
    if input.dim() < 2 or not (input.is_floating_point() or input.is_complex()):
        raise RuntimeError(
            f"[{op}] {dtype_name(input.dtype)}{list(input.shape)}: expected a tensor with 2 or more dimensions of float, double, "
            "cfloat or cdouble types"
        )
    rtol = rcond if rtol is None else rtol
    bounds = tolerances(op, input, atol, rtol)
    if hermitian:
        return write_out(out, _pinv_hermitian(input, *bounds))
    check_floating(op, input)

    def compute(a):
        return _pseudo_inverse(a, *bounds)

    def backward(grad, inputs, outputs):
        return pinv_gradient(grad, inputs[0], outputs[0])

    return write_out(out, host("LinalgPinv", compute, [input], [backward]))


def _pinv_hermitian(A, atol, rtol):
    import numpy as np

    from ..ops import tensor, where
    from .decompositions import eigh

    values, vectors = eigh(A)
    sizes = abs(array_of(values))
    bound = np.maximum(atol, rtol * sizes.max(-1, keepdims=True, initial=0))
    keep = tensor(sizes > bound)
    inverse = where(keep, 1 / where(keep, values, 1.0), 0.0)
    return (vectors * _C.unsqueeze(inverse, -2)) @ vectors.mH


_LSTSQ_DRIVERS = ("gels", "gelsy", "gelsd", "gelss")


@one_by_one
def lstsq(input, b, rcond=None, *, driver=None):
    """The least squares solution of linear systems: X that minimises ||A X - B||, and of those the shortest.

    Args:
        input: `(*, m, n)`.
        b: `(*, m, k)`, or `(*, m)`.
        rcond: singular values up to rcond times the largest count as 0; by default max(m, n) times the precision.
        driver: gelsy (default), gels (full rank), gelsd or gelss; all are computed by singular values, and differ in what
            is returned besides the solution.
    Returns: solution `(*, n, k)`; residuals `(*, k)`, where m > n, the rank is full and the driver is not gelsy; rank
        `(*)`, not for gels; singular_values `(*, min(m, n))`, for gelsd and gelss. What is not there is empty.

    >>> flambeau.linalg.lstsq(flambeau.ones(2, 1), flambeau.tensor([[1.0], [3.0]])).solution
    tensor([[2.]])
    """
    op = "linalg.lstsq"
    from .decompositions import singular_values

    driver = _check_lstsq(op, input, b, driver)
    vector = is_vector(input, b)
    b = _C.unsqueeze(b, -1) if vector else b
    given, batch = input, tuple(input.shape[:-2])
    input, b = broadcast_batches(op, input, b)
    solution, rank, singular = _least_squares(input, b, rcond)
    rank = _of_batch(rank if b.numel() else _C.zeros_like(rank), batch)
    singular = singular if tuple(singular.shape[:-1]) == batch else singular_values("linalg.svd", _C.detach(given))
    m, n = input.shape[-2:]
    nothing = _C.slice(solution.reshape(-1), 0, 0, 0, 1)  # needs a gradient where the solution does, as in torch
    residuals = nothing.real if input.is_complex() else nothing
    if driver != "gelsy" and m > n and bool(_C.all(_C.eq(rank, n))):
        difference = input @ solution - b
        residuals = (difference * difference.conj()).real.sum(-2) if input.is_complex() else (difference**2).sum(-2)
    values = (
        solution.squeeze(-1) if vector else solution,
        residuals,
        _C.empty((0,), _C.int64, input.device) if driver == "gels" else rank,
        singular if driver in ("gelsd", "gelss") else _C.empty((0,), real_dtype(input), input.device),
    )
    return result("linalg_lstsq", values)


def _check_lstsq(op, A, B, driver):
    expect(op, A.dim() >= 2, "input must have at least 2 dimensions.")
    expect(op, B.dim() >= 1, "other must have at least 1 dimension.")
    check_floating(op, A)
    check_same_dtype(op, A, B, ("input", "other"))
    message = f"input.dim() must be greater or equal to other.dim() and at most 1 more, got {tuple(A.shape)} and {tuple(B.shape)}"
    expect(op, 0 <= A.dim() - B.dim() <= 1, message)
    rows = B.shape[-1] if is_vector(A, B) else B.shape[-2]
    expect(
        op,
        A.shape[-2] == rows,
        f"input.size(-2) should match other.size(-2), got {tuple(A.shape)} and {tuple(B.shape)}",
    )
    driver = "gelsy" if driver is None else driver
    if driver not in _LSTSQ_DRIVERS:
        raise RuntimeError(f"[{op}] parameter `driver` should be one of (gels, gelsy, gelsd, gelss), got {driver}")
    return driver


def _least_squares(A, B, rcond):
    """(solution, rank, singular values)."""
    bound = _epsilon(A) * max(A.shape[-2:]) if rcond is None else float(rcond)

    @quiet
    def compute(a, b):
        import numpy as np

        u, s, v = np.linalg.svd(a.astype(np.result_type(a, np.float64)), full_matrices=False)
        keep = s > bound * s.max(-1, keepdims=True, initial=0)
        inverse = np.where(keep, 1 / np.where(keep, s, 1), 0)
        x = v.conj().swapaxes(-1, -2) @ (inverse[..., None] * (u.conj().swapaxes(-1, -2) @ b))
        return columns(x), np.asarray(keep.sum(-1)), s

    def backward(grad, inputs, outputs):
        a, b = inputs
        p = pinv(a)
        return pinv_gradient(grad[0] @ b.mH, a, p), p.mH @ grad[0]

    def only_solution(grad, inputs, outputs):
        return (None, None) if grad[0] is None else backward(grad, inputs, outputs)

    found = host("LinalgLstsq", compute, [A, B], only_solution, (A.dtype, _C.int64, real_dtype(A)))
    return found[0], found[1], _C.detach(found[2])
