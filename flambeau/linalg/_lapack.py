"""What numpy.linalg lacks, on NumPy arrays: stacks of matrices, double precision inside, errors as info numbers."""


def _stack(a):
    """A copy in double precision as (number of matrices, rows, columns)."""
    import numpy as np

    wide = np.complex128 if np.iscomplexobj(a) else np.float64
    count = int(np.prod(a.shape[:-2]))
    return np.array(a, wide, order="C").reshape(count, *a.shape[-2:])


def columns(a):
    """The same values with columns next to each other in memory, as LAPACK leaves them."""
    from .. import contiguous_format

    return _tensor(a).mT.clone(memory_format=contiguous_format).mT.numpy()


def quiet(function):
    """Without warnings of division by zero and overflow: such values are results here."""
    import functools

    @functools.wraps(function)
    def wrapped(*args, **kwargs):
        import numpy as np

        with np.errstate(all="ignore"):
            return function(*args, **kwargs)

    return wrapped


def _size1(a):
    """LAPACK's cheap absolute value, by which it chooses pivots."""
    import numpy as np

    return abs(a.real) + abs(a.imag) if np.iscomplexobj(a) else abs(a)


def _tensor(a):
    from .. import from_numpy

    return from_numpy(a if a.flags.writeable else a.copy())


def _tensors(a, b):
    """Both in the dtype that holds both."""
    import numpy as np

    common = np.result_type(a, b)
    return _tensor(a.astype(common, copy=False)), _tensor(b.astype(common, copy=False))


def lu(a):
    """P A = L U with partial pivoting: (L below the diagonal and U, rows swapped counted from 1, first zero pivot or 0)."""
    from .. import _C

    return tuple(x.numpy() for x in _C.lu_packed(_tensor(a)))


def substitute(a, b, lower, unit):
    """The solution of a triangular system, block after block; zeros on the diagonal give infinities."""
    from .. import _C

    return _C.substitute(*_tensors(a, b), lower, unit).numpy()


def permutation(pivots, m):
    """The order of rows that swaps (counted from 1) lead to: row i of P^T A is row order[i] of A."""
    import numpy as np

    swaps = pivots.reshape(int(np.prod(pivots.shape[:-1])), pivots.shape[-1])
    order = np.tile(np.arange(m), (swaps.shape[0], 1))
    every = np.arange(swaps.shape[0])
    for j in range(swaps.shape[1]):
        row = swaps[:, j] - 1
        order[every, row], order[:, j] = order[:, j].copy(), order[every, row]
    return order.reshape(*pivots.shape[:-1], m)


def solve(a, b):
    """X with A X = B, and the number of the first zero pivot, or 0."""
    from .. import _C

    a, b = _tensors(a, b)
    packed, pivots, info = _C.lu_packed(a)
    x = _C.substitute(packed, _C.swap_rows(b, pivots), True, True)
    return _C.substitute(packed, x, False, False).numpy(), info.numpy()


def invert(a):
    import numpy as np

    return solve(a, np.broadcast_to(np.eye(a.shape[-1], dtype=a.dtype), a.shape))


@quiet
def cholesky(a):
    """(L with A = L L^H, order of the first leading minor that is not positive, or 0); only the lower triangle counts."""
    import numpy as np

    try:
        lower = np.tril(np.linalg.cholesky(a))
        if not np.isnan(lower.diagonal(0, -2, -1)).any():
            return lower, np.zeros(a.shape[:-2], np.int32)
    except np.linalg.LinAlgError:
        pass
    x = _stack(a)
    info = np.array([_cholesky_one(matrix) for matrix in x], np.int32)
    return np.tril(x).reshape(a.shape), info.reshape(a.shape[:-2])


def _cholesky_one(a):
    for j in range(a.shape[0]):
        row = a[j, :j]
        pivot = a[j, j].real - (row * row.conj()).sum().real
        a[j, j] = pivot
        if not pivot > 0:
            return j + 1
        a[j, j] = pivot**0.5
        a[j + 1 :, j] = (a[j + 1 :, j] - a[j + 1 :, :j] @ row.conj()) / a[j, j]
    return 0


# ---------------------------------------------------------------------------------------------------- L D L^T


@quiet
def ldl(a, hermitian):
    """Symmetric (or Hermitian) indefinite factors with Bunch and Kaufman's pivots: (L and D, pivots, info).

    Bunch and Kaufman, Some Stable Methods for Calculating Inertia and Solving Symmetric Linear Systems, 1977. A pivot
    k > 0 says that a row was swapped with row k; two equal negative ones that D has a block of two rows.
    """
    import numpy as np

    x = _stack(a)
    found = [_ldl_one(matrix, hermitian) for matrix in x]
    n = a.shape[-1]
    pivots = np.array([p for p, _ in found], np.int32).reshape(*a.shape[:-2], n)
    return np.tril(x).reshape(a.shape), pivots, np.array([i for _, i in found], np.int32).reshape(a.shape[:-2])


def _ldl_one(a, hermitian):
    import numpy as np

    n, k, info = a.shape[0], 0, 0
    if hermitian:
        a[np.diag_indices(n)] = a.diagonal().real
    pivots = np.zeros(n, np.int32)
    while k < n:
        row, step = _choose_pivot(a, k)
        if row is None:
            info, row, step = info or k + 1, k, 1
            pivots[k] = k + 1
            k += 1
            continue
        _swap(a, k, row, step, hermitian)
        pivots[k : k + step] = row + 1 if step == 1 else -(row + 1)
        end = k + step
        left = a[end:, k:end].copy()
        block = a[k:end, k:end].copy()
        if step == 2:
            block[0, 1] = block[1, 0].conj() if hermitian else block[1, 0]
        if hermitian:
            block[np.diag_indices(step)] = block.diagonal().real
            a[k:end, k:end][np.diag_indices(step)] = block.diagonal()
        scaled = left @ np.linalg.inv(block)
        change = scaled @ (left.conj() if hermitian else left).T
        a[end:, end:] -= np.tril(change)
        a[end:, k:end] = scaled
        k = end
    return pivots, info


def _choose_pivot(a, k):
    """(row to swap in, size of the block of D), or (None, 1) for a column of zeros."""
    alpha = (1 + 17**0.5) / 8
    diagonal = _size1(a[k, k])
    below = _size1(a[k + 1 :, k])
    largest = below.max() if below.size else 0
    if max(diagonal, largest) == 0 or diagonal != diagonal:
        return None, 1
    if diagonal >= alpha * largest:
        return k, 1
    i = k + 1 + int(below.argmax())
    in_row = max(_size1(a[i, k:i]).max(), _size1(a[i + 1 :, i]).max(initial=0))
    if diagonal >= alpha * largest * (largest / in_row):
        return k, 1
    return (i, 1) if _size1(a[i, i]) >= alpha * in_row else (i, 2)


def _swap(a, k, row, step, hermitian):
    """Swap rows and columns `row` and k + step - 1 of a matrix of which only the lower triangle is kept."""
    with_row = k + step - 1
    if row == with_row:
        return
    a[row + 1 :, [with_row, row]] = a[row + 1 :, [row, with_row]]
    between = slice(with_row + 1, row)
    one, other = a[between, with_row].copy(), a[row, between].copy()
    a[between, with_row], a[row, between] = (other.conj(), one.conj()) if hermitian else (other, one)
    if hermitian:
        a[row, with_row] = a[row, with_row].conj()
    a[with_row, with_row], a[row, row] = a[row, row], a[with_row, with_row]
    if step == 2:
        a[with_row, k], a[row, k] = a[row, k], a[with_row, k]


def ldl_solve(packed, pivots, b, hermitian):
    """X with A X = B, from what ldl gave."""
    import numpy as np

    n = packed.shape[-1]
    flat = _stack(packed)
    out = np.empty((flat.shape[0], n, b.shape[-1]), np.result_type(flat, b))
    for one, swaps, right, to in zip(flat, pivots.reshape(len(flat), n), b.reshape(out.shape), out, strict=True):
        m, d = _unpack_ldl(one, swaps, hermitian)
        turned = (m.conj() if hermitian else m).T
        to[...] = solve(turned, solve(d, solve(m, right)[0])[0])[0]
    return out.reshape(b.shape)


def _unpack_ldl(packed, pivots, hermitian):
    """(M, D) with A = M D M^T."""
    import numpy as np

    n = len(pivots)
    d, steps, k = np.zeros_like(packed), [], 0
    while k < n:
        step = 2 if pivots[k] < 0 else 1
        d[k : k + step, k : k + step] = np.tril(packed[k : k + step, k : k + step])
        if step == 2:
            d[k, k + 1] = d[k + 1, k].conj() if hermitian else d[k + 1, k]
        steps.append((k, step))
        k += step
    m = np.eye(n, dtype=packed.dtype)
    for k, step in reversed(steps):
        end = k + step
        m[end:] += packed[end:, k:end] @ m[k:end]
        row = abs(int(pivots[k])) - 1
        m[[end - 1, row]] = m[[row, end - 1]]
    return m, d


# ---------------------------------------------------------------------------------------------------- exponential

_PADE = (
    64764752532480000, 32382376266240000, 7771770303897600, 1187353796428800, 129060195264000, 10559470521600,
    670442572800, 33522128640, 1323241920, 40840800, 960960, 16380, 182, 1,
)  # fmt: skip


@quiet
def exponential(a):
    """exp of matrices: scaling, a Pade approximant of order 13, squaring (Higham, SIAM J. Matrix Anal. 26, 2005)."""
    import numpy as np

    x = _stack(a)
    if not x.size:
        return x.reshape(a.shape)
    size = abs(x).sum(1).max(1)
    finite = np.isfinite(size)
    x[~finite] = 0
    times = np.where(finite & (size > 5.37), np.ceil(np.log2(np.maximum(size, 1) / 5.37)), 0).astype(int)
    times = np.minimum(np.maximum(times, 0), 1000)
    x /= 2.0 ** times[:, None, None]
    eye = np.eye(x.shape[-1])
    x2 = x @ x
    x4 = x2 @ x2
    x6 = x4 @ x2
    c = [float(v) for v in _PADE]
    odd = x @ (x6 @ (c[13] * x6 + c[11] * x4 + c[9] * x2) + c[7] * x6 + c[5] * x4 + c[3] * x2 + c[1] * eye)
    even = x6 @ (c[12] * x6 + c[10] * x4 + c[8] * x2) + c[6] * x6 + c[4] * x4 + c[2] * x2 + c[0] * eye
    result = np.linalg.solve(even - odd, even + odd)
    for i in range(times.max()):
        result = np.where((times > i)[:, None, None], result @ result, result)
    result[~finite] = np.nan
    return result.reshape(a.shape)
