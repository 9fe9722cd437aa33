"""softmax, normalizations, joins, statistics."""

import numpy as np
from scipy import special

from tests.frame import ALL, COMPLEX, FLOATS, REAL, Error, Row, Sample, tensor

LOOSE = {"float16": (6e-3, 6e-3), "bfloat16": (5e-2, 5e-2), "float32": (3e-5, 2e-5)}
SOFT = [
    Sample(tensor(3, 4), 1),
    Sample(tensor(2, 3, 4), 0),
    Sample(tensor(2, 3, 5), -2),
    Sample(tensor(), 0),
    Sample(tensor(0, 3), 1),
]


def soft(function):
    return lambda x, dim: function(x, axis=dim) if np.ndim(x) else function(np.reshape(x, (1,)), axis=0)[0]


def normalized(x, dims, eps, centered=True):
    x = np.asarray(x, dtype=np.complex128 if np.iscomplexobj(x) else np.float64)
    mean = x.mean(axis=dims, keepdims=True) if centered else 0.0
    return (x - mean) / np.sqrt(((x - mean) ** 2).mean(axis=dims, keepdims=True) + eps)


def layer_norm(x, shape, weight=None, bias=None, eps=1e-5):
    y = normalized(x, tuple(range(-len(shape), 0)), eps)
    y = y if weight is None else y * weight
    return y if bias is None else y + bias


def rms_norm(x, shape, weight=None, eps=1e-5):
    y = normalized(x, tuple(range(-len(shape), 0)), eps, False)
    return y if weight is None else y * weight


def by_channel(y, weight, bias):
    column = (1, -1) + (1,) * (np.ndim(y) - 2)
    y = y if weight is None else y * np.reshape(weight, column)
    return y if bias is None else y + np.reshape(bias, column)


def group_norm(x, groups, weight=None, bias=None, eps=1e-5):
    grouped = np.reshape(x, (x.shape[0], groups, -1))
    return by_channel(np.reshape(normalized(grouped, 2, eps), x.shape), weight, bias)


def batch_norm(x, mean, var, weight=None, bias=None, training=False, momentum=0.1, eps=1e-5):
    if training:
        return by_channel(normalized(x, (0, *range(2, np.ndim(x))), eps), weight, bias)
    column = (1, -1) + (1,) * (np.ndim(x) - 2)
    return by_channel((x - np.reshape(mean, column)) / np.sqrt(np.reshape(var, column) + eps), weight, bias)


def instance_norm(x):
    return normalized(x, tuple(range(2, np.ndim(x))), 1e-5)


def local_response_norm(x, size):
    padded = np.pad(x**2, [(0, 0), (size // 2, (size - 1) // 2), *[(0, 0)] * (np.ndim(x) - 2)])
    total = sum(padded[:, i : i + x.shape[1]] for i in range(size))
    return x / (1 + 1e-4 / size * total) ** 0.75


def fixed(*shape, **fields):
    """Running statistics: not differentiated."""
    return tensor(*shape, grad=False, **fields)


def stack(tensors, dim=0):
    return np.stack(tensors, dim)


def pieces(*shapes):
    return [tensor(*s) for s in shapes]


def quantile(x, q, dim=None, keepdim=False):
    return np.quantile(x, q, axis=dim, keepdims=keepdim)


SHAPE_ERRORS = [
    Error(tensor(3, 4), (5,), raises=RuntimeError, match="normalized_shape"),
    Error(tensor(3, 4), (4,), tensor(3), raises=RuntimeError, match="weight"),
]

ROWS = [
    Row("softmax", soft(special.softmax), SOFT, dtypes=FLOATS, rejects=("int64", "bool"), tol=LOOSE, large=Sample(tensor(301, 503), 1),
        errors=[Error(tensor(3), 1, raises=IndexError)]),
    Row("log_softmax", soft(special.log_softmax), SOFT, dtypes=FLOATS, rejects=("int64", "bool"), tol=LOOSE,
        large=Sample(tensor(503, 301), 0), errors=[Error(tensor(3), 1, raises=IndexError)]),
    Row("nn.functional.softmin", soft(lambda x, axis: special.softmax(-x, axis=axis)), SOFT[:3], dtypes=FLOATS, tol=LOOSE, method=False),
    Row("nn.functional.layer_norm", layer_norm,
        [Sample(tensor(3, 4), (4,)), Sample(tensor(2, 3, 4), (3, 4), tensor(3, 4), tensor(3, 4)), Sample(tensor(2, 40), (40,), tensor(40))],
        dtypes=FLOATS, rejects=("int64",), tol=LOOSE, method=False, large=Sample(tensor(701, 253), (253,)), errors=SHAPE_ERRORS),
    Row("nn.functional.rms_norm", rms_norm,
        [Sample(tensor(3, 4), (4,), None, 1e-5), Sample(tensor(2, 3, 4), (3, 4), tensor(3, 4), 1e-3)],
        dtypes=(*FLOATS, *COMPLEX), differentiable=("float64", "complex128"), rejects=("int64",), tol=LOOSE, method=False, large=Sample(tensor(701, 253), (253,), None, 1e-5), errors=SHAPE_ERRORS,
        alias=("rms_norm",)),
    Row("nn.functional.group_norm", group_norm,
        [Sample(tensor(2, 6, 5), 3), Sample(tensor(2, 6), 2, tensor(6), tensor(6)), Sample(tensor(3, 4, 2, 2), 4, tensor(4), tensor(4))],
        dtypes=FLOATS, rejects=("int64",), tol=LOOSE, method=False, large=Sample(tensor(30, 40, 101), 8),
        errors=[Error(tensor(2, 5), 2, raises=RuntimeError, match="divisible")]),
    Row("nn.functional.batch_norm", batch_norm,
        [Sample(tensor(4, 3), None, None, None, None, True), Sample(tensor(3, 2, 4), None, None, tensor(2), tensor(2), True),
         Sample(tensor(3, 2, 4), fixed(2), fixed(2, low=0.5), tensor(2), tensor(2)), Sample(tensor(2, 3, 2, 2), None, None, tensor(3), None, True)],
        dtypes=FLOATS, tol=LOOSE, method=False, large=Sample(tensor(30, 40, 101), None, None, None, None, True),
        errors=[Error(tensor(1, 3), None, None, training=True, raises=ValueError, match="more than 1 value"),
                Error(tensor(2, 3), fixed(4), fixed(4), raises=RuntimeError, match="running_mean")]),
    Row("nn.functional.instance_norm", instance_norm, [Sample(tensor(2, 3, 5)), Sample(tensor(2, 2, 3, 3))], dtypes=FLOATS, tol=LOOSE,
        method=False, errors=[Error(tensor(2, 3, 1), raises=ValueError)]),
    Row("nn.functional.local_response_norm", local_response_norm, [Sample(tensor(2, 5, 3), 3), Sample(tensor(1, 4, 2, 2), 2)],
        dtypes=FLOATS, tol=LOOSE, method=False, errors=[Error(tensor(2, 3), 2, raises=ValueError)]),
    Row("quantile", quantile, [Sample(tensor(3, 4, distinct=True), 0.3), Sample(tensor(3, 5, distinct=True), 0.5, 1, True), Sample(tensor(4, 3, distinct=True), 0.9, 0)],
        dtypes=("float32", "float64"), rejects=("int64",), gradgrad=True,
        errors=[Error(tensor(3), 1.5, raises=RuntimeError, match="range"), Error(tensor(0), 0.5, raises=RuntimeError)]),
    Row("nanquantile", quantile, [Sample(tensor(3, 4, distinct=True), 0.3), Sample(tensor(4, 3, distinct=True), 0.9, 0)], dtypes=("float32", "float64")),
    Row("cov", lambda x, correction=1: np.cov(x, ddof=correction), [Sample(tensor(3, 5)), Sample(tensor(5)), Sample(tensor(2, 4), correction=0)],
        dtypes=("float32", "float64"), errors=[Error(tensor(2, 2, 2), raises=RuntimeError)]),
    Row("corrcoef", np.corrcoef, [Sample(tensor(3, 5)), Sample(tensor(2, 4))], dtypes=("float32", "float64"), gradgrad=True),
    Row("diff", lambda x, n=1, dim=-1, before=None: np.diff(x, n, axis=dim) if before is None or not n else np.diff(x, n, dim, before),
        [Sample(tensor(5)), Sample(tensor(3, 4), 2), Sample(tensor(3, 4), 1, 0), Sample(tensor(3, 4), 0, 0, tensor(1, 4)), Sample(tensor(3, 4), 1, 0, tensor(2, 4))],
        dtypes=(*REAL, "bool"),
        errors=[Error(tensor(3), -1, raises=RuntimeError), Error(tensor(), raises=RuntimeError)]),
    Row("trapezoid", lambda y, dim=-1: np.trapezoid(y, axis=dim), [Sample(tensor(5)), Sample(tensor(3, 4), dim=0)], dtypes=("float32", "float64"),
        method=False, alias=("trapz",)),
    Row("cumulative_trapezoid", lambda y: np.cumsum((y[..., 1:] + y[..., :-1]) / 2, -1), [Sample(tensor(5)), Sample(tensor(3, 4))],
        dtypes=("float32", "float64"), method=False),
    Row("dist", lambda x, y, p=2: np.linalg.norm(np.ravel(x - y), p), [Sample(tensor(3, 4), tensor(3, 4)), Sample(tensor(4), tensor(4), 1)],
        dtypes=("float32", "float64")),
    Row("equal", None, [Sample(tensor(3), tensor(3)), Sample(tensor(2), tensor(3))], dtypes=ALL, differentiable=(),
        check=lambda result, x, y: None),
    Row("allclose", None, [Sample(tensor(3), tensor(3))], dtypes=FLOATS, differentiable=(), check=lambda result, x, y: None),
]  # fmt: skip
