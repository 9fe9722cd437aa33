"""Comparisons, logic and bits, element by element."""

from .. import _C
from ._common import write_out
from ._pointwise import check_tensors, inverted

__all__ = [
    "bitwise_and",
    "bitwise_left_shift",
    "bitwise_not",
    "bitwise_or",
    "bitwise_right_shift",
    "bitwise_xor",
    "eq",
    "ge",
    "greater",
    "greater_equal",
    "gt",
    "isclose",
    "isfinite",
    "isinf",
    "isnan",
    "isneginf",
    "isposinf",
    "isreal",
    "le",
    "less",
    "less_equal",
    "logical_and",
    "logical_not",
    "logical_or",
    "logical_xor",
    "lt",
    "ne",
    "not_equal",
]


def bitwise_and(input, other, *, out=None):
    """The bits that are set in both integers.

    `out = input & other`

    Args:
        input: tensor of integers or bool.
        other: tensor of integers or bool that broadcasts with `input`, or a number.
        out: tensor for the result.

    Returns:
        Tensor of the broadcast shape and promoted dtype.

    Example:
        >>> flambeau.bitwise_and(flambeau.tensor([6, 3]), flambeau.tensor([3, 1]))
        tensor([2, 1])
    """
    result = _C.bitwise_and(input, other)
    return result if out is None else write_out(out, result)


def bitwise_left_shift(input, other, *, out=None):
    """Each integer with its bits moved up by `other` places.

    `out = input 2^other`

    Args:
        input: tensor of integers or bool.
        other: tensor of integers or bool that broadcasts with `input`, or a number.
        out: tensor for the result.

    Returns:
        Tensor of the broadcast shape and promoted dtype.

    Example:
        >>> flambeau.bitwise_left_shift(flambeau.tensor([1, 3]), flambeau.tensor([4, 1]))
        tensor([16,  6])
    """
    result = _C.bitwise_left_shift(input, other)
    return result if out is None else write_out(out, result)


def bitwise_or(input, other, *, out=None):
    """The bits that are set in either integer.

    `out = input or other, bit by bit`

    Args:
        input: tensor of integers or bool.
        other: tensor of integers or bool that broadcasts with `input`, or a number.
        out: tensor for the result.

    Returns:
        Tensor of the broadcast shape and promoted dtype.

    Example:
        >>> flambeau.bitwise_or(flambeau.tensor([6, 3]), flambeau.tensor([1, 1]))
        tensor([7, 3])
    """
    result = _C.bitwise_or(input, other)
    return result if out is None else write_out(out, result)


def bitwise_right_shift(input, other, *, out=None):
    """Each integer with its bits moved down by `other` places, keeping the sign.

    `out = floor(input / 2^other)`

    Args:
        input: tensor of integers or bool.
        other: tensor of integers or bool that broadcasts with `input`, or a number.
        out: tensor for the result.

    Returns:
        Tensor of the broadcast shape and promoted dtype.

    Example:
        >>> flambeau.bitwise_right_shift(flambeau.tensor([16, -5]), flambeau.tensor([2, 1]))
        tensor([ 4, -3])
    """
    result = _C.bitwise_right_shift(input, other)
    return result if out is None else write_out(out, result)


def bitwise_xor(input, other, *, out=None):
    """The bits that are set in one of two integers but not in both.

    `out = input xor other, bit by bit`

    Args:
        input: tensor of integers or bool.
        other: tensor of integers or bool that broadcasts with `input`, or a number.
        out: tensor for the result.

    Returns:
        Tensor of the broadcast shape and promoted dtype.

    Example:
        >>> flambeau.bitwise_xor(flambeau.tensor([6, 3]), flambeau.tensor([3, 1]))
        tensor([5, 2])
    """
    result = _C.bitwise_xor(input, other)
    return result if out is None else write_out(out, result)


def eq(input, other, *, out=None):
    """True where two elements are equal.

    `out = (input = other)`

    Args:
        input: tensor.
        other: tensor that broadcasts with `input`, or a number.
        out: tensor for the result.

    Returns:
        Tensor of the broadcast shape and dtype bool.

    Example:
        >>> flambeau.eq(flambeau.tensor([1, 2]), flambeau.tensor([1, 3]))
        tensor([ True, False])
    """
    check_tensors("eq", input)
    result = _C.eq(input, other)
    return result if out is None else write_out(out, result)


def ge(input, other, *, out=None):
    """True where `input` is at least `other`.

    `out = (input >= other)`

    Args:
        input: tensor.
        other: tensor that broadcasts with `input`, or a number.
        out: tensor for the result.

    Returns:
        Tensor of the broadcast shape and dtype bool.

    Example:
        >>> flambeau.ge(flambeau.tensor([1, 2]), flambeau.tensor([1, 3]))
        tensor([ True, False])
    """
    check_tensors("ge", input)
    result = _C.ge(input, other)
    return result if out is None else write_out(out, result)


def gt(input, other, *, out=None):
    """True where `input` is above `other`.

    `out = (input > other)`

    Args:
        input: tensor.
        other: tensor that broadcasts with `input`, or a number.
        out: tensor for the result.

    Returns:
        Tensor of the broadcast shape and dtype bool.

    Example:
        >>> flambeau.gt(flambeau.tensor([1, 4]), flambeau.tensor([1, 3]))
        tensor([False,  True])
    """
    check_tensors("gt", input)
    result = _C.gt(input, other)
    return result if out is None else write_out(out, result)


def le(input, other, *, out=None):
    """True where `input` is at most `other`.

    `out = (input <= other)`

    Args:
        input: tensor.
        other: tensor that broadcasts with `input`, or a number.
        out: tensor for the result.

    Returns:
        Tensor of the broadcast shape and dtype bool.

    Example:
        >>> flambeau.le(flambeau.tensor([1, 4]), flambeau.tensor([1, 3]))
        tensor([ True, False])
    """
    check_tensors("le", input)
    result = _C.le(input, other)
    return result if out is None else write_out(out, result)


def logical_and(input, other, *, out=None):
    """True where both elements are not zero.

    `out = input != 0 and other != 0`

    Args:
        input: tensor.
        other: tensor that broadcasts with `input`, or a number.
        out: tensor for the result.

    Returns:
        Tensor of the broadcast shape and dtype bool.

    Example:
        >>> flambeau.logical_and(flambeau.tensor([0.0, 2.0]), flambeau.tensor([1.0, 1.0]))
        tensor([False,  True])
    """
    check_tensors("logical_and", input, other)
    result = _C.logical_and(input, other)
    return result if out is None else write_out(out, result)


def logical_or(input, other, *, out=None):
    """True where one of two elements is not zero.

    `out = input != 0 or other != 0`

    Args:
        input: tensor.
        other: tensor that broadcasts with `input`, or a number.
        out: tensor for the result.

    Returns:
        Tensor of the broadcast shape and dtype bool.

    Example:
        >>> flambeau.logical_or(flambeau.tensor([0.0, 2.0]), flambeau.tensor([0.0, 1.0]))
        tensor([False,  True])
    """
    check_tensors("logical_or", input, other)
    result = _C.logical_or(input, other)
    return result if out is None else write_out(out, result)


def logical_xor(input, other, *, out=None):
    """True where exactly one of two elements is not zero.

    `out = (input != 0) != (other != 0)`

    Args:
        input: tensor.
        other: tensor that broadcasts with `input`, or a number.
        out: tensor for the result.

    Returns:
        Tensor of the broadcast shape and dtype bool.

    Example:
        >>> flambeau.logical_xor(flambeau.tensor([0.0, 2.0]), flambeau.tensor([1.0, 1.0]))
        tensor([ True, False])
    """
    check_tensors("logical_xor", input, other)
    result = _C.logical_xor(input, other)
    return result if out is None else write_out(out, result)


def lt(input, other, *, out=None):
    """True where `input` is below `other`.

    `out = (input < other)`

    Args:
        input: tensor.
        other: tensor that broadcasts with `input`, or a number.
        out: tensor for the result.

    Returns:
        Tensor of the broadcast shape and dtype bool.

    Example:
        >>> flambeau.lt(flambeau.tensor([1, 2]), flambeau.tensor([1, 3]))
        tensor([False,  True])
    """
    check_tensors("lt", input)
    result = _C.lt(input, other)
    return result if out is None else write_out(out, result)


def ne(input, other, *, out=None):
    """True where two elements differ.

    `out = (input != other)`

    Args:
        input: tensor.
        other: tensor that broadcasts with `input`, or a number.
        out: tensor for the result.

    Returns:
        Tensor of the broadcast shape and dtype bool.

    Example:
        >>> flambeau.ne(flambeau.tensor([1, 2]), flambeau.tensor([1, 3]))
        tensor([False,  True])
    """
    check_tensors("ne", input)
    result = _C.ne(input, other)
    return result if out is None else write_out(out, result)


def bitwise_not(input, *, out=None):
    """Each integer with all bits flipped; the opposite of each bool.

    `out = ~input`

    Args:
        input: tensor of any shape of integers or bool.
        out: tensor for the result.

    Returns:
        Tensor of the shape of `input`.

    Example:
        >>> flambeau.bitwise_not(flambeau.tensor([0, 1, -2]))
        tensor([-1, -2,  1])
    """
    result = inverted(input)
    return result if out is None else write_out(out, result)


def isneginf(input, *, out=None):
    """True where an element is negative infinity.

    `out = (input = -inf)`

    Args:
        input: tensor of any shape.
        out: tensor for the result.

    Returns:
        Tensor of the shape of `input` and dtype bool.

    Example:
        >>> flambeau.isneginf(flambeau.tensor([1.0, -flambeau.inf]))
        tensor([False,  True])
    """
    result = _C.isneginf(input)
    return result if out is None else write_out(out, result)


def isposinf(input, *, out=None):
    """True where an element is positive infinity.

    `out = (input = inf)`

    Args:
        input: tensor of any shape.
        out: tensor for the result.

    Returns:
        Tensor of the shape of `input` and dtype bool.

    Example:
        >>> flambeau.isposinf(flambeau.tensor([1.0, flambeau.inf]))
        tensor([False,  True])
    """
    result = _C.isposinf(input)
    return result if out is None else write_out(out, result)


def logical_not(input, *, out=None):
    """True where an element is zero.

    `out = (input = 0)`

    Args:
        input: tensor of any shape.
        out: tensor for the result.

    Returns:
        Tensor of the shape of `input` and dtype bool.

    Example:
        >>> flambeau.logical_not(flambeau.tensor([0.0, 2.0]))
        tensor([ True, False])
    """
    result = _C.logical_not(input)
    return result if out is None else write_out(out, result)


def isfinite(input):
    """True where an element is neither infinite nor NaN.

    `out = |input| < inf`

    Args:
        input: tensor of any shape.

    Returns:
        Tensor of the shape of `input` and dtype bool.

    Example:
        >>> flambeau.isfinite(flambeau.tensor([1.0, flambeau.inf, flambeau.nan]))
        tensor([ True, False, False])
    """
    return _C.isfinite(input)


def isinf(input):
    """True where an element is infinite.

    `out = |input| = inf`

    Args:
        input: tensor of any shape.

    Returns:
        Tensor of the shape of `input` and dtype bool.

    Example:
        >>> flambeau.isinf(flambeau.tensor([1.0, flambeau.inf, flambeau.nan]))
        tensor([False,  True, False])
    """
    return _C.isinf(input)


def isnan(input):
    """True where an element is NaN.

    `out = (input != input)`

    Args:
        input: tensor of any shape.

    Returns:
        Tensor of the shape of `input` and dtype bool.

    Example:
        >>> flambeau.isnan(flambeau.tensor([1.0, flambeau.inf, flambeau.nan]))
        tensor([False, False,  True])
    """
    return _C.isnan(input)


def isreal(input):
    """True where the imaginary part of an element is zero.

    `out = (imag(input) = 0)`

    Args:
        input: tensor of any shape.

    Returns:
        Tensor of the shape of `input` and dtype bool.

    Example:
        >>> flambeau.isreal(flambeau.tensor([1 + 1j, 2]))
        tensor([False,  True])
    """
    return _C.eq(_C.imag_(input), 0) if input.is_complex() else _C.logical_or(input, True)


def isclose(input, other, rtol=1e-05, atol=1e-08, equal_nan=False):
    """True where two elements are equal up to a tolerance.

    `out = |input - other| <= atol + rtol * |other|`

    Args:
        input: tensor.
        other: tensor of the same dtype that broadcasts.
        rtol: relative tolerance.
        atol: absolute tolerance.
        equal_nan: whether NaN counts as equal to NaN.

    Returns:
        Tensor of the broadcast shape and dtype bool.

    Raises:
        RuntimeError: the dtypes differ, or a tolerance is negative.

    Example:
        >>> flambeau.isclose(flambeau.tensor([1.0, 2.0]), flambeau.tensor([1.0, 2.1]))
        tensor([ True, False])
    """
    check_tensors("isclose", input, other)
    if input.dtype != other.dtype:
        raise RuntimeError(f"[isclose] both tensors must have the same dtype: input {input.dtype}, other {other.dtype}")
    if rtol < 0 or atol < 0:
        raise RuntimeError(f"[isclose] tolerances must not be negative: rtol {rtol}, atol {atol}")
    close = input == other
    if equal_nan and (input.is_floating_point() or input.is_complex()):
        close = close | (isnan(input) & isnan(other))
    if rtol == 0 and atol == 0:
        return close
    if not (input.is_floating_point() or input.is_complex()):
        input, other = input.to(_C.float64), other.to(_C.float64)
    difference = _C.abs(input - other)
    return close | (isfinite(difference) & (difference <= atol + _C.abs(rtol * other)))


greater = gt
greater_equal = ge
less = lt
less_equal = le
not_equal = ne


def _bitwise_not_(self):
    return inverted(self, into=self)


_PREDICATES = ("isfinite", "isinf", "isnan", "isneginf", "isposinf")
_COMPARISONS = ("eq", "ge", "gt", "le", "lt", "ne", "logical_and", "logical_or", "logical_xor")
_BITS = ("bitwise_and", "bitwise_left_shift", "bitwise_or", "bitwise_right_shift", "bitwise_xor")
_IN_PLACE = {"greater": "gt", "greater_equal": "ge", "less": "lt", "less_equal": "le", "not_equal": "ne"}
METHODS: list[str | tuple[str, object]] = [
    *_COMPARISONS,
    *_BITS,
    *_IN_PLACE,
    "bitwise_not",
    "isclose",
    "isreal",
    "logical_not",
    ("bitwise_not_", _bitwise_not_),
]
METHODS += [(name, _C.as_method(getattr(_C, name))) for name in _PREDICATES]
METHODS += [(name + "_", _C.as_method(getattr(_C, name + "_"))) for name in (*_COMPARISONS, *_BITS, "logical_not")]
METHODS += [(alias + "_", _C.as_method(getattr(_C, name + "_"))) for alias, name in _IN_PLACE.items()]
METHODS += [("__iand__", _C.as_method(_C.bitwise_and_)), ("__ior__", _C.as_method(_C.bitwise_or_))]
METHODS += [("__ixor__", _C.as_method(_C.bitwise_xor_)), ("__ilshift__", _C.as_method(_C.bitwise_left_shift_))]
METHODS += [("__irshift__", _C.as_method(_C.bitwise_right_shift_))]
