"""The regularised incomplete gamma functions P and Q of double-precision NumPy arrays.

With d = x^a e^-x / Gamma(a + 1), substituting t = x e^s or x e^-s in Euler's integral gives (DLMF 8.2)

    Q = a d integral of e^(-(x - a) s - x (e^s - 1 - s)) ds        for x >= a
    P = a d integral of e^(-(a - x) s - x (e^-s - 1 + s)) ds       for x < a

over s > 0: smooth, decreasing from 1 and never cancelling, so that one Gauss-Legendre rule is right for all large a.
Near 0 the power series (A&S 6.5.29) is taken.
"""

import math

from .. import _C
from ._host import array_of, tensor_of

__all__ = ["incomplete_gamma"]

EULER = 0.57721566490153286061
DEPTH = 42.0  # the integrand is followed down to e^-DEPTH
STIRLING = (1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360360, 1 / 156)  # A&S 6.1.41


def _log_gamma(a):
    return array_of(_C.lgamma(tensor_of(a)))


def _exp_rest(s):
    """e^s - 1 - s."""
    import numpy as np

    near = np.abs(s) < 0.25
    if not near.any():
        return np.expm1(s) - s
    total = 0.0
    for k in range(13, 2, -1):
        total = (total + 1) * s / k
    series = (total + 1) * s * s / 2
    return series if near.all() else np.where(near, series, np.expm1(s) - s)


def _log_rest(u):
    """u - log(1 + u)."""
    import numpy as np

    small = np.where(np.abs(u) < 0.3, u, 0.0)
    total = 0.0 * u
    for k in range(40, 1, -1):
        total = total * -small + 1 / k
    return np.where(np.abs(u) < 0.3, total * small * small, u - np.log1p(u))


def _prefactor(a, x):
    """x^a e^-x / Gamma(a + 1)."""
    import numpy as np

    large = a >= 10
    wide = np.where(large, a, 10.0)
    correction = sum(c / wide ** (2 * k + 1) for k, c in enumerate(STIRLING))
    far = np.exp(-wide * _log_rest((x - wide) / wide) - correction) / np.sqrt(2 * math.pi * wide)
    narrow, short = np.where(large, 1.0, a), np.minimum(x, 1e4)
    near = short**narrow * np.exp(-short) / np.exp(_log_gamma(narrow + 1))
    return np.where(large, far, near)


def _depth(d, x, sign):
    """Where the exponent d s + x (e^(sign s) - 1 - sign s) reaches DEPTH, by Newton's method."""
    import numpy as np

    s = 2 * DEPTH / (d + np.sqrt(d * d + 2 * x * DEPTH))
    s = np.minimum(s, np.log(2 * DEPTH / x + 8)) if sign > 0 else s
    for _ in range(6):
        value = d * s + x * _exp_rest(sign * s) - DEPTH
        slope = d + sign * x * np.expm1(sign * s)
        s = np.maximum(s - value / slope, 1e-3 * s)
    return s


def _integral(a, x, sign):
    import numpy as np

    nodes, weights = np.polynomial.legendre.leggauss(40)
    d = np.abs(x - a)
    end = _depth(d, x, sign)
    total = 0.0 * x
    for node, weight in zip((nodes + 1) / 2, weights / 2):
        s = end * node
        total += weight * np.exp(-d * s - x * _exp_rest(sign * s))
    return a * _prefactor(a, x) * total * end


def _log_gamma_near_one(a):
    """log Gamma(1 + a) for 0 < a, to full relative precision at small a (A&S 6.1.33)."""
    import numpy as np

    small = np.minimum(a, 0.1)
    orders = np.arange(2.0, 20.0)
    total = -EULER * small
    for k, zeta in zip(orders, array_of(_C.zeta(tensor_of(orders), 1.0))):
        total = total + zeta * (-small) ** k / k
    return np.where(a <= 0.1, total, _log_gamma(a + 1))


def _near(a, x):
    """P and Q for x <= 1: x^a / Gamma(a + 1) (1 + a sum of (-x)^n / (n! (a + n)))."""
    import numpy as np

    total, term = 0.0 * x, 1.0 + 0.0 * x
    for n in range(1, 22):
        term = term * -x / n
        total = total + a * term / (a + n)
    exponent = a * np.log(x) - _log_gamma_near_one(a)
    power = np.exp(exponent)
    return power * (1 + total), -np.expm1(exponent) - power * total


def incomplete_gamma(a, x):
    """P(a, x) and Q(a, x) = 1 - P(a, x); NaN where a or x is negative or both are 0 or infinite."""
    import numpy as np

    p, q = np.full(x.shape, np.nan), np.full(x.shape, np.nan)
    inside = (a > 0) & (x > 0) & np.isfinite(a) & np.isfinite(x)
    near = inside & (x <= 1)
    upper, lower = inside & ~near & (x >= a), inside & ~near & (x < a)
    if near.any():
        p[near], q[near] = _near(a[near], x[near])
    if upper.any():
        q[upper] = _integral(a[upper], x[upper], 1)
        p[upper] = 1 - q[upper]
    if lower.any():
        p[lower] = _integral(a[lower], x[lower], -1)
        q[lower] = 1 - p[lower]
    ones = ((a == 0) & (x > 0)) | ((a >= 0) & np.isfinite(a) & (x == np.inf))
    zeros = ((a > 0) & (x == 0)) | ((a == np.inf) & (x >= 0) & np.isfinite(x))
    p[ones], q[ones], p[zeros], q[zeros] = 1, 0, 0, 1
    return p, q
