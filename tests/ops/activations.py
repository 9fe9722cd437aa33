"""Activation functions of nn.functional and their kin."""

import numpy as np
from scipy import special

from tests.frame import FLOATS, Error, Row, Sample, T, tensor, unary

F = "nn.functional."
POINTS = (0.0, -0.0, 1.0, -1.0, 20.5, -20.5, 100.0, -100.0, 1e30, -1e30, np.inf, np.nan)


def activation(name, ref, kwargs=({},), **fields):
    """A row of nn.functional with one tensor argument."""
    return unary(F + name, ref, **{"result": "first", "dtypes": FLOATS, "extremes": POINTS, "kwargs": kwargs, **fields})


def relu(x):
    return np.maximum(x, 0)


def sigmoid(x):
    return 1 / (1 + np.exp(-x)) if np.iscomplexobj(x) else special.expit(x)


def softplus(x, beta=1.0, threshold=20.0):
    scaled = x * beta
    return np.where(scaled > threshold, x, np.log1p(np.exp(np.minimum(scaled, threshold))) / beta)


def gelu(x, approximate="none"):
    if approximate == "tanh":
        return 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))
    return x * special.ndtr(x)


def elu(x, alpha=1.0, scale=1.0, inner=1.0):
    return np.where(x > 0, scale * x, scale * alpha * np.expm1(inner * np.minimum(x, 0)))


def selu(x):
    return elu(x, 1.6732632423543772848170429916717, 1.0507009873554804934193349852946)


def celu(x, alpha=1.0):
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0) / alpha))


def clipped(x, low, high):
    return np.minimum(np.maximum(x, low), high)


def shrink(x, lambd=0.5):
    return np.where(x > lambd, x - lambd, np.where(x < -lambd, x + lambd, 0 * x))


def mish(x):
    return x * np.tanh(np.logaddexp(0, x))


def glu(x, dim=-1):
    a, b = np.split(x, 2, dim)
    return a * special.expit(b)


def logsigmoid(x):
    return -np.logaddexp(0, -x)


FINITE = (0.0, -0.0, 1.0, -1.0, 3.0, -3.0, 20.5, -20.5, 1e30, -1e30, np.nan)
ROWS = [
    unary(
        "relu", relu, result="first", dtypes=FLOATS, out=False, alias=("nn.functional.relu",), covers=("relu_backward",)
    ),
    unary(
        "sigmoid",
        sigmoid,
        dtypes=FLOATS + ("int64", "complex64"),
        differentiable=("float64", "complex128"),
        alias=("special.expit", "nn.functional.sigmoid"),
        covers=("sigmoid_backward",),
    ),
    unary(
        "selu",
        selu,
        result="first",
        dtypes=FLOATS,
        out=False,
        inplace=False,
        method=False,
        alias=("nn.functional.selu",),
        extremes=POINTS,
    ),
    unary(
        "celu",
        celu,
        result="first",
        dtypes=FLOATS,
        out=False,
        inplace=False,
        method=False,
        alias=("nn.functional.celu",),
        kwargs=[{}, {"alpha": 0.5}],
        extremes=POINTS,
    ),
    activation("relu6", lambda x: clipped(x, 0, 6)),
    activation(
        "leaky_relu",
        lambda x, negative_slope=0.01: np.where(x > 0, x, negative_slope * x),
        [{}, {"negative_slope": 0.3}],
    ),
    activation("elu", elu, [{}, {"alpha": 0.5}]),
    activation(
        "gelu",
        gelu,
        [{}, {"approximate": "tanh"}],
        covers=("gelu_tanh", "gelu_backward", "gelu_tanh_backward"),
        extremes=FINITE,
        errors=[Error(tensor(2), approximate="erf", raises=RuntimeError, match="approximate")],
    ),
    activation("silu", lambda x: x * special.expit(x), extremes=FINITE, covers=("silu_backward",)),
    activation("mish", mish, extremes=FINITE),
    activation("softplus", softplus, [{}, {"beta": 3.0}, {"beta": 0.5, "threshold": 1.0}]),
    activation("softsign", lambda x: x / (1 + np.abs(x)), extremes=FINITE),
    activation(
        "hardtanh",
        lambda x, min_val=-1.0, max_val=1.0: clipped(x, min_val, max_val),
        [{}, {"min_val": -2.0, "max_val": 0.5}],
    ),
    activation("hardsigmoid", lambda x: clipped(x + 3, 0, 6) / 6, gradgrad=False),
    activation("hardswish", lambda x: x * clipped(x + 3, 0, 6) / 6, extremes=FINITE),
    activation(
        "hardshrink",
        lambda x, lambd=0.5: np.where((x >= -lambd) & (x <= lambd), 0, x),
        [{}, {"lambd": 1.0}],
        alias=("hardshrink",),
    ),
    activation("softshrink", shrink, [{}, {"lambd": 1.0}], extremes=FINITE),
    activation("tanhshrink", lambda x: x - np.tanh(x), tol={"float16": (2e-3, 4e-3), "bfloat16": (2e-2, 2e-2)}),
    Row(
        F + "threshold",
        lambda x, t, v: np.where(x <= t, v, x),
        [Sample(tensor(3, 4), 0.3, -7.0), Sample(tensor(), 0, 1)],
        alias=("threshold",),
        dtypes=FLOATS,
        method=False,
    ),
    activation("logsigmoid", logsigmoid, covers=("log_sigmoid",)),
    Row(
        F + "prelu",
        lambda x, w: np.where(
            x > 0, x, x * (w if np.ndim(w) == 0 or w.size == 1 or x.ndim < 2 else w.reshape(-1, *[1] * (x.ndim - 2)))
        ),
        [
            Sample(tensor(3, 4), tensor(1)),
            Sample(tensor(3, 4), tensor(4)),
            Sample(tensor(2, 4, 3), tensor(4)),
            Sample(tensor(5), tensor()),
        ],
        dtypes=FLOATS,
        method=False,
        alias=("prelu",),
        errors=[Error(tensor(3, 4), tensor(3), raises=RuntimeError, match="prelu")],
    ),
    Row(
        F + "glu",
        glu,
        [Sample(tensor(3, 4)), Sample(tensor(4, 3), dim=0), Sample(tensor(0, 2))],
        dtypes=FLOATS,
        method=False,
        errors=[Error(tensor(3, 3), raises=RuntimeError, match="even")],
    ),
    Row(
        F + "rrelu",
        lambda x, lower=1 / 8, upper=1 / 3, training=False: np.where(x > 0, x, x * (lower + upper) / 2),
        [Sample(tensor(3, 4)), Sample(T((5,)), lower=0.1, upper=0.5)],
        dtypes=FLOATS,
        method=False,
    ),
]
