"""Choices between elements: bounds, maxima, where."""

from .. import _C
from ._common import before_write, write_out
from ._pointwise import check_tensors, clamped, without_nan

__all__ = [
    "clamp",
    "clamp_",
    "clamp_max",
    "clamp_min",
    "clip",
    "fmax",
    "fmin",
    "heaviside",
    "maximum",
    "minimum",
    "nan_to_num",
    "nan_to_num_",
    "where",
]


def clamp(input, min=None, max=None, *, out=None):
    """Each element, moved into a range.

    `out = min(max(input, min), max)`

    Args:
        input: tensor.
        min: the lower bound, a number or a tensor that broadcasts; none if None.
        max: the upper bound, a number or a tensor that broadcasts; none if None.
        out: tensor for the result.

    Returns:
        Tensor of the broadcast shape; `max` where `min` is above `max`.

    Raises:
        RuntimeError: both bounds are None; the dtype is complex.

    Example:
        >>> flambeau.clamp(flambeau.tensor([-2.0, 0.5, 3.0]), -1, 1)
        tensor([-1.0000,  0.5000,  1.0000])
    """
    result = clamped(input, min, max)
    return result if out is None else write_out(out, result)


def clamp_max(input, max, *, out=None):
    """Each element, or the bound if that is smaller.

    `out = min(input, max)`

    Args:
        input: tensor.
        max: the upper bound, a number or a tensor that broadcasts.
        out: tensor for the result.

    Returns:
        Tensor of the broadcast shape.

    Example:
        >>> flambeau.clamp_max(flambeau.tensor([-2.0, 0.5, 3.0]), 1)
        tensor([-2.0000,  0.5000,  1.0000])
    """
    if max is None:
        raise TypeError("[clamp_max] max must be a number or a Tensor, got None")
    result = clamped(input, None, max)
    return result if out is None else write_out(out, result)


def clamp_min(input, min, *, out=None):
    """Each element, or the bound if that is larger.

    `out = max(input, min)`

    Args:
        input: tensor.
        min: the lower bound, a number or a tensor that broadcasts.
        out: tensor for the result.

    Returns:
        Tensor of the broadcast shape.

    Example:
        >>> flambeau.clamp_min(flambeau.tensor([-2.0, 0.5, 3.0]), 0)
        tensor([0.0000, 0.5000, 3.0000])
    """
    if min is None:
        raise TypeError("[clamp_min] min must be a number or a Tensor, got None")
    result = clamped(input, min, None)
    return result if out is None else write_out(out, result)


def fmax(input, other, *, out=None):
    """The larger of two elements; the other one where one is NaN.

    `out = max(input, other)`

    Args:
        input: tensor.
        other: tensor that broadcasts with `input`, or a number.
        out: tensor for the result.

    Returns:
        Tensor of the broadcast shape and promoted dtype.

    Example:
        >>> flambeau.fmax(flambeau.tensor([1.0, flambeau.nan]), flambeau.tensor([2.0, 3.0]))
        tensor([2., 3.])
    """
    check_tensors("fmax", input, other)
    result = _C.fmax(input, other)
    return result if out is None else write_out(out, result)


def fmin(input, other, *, out=None):
    """The smaller of two elements; the other one where one is NaN.

    `out = min(input, other)`

    Args:
        input: tensor.
        other: tensor that broadcasts with `input`, or a number.
        out: tensor for the result.

    Returns:
        Tensor of the broadcast shape and promoted dtype.

    Example:
        >>> flambeau.fmin(flambeau.tensor([1.0, flambeau.nan]), flambeau.tensor([2.0, 3.0]))
        tensor([1., 3.])
    """
    check_tensors("fmin", input, other)
    result = _C.fmin(input, other)
    return result if out is None else write_out(out, result)


def heaviside(input, values, *, out=None):
    """The step function: 0 below zero, 1 above, and `values` at zero.

    `out = 0 if input < 0, values if input = 0, else 1`

    Args:
        input: tensor.
        values: tensor of the same dtype that broadcasts with `input`.
        out: tensor for the result.

    Returns:
        Tensor of the broadcast shape.

    Raises:
        RuntimeError: the dtypes differ or are complex.

    Example:
        >>> flambeau.heaviside(flambeau.tensor([-1.5, 0.0, 2.0]), flambeau.tensor([0.5]))
        tensor([0.0000, 0.5000, 1.0000])
    """
    check_tensors("heaviside", input, values)
    if input.dtype is not values.dtype:
        raise RuntimeError(
            f"[heaviside] input and values must have the same dtype: got {input.dtype} and {values.dtype}"
        )
    result = _C.heaviside(input, values)
    return result if out is None else write_out(out, result)


def maximum(input, other, *, out=None):
    """The larger of two elements; NaN if one is NaN.

    `out = max(input, other)`

    Args:
        input: tensor.
        other: tensor that broadcasts with `input`, or a number.
        out: tensor for the result.

    Returns:
        Tensor of the broadcast shape and promoted dtype.

    Example:
        >>> flambeau.maximum(flambeau.tensor([1.0, 5.0]), flambeau.tensor([2.0, 3.0]))
        tensor([2., 5.])
    """
    check_tensors("maximum", input, other)
    result = _C.maximum(input, other)
    return result if out is None else write_out(out, result)


def minimum(input, other, *, out=None):
    """The smaller of two elements; NaN if one is NaN.

    `out = min(input, other)`

    Args:
        input: tensor.
        other: tensor that broadcasts with `input`, or a number.
        out: tensor for the result.

    Returns:
        Tensor of the broadcast shape and promoted dtype.

    Example:
        >>> flambeau.minimum(flambeau.tensor([1.0, 5.0]), flambeau.tensor([2.0, 3.0]))
        tensor([1., 3.])
    """
    check_tensors("minimum", input, other)
    result = _C.minimum(input, other)
    return result if out is None else write_out(out, result)


def nan_to_num(input, nan=0.0, posinf=None, neginf=None, *, out=None):
    """Each element with NaN and infinities replaced by numbers.

    `out = nan, posinf or neginf where input is NaN, inf or -inf, else input`

    Args:
        input: tensor.
        nan: what replaces NaN.
        posinf: what replaces infinity; the largest number of the dtype if None.
        neginf: what replaces negative infinity; the lowest number of the dtype if None.
        out: tensor for the result.

    Returns:
        Tensor of the shape and dtype of `input`.

    Example:
        >>> flambeau.nan_to_num(flambeau.tensor([flambeau.nan, flambeau.inf, 1.0]), posinf=9.0)
        tensor([0., 9., 1.])
    """
    result = without_nan(input, nan, posinf, neginf)
    return result if out is None else write_out(out, result)


def where(condition, input=None, other=None, *, out=None):
    """Elements of one tensor where a condition holds, of another elsewhere; alone, the indices where it holds.

    `out = input if condition else other`

    Args:
        condition: bool tensor.
        input: tensor that broadcasts, or a number.
        other: tensor that broadcasts, or a number.
        out: tensor for the result.

    Returns:
        Tensor of the broadcast shape and promoted dtype; without `input` and `other`, a tuple of index tensors.

    Raises:
        RuntimeError: the condition is not bool.

    Example:
        >>> flambeau.where(flambeau.tensor([True, False]), flambeau.tensor([1.0, 2.0]), 0.0)
        tensor([1., 0.])
    """
    if input is None and other is None:
        return condition.nonzero(as_tuple=True)
    if condition.dtype is not _C.bool and condition.dtype is not _C.uint8:
        raise RuntimeError(f"[where] expected a condition of dtype bool, got {condition.dtype}")
    result = _C.where_(condition, input, other)
    return result if out is None else write_out(out, result)


clip = clamp


# ---- in-place forms


def _heaviside_(self, values):
    return self.copy_(heaviside(before_write(self), values))


def _clamp_(self, min=None, max=None):
    return clamped(self, min, max, into=self)


def _clamp_min_(self, min):
    return clamped(self, min, None, into=self)


def _clamp_max_(self, max):
    return clamped(self, None, max, into=self)


def _where(self, condition, other):
    return where(condition, self, other)


def _nan_to_num_(self, nan=0.0, posinf=None, neginf=None):
    return without_nan(self, nan, posinf, neginf, into=self)


def clamp_(input, min=None, max=None):
    """Each element, moved into a range, in place.

    >>> flambeau.clamp_(flambeau.tensor([-2.0, 0.5, 3.0]), -1, 1)
    tensor([-1.0000,  0.5000,  1.0000])
    """
    return _clamp_(input, min, max)


def nan_to_num_(input, nan=None, posinf=None, neginf=None):
    """Numbers in place of NaN and the infinities, in place.

    >>> flambeau.nan_to_num_(flambeau.tensor([flambeau.nan, 1.0]), 5.0)
    tensor([5., 1.])
    """
    return _nan_to_num_(input, nan, posinf, neginf)


METHODS = [
    "clamp",
    "clamp_max",
    "clamp_min",
    "clip",
    "fmax",
    "fmin",
    "heaviside",
    "maximum",
    "minimum",
    "nan_to_num",
    ("clamp_", _clamp_),
    ("clip_", _clamp_),
    ("clamp_min_", _clamp_min_),
    ("clamp_max_", _clamp_max_),
    ("heaviside_", _heaviside_),
    ("nan_to_num_", _nan_to_num_),
    ("where", _where),
]
