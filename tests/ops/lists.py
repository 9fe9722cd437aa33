"""torch._foreach_*: a call for a list of tensors. The references are those of the ops that are applied one by one."""

import numpy as np

from tests.frame import COMPLEX, EXTREMES, FLOATS, Error, Row, Sample, T, tensor
from tests.ops import activations, pointwise, special

ONE = {row.name: row for module in (pointwise, activations, special) for row in module.ROWS}
NOT_A_LIST = Error([], raises=RuntimeError, match="at least one"), Error(tensor(2), raises=TypeError)
SCALARS = [2, 1, 3]


def some(base, position=0):
    """A list for an op: a vector, a matrix without elements, a number, in the range of the op's own samples."""
    spec = base.list_samples()[0].args[position]
    fields = {"low": spec.low, "high": spec.high, "nonzero": spec.nonzero}
    return [T((3,), **fields), T((2, 0), **fields), T((), **fields)]


def extremes(values=EXTREMES):
    return Sample([T((len(values),), values=values, dtype="float32", grad=False)])


def foreach(name, ref, samples, **fields):
    """A row: results in a list, the twin in place beside it."""
    defaults = {"dtypes": FLOATS, "method": False, "errors": list(NOT_A_LIST)}
    return Row(f"_foreach_{name}", ref, samples, **{**defaults, **fields})


def unary(name):
    base = ONE[name]
    return foreach(
        name,
        lambda xs: [base.ref(x) for x in xs],
        [Sample(some(base)), Sample([tensor(2, 2, low=0.3, high=0.9)]), extremes(base.extremes)],
        dtypes=tuple(d for d in base.dtypes if d in FLOATS or d in COMPLEX),
        result=base.result,
        differentiable=base.differentiable,
        tol=base.tol,
    )


def binary(name, scalars=True, **fields):
    """With a list of tensors; with one number for all, and a number for each."""
    base = ONE[name]

    def ref(xs, second, **kwargs):
        each = second if isinstance(second, list) else [second] * len(xs)
        return [base.ref(x, y, **kwargs) for x, y in zip(xs, each, strict=True)]

    samples = [Sample(some(base), some(base, 1))]
    samples += [Sample(some(base), 2), Sample(some(base), SCALARS)] if scalars else []
    uneven = Error([tensor(2)], [1.0, 2.0], raises=RuntimeError, match="same number")
    defaults = {"tol": base.tol, "errors": [uneven, Error([], 1, raises=RuntimeError, match="at least one")]}
    return foreach(name, ref, samples, **{**defaults, **fields})


def clamp(name, function):
    """maximum and minimum, and the names that torch has for them beside."""

    def ref(xs, second):
        each = second if isinstance(second, list) else [second] * len(xs)
        return [function(x, y) for x, y in zip(xs, each, strict=True)]

    lists = [Sample([tensor(3), tensor(2, 0)], [tensor(3), tensor(2, 0)])]
    return foreach(
        name, ref, lists + [Sample([tensor(3), tensor()], 1), Sample([tensor(3), tensor()], [1, -1])], errors=[]
    )


def factored(name, function):
    """addcmul and addcdiv: with a factor for all, and for each."""

    def ref(xs, ys, zs, value=1):
        each = value if isinstance(value, list) else [value] * len(xs)
        return [x + v * function(y, z) for x, y, z, v in zip(xs, ys, zs, each, strict=True)]

    def lists():
        return [[T((3,), 0.5, 2), T((2, 0), 0.5, 2), T((), 0.5, 2)] for _ in range(3)]

    uneven = Error([tensor(2)], [tensor(2)] * 2, [tensor(2)], raises=RuntimeError, match="same number")
    return foreach(name, ref, [Sample(*lists()), Sample(*lists(), 2), Sample(*lists(), SCALARS)], errors=[uneven])


def lerp(xs, ys, weight):
    each = weight if isinstance(weight, list) else [weight] * len(xs)
    return [x + w * (y - x) for x, y, w in zip(xs, ys, each, strict=True)]


def written(xs, value):
    return [np.broadcast_to(v, np.shape(x)) for x, v in zip(xs, value, strict=True)]


UNARY = (
    "abs acos asin atan ceil cos cosh erf erfc exp expm1 floor frac lgamma log log10 log1p log2 neg reciprocal round rsqrt sigmoid "
    "sign sin sinh sqrt tan tanh trunc"
)  # fmt: skip
PAIR = [tensor(3), tensor()]

ROWS = [
    *(unary(name) for name in UNARY.split()),
    binary("add"),
    binary("sub"),
    binary("mul"),
    binary("div"),
    binary("pow", dtypes=("float32", "float64")),
    clamp("maximum", np.maximum),
    clamp("minimum", np.minimum),
    clamp("clamp_min", np.maximum),
    clamp("clamp_max", np.minimum),
    factored("addcmul", np.multiply),
    factored("addcdiv", np.divide),
    foreach("lerp", lerp, [Sample(PAIR, PAIR, 0.25), Sample(PAIR, PAIR, PAIR), Sample(PAIR, PAIR, [0.25, 2.0])], errors=[]),
    foreach(
        "norm", lambda xs, ord=2: [np.sum(np.abs(x) ** ord) ** (1 / ord) for x in xs],
        [Sample([tensor(3), tensor(2, 2), tensor(0)]), Sample(PAIR, 1), Sample(PAIR, 3)],
    ),
    foreach("powsum", lambda xs, ord=2: [np.sum(np.abs(x) ** ord) for x in xs], [Sample([tensor(3), tensor(0)]), Sample(PAIR, 3)]),
    foreach("max", lambda xs: [np.max(x) for x in xs], [Sample([tensor(3, distinct=True), tensor(2, 2, distinct=True), tensor()])]),
    foreach("mm", lambda xs, ys: [x @ y for x, y in zip(xs, ys, strict=True)], [Sample([tensor(2, 3), tensor(1, 0)], [tensor(3, 2), tensor(0, 2)])], errors=[]),
    foreach("clone", list, [Sample([tensor(3), tensor(2, 0), tensor()]), extremes()]),
    foreach("copy_", written, [Sample([tensor(3), tensor(2, 2)], [tensor(3), tensor(2)])], errors=[]),
    foreach("zero_", lambda xs: [np.zeros_like(x) for x in xs], [Sample([tensor(3), tensor(2, 0), tensor()])]),
]  # fmt: skip
