"""Orthogonal polynomials of double-precision NumPy arrays, by their recurrences (A&S 22.7, DLMF 18.9) and, of Chebyshev's
four kinds inside (-1, 1), by their trigonometric forms (DLMF 18.5). `n` is an array of whole degrees; below 0 they are 0.
"""

__all__ = [
    "chebyshev_t",
    "chebyshev_u",
    "chebyshev_v",
    "chebyshev_w",
    "hermite_h",
    "hermite_he",
    "laguerre_l",
    "legendre_p",
]
LARGE = 8  # from this degree on, the trigonometric form is shorter


def _recur(x, n, first, step):
    """The polynomial of each element's degree: `first(x)` is that of degree 1, step(k, p, q) that of degree k + 1 from
    those of degrees k and k - 1."""
    import numpy as np

    result = np.where(n < 0, 0.0, 1.0) + 0.0 * np.where(n > 0, x, 0.0)
    highest = int(n.max()) if n.size else 0
    before, here = np.ones_like(x), first(x)
    for k in range(1, highest + 1):
        result = np.where(n == k, here, result)
        left = n > k
        if k == highest or np.isnan(here[left]).all():
            return np.where(left, np.nan, result)
        before, here = here, step(k, here, before)
    return result


def _chebyshev(x, n, first, at_ends, angular):
    """first(x): degree 1; at_ends(x, n): at -1 and 1; angular(angle, n): for x = cos(angle)."""
    import numpy as np

    ends = (np.abs(x) == 1) & (n >= 0)
    inside = (np.abs(x) < 1) & (n >= LARGE)
    result = _recur(x, np.where(inside | ends, 0, n), first, lambda k, p, q: 2 * x * p - q)
    result[inside] = angular(np.arccos(x[inside]), n[inside])
    result[ends] = at_ends(x[ends], n[ends])
    return result


def chebyshev_t(x, n):
    import numpy as np

    return _chebyshev(
        x,
        n,
        lambda x: x,
        lambda x, n: np.where((x > 0) | (n % 2 == 0), 1.0, -1.0),
        lambda angle, n: np.cos(n * angle),
    )


def chebyshev_u(x, n):
    import numpy as np

    return _chebyshev(
        x,
        n,
        lambda x: 2 * x,
        lambda x, n: np.where((x > 0) | (n % 2 == 0), n + 1.0, -(n + 1.0)),
        lambda angle, n: np.sin((n + 1) * angle) / np.sin(angle),
    )


def chebyshev_v(x, n):
    import numpy as np

    return _chebyshev(
        x,
        n,
        lambda x: 2 * x - 1,
        lambda x, n: np.where(x > 0, 1.0, np.where(n % 2 == 0, 2 * n + 1.0, -(2 * n + 1.0))),
        lambda angle, n: np.cos((n + 0.5) * angle) / np.cos(angle / 2),
    )


def chebyshev_w(x, n):
    import numpy as np

    return _chebyshev(
        x,
        n,
        lambda x: 2 * x + 1,
        lambda x, n: np.where(x > 0, 2 * n + 1.0, np.where(n % 2 == 0, 1.0, -1.0)),
        lambda angle, n: np.sin((n + 0.5) * angle) / np.sin(angle / 2),
    )


def hermite_h(x, n):
    return _recur(x, n, lambda x: 2 * x, lambda k, p, q: 2 * x * p - 2 * k * q)


def hermite_he(x, n):
    return _recur(x, n, lambda x: x, lambda k, p, q: x * p - k * q)


def laguerre_l(x, n):
    import numpy as np

    zero = (x == 0) & (n >= 0)
    result = _recur(x, np.where(zero, 0, n), lambda x: 1 - x, lambda k, p, q: ((2 * k + 1 - x) * p - k * q) / (k + 1))
    return np.where(zero, 1.0, result)


def legendre_p(x, n):
    import numpy as np

    ends = (np.abs(x) == 1) & (n >= 0)
    first = _recur(x, np.where(ends, 0, n), lambda x: x, lambda k, p, q: ((2 * k + 1) * x * p - k * q) / (k + 1))
    return np.where(ends, np.where((x > 0) | (n % 2 == 0), 1.0, -1.0), first)
