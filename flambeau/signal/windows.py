"""Window functions. Each takes `sym`: True for a symmetric window, False for the first M values of one that is longer by
one, for use with the FFT. They are computed in double precision and rounded once."""

import math
import operator

from .. import _C
from .._types import strided
from ..ops.copies import check_device, moved
from ..ops.special import i0

__all__ = [
    "bartlett",
    "blackman",
    "cosine",
    "exponential",
    "gaussian",
    "general_cosine",
    "general_hamming",
    "hamming",
    "hann",
    "kaiser",
    "nuttall",
]


def _window(op, M, sym, dtype, layout, device, requires_grad, formula):
    """formula(n, last) on the places n = 0 ... last."""
    device = check_device(device, op)
    try:
        M = operator.index(M)
    except TypeError:
        raise TypeError(f"[{op}] argument 'M' must be int, not {type(M).__name__}") from None
    dtype = _C.get_default_dtype() if dtype is None else dtype
    if M < 0:
        raise ValueError(f"[{op}] requires non-negative window length, got M={M}")
    if layout is not strided:
        raise ValueError(f"[{op}] is implemented for strided tensors only, got: {layout}")
    if dtype not in (_C.float32, _C.float64):
        raise ValueError(f"[{op}] expects float32 or float64 dtypes, got: {dtype}")
    places = _C.arange(0, M, 1, _C.float64)
    values = formula(places, M - 1 if sym else M) if M > 1 else places + 1.0
    return moved(_C.to_dtype(values, dtype, 0), device).requires_grad_(requires_grad)


def _cosines(op, M, a, sym, dtype, layout, device, requires_grad):
    def formula(n, last):
        angle = n * (2 * math.pi / last)
        return sum(((-1) ** k * float(c)) * (k * angle).cos() for k, c in enumerate(a))

    return _window(op, M, sym, dtype, layout, device, requires_grad, formula)


def bartlett(M, *, sym=True, dtype=None, layout=strided, device=None, requires_grad=False):
    """Bartlett's window, a triangle: `1 - |2 n / (M - 1) - 1|`.

    Args:
        M: number of values.
        sym: symmetric; else the first values of a window one longer.
        dtype: float32 or float64.
        layout, device, requires_grad: as of `zeros`.

    Returns:
        Tensor (M,).

    Raises:
        ValueError: M is negative, or a dtype or layout that windows do not have.

    >>> flambeau.signal.windows.bartlett(5)
    tensor([0.0000, 0.5000, 1.0000, 0.5000, 0.0000])
    """

    def formula(n, last):
        return 1.0 - (n * (2.0 / last) - 1.0).abs()

    return _window("bartlett", M, sym, dtype, layout, device, requires_grad, formula)


def blackman(M, *, sym=True, dtype=None, layout=strided, device=None, requires_grad=False):
    """Blackman's window: `0.42 - 0.5 cos(2 pi n / (M - 1)) + 0.08 cos(4 pi n / (M - 1))`; arguments as of `bartlett`.

    Source: Blackman and Tukey, The measurement of power spectra (1958).

    >>> flambeau.signal.windows.blackman(5).abs().round(decimals=2)
    tensor([0.0000, 0.3400, 1.0000, 0.3400, 0.0000])
    """
    return _cosines("blackman", M, (0.42, 0.5, 0.08), sym, dtype, layout, device, requires_grad)


def cosine(M, *, sym=True, dtype=None, layout=strided, device=None, requires_grad=False):
    """Half a wave of the sine: `sin(pi (n + 1/2) / M)`; arguments as of `bartlett`.

    >>> flambeau.signal.windows.cosine(3)
    tensor([0.5000, 1.0000, 0.5000])
    """

    def formula(n, last):
        return ((n + 0.5) * (math.pi / (last + 1))).sin()

    return _window("cosine", M, sym, dtype, layout, device, requires_grad, formula)


def exponential(M, *, center=None, tau=1.0, sym=True, dtype=None, layout=strided, device=None, requires_grad=False):
    """A window that decays to both sides: `e^(-|n - center| / tau)`; other arguments as of `bartlett`.

    Args:
        center: place of the largest value, by default the middle; only for sym=False.
        tau: decay, above 0.

    >>> flambeau.signal.windows.exponential(3)
    tensor([0.3679, 1.0000, 0.3679])
    """
    if tau <= 0:
        raise ValueError(f"[exponential] Tau must be positive, got: {tau} instead.")
    if sym and center is not None:
        raise ValueError("[exponential] Center must be None for symmetric windows")

    def formula(n, last):
        return (-(n - (last / 2 if center is None else center)).abs() / tau).exp()

    return _window("exponential", M, sym, dtype, layout, device, requires_grad, formula)


def gaussian(M, *, std=1.0, sym=True, dtype=None, layout=strided, device=None, requires_grad=False):
    """The normal distribution's curve: `e^(-(n - middle)^2 / (2 std^2))`; other arguments as of `bartlett`.

    Args:
        std: standard deviation in samples, above 0.

    >>> flambeau.signal.windows.gaussian(3)
    tensor([0.6065, 1.0000, 0.6065])
    """
    if std <= 0:
        raise ValueError(f"[gaussian] Standard deviation must be positive, got: {std} instead.")

    def formula(n, last):
        return (((n - last / 2) / std) ** 2 * -0.5).exp()

    return _window("gaussian", M, sym, dtype, layout, device, requires_grad, formula)


def general_cosine(M, *, a, sym=True, dtype=None, layout=strided, device=None, requires_grad=False):
    """A sum of cosines: `sum over k of (-1)^k a[k] cos(2 pi k n / (M - 1))`; other arguments as of `bartlett`.

    Args:
        a: list or tuple of coefficients.

    >>> flambeau.signal.windows.general_cosine(3, a=[0.5, 0.5])
    tensor([0., 1., 0.])
    """
    if not isinstance(a, (list, tuple)):
        raise TypeError(f"[general_cosine] Coefficients must be a list/tuple, got {type(a).__name__}")
    if not a and M:
        raise ValueError("[general_cosine] Coefficients cannot be empty")
    return _cosines("general_cosine", M, a, sym, dtype, layout, device, requires_grad)


def general_hamming(M, *, alpha=0.54, sym=True, dtype=None, layout=strided, device=None, requires_grad=False):
    """Hamming's window with another share: `alpha - (1 - alpha) cos(2 pi n / (M - 1))`; arguments as of `bartlett`.

    >>> flambeau.signal.windows.general_hamming(3, alpha=0.6)
    tensor([0.2000, 1.0000, 0.2000])
    """
    return _cosines("general_hamming", M, (alpha, 1.0 - alpha), sym, dtype, layout, device, requires_grad)


def hamming(M, *, sym=True, dtype=None, layout=strided, device=None, requires_grad=False):
    """Hamming's window: `0.54 - 0.46 cos(2 pi n / (M - 1))`; arguments as of `bartlett`.

    >>> flambeau.signal.windows.hamming(3)
    tensor([0.0800, 1.0000, 0.0800])
    """
    return _cosines("hamming", M, (0.54, 0.46), sym, dtype, layout, device, requires_grad)


def hann(M, *, sym=True, dtype=None, layout=strided, device=None, requires_grad=False):
    """Hann's window: `(1 - cos(2 pi n / (M - 1))) / 2`; arguments as of `bartlett`.

    >>> flambeau.signal.windows.hann(5)
    tensor([0.0000, 0.5000, 1.0000, 0.5000, 0.0000])
    """
    return _cosines("hann", M, (0.5, 0.5), sym, dtype, layout, device, requires_grad)


def kaiser(M, *, beta=12.0, sym=True, dtype=None, layout=strided, device=None, requires_grad=False):
    """Kaiser's window: `I0(beta sqrt(1 - (2 n / (M - 1) - 1)^2)) / I0(beta)`; other arguments as of `bartlett`.

    Args:
        beta: how narrow it is, at least 0.

    Source: Kaiser, Digital filters (1966).

    >>> flambeau.signal.windows.kaiser(3, beta=2.0)
    tensor([0.4387, 1.0000, 0.4387])
    """
    if beta < 0:
        raise ValueError(f"[kaiser] beta must be non-negative, got: {beta} instead.")

    def formula(n, last):
        place = n * (2.0 / last) - 1.0
        root = (1.0 - place * place).clamp(min=0.0).sqrt()
        return i0(beta * root) / i0(_C.tensor(float(beta), _C.float64, False))

    return _window("kaiser", M, sym, dtype, layout, device, requires_grad, formula)


def nuttall(M, *, sym=True, dtype=None, layout=strided, device=None, requires_grad=False):
    """Nuttall's minimum window of four cosines; arguments as of `bartlett`.

    Source: Nuttall, Some windows with very good sidelobe behavior (1981), minimum 4-term window.

    >>> flambeau.signal.windows.nuttall(3)
    tensor([3.6280e-04, 1.0000e+00, 3.6280e-04])
    """
    a = (0.3635819, 0.4891775, 0.1365995, 0.0106411)
    return _cosines("nuttall", M, a, sym, dtype, layout, device, requires_grad)
