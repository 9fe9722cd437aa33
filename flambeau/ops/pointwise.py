"""Arithmetic on tensors that broadcast."""

from .. import _C
from ._common import write_out
from ._pointwise import (
    NUMBERS,
    add_scaled,
    any_complex,
    check_addcdiv,
    check_lerp,
    check_parts,
    check_tensors,
    divided,
    power,
    tensor_of_two_numbers,
)

__all__ = [
    "add",
    "addcdiv",
    "addcmul",
    "arctan2",
    "atan2",
    "complex",
    "copysign",
    "div",
    "divide",
    "float_power",
    "floor_divide",
    "fmod",
    "gcd",
    "hypot",
    "lcm",
    "ldexp",
    "lerp",
    "logaddexp",
    "logaddexp2",
    "mul",
    "multiply",
    "nextafter",
    "polar",
    "pow",
    "remainder",
    "rsub",
    "sub",
    "subtract",
    "true_divide",
    "xlogy",
]


def add(input, other, *, alpha=1, out=None):
    """The sum of two tensors.

    `out = input + alpha * other`

    Args:
        input: tensor.
        other: tensor that broadcasts with `input`, or a number.
        alpha: factor of `other`.
        out: tensor for the result.

    Returns:
        Tensor of the broadcast shape and promoted dtype.

    Example:
        >>> flambeau.add(flambeau.tensor([1.0, 2.0]), flambeau.tensor([10.0]), alpha=2)
        tensor([21., 22.])
    """
    if type(input) in NUMBERS:
        input = tensor_of_two_numbers(input, other)
    result = _C.add(input, other) if alpha == 1 else add_scaled("add", input, other, alpha)
    return result if out is None else write_out(out, result)


def addcdiv(input, tensor1, tensor2, *, value=1, out=None):
    """A tensor plus a multiple of the quotient of two others.

    `out = input + value * tensor1 / tensor2`

    Args:
        input: tensor.
        tensor1: tensor that broadcasts.
        tensor2: tensor that broadcasts.
        value: factor of the quotient.
        out: tensor for the result.

    Returns:
        Tensor of the broadcast shape and promoted dtype.

    Raises:
        RuntimeError: both divided tensors are integers.

    Example:
        >>> flambeau.addcdiv(flambeau.tensor([1.0]), flambeau.tensor([2.0]), flambeau.tensor([4.0, 8.0]), value=0.5)
        tensor([1.2500, 1.1250])
    """
    check_addcdiv(input, tensor1, tensor2)
    if isinstance(value, (int, float)):
        result = _C.addcdiv(input, tensor1, tensor2, value)
    else:
        result = _C.add(input, _C.div(_C.mul(tensor1, value), tensor2))
    return result if out is None else write_out(out, result)


def addcmul(input, tensor1, tensor2, *, value=1, out=None):
    """A tensor plus a multiple of the product of two others.

    `out = input + value * tensor1 * tensor2`

    Args:
        input: tensor.
        tensor1: tensor that broadcasts.
        tensor2: tensor that broadcasts.
        value: factor of the product.
        out: tensor for the result.

    Returns:
        Tensor of the broadcast shape and promoted dtype.

    Example:
        >>> flambeau.addcmul(flambeau.tensor([1.0]), flambeau.tensor([2.0]), flambeau.tensor([3.0, 4.0]), value=0.5)
        tensor([4., 5.])
    """
    check_tensors("addcmul", input, tensor1, tensor2)
    if isinstance(value, (int, float)):
        result = _C.addcmul(input, tensor1, tensor2, value)
    else:
        result = _C.add(input, _C.mul(_C.mul(tensor1, value), tensor2))
    return result if out is None else write_out(out, result)


def atan2(input, other, *, out=None):
    """The angle of the point (other, input), in radians from -pi to pi.

    `out = atan2(input, other)`

    Args:
        input: tensor.
        other: tensor that broadcasts with `input`, or a number.
        out: tensor for the result.

    Returns:
        Tensor of the broadcast shape and promoted dtype.

    Example:
        >>> flambeau.atan2(flambeau.tensor([1.0, -1.0]), flambeau.tensor([1.0, -1.0]))
        tensor([ 0.7854, -2.3562])
    """
    check_tensors("atan2", input, other)
    result = _C.atan2(input, other)
    return result if out is None else write_out(out, result)


def complex(real, imag, *, out=None):
    """Complex numbers from their real and imaginary parts.

    `out = real + i imag`

    Args:
        real: tensor of float32, float64 or float16.
        imag: tensor of the same dtype that broadcasts.
        out: tensor for the result.

    Returns:
        Complex tensor of the broadcast shape.

    Raises:
        RuntimeError: the dtypes differ or are not floating.

    Example:
        >>> flambeau.complex(flambeau.tensor([1.0, 2.0]), flambeau.tensor([0.5, -1.0]))
        tensor([1.+0.5000j, 2.-1.0000j])
    """
    check_parts("complex", real, imag, out)
    result = _C.complex(real, imag)
    return result if out is None else write_out(out, result)


def copysign(input, other, *, out=None):
    """The size of `input` with the sign of `other`.

    `out = |input| if other's sign bit is clear, else -|input|`

    Args:
        input: tensor.
        other: tensor that broadcasts with `input`, or a number.
        out: tensor for the result.

    Returns:
        Tensor of the broadcast shape and promoted dtype.

    Example:
        >>> flambeau.copysign(flambeau.tensor([1.0, -2.0]), flambeau.tensor([-0.0, 3.0]))
        tensor([-1.,  2.])
    """
    check_tensors("copysign", input)
    result = _C.copysign(input, other)
    return result if out is None else write_out(out, result)


def div(input, other, *, rounding_mode=None, out=None):
    """The quotient of two tensors, rounded if asked.

    `out = input / other`

    Args:
        input: tensor.
        other: tensor that broadcasts with `input`, or a number.
        rounding_mode: None for true division, "trunc" for rounding towards zero, "floor" for rounding down.
        out: tensor for the result.

    Returns:
        Tensor of the broadcast shape; without rounding, integers give the default floating dtype.

    Raises:
        RuntimeError: an unknown rounding mode; an integer division by zero.

    Example:
        >>> flambeau.div(flambeau.tensor([7, -7]), 2)
        tensor([ 3.5000, -3.5000])
        >>> flambeau.div(flambeau.tensor([7, -7]), 2, rounding_mode="floor")
        tensor([ 3, -4])
    """
    result = divided(input, other, rounding_mode)
    return result if out is None else write_out(out, result)


def float_power(input, exponent, *, out=None):
    """Each element to the power of an exponent, computed in double precision.

    `out = input^exponent`

    Args:
        input: tensor, or a number.
        exponent: tensor that broadcasts with `input`, or a number.
        out: tensor for the result.

    Returns:
        Tensor of the broadcast shape: complex128 if an argument is complex, else float64.

    Example:
        >>> flambeau.float_power(flambeau.tensor([4, 9]), 0.5)
        tensor([2., 3.], dtype=torch.float64)
    """
    dtype = _C.complex128 if any_complex(input, exponent) else _C.float64
    base = input.to(dtype) if isinstance(input, _C.Tensor) else input
    power_ = exponent.to(dtype) if isinstance(exponent, _C.Tensor) else exponent
    result = power(base, power_)
    return result if out is None else write_out(out, result)


def floor_divide(input, other, *, out=None):
    """The quotient rounded down.

    `out = floor(input / other)`

    Args:
        input: tensor.
        other: tensor that broadcasts with `input`, or a number.
        out: tensor for the result.

    Returns:
        Tensor of the broadcast shape and promoted dtype.

    Example:
        >>> flambeau.floor_divide(flambeau.tensor([7.0, -7.0]), flambeau.tensor([2.0, 2.0]))
        tensor([ 3., -4.])
    """
    if type(input) in NUMBERS:
        input = tensor_of_two_numbers(input, other)
    result = _C.floor_divide(input, other)
    return result if out is None else write_out(out, result)


def fmod(input, other, *, out=None):
    """The remainder of a division that is rounded towards zero: it has the sign of `input`.

    `out = input - other trunc(input / other)`

    Args:
        input: tensor.
        other: tensor that broadcasts with `input`, or a number.
        out: tensor for the result.

    Returns:
        Tensor of the broadcast shape and promoted dtype.

    Example:
        >>> flambeau.fmod(flambeau.tensor([7.0, -7.0]), 3)
        tensor([ 1., -1.])
    """
    check_tensors("fmod", input)
    result = _C.fmod(input, other)
    return result if out is None else write_out(out, result)


def gcd(input, other, *, out=None):
    """The greatest common divisor of two integers; not negative.

    `out = gcd(input, other)`

    Args:
        input: tensor of integers or bool.
        other: tensor of integers or bool that broadcasts with `input`, or a number.
        out: tensor for the result.

    Returns:
        Tensor of the broadcast shape and promoted dtype.

    Example:
        >>> flambeau.gcd(flambeau.tensor([12, 7]), flambeau.tensor([18, 3]))
        tensor([6, 1])
    """
    check_tensors("gcd", input, other)
    result = _C.gcd(input, other)
    return result if out is None else write_out(out, result)


def hypot(input, other, *, out=None):
    """The length of the hypotenuse, without overflow on the way.

    `out = sqrt(input^2 + other^2)`

    Args:
        input: tensor.
        other: tensor that broadcasts with `input`, or a number.
        out: tensor for the result.

    Returns:
        Tensor of the broadcast shape and promoted dtype.

    Example:
        >>> flambeau.hypot(flambeau.tensor([3.0]), flambeau.tensor([4.0]))
        tensor([5.])
    """
    check_tensors("hypot", input, other)
    result = _C.hypot(input, other)
    return result if out is None else write_out(out, result)


def lcm(input, other, *, out=None):
    """The least common multiple of two integers; not negative.

    `out = lcm(input, other)`

    Args:
        input: tensor of integers or bool.
        other: tensor of integers or bool that broadcasts with `input`, or a number.
        out: tensor for the result.

    Returns:
        Tensor of the broadcast shape and promoted dtype.

    Example:
        >>> flambeau.lcm(flambeau.tensor([4, 7]), flambeau.tensor([6, 3]))
        tensor([12, 21])
    """
    check_tensors("lcm", input, other)
    result = _C.lcm(input, other)
    return result if out is None else write_out(out, result)


def ldexp(input, other, *, out=None):
    """`input` times two to the power of `other`.

    `out = input 2^other`

    Args:
        input: tensor.
        other: tensor that broadcasts with `input`, or a number.
        out: tensor for the result.

    Returns:
        Tensor of the broadcast shape and promoted dtype.

    Example:
        >>> flambeau.ldexp(flambeau.tensor([1.0, 3.0]), flambeau.tensor([4, -1]))
        tensor([16.0000,  1.5000])
    """
    check_tensors("ldexp", input, other)
    if other.dim() == 0 and other.is_floating_point():  # as a number: not in its own precision
        other = _C.to_dtype(other, _C.result_type(input, other), 1)
    result = _C.mul(input, _C.pow(2.0, other))
    return result if out is None else write_out(out, result)


def lerp(input, end, weight, *, out=None):
    """The point between two tensors that a weight gives.

    `out = input + weight * (end - input)`

    Args:
        input: tensor, the result for weight 0.
        end: tensor of the same dtype that broadcasts, the result for weight 1.
        weight: a number or a tensor that broadcasts.
        out: tensor for the result.

    Returns:
        Tensor of the broadcast shape.

    Raises:
        RuntimeError: the dtypes differ.

    Example:
        >>> flambeau.lerp(flambeau.tensor([0.0, 10.0]), flambeau.tensor([1.0, 20.0]), 0.25)
        tensor([ 0.2500, 12.5000])
    """
    check_lerp(input, end, weight)
    result = _C.lerp(input, end, weight)
    return result if out is None else write_out(out, result)


def logaddexp(input, other, *, out=None):
    """The logarithm of the sum of two exponentials, without overflow.

    `out = ln(e^input + e^other)`

    Args:
        input: tensor.
        other: tensor that broadcasts with `input`, or a number.
        out: tensor for the result.

    Returns:
        Tensor of the broadcast shape and promoted dtype.

    Example:
        >>> flambeau.logaddexp(flambeau.tensor([0.0, 1000.0]), flambeau.tensor([0.0, 1000.0]))
        tensor([6.9315e-01, 1.0007e+03])
    """
    check_tensors("logaddexp", input, other)
    result = _C.logaddexp(input, other)
    return result if out is None else write_out(out, result)


def logaddexp2(input, other, *, out=None):
    """The logarithm to base 2 of the sum of two powers of 2, without overflow.

    `out = log2(2^input + 2^other)`

    Args:
        input: tensor.
        other: tensor that broadcasts with `input`, or a number.
        out: tensor for the result.

    Returns:
        Tensor of the broadcast shape and promoted dtype.

    Example:
        >>> flambeau.logaddexp2(flambeau.tensor([0.0, 1000.0]), flambeau.tensor([0.0, 1000.0]))
        tensor([1.0000e+00, 1.0010e+03])
    """
    check_tensors("logaddexp2", input, other)
    result = _C.logaddexp2(input, other)
    return result if out is None else write_out(out, result)


def mul(input, other, *, out=None):
    """The product of two elements.

    `out = input * other`

    Args:
        input: tensor.
        other: tensor that broadcasts with `input`, or a number.
        out: tensor for the result.

    Returns:
        Tensor of the broadcast shape and promoted dtype.

    Example:
        >>> flambeau.mul(flambeau.tensor([1.0, 2.0]), 3)
        tensor([3., 6.])
    """
    if type(input) in NUMBERS:
        input = tensor_of_two_numbers(input, other)
    result = _C.mul(input, other)
    return result if out is None else write_out(out, result)


def nextafter(input, other, *, out=None):
    """The next floating-point number from `input` towards `other`.

    `out = nextafter(input, other)`

    Args:
        input: tensor.
        other: tensor that broadcasts with `input`, or a number.
        out: tensor for the result.

    Returns:
        Tensor of the broadcast shape and promoted dtype.

    Example:
        >>> flambeau.nextafter(flambeau.tensor([1.0]), flambeau.tensor([2.0]))
        tensor([1.0000])
    """
    check_tensors("nextafter", input, other)
    result = _C.nextafter(input, other)
    return result if out is None else write_out(out, result)


def polar(abs, angle, *, out=None):
    """Complex numbers from their size and angle.

    `out = abs * (cos(angle) + i sin(angle))`

    Args:
        abs: tensor of float32 or float64.
        angle: tensor of the same dtype that broadcasts, in radians.
        out: tensor for the result.

    Returns:
        Complex tensor of the broadcast shape.

    Raises:
        RuntimeError: the dtypes differ or are not floating.

    Example:
        >>> flambeau.polar(flambeau.tensor([1.0, 2.0]), flambeau.tensor([0.0, 1.0]))
        tensor([1.0000+0.0000j, 1.0806+1.6829j])
    """
    check_parts("polar", abs, angle, out)
    result = _C.polar(abs, angle)
    return result if out is None else write_out(out, result)


def pow(input, exponent, *, out=None):
    """Each element to the power of an exponent.

    `out = input^exponent`

    Args:
        input: tensor, or a number.
        exponent: tensor that broadcasts with `input`, or a number.
        out: tensor for the result.

    Returns:
        Tensor of the broadcast shape and promoted dtype.

    Raises:
        RuntimeError: integers to a negative integer power.

    Example:
        >>> flambeau.pow(flambeau.tensor([1.0, 2.0, 3.0]), 2)
        tensor([1., 4., 9.])
        >>> flambeau.pow(2, flambeau.tensor([1.0, 2.0, 3.0]))
        tensor([2., 4., 8.])
    """
    result = power(input, exponent)
    return result if out is None else write_out(out, result)


def remainder(input, other, *, out=None):
    """The remainder of a division that is rounded down, as in Python: it has the sign of `other`.

    `out = input - other floor(input / other)`

    Args:
        input: tensor.
        other: tensor that broadcasts with `input`, or a number.
        out: tensor for the result.

    Returns:
        Tensor of the broadcast shape and promoted dtype.

    Example:
        >>> flambeau.remainder(flambeau.tensor([7.0, -7.0]), 3)
        tensor([1., 2.])
    """
    result = _C.remainder(input, other)
    return result if out is None else write_out(out, result)


def rsub(input, other, *, alpha=1):
    """The difference of two tensors, in the other order.

    `out = other - alpha * input`

    Args:
        input: tensor.
        other: tensor that broadcasts with `input`, or a number.
        alpha: factor of `input`.

    Returns:
        Tensor of the broadcast shape and promoted dtype.

    Example:
        >>> flambeau.rsub(flambeau.tensor([1.0, 2.0]), 1)
        tensor([ 0., -1.])
    """
    check_tensors("rsub", input)
    return sub(other, input, alpha=alpha)


def sub(input, other, *, alpha=1, out=None):
    """The difference of two tensors.

    `out = input - alpha * other`

    Args:
        input: tensor.
        other: tensor that broadcasts with `input`, or a number.
        alpha: factor of `other`.
        out: tensor for the result.

    Returns:
        Tensor of the broadcast shape and promoted dtype.

    Raises:
        RuntimeError: both are bool.

    Example:
        >>> flambeau.sub(flambeau.tensor([1.0, 2.0]), 1)
        tensor([0., 1.])
    """
    if type(input) in NUMBERS:
        input = tensor_of_two_numbers(input, other)
    result = _C.sub(input, other) if alpha == 1 else add_scaled("sub", input, other, alpha)
    return result if out is None else write_out(out, result)


def xlogy(input, other, *, out=None):
    """`input` times the logarithm of `other`, and 0 where `input` is 0.

    `out = input ln(other)`

    Args:
        input: tensor.
        other: tensor that broadcasts with `input`, or a number.
        out: tensor for the result.

    Returns:
        Tensor of the broadcast shape and promoted dtype.

    Example:
        >>> flambeau.xlogy(flambeau.tensor([0.0, 2.0]), flambeau.tensor([0.0, 3.0]))
        tensor([0.0000, 2.1972])
    """
    result = _C.xlogy(input, other)
    return result if out is None else write_out(out, result)


def true_divide(input, other, *, out=None):
    """The quotient of two tensors, as `div` without rounding.

    `out = input / other`

    Args:
        input: tensor.
        other: tensor that broadcasts with `input`, or a number.
        out: tensor for the result.

    Returns:
        Tensor of the broadcast shape; integers give the default floating dtype.

    Example:
        >>> flambeau.true_divide(flambeau.tensor([7, -7]), 2)
        tensor([ 3.5000, -3.5000])
    """
    return div(input, other, out=out)


arctan2 = atan2
divide = div
multiply = mul
subtract = sub


# ---- in-place forms with more than tensors as arguments


def _add_(self, other, *, alpha=1):
    return _C.add_(self, other) if alpha == 1 else add_scaled("add", self, other, alpha, into=self)


def _sub_(self, other, *, alpha=1):
    return _C.sub_(self, other) if alpha == 1 else add_scaled("sub", self, other, alpha, into=self)


def _div_(self, other, *, rounding_mode=None):
    return divided(self, other, rounding_mode, into=self)


def _reversed_div(self, other):
    return _C.div(other, self)


def _pow_(self, exponent):
    return power(self, exponent, into=self)


def _float_power_(self, exponent):
    if self.dtype is not (_C.complex128 if any_complex(self, exponent) else _C.float64):
        raise RuntimeError(f"[float_power_] the tensor must be float64 or complex128, got {self.dtype}")
    return power(self, exponent, into=self)


def _ldexp_(self, other):
    return _C.mul_(self, _C.pow(2.0, other))


def _lerp_(self, end, weight):
    check_lerp(self, end, weight)
    return _C.lerp_(self, end, weight)


def _addcmul_(self, tensor1, tensor2, *, value=1):
    if isinstance(value, (int, float)):
        return _C.addcmul_(self, tensor1, tensor2, value)
    return _C.add_(self, _C.mul(_C.mul(tensor1, value), tensor2))


def _addcdiv_(self, tensor1, tensor2, *, value=1):
    check_addcdiv(self, tensor1, tensor2)
    if isinstance(value, (int, float)):
        return _C.addcdiv_(self, tensor1, tensor2, value)
    return _C.add_(self, _C.div(_C.mul(tensor1, value), tensor2))


_BINARY = ("atan2", "copysign", "floor_divide", "fmod", "gcd", "hypot", "lcm", "mul", "nextafter", "remainder", "xlogy")
METHODS = [
    "add",
    "addcdiv",
    "addcmul",
    "arctan2",
    "atan2",
    "copysign",
    "div",
    "divide",
    "float_power",
    "floor_divide",
    "fmod",
    "gcd",
    "hypot",
    "lcm",
    "ldexp",
    "lerp",
    "logaddexp",
    "logaddexp2",
    "mul",
    "multiply",
    "nextafter",
    "pow",
    "remainder",
    "sub",
    "subtract",
    "true_divide",
    "xlogy",
    ("__rdiv__", _reversed_div),
    ("add_", _add_),
    ("sub_", _sub_),
    ("subtract_", _sub_),
    ("div_", _div_),
    ("divide_", _div_),
    ("true_divide_", _div_),
    ("pow_", _pow_),
    ("__ipow__", _pow_),
    ("float_power_", _float_power_),
    ("ldexp_", _ldexp_),
    ("lerp_", _lerp_),
    ("addcmul_", _addcmul_),
    ("addcdiv_", _addcdiv_),
    ("multiply_", _C.as_method(_C.mul_)),
    ("arctan2_", _C.as_method(_C.atan2_)),
    ("__ifloordiv__", _C.as_method(_C.floor_divide_)),
    ("__imod__", _C.as_method(_C.remainder_)),
]
METHODS += [(name + "_", _C.as_method(getattr(_C, name + "_"))) for name in _BINARY]
