"""Special functions."""

import numpy as np
from scipy import special

from tests.frame import BOOL, FLOATS, Error, Row, Sample, T, binary, tensor, unary

WIDE = (0.0, -0.0, 1.0, -1.0, 0.5, -2.0, 5.0, np.nan)
NO_HALF = ("float32", "float64", "int32", "uint8")


def function(name, ref, **fields):
    """A function that is public at the top, as a method, and in `special`."""
    return unary(name, ref, **{"alias": (f"special.{name}",), "extremes": WIDE, **fields})


def only_special(name, ref, **fields):
    return unary(f"special.{name}", ref, **{"extremes": WIDE, "out": True, "dtypes": NO_HALF + BOOL, **fields})


def logit(x, eps=None):
    return special.logit(x if eps is None else np.clip(x, eps, 1 - eps))


def log_beta(x, p):
    return sum(special.gammaln(x - 0.5 * j) for j in range(p)) + p * (p - 1) / 4 * np.log(np.pi)


ROWS = [
    function("erf", special.erf, extremes=(*WIDE, np.inf, -np.inf)),
    function("erfc", special.erfc, extremes=(*WIDE, np.inf, -np.inf)),
    function("erfinv", special.erfinv, low=-0.9, high=0.9),
    function("sinc", np.sinc, extremes=(0.0, -0.0, 1.0, 0.5, np.nan)),
    function("i0", np.i0, alias=("special.i0",), gradgrad=True),
    function(
        "logit",
        logit,
        low=0.1,
        high=0.9,
        kwargs=[{}, {"eps": 0.2}],
        dtypes=FLOATS,
        extremes=(0.0, 1.0, 0.5, -1.0, np.nan),
    ),
    unary(
        "lgamma",
        special.gammaln,
        low=0.3,
        alias=("special.gammaln",),
        extremes=(1.0, 2.0, 0.5, -0.5, 100.0, np.inf, np.nan),
    ),
    unary(
        "digamma",
        special.psi,
        low=0.3,
        alias=("special.digamma", "special.psi"),
        extremes=(1.0, 2.0, 0.5, -0.5, 100.0, np.nan),
    ),
    Row(
        "polygamma",
        lambda n, x: special.polygamma(n, x),
        [Sample(n, T((3, 4), 0.3, 4)) for n in (0, 1, 2, 3)],
        dtypes=("float32", "float64"),
        result="float",
        method=False,
        alias=("special.polygamma",),
        tol={"float32": (1e-5, 1e-5)},
    ),
    Row(
        "mvlgamma",
        log_beta,
        [Sample(T((3, 4), 2.5, 6), 2), Sample(T((3,), 2.5, 6), p=3)],
        dtypes=("float32", "float64"),
        result="float",
        alias=("special.multigammaln",),
        inplace=True,
        errors=[Error(tensor(2), 0, raises=RuntimeError, match="p")],
    ),
    only_special("entr", special.entr, low=0.1),
    only_special("erfcx", special.erfcx, extremes=(0.0, 1.0, -1.0, 30.0, 1e5, np.inf, np.nan)),
    only_special("i0e", special.i0e),
    only_special("i1", special.i1),
    only_special("i1e", special.i1e),
    only_special("log_ndtr", special.log_ndtr, extremes=(0.0, 1.0, -1.0, -30.0, 30.0, np.nan)),
    only_special("ndtr", special.ndtr, extremes=(0.0, 1.0, -1.0, -5.0, 30.0, np.inf, -np.inf, np.nan)),
    only_special(
        "ndtri",
        special.ndtri,
        low=0.1,
        high=0.9,
        dtypes=("float32", "float64"),
        extremes=(0.0, 1.0, 0.5, 1e-20, -1.0, 2.0, np.nan),
    ),
    binary(
        "special.xlog1py",
        special.xlog1py,
        low=0.3,
        result="float",
        out=True,
        method=False,
        dtypes=NO_HALF,
        scalars=(2,),
        extremes=(0.0, 1.0, np.inf, np.nan),
    ),
    Row(
        "special.zeta",
        special.zeta,
        [
            Sample(T((3, 4), 1.5, 4, grad=False), T((4,), 0.5, 4)),
            Sample(2.0, T((3,), 0.5, 4)),
            Sample(T((), 1.5, 4, grad=False), T((), 0.5, 4)),
        ],
        dtypes=("float32", "float64"),
        result="promote",
        out=True,
        method=False,
        tol={"float32": (1e-5, 1e-5)},
    ),
]
