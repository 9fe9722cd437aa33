"""Bessel and Airy functions of double-precision NumPy arrays: series near 0, sums of smooth integrands in the middle,
asymptotic expansions far out. Sources: Abramowitz and Stegun (A&S), chapters 9 and 10; DLMF chapters 9 and 10; the
exponential convergence of the trapezoidal rule: Trefethen and Weideman (2014).
"""

import math

__all__ = ["airy_ai", "bessel_j", "bessel_y", "modified_k", "spherical_j0"]

EULER = 0.57721566490153286061
NEAR, FAR = 3.0, 25.0  # where the series end, and where the asymptotic expansions begin
AIRY_0, AIRY_SLOPE_0 = 0.35502805388781723926, 0.25881940379280679841  # Ai(0) and -Ai'(0), A&S 10.4.4


def piecewise(x, *pieces):
    """An array like x, filled by (mask, function) pairs; NaN where no mask holds."""
    import numpy as np

    result = np.full(x.shape, np.nan)
    for mask, function in pieces:
        if mask.any():
            result[mask] = function(x[mask])
    return result


def _series(x, sign):
    """The four power series of orders 0 and 1 in sign * x^2 / 4 (A&S 9.1.10-13, 9.6.10-13).

    Returns: those of the functions of the first kind of order 0 and 1, and what the second kind has beside a logarithm.
    """
    z = sign * x * x / 4
    term, first, second, logarithmic, halved = 1.0 + 0 * z, 0.0, 0.0, 0.0, 0.0
    harmonic = 0.0
    for k in range(22):
        first = first + term
        second = second + term / (k + 1)
        logarithmic = logarithmic + harmonic * term
        halved = halved + (2 * harmonic + 1 / (k + 1) - 2 * EULER) * term / (k + 1)
        term = term * z / ((k + 1) * (k + 1))
        harmonic += 1 / (k + 1)
    return first, second * x / 2, logarithmic, halved * x / 2


def _miller(x, second=True):
    """J0, J1, Y0, Y1 (second: else the first two) by recurrence from high orders down, which is stable (A&S 9.12), and
    Neumann's expansions of Y (A&S 9.1.88)."""
    import numpy as np

    inverse = 2 / x
    above, here = np.zeros_like(x), np.full_like(x, 1e-200)
    total, even, odd = 0.0, 0.0, 0.0
    for order in range(64, 0, -1):
        half, sign = order // 2, (-1) ** (order // 2)
        if order % 2 == 0:
            total = total + here
        if second and order % 2 == 0:
            even = even + sign / half * here
        elif second and half:
            odd = odd + sign * order / (half * (half + 1)) * here
        above, here = here, (order * inverse) * here - above
    total = 2 * total + here
    j0, j1 = here / total, above / total
    if not second:
        return j0, j1
    log = np.log(x / 2) + EULER
    y0 = (2 * log * j0 - 4 * even / total) / math.pi
    y1 = (-inverse * j0 + 2 * (log - 1) * j1 - 2 * odd / total) / math.pi
    return j0, j1, y0, y1


def _hankel(order, x):
    """J and Y of an order far out (A&S 9.2.5, 9.2.6)."""
    import numpy as np

    p, q, term = 0.0 * x, 0.0 * x, 1.0 + 0.0 * x
    for k in range(0, 28, 2):
        sign = (-1) ** (k // 2)
        p += sign * term
        term = term * (4 * order**2 - (2 * k + 1) ** 2) / (8 * (k + 1) * x)
        q += sign * term
        term = term * (4 * order**2 - (2 * k + 3) ** 2) / (8 * (k + 2) * x)
    sine, cosine = np.sin(x), np.cos(x)
    cos, sin = (cosine + sine) / math.sqrt(2), (sine - cosine) / math.sqrt(2)  # of x - pi / 4
    if order == 1:
        cos, sin = sin, -cos
    scale = np.sqrt(2 / math.pi / x)
    return scale * (p * cos - q * sin), scale * (p * sin + q * cos)


def bessel_j(order, x):
    """The Bessel function of the first kind, of order 0 or 1."""
    import numpy as np

    size = np.abs(x)
    result = piecewise(
        size,
        (size <= NEAR, lambda v: _series(v, -1)[order]),
        ((size > NEAR) & (size <= FAR), lambda v: _miller(v, False)[order]),
        (size > FAR, lambda v: _hankel(order, v)[0]),
    )
    return result if order == 0 else np.copysign(1.0, x) * result


def _near_y(order, x):
    import numpy as np

    j0, j1, logarithmic, halved = _series(x, -1)
    if order == 0:
        return 2 / math.pi * ((np.log(x / 2) + EULER) * j0 - logarithmic)
    return (-2 / x + 2 * np.log(x / 2) * j1 - halved) / math.pi


def bessel_y(order, x):
    """The Bessel function of the second kind, of order 0 or 1: NaN below 0, -inf at 0."""
    import numpy as np

    return piecewise(
        x,
        (x == 0, lambda v: np.full(v.shape, -np.inf)),
        ((x > 0) & (x <= NEAR), lambda v: _near_y(order, v)),
        ((x > NEAR) & (x <= FAR), lambda v: _miller(v)[2 + order]),
        (x > FAR, lambda v: _hankel(order, v)[1]),
    )


def _far_k(order, x):
    """e^x K(x) far out (A&S 9.7.2); x may be complex."""
    import numpy as np

    total, term = np.zeros_like(x), np.ones_like(x)
    for k in range(28):
        total = total + term
        term = term * (4 * order**2 - (2 * k + 1) ** 2) / (8 * (k + 1) * x)
    return np.sqrt(math.pi / 2 / x) * total


def _integral_k(order, x):
    """e^x K(x), the integral of e^(-x (cosh t - 1)) cosh(order t) over t > 0 (A&S 9.6.24), by the trapezoidal rule."""
    import numpy as np

    step, total = 1 / 8, 0.5 + 0.0 * x
    for n in range(1, 52):
        t = n * step
        total = total + math.cosh(order * t) * np.exp(-x * (2 * math.sinh(t / 2) ** 2))
    return step * total


def _near_k(order, x):
    import numpy as np

    i0, i1, logarithmic, halved = _series(x, 1)
    if order == 0:
        return logarithmic - (np.log(x / 2) + EULER) * i0
    return 1 / x + np.log(x / 2) * i1 - halved / 2


def modified_k(order, x, scaled):
    """The modified Bessel function of the second kind, of order 0 or 1; scaled: times e^x. NaN below 0, inf at 0."""
    import numpy as np

    def times(v, exponent):
        return np.exp(exponent * v)

    return piecewise(
        x,
        (x == 0, lambda v: np.full(v.shape, np.inf)),
        ((x > 0) & (x <= 1), lambda v: _near_k(order, v) * (times(v, 1) if scaled else 1)),
        ((x > 1) & (x <= FAR), lambda v: _integral_k(order, v) * (1 if scaled else times(v, -1))),
        (x > FAR, lambda v: _far_k(order, v) * (1 if scaled else times(v, -1))),
    )


def _near_airy(x):
    """Maclaurin's series (A&S 10.4.2)."""
    cube = x * x * x
    f, g, even, odd = 0.0 * x, 0.0 * x, 1.0 + 0.0 * x, x
    for k in range(24):
        f, g = f + even, g + odd
        even = even * cube / ((3 * k + 2) * (3 * k + 3))
        odd = odd * cube / ((3 * k + 3) * (3 * k + 4))
    return AIRY_0 * f - AIRY_SLOPE_0 * g


def _right_airy(x):
    """Ai(x) = sqrt(x / 3) / pi K_(1/3)(2/3 x^(3/2)) (A&S 10.4.14)."""
    import numpy as np

    zeta = 2 / 3 * x * np.sqrt(x)
    k = piecewise(
        zeta,
        (zeta <= FAR, lambda v: _integral_k(1 / 3, v)),
        (zeta > FAR, lambda v: _far_k(1 / 3, v)),
    )
    return np.sqrt(x / 3) / math.pi * k * np.exp(-zeta)


def _turned_k(zeta):
    """The imaginary part of K_(1/3)(-i zeta): the integral of A&S 9.6.24 along a path on which it does not oscillate
    much, from 0 towards infinity + i pi / 2."""
    import numpy as np

    step, total = 1 / 12, 0.0 * zeta
    for n in range(52):
        u = n * step
        t = complex(u, math.pi / 2 * math.tanh(2 * u / math.pi))
        slope = complex(1, 1 / math.cosh(2 * u / math.pi) ** 2)
        cosh, weight = np.cosh(t), np.cosh(t / 3) * slope * (0.5 if n == 0 else 1.0)
        total = total + (np.exp(1j * zeta * cosh) * weight).imag
    return step * total


def _left_airy(x):
    """Ai(-z) = 2 / pi sqrt(z / 3) Im K_(1/3)(-i zeta), zeta = 2/3 z^(3/2) (DLMF 9.2.14, 9.6.2)."""
    import numpy as np

    z = -x
    zeta = 2 / 3 * z * np.sqrt(z)
    k = piecewise(
        zeta,
        (zeta <= FAR, _turned_k),
        (zeta > FAR, lambda v: (_far_k(1 / 3, -1j * v) * np.exp(1j * v)).imag),
    )
    return 2 / math.pi * np.sqrt(z / 3) * k


def airy_ai(x):
    """The Airy function Ai."""
    return piecewise(x, (x < -2, _left_airy), ((x >= -2) & (x <= 1), _near_airy), (x > 1, _right_airy))


def spherical_j0(x):
    """sin(x) / x, which is 1 at 0 and 0 at infinity."""
    import numpy as np

    return piecewise(
        x,
        (np.isinf(x), np.zeros_like),
        (np.isfinite(x) & (x != 0), lambda v: np.sin(v) / v),
        (x == 0, np.ones_like),
    )
