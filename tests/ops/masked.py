"""flambeau.masked: reductions and normalisations of the elements that a mask keeps."""

import numpy as np
from scipy import special

from tests.frame import FLOATS, INTS, Error, Row, Sample, T, tensor

GAPS = {"mask": T((3, 4), dtype="bool", values=[[0, 0, 0, 0], [0, 1, 1, 0], [1, 1, 0, 0]])}
SOME = {"mask": T((3, 4), dtype="bool", values=[[1, 0, 1, 1], [0, 1, 1, 0], [1, 1, 0, 1]])}
RANK = [
    Error(tensor(3), mask=T((1, 3), dtype="bool"), raises=IndexError, match="dimensionality"),
    Error(tensor(3), mask=T((4,), dtype="bool"), raises=RuntimeError, match="expand"),
]
LOOSE = {"float16": (5e-3, 5e-3), "bfloat16": (4e-2, 4e-2), "float32": (2e-5, 1e-5)}
EXACT = ("float32", "float64")


def kept(x, mask):
    return np.ones(np.shape(x), bool) if mask is None else np.broadcast_to(mask, np.shape(x))


def axes(x, dim):
    """The axes to reduce: no dims and an empty tuple mean all."""
    return tuple(range(np.ndim(x))) if dim is None or dim == () else dim


def filled(function, neutral):
    """A NumPy reduction of the array with `neutral` where it is masked out."""

    def call(x, dim=None, keepdim=False, mask=None, **kwargs):
        value = neutral(x) if callable(neutral) else neutral
        y = np.where(kept(x, mask), x, value)
        return function(y, axis=None if np.ndim(x) == 0 else axes(x, dim), keepdims=keepdim, **kwargs)

    return call


def moments(root):
    def call(x, dim=None, unbiased=None, correction=None, keepdim=False, mask=None):
        correction = (1 if unbiased is None else int(unbiased)) if correction is None else correction
        axis, keep = axes(x, dim), kept(x, mask)
        count = keep.sum(axis, keepdims=True)
        center = np.where(keep, x, 0).sum(axis, keepdims=True) / count
        total = np.where(keep, np.abs(x - center) ** 2, 0).sum(axis, keepdims=True) / np.maximum(count - correction, 0)
        total = np.sqrt(total) if root else total
        return total if keepdim else np.squeeze(total, axis)

    return call


def mean(x, dim=None, keepdim=False, mask=None):
    keep = kept(x, mask)
    count = keep.sum(axes(x, dim), keepdims=keepdim)
    return np.where(keep, x, 0).sum(axes(x, dim), keepdims=keepdim) / count


def median(x, dim=-1, keepdim=False, mask=None):
    keep = kept(x, mask)

    def middle(row):
        values = np.sort(row[~np.isnan(row)])
        return values[(len(values) - 1) // 2] if len(values) else np.nan

    found = np.apply_along_axis(middle, dim, np.where(keep, x, np.nan)) if np.ndim(x) else np.where(keep, x, np.nan)
    return np.expand_dims(found, dim) if keepdim and np.ndim(x) else found


def vector_norm(x, ord=2.0, dim=None, keepdim=False, mask=None):
    y = np.abs(np.where(kept(x, mask), x, np.inf if ord == -np.inf else 0))
    axis = axes(x, dim)
    if np.isinf(ord):
        return (y.max if ord > 0 else y.min)(axis, keepdims=keepdim)
    return (y != 0).sum(axis, keepdims=keepdim) if ord == 0 else (y**ord).sum(axis, keepdims=keepdim) ** (1 / ord)


def first(best, neutral):
    def call(x, dim=None, keepdim=False, mask=None):
        y = np.where(kept(x, mask), x, neutral(x))
        found = best(y) if dim is None else best(y, axis=dim)
        if not keepdim:
            return found
        return np.reshape(found, (1,) * np.ndim(x)) if dim is None else np.expand_dims(found, dim)

    return call


def lowest(x):
    return -np.inf if x.dtype.kind == "f" else np.iinfo(x.dtype).min


def highest(x):
    return np.inf if x.dtype.kind == "f" else np.iinfo(x.dtype).max


def scan(function, neutral):
    return lambda x, dim, mask=None: function(np.where(kept(x, mask), x, neutral), axis=dim)


def soft(function, sign):
    return lambda x, dim, mask=None: function(np.where(kept(x, mask), sign * x, -np.inf), axis=dim)


def logaddexp(x, y, input_mask=None, other_mask=None):
    return np.logaddexp(np.where(kept(x, input_mask), x, -np.inf), np.where(kept(y, other_mask), y, -np.inf))


def normalize(x, ord, dim, eps=1e-12, mask=None):
    length = vector_norm(x, ord, dim, True, mask)
    return np.where(kept(x, mask), x, 0) / np.maximum(length, eps)


def reductions(many=True, empty=True, mask=SOME, **fields):
    """Without and with masks, of all and of single dimensions."""
    x = tensor(3, 4, **fields)
    samples = [Sample(x), Sample(x, **mask), Sample(x, dim=1, **mask), Sample(x, dim=0, keepdim=True, **mask)]
    samples += [Sample(x, mask=T((4,), dtype="bool", values=[1, 0, 1, 1])), Sample(tensor(**fields))]
    samples += [Sample(x, dim=-1, mask=T((3, 1), dtype="bool", values=[[1], [1], [1]]))]
    samples += [Sample(tensor(3, 4, grad=False, **fields), dim=d, **GAPS) for d in (0, 1)]
    if many:
        samples += [Sample(tensor(2, 3, 4, **fields), dim=(0, 2), **mask)]
        samples += [Sample(x, dim=(0, 1), keepdim=True, **mask), Sample(x, dim=(), **mask)]
    if empty:
        samples += [Sample(tensor(0, 3, **fields), dim=0, mask=T((0, 3), dtype="bool")), Sample(tensor(0, **fields))]
    return samples


def reducing(name, ref, samples, **fields):
    defaults = {"dtypes": FLOATS, "method": False, "errors": RANK, "tol": LOOSE}
    return Row(f"masked.{name}", ref, samples, **{**defaults, **fields})


def spread():
    """Of more than one element, as a variance needs."""
    return [s for s in reductions(empty=False) if s.args[0].shape]


def along(*leading, plain=False):
    """Along a dimension; plain: not differentiated where masked, whose values are -inf."""
    x, y = tensor(3, 4), tensor(3, 4, grad=not plain)
    return [Sample(x, *leading, 1), Sample(y, *leading, 1, **SOME), Sample(y, *leading, 0, **SOME)]


NONE = Error(tensor(3), mask=T((3,), dtype="bool"), dtype="bool", raises=NotImplementedError, match="neutral")
UNSUMMED = Error(tensor(3), 0, dtype="bool", raises=NotImplementedError, match="Bool")
NOTHING = Error(tensor(0, 3), dim=0, raises=IndexError, match="non-zero")
ROWS = [
    reducing("sum", filled(np.sum, 0), reductions(), dtypes=(*FLOATS, *INTS), result="sum"),
    reducing("prod", filled(np.prod, 1), reductions(low=-2, high=2), dtypes=(*FLOATS, *INTS), result="sum"),
    reducing("mean", mean, reductions(empty=False), errors=[*RANK, Error(tensor(3), dtype="int64", raises=ValueError)]),
    reducing("amax", filled(np.max, -np.inf), reductions(empty=False, distinct=True), errors=[*RANK, NONE, NOTHING]),
    reducing("amin", filled(np.min, np.inf), reductions(empty=False, distinct=True), errors=[*RANK, NONE, NOTHING]),
    reducing(
        "argmax", first(np.argmax, lowest), reductions(many=False, empty=False, distinct=True),
        dtypes=("float32", "float64", "int64"), differentiable=(), errors=[*RANK, NONE],
    ),
    reducing(
        "argmin", first(np.argmin, highest), reductions(many=False, empty=False, distinct=True),
        dtypes=("float32", "float64", "int64"), differentiable=(), errors=[*RANK, NONE],
    ),
    reducing(
        "median", median, [s for s in reductions(many=False, empty=False, distinct=True) if "dim" in s.kwargs],
        errors=[Error(tensor(2), mask=T((2,), dtype="bool", values=[0, 0]), dtype="int64", raises=ValueError)],
    ),
    reducing("var", moments(False), spread() + [Sample(tensor(3, 4), correction=0.5)], dtypes=FLOATS),
    reducing("std", moments(True), spread() + [Sample(tensor(3, 4), correction=0.5)], dtypes=FLOATS),
    reducing(
        "norm", vector_norm,
        [Sample(tensor(3, 4), ord, 1, **SOME) for ord in (1.0, 2.0, 3.0, float("inf"), -float("inf"))]
        + [Sample(tensor(3, 4), **SOME), Sample(tensor(3, 4), 2.0, (0, 1), keepdim=True, **SOME)],
    ),
    reducing("logsumexp", filled(special.logsumexp, -np.inf), reductions(empty=False)),
    reducing("cumsum", scan(np.cumsum, 0), along(), dtypes=(*FLOATS, *INTS), errors=[UNSUMMED]),
    reducing("cumprod", scan(np.cumprod, 1), along(), dtypes=(*FLOATS, *INTS), errors=[UNSUMMED]),
    reducing("softmax", soft(special.softmax, 1), along(), errors=[]),
    reducing("log_softmax", soft(special.log_softmax, 1), along(plain=True), errors=[]),
    reducing("softmin", soft(special.softmax, -1), along(), errors=[]),
    reducing("normalize", normalize, along(2.0), errors=[]),
    reducing(
        "logaddexp", logaddexp,
        [
            Sample(tensor(3, 4), tensor(3, 4)),
            Sample(tensor(3, 4), tensor(3, 4), input_mask=SOME["mask"]),
            Sample(tensor(3, 4), tensor(3, 4), other_mask=SOME["mask"]),
        ],
        result="promote", errors=[],
    ),
]  # fmt: skip
