"""Bessel, Airy and incomplete gamma functions on the whole line, and orthogonal polynomials, against SciPy."""

import numpy as np
from scipy import special

from tests.frame import FLOATS, Error, Row, Sample, T, index, tensor, unary

DTYPES = ("float32", "float64", "int32", "uint8", "bool")
WIDE = (0.0, -0.0, 1e-300, 1e-30, 1e-6, 0.7, 1.0, 1.5, 2.0, 2.99, 3.01, 5.0, 8.6, 24.9, 25.1, 40.0, 300.0, 1e4, np.nan)


def line(name, ref, extremes, **fields):
    """A function of one tensor without a derivative."""
    wrong = [
        Error([1.0], raises=TypeError, match="must be Tensor"),
        Error(tensor(2), dtype="float16", raises=NotImplementedError, match="float16"),
        Error(tensor(2), dtype="complex64", raises=NotImplementedError, match="complex64"),
    ]
    return unary(
        f"special.{name}",
        ref,
        **{
            "low": -30,
            "high": 30,
            "out": True,
            "dtypes": DTYPES,
            "differentiable": (),
            "extremes": extremes,
            "errors": wrong,
            **fields,
        },
    )


def both_sides(values):
    return (*values, *(-v for v in values))


def whole(function):
    """A SciPy polynomial for arrays of degrees, 0 below degree 0."""

    def call(x, n):
        x, n = np.broadcast_arrays(x, n)
        n = np.trunc(n).astype(np.int64)
        return np.where(n < 0, 0.0, function(np.maximum(n, 0), x.astype(np.float64)))

    return call


def third_kind(sign):
    def call(n, x):
        below = np.where(n > 0, special.eval_chebyu(np.maximum(n - 1, 0), x), 0.0)
        return special.eval_chebyu(n, x) + sign * below

    return call


def polynomial(name, function, highest=30):
    high = {"high": highest}
    return Row(
        f"special.{name}",
        whole(function),
        [
            Sample(tensor(3, 4, low=-2, high=2), index(4, high=highest, low=-2)),
            Sample(tensor(3, 4, low=-1, high=1), index(3, 1, **high)),
            Sample(tensor(3, 1, values=[[-1.0], [0.0], [1.0]]), index(12, high=12)),
            Sample(tensor(low=-1, high=1), 5),
            Sample(tensor(2, 3), 2.7),
            Sample(2, index(3, **high)),
            Sample(tensor(0, 2), 3),
        ],
        dtypes=("float32", "float64"),
        result=lambda dtype: "float32" if dtype == "int64" else dtype,
        differentiable=(),
        method=False,
        out=True,
        large=Sample(tensor(300, 200, low=-1, high=1), 6),
        errors=[
            Error(1, 2, raises=TypeError, match="expected a Tensor"),
            Error(tensor(2), "2", raises=TypeError, match="tensors or numbers"),
            Error(tensor(2), tensor(3), raises=RuntimeError, match="broadcast"),
            Error(tensor(2), 2, dtype="float16", raises=NotImplementedError, match="float16"),
        ],
        tol={"float32": (1e-4, 1e-4)},  # torch computes in single precision
    )


def shifted(kind):
    return lambda n, x: kind(n, 2 * x - 1)


def gamma_row(name, function):
    return Row(
        name,
        function,
        [
            Sample(T((3, 4), 0.1, 9, grad=False), T((3, 4), 0.1, 9)),
            Sample(T((3, 1), 20, 200, grad=False), T((4,), 20, 200)),
            Sample(T((), 0.5, 2, grad=False), T((), 0.5, 2)),
            Sample(T((0,), grad=False), T((0,), 0, 1)),
            Sample(T((5,), 0.01, 1, grad=False), T((5,), 0.01, 1)),
        ],
        dtypes=FLOATS,
        result="promote",
        out=True,
        alias=("special.gammainc" + name[len("igamma") :],),
        large=Sample(T((300, 200), 0.1, 9, grad=False), T((200,), 0.1, 9)),
        errors=[
            Error(tensor(2), 1.0, raises=TypeError, match="must be Tensor"),
            Error(tensor(2), tensor(2), dtype="int64", raises=NotImplementedError, match="int64"),
            Error(tensor(2), tensor(2), dtype="complex64", raises=NotImplementedError, match="complex64"),
        ],
    )


CHEBYSHEV = {
    "t": special.eval_chebyt,
    "u": special.eval_chebyu,
    "v": third_kind(-1),
    "w": third_kind(1),
}
ROWS = [
    line("airy_ai", lambda x: special.airy(x)[0], (*both_sides(WIDE[:-2]), np.nan)),
    # torch is right to 1e-7 only between 5 and 25; how right we are is in tests/test_special.py
    line("bessel_j0", special.j0, both_sides(WIDE), tol={"float64": (1e-6, 1e-7)}),
    line("bessel_j1", special.j1, both_sides(WIDE), tol={"float64": (1e-6, 1e-7)}),
    line("bessel_y0", special.y0, (*WIDE, -1.0)),
    line("bessel_y1", special.y1, (*WIDE, -1.0)),
    line("modified_bessel_i0", special.i0, both_sides(WIDE[:-3]), low=-5, high=5),
    line("modified_bessel_i1", special.i1, both_sides(WIDE[:-3]), low=-5, high=5),
    line("modified_bessel_k0", special.k0, (*WIDE, np.inf, -1.0)),
    line("modified_bessel_k1", special.k1, (*WIDE, np.inf, -1.0)),
    line("scaled_modified_bessel_k0", special.k0e, (*WIDE, np.inf, -1.0)),
    line("scaled_modified_bessel_k1", special.k1e, (*WIDE, np.inf, -1.0)),
    line("spherical_bessel_j0", lambda x: np.where(x == 0, 1, np.sin(x) / x), both_sides(WIDE)),
    gamma_row("igamma", special.gammainc),
    gamma_row("igammac", special.gammaincc),
    *(polynomial(f"chebyshev_polynomial_{k}", f) for k, f in CHEBYSHEV.items()),
    *(polynomial(f"shifted_chebyshev_polynomial_{k}", shifted(f)) for k, f in CHEBYSHEV.items()),
    polynomial("hermite_polynomial_h", special.eval_hermite, 12),
    polynomial("hermite_polynomial_he", special.eval_hermitenorm, 12),
    polynomial("laguerre_polynomial_l", special.eval_laguerre),
    polynomial("legendre_polynomial_p", special.eval_legendre),
]
