"""Arithmetic, comparisons, elementary functions: everything that works element by element."""

import numpy as np
from scipy import special

from tests.frame import ALL, BOOL, COMPLEX, FLOATS, INTS, REAL, Error, Row, Sample, T, binary, tensor, unary

BOTH = ("float64", "complex128")
NO_COMPLEX = REAL + BOOL
FINITE = (0.0, -0.0, 1.0, -1.0, 1e3, -1e3, 1e-30, -1e-30)


def same(name, ref, **fields):
    """A unary function that keeps its dtype."""
    return unary(name, ref, **{"result": "first", "dtypes": REAL, **fields})


def predicate(name, ref, **fields):
    """A unary function that gives bool, and has neither an in-place form nor out=."""
    defaults = {"result": "bool", "differentiable": (), "inplace": False, "out": False, "dtypes": ALL}
    return unary(name, ref, **{**defaults, **fields})


def comparison(name, ref, **fields):
    """Two tensors to bool; never differentiable."""
    return binary(name, ref, **{"result": "bool", "differentiable": (), "dtypes": NO_COMPLEX, **fields})


def bitwise(name, ref, **fields):
    defaults = {"dtypes": INTS + BOOL, "differentiable": (), "extremes": (), "scalars": (2,), "rejects": ("float32",)}
    return binary(name, ref, **{**defaults, **fields})


def sgn(x):
    """x / |x|, and 0 for 0 and NaN."""
    if np.iscomplexobj(x):
        return np.where(x == 0, 0, x / np.where(x == 0, 1, np.abs(x)))
    return np.asarray((x > 0) * 1.0 - (x < 0) * 1.0).astype(np.asarray(x).dtype)


def signbit(x):
    return np.signbit(x) if np.asarray(x).dtype.kind == "f" else np.asarray(x) < 0


UNARY = [
    same(
        "abs",
        np.abs,
        dtypes=REAL + COMPLEX,
        result=lambda d: {"complex64": "float32", "complex128": "float64"}.get(d, d),
        differentiable=BOTH,
        alias=("absolute",),
        inplace=False,
    ),
    same("neg", np.negative, dtypes=REAL + COMPLEX, differentiable=BOTH, alias=("negative",), rejects=BOOL),
    same("positive", np.positive, dtypes=REAL + COMPLEX, inplace=False, out=False, rejects=BOOL),
    same("sign", sgn, rejects=COMPLEX),
    same("sgn", sgn, dtypes=REAL + COMPLEX, differentiable=BOTH),
    same("square", lambda x: x * x, dtypes=REAL + COMPLEX, differentiable=BOTH),
    unary("sqrt", np.sqrt, low=0.2, dtypes=ALL, differentiable=BOTH),
    unary(
        "rsqrt", lambda x: 1 / np.sqrt(x), low=0.2, dtypes=ALL, differentiable=BOTH, extremes=(1.0, np.inf, np.nan, 0.0)
    ),
    unary("reciprocal", lambda x: 1 / x, low=0.3, dtypes=FLOATS + COMPLEX, differentiable=BOTH),
    unary("exp", np.exp, dtypes=ALL, differentiable=BOTH),
    unary("exp2", np.exp2, dtypes=ALL, differentiable=BOTH, alias=("special.exp2",)),
    unary("expm1", np.expm1, dtypes=ALL, differentiable=BOTH, alias=("special.expm1",)),
    unary("log", np.log, low=0.2, dtypes=ALL, differentiable=BOTH),
    unary("log2", np.log2, low=0.2, dtypes=ALL, differentiable=BOTH),
    unary("log10", np.log10, low=0.2, dtypes=ALL, differentiable=BOTH),
    unary("log1p", np.log1p, low=-0.7, dtypes=ALL, differentiable=BOTH, alias=("special.log1p",)),
    unary("sin", np.sin, dtypes=ALL, differentiable=BOTH),
    unary("cos", np.cos, dtypes=ALL, differentiable=BOTH),
    unary("tan", np.tan, low=-1.2, high=1.2, dtypes=ALL, differentiable=BOTH, extremes=FINITE),
    unary("asin", np.arcsin, low=-0.9, high=0.9, dtypes=ALL, differentiable=BOTH, alias=("arcsin",)),
    unary("acos", np.arccos, low=-0.9, high=0.9, dtypes=ALL, differentiable=BOTH, alias=("arccos",)),
    unary("atan", np.arctan, low=-0.9, high=0.9, dtypes=ALL, differentiable=BOTH, alias=("arctan",)),
    unary("sinh", np.sinh, dtypes=ALL, differentiable=BOTH),
    unary("cosh", np.cosh, dtypes=ALL, differentiable=BOTH),
    unary("tanh", np.tanh, dtypes=ALL, differentiable=BOTH, alias=("nn.functional.tanh",), covers=("tanh_backward",)),
    unary("asinh", np.arcsinh, low=-0.9, high=0.9, dtypes=ALL, differentiable=BOTH, alias=("arcsinh",)),
    unary("acosh", np.arccosh, low=1.2, dtypes=ALL, differentiable=BOTH, alias=("arccosh",)),
    unary("atanh", np.arctanh, low=-0.8, high=0.8, dtypes=ALL, differentiable=BOTH, alias=("arctanh",)),
    same("floor", np.floor, differentiable=("float64",), gradgrad=True),
    same("ceil", np.ceil),
    same("trunc", np.trunc, alias=("fix",)),
    same(
        "round",
        lambda x, decimals=0: np.round(x, decimals),
        kwargs=[{}],
        alias=("special.round",),
        covers=("round_to",),
    ),
    Row(
        "Tensor.round",
        lambda x, decimals: np.round(x, decimals),
        [Sample(tensor(3, 4), decimals=d) for d in (1, 2, -1)],
        dtypes=("float32", "float64"),
    ),
    same("frac", lambda x: x - np.trunc(x), dtypes=FLOATS, extremes=(0.5, -2.5, np.nan), rejects=("int64",)),
    unary("deg2rad", np.deg2rad, covers=("scale",)),
    unary("rad2deg", np.rad2deg, tol={"float16": (2e-3, 0.2), "bfloat16": (2e-2, 2)}),
    predicate("isnan", np.isnan),
    predicate("isinf", np.isinf),
    predicate("isfinite", np.isfinite),
    predicate("isposinf", np.isposinf, dtypes=NO_COMPLEX, out=True),
    predicate("isneginf", np.isneginf, dtypes=NO_COMPLEX, out=True),
    predicate("isreal", np.isreal),
    predicate("signbit", signbit, dtypes=NO_COMPLEX, out=True),
    predicate("logical_not", np.logical_not, out=True),
    same("bitwise_not", np.invert, dtypes=INTS + BOOL, differentiable=(), extremes=(), rejects=("float32",)),
    same("nan_to_num", lambda x, **kw: x, extremes=FINITE),
]


def nan_to_num(x, nan=0.0, posinf=None, neginf=None):
    return np.nan_to_num(x, nan=nan, posinf=posinf, neginf=neginf)


def scaled(function):
    """add and sub with torch's alpha."""
    return lambda a, b, alpha=1: function(a, alpha * np.asarray(b))


def divide(a, b, rounding_mode=None):
    with np.errstate(all="ignore"):
        return {None: np.true_divide, "floor": np.floor_divide}.get(rounding_mode, lambda x, y: np.trunc(x / y))(a, b)


BINARY = [
    binary("add", scaled(np.add), dtypes=ALL, differentiable=BOTH, kwargs=[{"alpha": 2}], covers=("add_scaled",)),
    binary(
        "sub",
        scaled(np.subtract),
        dtypes=REAL + COMPLEX,
        differentiable=BOTH,
        kwargs=[{"alpha": 2}],
        alias=("subtract",),
    ),
    Row(
        "rsub",
        lambda a, b, alpha=1: b - alpha * a,
        [Sample(tensor(3, 4), tensor(4)), Sample(tensor(3, 4), 2), Sample(tensor(3), tensor(3), alpha=2)],
        dtypes=REAL + COMPLEX,
        result="promote",
        method=False,
    ),
    binary("mul", np.multiply, dtypes=ALL, differentiable=BOTH, alias=("multiply",)),
    binary(
        "div", np.true_divide, low2=0.5, dtypes=FLOATS + COMPLEX, differentiable=BOTH, alias=("divide", "true_divide")
    ),
    Row(
        "Tensor.div",
        divide,
        [Sample(tensor(3, 4), T((4,), 0.6, 3, nonzero=True), rounding_mode=m) for m in ("floor", "trunc")]
        + [Sample(tensor(3, 4), 2, rounding_mode=m) for m in ("floor", "trunc")],
        dtypes=REAL,
        result="promote",
        covers=("div_trunc", "div_floor"),
        errors=[Error(tensor(2), tensor(2), rounding_mode="up", raises=RuntimeError, match="rounding_mode")],
    ),
    binary("floor_divide", lambda a, b: np.floor_divide(a, b), nonzero=True, low2=0.6, differentiable=(), extremes=()),
    binary(
        "remainder", np.remainder, nonzero=True, low2=0.6, scalars=(2,), extremes=(1.0, -1.0, 2.5, -2.5, np.inf, np.nan)
    ),
    binary("fmod", np.fmod, nonzero=True, low2=0.6, scalars=(2,), extremes=(1.0, -1.0, 2.5, -2.5, np.nan)),
    binary(
        "pow",
        np.power,
        covers=("cube",),
        low=0.3,
        high=2.5,
        dtypes=FLOATS + COMPLEX,
        differentiable=BOTH,
        scalars=(2, -1.5, 0.5, 3),
        extremes=(0.0, 1.0, -1.0, np.inf, -np.inf, np.nan, 2.0, -2.0, 0.5, 3.0),
    ),
    Row(
        "Tensor.pow",
        np.power,
        [Sample(tensor(3, 4), T((4,), 0, 3)), Sample(tensor(5), 3), Sample(tensor(), 2)],
        dtypes=INTS,
        result="promote",
        differentiable=(),
        method=False,
    ),
    Row(
        "float_power",
        np.float_power,
        [Sample(T((3, 4), 0.3, 2), tensor(4)), Sample(T((3,), 0.3, 2), 2)],
        dtypes=REAL,
        result=lambda d: "float64",
    ),
    binary("atan2", np.arctan2, low2=0.3, result="float", scalars=(), alias=("arctan2",)),
    binary("hypot", np.hypot, dtypes=FLOATS, low=0.3, scalars=()),
    binary("logaddexp", np.logaddexp, dtypes=FLOATS, scalars=(), inplace=False),
    binary("logaddexp2", np.logaddexp2, dtypes=FLOATS, scalars=(), inplace=False),
    binary(
        "copysign", np.copysign, low=0.2, low2=-2.0, result="float", extremes=(0.0, -0.0, 1.0, -1.0, np.inf, -np.inf)
    ),
    binary(
        "nextafter",
        np.nextafter,
        dtypes=("float64",),
        scalars=(),
        promotes=False,
        extreme_dtypes=("float64",),
    ),
    binary(
        "heaviside",
        np.heaviside,
        dtypes=REAL,
        scalars=(),
        differentiable=(),
        promotes=False,
        extremes=(0.0, -0.0, 1.0, np.inf, -np.inf),
    ),
    binary("maximum", np.maximum, dtypes=NO_COMPLEX, scalars=(), inplace=False),
    binary("minimum", np.minimum, dtypes=NO_COMPLEX, scalars=(), inplace=False),
    binary("fmax", np.fmax, dtypes=NO_COMPLEX, scalars=(), inplace=False),
    binary("fmin", np.fmin, dtypes=NO_COMPLEX, scalars=(), inplace=False),
    binary(
        "xlogy",
        special.xlogy,
        low=0.3,
        result="float",
        alias=("special.xlogy",),
        extremes=(0.0, 1.0, np.inf, np.nan),
        scalars=(2,),
    ),
    bitwise("bitwise_and", np.bitwise_and),
    bitwise("bitwise_or", np.bitwise_or),
    bitwise("bitwise_xor", np.bitwise_xor),
    bitwise("bitwise_left_shift", np.left_shift, low=0, dtypes=INTS),
    bitwise("bitwise_right_shift", np.right_shift, low=0, dtypes=INTS),
    bitwise("gcd", np.gcd, dtypes=INTS, scalars=()),
    bitwise("lcm", np.lcm, dtypes=INTS, scalars=()),
    Row(
        "ldexp",
        lambda a, b: a * 2.0**b,
        [Sample(tensor(3, 4), tensor(4)), Sample(tensor(), tensor())],
        dtypes=FLOATS,
        result="float",
        inplace=True,
        out=True,
    ),
    comparison("eq", np.equal, dtypes=ALL),
    comparison("ne", np.not_equal, dtypes=ALL, alias=("not_equal",)),
    comparison("lt", np.less, alias=("less",), rejects=COMPLEX),
    comparison("le", np.less_equal, alias=("less_equal",)),
    comparison("gt", np.greater, alias=("greater",)),
    comparison("ge", np.greater_equal, alias=("greater_equal",)),
    comparison("logical_and", np.logical_and, dtypes=ALL, scalars=()),
    comparison("logical_or", np.logical_or, dtypes=ALL, scalars=()),
    comparison("logical_xor", np.logical_xor, dtypes=ALL, scalars=()),
    Row(
        "isclose",
        lambda a, b, rtol=1e-5, atol=1e-8, equal_nan=False: np.isclose(a, b, rtol, atol, equal_nan),
        [
            Sample(tensor(3, 4), tensor(4)),
            Sample(tensor(3), tensor(3), rtol=1.0),
            Sample(T((3,), values=(1, 2, 3)), T((3,), values=(1, 2, 4))),
        ],
        dtypes=REAL,
        result="bool",
        differentiable=(),
    ),
]


def clamp(x, min=None, max=None):
    low = x if min is None else np.maximum(x, min)
    return low if max is None else np.minimum(low, max)


def lerp(a, b, w):
    return a + w * (b - a)


def addcdiv(a, b, c, value=1):
    return a + value * b / c


BOUNDS = T((4,), -1.0, -0.5), T((4,), 0.5, 1.0)
TERNARY = [
    Row(
        "where",
        np.where,
        [
            Sample(T((3, 4), dtype="bool"), tensor(3, 4), tensor(4)),
            Sample(T((3, 1), dtype="bool"), tensor(1, 4), tensor()),
            Sample(T((3, 4), dtype="bool"), tensor(4), 2),
            Sample(T((4,), dtype="bool"), 1.5, tensor(4)),
            Sample(T((0, 3), dtype="bool"), tensor(3), tensor(1)),
            Sample(T((), dtype="bool"), tensor(), tensor()),
        ],
        dtypes=("float32", "float64", "complex64", "complex128"),
        result="promote",
        differentiable=BOTH,
        covers=("where_",),
        method=False,
    ),
    Row(
        "clamp",
        clamp,
        [
            Sample(tensor(3, 4), -1, 1),
            Sample(tensor(3, 4), min=0),
            Sample(tensor(), None, 0.5),
            Sample(tensor(0, 2), -1, 1),
            Sample(tensor(3, 4), *BOUNDS),
            Sample(tensor(3, 4), min=BOUNDS[0]),
            Sample(tensor(3, 4), max=BOUNDS[1]),
            Sample(tensor(3, 4), max=1),
        ],
        dtypes=(*FLOATS, *INTS[1:]),  # -1 is 255 among uint8
        alias=("clip",),
        covers=("clamp_range",),
        inplace=True,
        out=True,
        result="promote",
        extremes=(np.inf, -np.inf, np.nan, 0.0, -0.0, 1.0, -1.0),
        large=Sample(tensor(301, 501), -1, 1),
        errors=[Error(tensor(2), raises=RuntimeError, match="min.*max")],
    ),
    Row(
        "clamp_min",
        np.maximum,
        [
            Sample(tensor(3, 4), 0.5),
            Sample(tensor(3, 4), tensor(4)),
            Sample(tensor(3, 4), 1),
            Sample(tensor(3, 4), tensor()),
        ],
        dtypes=REAL,
        result="promote",
        inplace=True,
    ),
    Row(
        "clamp_max",
        np.minimum,
        [
            Sample(tensor(3, 4), 0.5),
            Sample(tensor(3, 4), tensor(4)),
            Sample(tensor(3, 4), 1),
            Sample(tensor(3, 4), tensor()),
        ],
        dtypes=REAL,
        result="promote",
        inplace=True,
    ),
    Row(
        "lerp",
        lerp,
        [
            Sample(tensor(3, 4), tensor(4), 0.3),
            Sample(tensor(3, 4), tensor(3, 4), tensor(4)),
            Sample(tensor(), tensor(), tensor()),
        ],
        dtypes=("float32", "float64", "complex64", "complex128"),
        differentiable=BOTH,
        inplace=True,
        out=True,
    ),
    Row(
        "addcmul",
        lambda a, b, c, value=1: a + value * b * c,
        [
            Sample(tensor(3, 4), tensor(4), tensor(3, 1)),
            Sample(tensor(3), tensor(3), tensor(3), value=2),
            Sample(tensor(0), tensor(1), tensor()),
        ],
        dtypes=REAL + COMPLEX,
        differentiable=BOTH,
        inplace=True,
        out=True,
    ),
    Row(
        "addcdiv",
        addcdiv,
        [
            Sample(tensor(3, 4), tensor(4), tensor(3, 1, low=0.5)),
            Sample(tensor(3), tensor(3), tensor(3, low=0.5), value=2),
        ],
        dtypes=FLOATS + COMPLEX,
        differentiable=BOTH,
        inplace=True,
        out=True,
        rejects=("int64",),
    ),
]


def check_false(result, x):
    assert result is False


def check_same(result, x):
    assert result.data_ptr() == x.data_ptr() and result.dtype == x.dtype


LAZY = [
    Row(
        name,
        None,
        [Sample(tensor(3)), Sample(tensor(0, 2))],
        dtypes=("complex64",),
        check=check_false,
        differentiable=(),
    )
    for name in ("is_conj", "is_neg")
]
LAZY += [
    Row(name, None, [Sample(tensor(3)), Sample(tensor())], dtypes=("complex64",), check=check_same, differentiable=())
    for name in ("resolve_conj", "resolve_neg")
]
COMPLEX_ROWS = [
    Row(
        "conj",
        np.conj,
        [Sample(tensor(3, 4)), Sample(tensor())],
        dtypes=REAL + COMPLEX,
        differentiable=BOTH,
        covers=("conj_",),
    ),
    Row(
        "conj_physical",
        np.conj,
        [Sample(tensor(3, 4)), Sample(tensor())],
        dtypes=REAL + COMPLEX,
        differentiable=BOTH,
        inplace=True,
    ),
    unary(
        "angle",
        np.angle,
        covers=("real_", "imag_"),
        dtypes=FLOATS + COMPLEX,
        differentiable=BOTH,
        inplace=False,
        extremes=(0.0, 1.0, -1.0, np.nan),
        result=lambda d: {"complex64": "float32", "complex128": "float64"}.get(d, d),
    ),
]

ROWS = UNARY + BINARY + TERNARY + COMPLEX_ROWS + LAZY
