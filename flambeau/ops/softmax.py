"""softmax and its logarithm; cross entropy against classes."""

import warnings

from .. import _C
from ._common import write_out

__all__ = ["log_softmax", "softmax"]
FUNCTIONAL = ["log_softmax", "softmax", "softmin"]
METHODS = ["log_softmax", "softmax"]


def _arguments(name, input, dim, stacklevel, dtype):
    """The tensor in its final dtype, and the dim: nn.functional has a `_stacklevel` where torch.softmax has `dtype`."""
    if isinstance(stacklevel, _C.dtype):
        dtype = stacklevel
    if dim is None:
        warnings.warn(
            f"Implicit dimension choice for {name} has been deprecated. Change the call to include dim=X as an argument.",
            stacklevel=4,
        )
        dim = 0 if input.dim() in (0, 1, 3) else 1
    return input if dtype is None or input.dtype is dtype else input.to(dtype), dim


def softmax(input, dim=None, _stacklevel=3, dtype=None, *, out=None, axis=None):
    r"""Positive numbers that add up to one along a dimension: $e^{x_i} / \sum_j e^{x_j}$.

    Args:
        input: floating-point tensor of any shape.
        dim: the dimension that adds up to one.
        dtype: convert to this first.
    Returns: tensor of the same shape.
    Raises: IndexError for a dimension out of range.

    >>> flambeau.softmax(flambeau.tensor([0.0, 0.0]), 0)
    tensor([0.5000, 0.5000])
    """
    dim = dim if axis is None else axis
    if dtype is None and dim is not None and out is None and _stacklevel == 3:
        return _C.softmax(input, dim)
    return write_out(out, _C.softmax(*_arguments("softmax", input, dim, _stacklevel, dtype)))


def log_softmax(input, dim=None, _stacklevel=3, dtype=None, *, out=None, axis=None):
    r"""Logarithm of softmax, without overflow: $x_i - \log \sum_j e^{x_j}$.

    >>> flambeau.log_softmax(flambeau.tensor([0.0, 0.0]), 0)
    tensor([-0.6931, -0.6931])
    """
    dim = dim if axis is None else axis
    if dtype is None and dim is not None and out is None and _stacklevel == 3:
        return _C.log_softmax(input, dim)
    return write_out(out, _C.log_softmax(*_arguments("log_softmax", input, dim, _stacklevel, dtype)))


def softmin(input, dim=None, _stacklevel=3, dtype=None):
    """softmax of the negated input.

    >>> flambeau.nn.functional.softmin(flambeau.tensor([0.0, 0.0]), 0)
    tensor([0.5000, 0.5000])
    """
    input, dim = _arguments("softmin", input, dim, _stacklevel, dtype)
    return _C.softmax(-input, dim)


_REDUCTIONS = {"none": 0, "mean": 1, "sum": 2}


def class_cross_entropy(input, target, weight, reduction, ignore_index, label_smoothing):
    """-log softmax(input)[target] in one pass, for class targets whose shapes have been checked."""
    return _C.cross_entropy(input, target, weight, _REDUCTIONS[reduction], ignore_index, float(label_smoothing))
