"""Elementary functions of one tensor: rounding, powers, exponentials, trigonometry."""

from .. import _C
from ._common import write_out
from ._pointwise import round_to

DEGREE = 0.017453292519943295  # pi / 180
__all__ = [
    "abs",
    "absolute",
    "acos",
    "acosh",
    "angle",
    "arccos",
    "arccosh",
    "arcsin",
    "arcsinh",
    "arctan",
    "arctanh",
    "asin",
    "asinh",
    "atan",
    "atanh",
    "ceil",
    "conj_physical",
    "cos",
    "cosh",
    "deg2rad",
    "exp",
    "exp2",
    "expm1",
    "fix",
    "floor",
    "frac",
    "log",
    "log1p",
    "log2",
    "log10",
    "neg",
    "negative",
    "positive",
    "rad2deg",
    "reciprocal",
    "round",
    "rsqrt",
    "sgn",
    "sign",
    "signbit",
    "sin",
    "sinh",
    "sqrt",
    "square",
    "square_",
    "tan",
    "tanh",
    "trunc",
]


def abs(input, *, out=None):
    """The absolute value of each element; the modulus of complex ones.

    `out = |input|`

    Args:
        input: tensor of any shape.
        out: tensor for the result.

    Returns:
        Tensor of the shape of `input`.

    Example:
        >>> flambeau.abs(flambeau.tensor([-1.5, 2.0]))
        tensor([1.5000, 2.0000])
    """
    result = _C.abs(input)
    return result if out is None else write_out(out, result)


def acos(input, *, out=None):
    """The inverse cosine of each element, in radians.

    `out = arccos(input)`

    Args:
        input: tensor of any shape; integers and bool become the default floating dtype.
        out: tensor for the result.

    Returns:
        Tensor of the shape of `input`.

    Example:
        >>> flambeau.acos(flambeau.tensor([1.0, 0.0]))
        tensor([0.0000, 1.5708])
    """
    result = _C.acos(input)
    return result if out is None else write_out(out, result)


def acosh(input, *, out=None):
    """The inverse hyperbolic cosine of each element.

    `out = arcosh(input)`

    Args:
        input: tensor of any shape; integers and bool become the default floating dtype.
        out: tensor for the result.

    Returns:
        Tensor of the shape of `input`.

    Example:
        >>> flambeau.acosh(flambeau.tensor([1.0, 2.0]))
        tensor([0.0000, 1.3170])
    """
    result = _C.acosh(input)
    return result if out is None else write_out(out, result)


def angle(input, *, out=None):
    """The argument of each element in radians: 0 or pi for real numbers, NaN for NaN.

    `out = atan2(imag, real)`

    Args:
        input: tensor of any shape.
        out: tensor for the result.

    Returns:
        Tensor of the shape of `input`.

    Example:
        >>> flambeau.angle(flambeau.tensor([1 + 1j, -1]))
        tensor([0.7854, 3.1416])
    """
    result = _C.angle(input)
    return result if out is None else write_out(out, result)


def asin(input, *, out=None):
    """The inverse sine of each element, in radians.

    `out = arcsin(input)`

    Args:
        input: tensor of any shape; integers and bool become the default floating dtype.
        out: tensor for the result.

    Returns:
        Tensor of the shape of `input`.

    Example:
        >>> flambeau.asin(flambeau.tensor([0.0, 1.0]))
        tensor([0.0000, 1.5708])
    """
    result = _C.asin(input)
    return result if out is None else write_out(out, result)


def asinh(input, *, out=None):
    """The inverse hyperbolic sine of each element.

    `out = arsinh(input)`

    Args:
        input: tensor of any shape; integers and bool become the default floating dtype.
        out: tensor for the result.

    Returns:
        Tensor of the shape of `input`.

    Example:
        >>> flambeau.asinh(flambeau.tensor([0.0, 1.0]))
        tensor([0.0000, 0.8814])
    """
    result = _C.asinh(input)
    return result if out is None else write_out(out, result)


def atan(input, *, out=None):
    """The inverse tangent of each element, in radians.

    `out = arctan(input)`

    Args:
        input: tensor of any shape; integers and bool become the default floating dtype.
        out: tensor for the result.

    Returns:
        Tensor of the shape of `input`.

    Example:
        >>> flambeau.atan(flambeau.tensor([0.0, 1.0]))
        tensor([0.0000, 0.7854])
    """
    result = _C.atan(input)
    return result if out is None else write_out(out, result)


def atanh(input, *, out=None):
    """The inverse hyperbolic tangent of each element.

    `out = artanh(input)`

    Args:
        input: tensor of any shape; integers and bool become the default floating dtype.
        out: tensor for the result.

    Returns:
        Tensor of the shape of `input`.

    Example:
        >>> flambeau.atanh(flambeau.tensor([0.0, 0.5]))
        tensor([0.0000, 0.5493])
    """
    result = _C.atanh(input)
    return result if out is None else write_out(out, result)


def ceil(input, *, out=None):
    """The smallest integer that is not below each element.

    `out = ceil(input)`

    Args:
        input: tensor of any shape.
        out: tensor for the result.

    Returns:
        Tensor of the shape of `input`.

    Example:
        >>> flambeau.ceil(flambeau.tensor([-1.5, 1.2]))
        tensor([-1.,  2.])
    """
    result = _C.ceil(input)
    return result if out is None else write_out(out, result)


def conj_physical(input, *, out=None):
    """The complex conjugate of each element, written to new memory.

    `out = real - i imag`

    Args:
        input: tensor of any shape.
        out: tensor for the result.

    Returns:
        Tensor of the shape of `input`.

    Example:
        >>> flambeau.conj_physical(flambeau.tensor([1 + 2j]))
        tensor([1.-2.j])
    """
    result = _C.conj_(input)
    return result if out is None else write_out(out, result)


def cos(input, *, out=None):
    """The cosine of each element, given in radians.

    `out = cos(input)`

    Args:
        input: tensor of any shape; integers and bool become the default floating dtype.
        out: tensor for the result.

    Returns:
        Tensor of the shape of `input`.

    Example:
        >>> flambeau.cos(flambeau.tensor([0.0, 1.0]))
        tensor([1.0000, 0.5403])
    """
    result = _C.cos(input)
    return result if out is None else write_out(out, result)


def cosh(input, *, out=None):
    """The hyperbolic cosine of each element.

    `out = (e^input + e^-input) / 2`

    Args:
        input: tensor of any shape; integers and bool become the default floating dtype.
        out: tensor for the result.

    Returns:
        Tensor of the shape of `input`.

    Example:
        >>> flambeau.cosh(flambeau.tensor([0.0, 1.0]))
        tensor([1.0000, 1.5431])
    """
    result = _C.cosh(input)
    return result if out is None else write_out(out, result)


def deg2rad(input, *, out=None):
    """Degrees in radians.

    `out = input pi / 180`

    Args:
        input: tensor of any shape; integers and bool become the default floating dtype.
        out: tensor for the result.

    Returns:
        Tensor of the shape of `input`.

    Example:
        >>> flambeau.deg2rad(flambeau.tensor([90.0, 180.0]))
        tensor([1.5708, 3.1416])
    """
    result = _C.scale(input, DEGREE)
    return result if out is None else write_out(out, result)


def exp(input, *, out=None):
    """The exponential of each element.

    `out = e^input`

    Args:
        input: tensor of any shape; integers and bool become the default floating dtype.
        out: tensor for the result.

    Returns:
        Tensor of the shape of `input`.

    Example:
        >>> flambeau.exp(flambeau.tensor([0.0, 1.0]))
        tensor([1.0000, 2.7183])
    """
    result = _C.exp(input)
    return result if out is None else write_out(out, result)


def exp2(input, *, out=None):
    """Two to the power of each element.

    `out = 2^input`

    Args:
        input: tensor of any shape; integers and bool become the default floating dtype.
        out: tensor for the result.

    Returns:
        Tensor of the shape of `input`.

    Example:
        >>> flambeau.exp2(flambeau.tensor([0.0, 3.0]))
        tensor([1., 8.])
    """
    result = _C.exp2(input)
    return result if out is None else write_out(out, result)


def expm1(input, *, out=None):
    """The exponential less one, exact near zero.

    `out = e^input - 1`

    Args:
        input: tensor of any shape; integers and bool become the default floating dtype.
        out: tensor for the result.

    Returns:
        Tensor of the shape of `input`.

    Example:
        >>> flambeau.expm1(flambeau.tensor([0.0, 1.0]))
        tensor([0.0000, 1.7183])
    """
    result = _C.expm1(input)
    return result if out is None else write_out(out, result)


def floor(input, *, out=None):
    """The largest integer that is not above each element.

    `out = floor(input)`

    Args:
        input: tensor of any shape.
        out: tensor for the result.

    Returns:
        Tensor of the shape of `input`.

    Example:
        >>> flambeau.floor(flambeau.tensor([-1.5, 1.2]))
        tensor([-2.,  1.])
    """
    result = _C.floor(input)
    return result if out is None else write_out(out, result)


def frac(input, *, out=None):
    """The part of each element after the point, with its sign.

    `out = input - trunc(input)`

    Args:
        input: tensor of any shape.
        out: tensor for the result.

    Returns:
        Tensor of the shape of `input`.

    Example:
        >>> flambeau.frac(flambeau.tensor([-1.5, 1.25]))
        tensor([-0.5000,  0.2500])
    """
    result = _C.frac(input)
    return result if out is None else write_out(out, result)


def log(input, *, out=None):
    """The natural logarithm of each element.

    `out = ln(input)`

    Args:
        input: tensor of any shape; integers and bool become the default floating dtype.
        out: tensor for the result.

    Returns:
        Tensor of the shape of `input`.

    Example:
        >>> flambeau.log(flambeau.tensor([1.0, 2.0]))
        tensor([0.0000, 0.6931])
    """
    result = _C.log(input)
    return result if out is None else write_out(out, result)


def log10(input, *, out=None):
    """The logarithm to base 10 of each element.

    `out = log10(input)`

    Args:
        input: tensor of any shape; integers and bool become the default floating dtype.
        out: tensor for the result.

    Returns:
        Tensor of the shape of `input`.

    Example:
        >>> flambeau.log10(flambeau.tensor([1.0, 100.0]))
        tensor([0., 2.])
    """
    result = _C.log10(input)
    return result if out is None else write_out(out, result)


def log1p(input, *, out=None):
    """The logarithm of one more than each element, exact near zero.

    `out = ln(1 + input)`

    Args:
        input: tensor of any shape; integers and bool become the default floating dtype.
        out: tensor for the result.

    Returns:
        Tensor of the shape of `input`.

    Example:
        >>> flambeau.log1p(flambeau.tensor([0.0, 1.0]))
        tensor([0.0000, 0.6931])
    """
    result = _C.log1p(input)
    return result if out is None else write_out(out, result)


def log2(input, *, out=None):
    """The logarithm to base 2 of each element.

    `out = log2(input)`

    Args:
        input: tensor of any shape; integers and bool become the default floating dtype.
        out: tensor for the result.

    Returns:
        Tensor of the shape of `input`.

    Example:
        >>> flambeau.log2(flambeau.tensor([1.0, 8.0]))
        tensor([0., 3.])
    """
    result = _C.log2(input)
    return result if out is None else write_out(out, result)


def neg(input, *, out=None):
    """Each element with the opposite sign.

    `out = -input`

    Args:
        input: tensor of any shape.
        out: tensor for the result.

    Returns:
        Tensor of the shape of `input`.

    Example:
        >>> flambeau.neg(flambeau.tensor([1.0, -2.0]))
        tensor([-1.,  2.])
    """
    result = _C.neg(input)
    return result if out is None else write_out(out, result)


def rad2deg(input, *, out=None):
    """Radians in degrees.

    `out = input 180 / pi`

    Args:
        input: tensor of any shape; integers and bool become the default floating dtype.
        out: tensor for the result.

    Returns:
        Tensor of the shape of `input`.

    Example:
        >>> flambeau.rad2deg(flambeau.tensor([1.0]))
        tensor([57.2958])
    """
    result = _C.scale(input, 1 / DEGREE)
    return result if out is None else write_out(out, result)


def reciprocal(input, *, out=None):
    """One divided by each element.

    `out = 1 / input`

    Args:
        input: tensor of any shape; integers and bool become the default floating dtype.
        out: tensor for the result.

    Returns:
        Tensor of the shape of `input`.

    Example:
        >>> flambeau.reciprocal(flambeau.tensor([2.0, -4.0]))
        tensor([ 0.5000, -0.2500])
    """
    result = _C.reciprocal(input)
    return result if out is None else write_out(out, result)


def rsqrt(input, *, out=None):
    """One divided by the square root of each element.

    `out = 1 / sqrt(input)`

    Args:
        input: tensor of any shape; integers and bool become the default floating dtype.
        out: tensor for the result.

    Returns:
        Tensor of the shape of `input`.

    Example:
        >>> flambeau.rsqrt(flambeau.tensor([4.0, 16.0]))
        tensor([0.5000, 0.2500])
    """
    result = _C.rsqrt(input)
    return result if out is None else write_out(out, result)


def sgn(input, *, out=None):
    """The sign of each element; for a complex one, the number of modulus 1 in its direction.

    `out = input / |input|, and 0 for 0`

    Args:
        input: tensor of any shape.
        out: tensor for the result.

    Returns:
        Tensor of the shape of `input`.

    Example:
        >>> flambeau.sgn(flambeau.tensor([3 + 4j, 0]))
        tensor([0.6000+0.8000j, 0.0000+0.0000j])
    """
    result = _C.sgn(input)
    return result if out is None else write_out(out, result)


def sign(input, *, out=None):
    """The sign of each element: -1, 0 or 1.

    `out = (input > 0) - (input < 0)`

    Args:
        input: tensor of any shape.
        out: tensor for the result.

    Returns:
        Tensor of the shape of `input`.

    Example:
        >>> flambeau.sign(flambeau.tensor([-2.5, 0.0, 3.0]))
        tensor([-1.,  0.,  1.])
    """
    result = _C.sign(input)
    return result if out is None else write_out(out, result)


def signbit(input, *, out=None):
    """True where the sign bit of an element is set: negative numbers and -0.0.

    `out = signbit(input)`

    Args:
        input: tensor of any shape.
        out: tensor for the result.

    Returns:
        Tensor of the shape of `input` and dtype bool.

    Example:
        >>> flambeau.signbit(flambeau.tensor([-1.0, 0.0, -0.0]))
        tensor([ True, False,  True])
    """
    result = _C.signbit(input)
    return result if out is None else write_out(out, result)


def sin(input, *, out=None):
    """The sine of each element, given in radians.

    `out = sin(input)`

    Args:
        input: tensor of any shape; integers and bool become the default floating dtype.
        out: tensor for the result.

    Returns:
        Tensor of the shape of `input`.

    Example:
        >>> flambeau.sin(flambeau.tensor([0.0, 1.0]))
        tensor([0.0000, 0.8415])
    """
    result = _C.sin(input)
    return result if out is None else write_out(out, result)


def sinh(input, *, out=None):
    """The hyperbolic sine of each element.

    `out = (e^input - e^-input) / 2`

    Args:
        input: tensor of any shape; integers and bool become the default floating dtype.
        out: tensor for the result.

    Returns:
        Tensor of the shape of `input`.

    Example:
        >>> flambeau.sinh(flambeau.tensor([0.0, 1.0]))
        tensor([0.0000, 1.1752])
    """
    result = _C.sinh(input)
    return result if out is None else write_out(out, result)


def sqrt(input, *, out=None):
    """The square root of each element.

    `out = sqrt(input)`

    Args:
        input: tensor of any shape; integers and bool become the default floating dtype.
        out: tensor for the result.

    Returns:
        Tensor of the shape of `input`.

    Example:
        >>> flambeau.sqrt(flambeau.tensor([4.0, 2.0]))
        tensor([2.0000, 1.4142])
    """
    result = _C.sqrt(input)
    return result if out is None else write_out(out, result)


def square(input, *, out=None):
    """The square of each element.

    `out = input^2`

    Args:
        input: tensor of any shape.
        out: tensor for the result.

    Returns:
        Tensor of the shape of `input`.

    Example:
        >>> flambeau.square(flambeau.tensor([-3.0, 0.5]))
        tensor([9.0000, 0.2500])
    """
    result = _C.square(input if input.dtype is not _C.bool else input.to(_C.int64))
    return result if out is None else write_out(out, result)


def tan(input, *, out=None):
    """The tangent of each element, given in radians.

    `out = tan(input)`

    Args:
        input: tensor of any shape; integers and bool become the default floating dtype.
        out: tensor for the result.

    Returns:
        Tensor of the shape of `input`.

    Example:
        >>> flambeau.tan(flambeau.tensor([0.0, 1.0]))
        tensor([0.0000, 1.5574])
    """
    result = _C.tan(input)
    return result if out is None else write_out(out, result)


def tanh(input, *, out=None):
    """The hyperbolic tangent of each element.

    `out = (e^input - e^-input) / (e^input + e^-input)`

    Args:
        input: tensor of any shape; integers and bool become the default floating dtype.
        out: tensor for the result.

    Returns:
        Tensor of the shape of `input`.

    Example:
        >>> flambeau.tanh(flambeau.tensor([0.0, 1.0]))
        tensor([0.0000, 0.7616])
    """
    result = _C.tanh(input)
    return result if out is None else write_out(out, result)


def trunc(input, *, out=None):
    """Each element without what comes after the point.

    `out = trunc(input)`

    Args:
        input: tensor of any shape.
        out: tensor for the result.

    Returns:
        Tensor of the shape of `input`.

    Example:
        >>> flambeau.trunc(flambeau.tensor([-1.5, 1.25]))
        tensor([-1.,  1.])
    """
    result = _C.trunc(input)
    return result if out is None else write_out(out, result)


def positive(input):
    """The tensor itself; an error for bool.

    `out = input`

    Args:
        input: tensor of any shape.

    Returns:
        Tensor of the shape of `input`.

    Example:
        >>> flambeau.positive(flambeau.tensor([1.0, -2.0]))
        tensor([ 1., -2.])
    """
    if input.dtype is _C.bool:
        raise RuntimeError("[positive] expected a number dtype, got torch.bool: use input.to(flambeau.uint8)")
    return input


def round(input, *, decimals=0, out=None):
    """Each element rounded to the nearest number with so many decimals, halves to even.

    `out = round(input * 10^decimals) / 10^decimals`

    Args:
        input: tensor.
        decimals: digits to keep after the point; negative to round to tens, hundreds and so on.
        out: tensor for the result.

    Returns:
        Tensor of the shape and dtype of `input`.

    Example:
        >>> flambeau.round(flambeau.tensor([0.5, 1.5, 2.345]))
        tensor([0., 2., 2.])
        >>> flambeau.round(flambeau.tensor([2.345]), decimals=2)
        tensor([2.3400])
    """
    result = round_to(input, decimals)
    return result if out is None else write_out(out, result)


absolute = abs
arccos = acos
arccosh = acosh
arcsin = asin
arcsinh = asinh
arctan = atan
arctanh = atanh
fix = trunc
negative = neg


def _round_(self, *, decimals=0):
    return round_to(self, decimals, into=self)


def _deg2rad_(self):
    return _C.scale_(self, DEGREE)


def _rad2deg_(self):
    return _C.scale_(self, 1 / DEGREE)


def square_(input):
    """The square of each element, in place.

    >>> flambeau.square_(flambeau.tensor([-3.0, 0.5]))
    tensor([9.0000, 0.2500])
    """
    return _C.square_(input)


# Methods without arguments are called straight in C++.
_PLAIN = [
    "abs",
    "acos",
    "acosh",
    "asin",
    "asinh",
    "atan",
    "atanh",
    "ceil",
    "cos",
    "cosh",
    "exp",
    "exp2",
    "expm1",
    "floor",
    "frac",
    "log",
    "log10",
    "log1p",
    "log2",
    "neg",
    "reciprocal",
    "rsqrt",
    "sgn",
    "sign",
    "sin",
    "sinh",
    "sqrt",
    "tan",
    "tanh",
    "trunc",
]
_SHORT = {
    "absolute": "abs", "arccos": "acos", "arccosh": "acosh", "arcsin": "asin", "arcsinh": "asinh", "arctan": "atan",
    "arctanh": "atanh", "fix": "trunc", "negative": "neg",
}  # fmt: skip
METHODS: list[str | tuple[str, object]] = [
    "angle",
    "conj_physical",
    "deg2rad",
    "positive",
    "rad2deg",
    "round",
    "signbit",
    "square",
]
METHODS += [("round_", _round_), ("deg2rad_", _deg2rad_), ("rad2deg_", _rad2deg_)]
METHODS += [("square_", _C.as_method(_C.square_)), ("conj_physical_", _C.as_method(_C.conj__))]
METHODS += [(name, _C.as_method(getattr(_C, name))) for name in _PLAIN]
METHODS += [(name + "_", _C.as_method(getattr(_C, name + "_"))) for name in _PLAIN]
METHODS += [(alias, _C.as_method(getattr(_C, name))) for alias, name in _SHORT.items()]
METHODS += [(alias + "_", _C.as_method(getattr(_C, name + "_"))) for alias, name in _SHORT.items()]
