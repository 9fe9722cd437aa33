"""Rounding to the numbers that a quantized tensor could hold, with gradients that pass where nothing was cut off.

Source: B. Jacob et al., Quantization and training of neural networks for efficient integer-arithmetic-only inference,
arXiv 1712.05877.
"""

from .. import _C
from ._common import check_tensor
from ._host import whole
from .comparison import isnan, isposinf
from .creation import as_tensor
from .elementary import round
from .selection import where

__all__ = ["fake_quantize_per_channel_affine", "fake_quantize_per_tensor_affine"]

_FLOATS = (_C.float32, _C.float64, _C.float16, _C.bfloat16)


def _check(op, input, quant_min, quant_max):
    check_tensor(op, input)
    if input.dtype not in _FLOATS:
        raise NotImplementedError(f"[{op}] expected a floating-point input, got {input.dtype}")
    if quant_min > quant_max:
        raise RuntimeError(
            f"[{op}] `quant_min` should be less than or equal to `quant_max`, got {quant_min} and {quant_max}"
        )


def _check_zero_point(op, low, high, quant_min, quant_max):
    if low < quant_min or high > quant_max:
        raise RuntimeError(
            f"[{op}] `zero_point` must be between `quant_min` and `quant_max`, got {low} to {high} outside {quant_min} to {quant_max}"
        )


def _rounded(input, steps, zero_point, scale, quant_min, quant_max):
    """The numbers (q - zero_point) * scale, where q is steps (integers, or NaN, which is the lowest) within the bounds."""
    inside = (steps >= quant_min) & (steps <= quant_max)
    kept = where(isnan(steps), quant_min, steps.clamp(quant_min, quant_max))
    values = ((kept - zero_point).to(scale.dtype) * scale).to(input.dtype)
    passed = where(inside, input, 0)  # minus itself: zero, with the gradient of what was not cut off
    return values + (passed - passed.detach())


def _wide(input):
    return input.detach() if input.dtype in (_C.float32, _C.float64) else input.detach().to(_C.float32)


def fake_quantize_per_tensor_affine(input, scale, zero_point, quant_min, quant_max):
    r"""The values rounded to :math:`(q - z) s` with :math:`q = \min(q_{max}, \max(q_{min}, round(x / s) + z))`.

    The gradient is one where q was not cut off, zero elsewhere.

    Args:
        input: floating-point numbers.
        scale: s, a number or tensor of one float32.
        zero_point: z, an int in [quant_min, quant_max], or tensor of one.
        quant_min, quant_max: ints.

    Raises:
        RuntimeError: the bounds are in the wrong order, or zero_point is outside.

    >>> flambeau.fake_quantize_per_tensor_affine(flambeau.tensor([-1.0, 0.04, 0.26, 99.0]), 0.1, 0, 0, 255)
    tensor([ 0.0000,  0.0000,  0.3000, 25.5000])
    """
    op = "fake_quantize_per_tensor_affine"
    _check(op, input, quant_min, quant_max)
    if not isinstance(zero_point, _C.Tensor):
        if isinstance(zero_point, float):
            raise TypeError(f"[{op}] zero_point must be an int, got {zero_point}")
        _check_zero_point(op, zero_point, zero_point, quant_min, quant_max)
    else:
        zero_point = zero_point.reshape(()).to(_C.int64)
    scale = as_tensor(scale, dtype=_C.float32).detach().reshape(())
    steps = round(_wide(input) * (1 / scale)) + zero_point
    return _rounded(input, steps, zero_point, scale, quant_min, quant_max)


def fake_quantize_per_channel_affine(input, scale, zero_point, axis, quant_min, quant_max):
    """`fake_quantize_per_tensor_affine` with a scale and zero point for each index of a dimension.

    Args:
        input: floating-point numbers.
        scale: (channels), float32.
        zero_point: (channels), int32, or floating-point for points between steps.
        axis: the dimension of the channels.
        quant_min, quant_max: ints.

    Raises:
        RuntimeError: sizes or dtypes do not fit, the bounds are in the wrong order, or a zero point is outside.
        IndexError: there is no such dimension.

    >>> x, scale, zero = flambeau.ones(2, 2), flambeau.tensor([0.4, 0.3]), flambeau.zeros(2, dtype=flambeau.int32)
    >>> flambeau.fake_quantize_per_channel_affine(x, scale, zero, 1, 0, 255)
    tensor([[0.8000, 0.9000],
            [0.8000, 0.9000]])
    """
    op = "fake_quantize_per_channel_affine"
    _check(op, input, quant_min, quant_max)
    if zero_point.dtype not in (_C.int32, _C.float32, _C.float16):
        raise RuntimeError(f"[{op}] Zero-point must be Int32, Float or Half, found {zero_point.dtype}")
    if axis < 0:
        raise RuntimeError(f"[{op}] `axis` must be between 0 and number of dimensions of input, got {axis}")
    if axis >= input.dim():
        raise IndexError(f"[{op}] Dimension out of range (expected to be in [0, {input.dim() - 1}], got {axis})")
    channels = (input.shape[axis],)
    if tuple(scale.shape) != channels or tuple(zero_point.shape) != channels:
        raise RuntimeError(
            f"[{op}] dimensions of scale and zero-point are not consistent with input tensor: expected {channels}, "
            f"got {tuple(scale.shape)} and {tuple(zero_point.shape)}"
        )
    if zero_point.dtype is _C.int32 and zero_point.numel() and not zero_point.is_meta:
        low, high = whole(zero_point).aminmax()
        _check_zero_point(op, int(low), int(high), quant_min, quant_max)
    shape = [-1 if d == axis else 1 for d in range(input.dim())]
    scale, zero_point = scale.detach().to(_C.float32).reshape(shape), zero_point.detach().reshape(shape)
    wide = _wide(input)
    steps = wide * (1 / scale)
    if zero_point.dtype is _C.int32:
        steps = round(steps) + zero_point
    else:
        zero_point = zero_point.to(_C.float32)
        steps = round(steps + zero_point)
    steps = where(isposinf(steps), float("nan"), steps)  # infinities are the lowest, as in torch
    return _rounded(input, steps, zero_point, scale.to(wide.dtype), quant_min, quant_max)
