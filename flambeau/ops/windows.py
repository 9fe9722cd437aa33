"""Window functions of signal processing."""

import math

from .. import _C
from .copies import check_device, moved

__all__ = ["bartlett_window", "blackman_window", "hamming_window", "hann_window", "kaiser_window"]


def _window(op, length, periodic, dtype, device, requires_grad, formula):
    """formula(n, count) on the places n = 0 ... count - 1; a periodic window is a longer one without its last value."""
    device = check_device(device, op)
    dtype = _C.get_default_dtype() if dtype is None else dtype
    if not dtype.is_floating_point:
        raise RuntimeError(f"[{op}] expects floating point dtypes, got: {dtype}")
    if length < 0:
        raise RuntimeError(f"[{op}] requires non-negative window_length, got window_length={length}")
    if length < 2:
        return moved(_C.full((length,), _C.scalar(1), dtype), device).requires_grad_(requires_grad)
    count = length + 1 if periodic else length
    values = formula(_C.arange(0, count, 1, _C.float64), count)
    return moved(_C.to_dtype(values[:length].contiguous(), dtype, 0), device).requires_grad_(requires_grad)


def hann_window(
    window_length, periodic=True, *, dtype=None, layout=None, device=None, requires_grad=False, pin_memory=False
):
    r"""Hann's window :math:`\frac12 (1 - \cos \frac{2 \pi n}{N - 1})`.

    Args:
        window_length: number of values.
        periodic: the first values of a window one longer, for use with the FFT; else symmetric.

    >>> flambeau.hann_window(4)
    tensor([0.0000, 0.5000, 1.0000, 0.5000])
    """

    def formula(n, count):
        return 0.5 - 0.5 * (n * (2 * math.pi / (count - 1))).cos()

    return _window("hann_window", window_length, periodic, dtype, device, requires_grad, formula)


def hamming_window(
    window_length,
    periodic=True,
    alpha=0.54,
    beta=0.46,
    *,
    dtype=None,
    layout=None,
    device=None,
    requires_grad=False,
    pin_memory=False,
):
    r"""Hamming's window :math:`\alpha - \beta \cos \frac{2 \pi n}{N - 1}`; arguments as of `hann_window`.

    >>> flambeau.hamming_window(4)
    tensor([0.0800, 0.5400, 1.0000, 0.5400])
    """

    def formula(n, count):
        return alpha - beta * (n * (2 * math.pi / (count - 1))).cos()

    return _window("hamming_window", window_length, periodic, dtype, device, requires_grad, formula)


def bartlett_window(
    window_length, periodic=True, *, dtype=None, layout=None, device=None, requires_grad=False, pin_memory=False
):
    r"""Bartlett's window, a triangle: :math:`1 - |\frac{2 n}{N - 1} - 1|`; arguments as of `hann_window`.

    >>> flambeau.bartlett_window(4)
    tensor([0.0000, 0.5000, 1.0000, 0.5000])
    """

    def formula(n, count):
        return 1.0 - (n * (2.0 / (count - 1)) - 1.0).abs()

    return _window("bartlett_window", window_length, periodic, dtype, device, requires_grad, formula)


def blackman_window(
    window_length, periodic=True, *, dtype=None, layout=None, device=None, requires_grad=False, pin_memory=False
):
    r"""Blackman's window :math:`0.42 - 0.5 \cos \frac{2 \pi n}{N - 1} + 0.08 \cos \frac{4 \pi n}{N - 1}`; arguments as
    of `hann_window`.

    >>> flambeau.blackman_window(4).round(decimals=2)
    tensor([-0.0000,  0.3400,  1.0000,  0.3400])
    """

    def formula(n, count):
        angle = n * (2 * math.pi / (count - 1))
        return 0.42 - 0.5 * angle.cos() + 0.08 * (2.0 * angle).cos()

    return _window("blackman_window", window_length, periodic, dtype, device, requires_grad, formula)


def kaiser_window(
    window_length,
    periodic=True,
    beta=12.0,
    *,
    dtype=None,
    layout=None,
    device=None,
    requires_grad=False,
    pin_memory=False,
):
    r"""Kaiser's window :math:`I_0(\beta \sqrt{1 - (\frac{2 n}{N - 1} - 1)^2}) / I_0(\beta)`; arguments as of
    `hann_window`.

    >>> flambeau.kaiser_window(4, beta=2.0)
    tensor([0.4387, 0.8348, 1.0000, 0.8348])
    """

    def formula(n, count):
        from . import i0

        x = n * (2.0 / (count - 1)) - 1.0
        root = (1.0 - x * x).clamp(min=0.0).sqrt()
        return i0(beta * root) / i0(_C.tensor(float(beta), _C.float64, False))

    return _window("kaiser_window", window_length, periodic, dtype, device, requires_grad, formula)
