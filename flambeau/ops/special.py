"""Special functions. Those that torch has at the top are listed in `__all__`; all are public in flambeau.special."""

from .. import _C
from ._common import before_write, write_out
from ._pointwise import clamped

LOG_PI = 1.1447298858494001741
__all__ = ["digamma", "erf", "erfc", "erfinv", "i0", "lgamma", "logit", "mvlgamma", "polygamma", "sinc"]


def digamma(input, *, out=None):
    """The derivative of the logarithm of the gamma function.

    `out = d/dx ln(gamma(x)) at input`

    Args:
        input: tensor of any shape; integers and bool become the default floating dtype.
        out: tensor for the result.

    Returns:
        Tensor of the shape of `input`.

    Example:
        >>> flambeau.digamma(flambeau.tensor([1.0, 0.5]))
        tensor([-0.5772, -1.9635])
    """
    result = _C.digamma(input)
    return result if out is None else write_out(out, result)


def entr(input, *, out=None):
    """The entropy of each element.

    `out = -input * ln(input), 0 for 0 and -inf below`

    Args:
        input: tensor of any shape; integers and bool become the default floating dtype.
        out: tensor for the result.

    Returns:
        Tensor of the shape of `input`.

    Example:
        >>> flambeau.special.entr(flambeau.tensor([0.5, 0.0]))
        tensor([0.3466, 0.0000])
    """
    result = _C.entr(input)
    return result if out is None else write_out(out, result)


def erf(input, *, out=None):
    """The error function.

    `out = 2 / sqrt(pi) * integral of e^(-t^2) from 0 to input`

    Args:
        input: tensor of any shape; integers and bool become the default floating dtype.
        out: tensor for the result.

    Returns:
        Tensor of the shape of `input`.

    Example:
        >>> flambeau.erf(flambeau.tensor([0.0, 0.5]))
        tensor([0.0000, 0.5205])
    """
    result = _C.erf(input)
    return result if out is None else write_out(out, result)


def erfc(input, *, out=None):
    """One less the error function, accurate where that is small.

    `out = 1 - erf(input)`

    Args:
        input: tensor of any shape; integers and bool become the default floating dtype.
        out: tensor for the result.

    Returns:
        Tensor of the shape of `input`.

    Example:
        >>> flambeau.erfc(flambeau.tensor([0.0, 3.0]))
        tensor([1.0000e+00, 2.2090e-05])
    """
    result = _C.erfc(input)
    return result if out is None else write_out(out, result)


def erfcx(input, *, out=None):
    """The complementary error function without its exponential decay.

    `out = e^(input^2) * erfc(input)`

    Args:
        input: tensor of any shape; integers and bool become the default floating dtype.
        out: tensor for the result.

    Returns:
        Tensor of the shape of `input`.

    Example:
        >>> flambeau.special.erfcx(flambeau.tensor([0.0, 10.0]))
        tensor([1.0000, 0.0561])
    """
    result = _C.erfcx(input)
    return result if out is None else write_out(out, result)


def erfinv(input, *, out=None):
    """The inverse of the error function.

    `erf(out) = input`

    Args:
        input: tensor of any shape; integers and bool become the default floating dtype.
        out: tensor for the result.

    Returns:
        Tensor of the shape of `input`.

    Example:
        >>> flambeau.erfinv(flambeau.tensor([0.0, 0.5]))
        tensor([0.0000, 0.4769])
    """
    result = _C.erfinv(input)
    return result if out is None else write_out(out, result)


def i0(input, *, out=None):
    """The modified Bessel function of the first kind of order 0.

    `out = sum of (input^2 / 4)^k / (k!)^2 over k >= 0`

    Args:
        input: tensor of any shape; integers and bool become the default floating dtype.
        out: tensor for the result.

    Returns:
        Tensor of the shape of `input`.

    Example:
        >>> flambeau.i0(flambeau.tensor([0.0, 1.0]))
        tensor([1.0000, 1.2661])
    """
    result = _C.i0(input)
    return result if out is None else write_out(out, result)


def i0e(input, *, out=None):
    """The Bessel function `i0` without its exponential growth.

    `out = e^-|input| * i0(input)`

    Args:
        input: tensor of any shape; integers and bool become the default floating dtype.
        out: tensor for the result.

    Returns:
        Tensor of the shape of `input`.

    Example:
        >>> flambeau.special.i0e(flambeau.tensor([0.0, 1.0]))
        tensor([1.0000, 0.4658])
    """
    result = _C.i0e(input)
    return result if out is None else write_out(out, result)


def i1(input, *, out=None):
    """The modified Bessel function of the first kind of order 1.

    `out = input / 2 * sum of (input^2 / 4)^k / (k! (k + 1)!) over k >= 0`

    Args:
        input: tensor of any shape; integers and bool become the default floating dtype.
        out: tensor for the result.

    Returns:
        Tensor of the shape of `input`.

    Example:
        >>> flambeau.special.i1(flambeau.tensor([0.0, 1.0]))
        tensor([0.0000, 0.5652])
    """
    result = _C.i1(input)
    return result if out is None else write_out(out, result)


def i1e(input, *, out=None):
    """The Bessel function `i1` without its exponential growth.

    `out = e^-|input| * i1(input)`

    Args:
        input: tensor of any shape; integers and bool become the default floating dtype.
        out: tensor for the result.

    Returns:
        Tensor of the shape of `input`.

    Example:
        >>> flambeau.special.i1e(flambeau.tensor([0.0, 1.0]))
        tensor([0.0000, 0.2079])
    """
    result = _C.i1e(input)
    return result if out is None else write_out(out, result)


def lgamma(input, *, out=None):
    """The logarithm of the size of the gamma function.

    `out = ln(|gamma(input)|)`

    Args:
        input: tensor of any shape; integers and bool become the default floating dtype.
        out: tensor for the result.

    Returns:
        Tensor of the shape of `input`.

    Example:
        >>> flambeau.lgamma(flambeau.tensor([0.5, 4.0]))
        tensor([0.5724, 1.7918])
    """
    result = _C.lgamma(input)
    return result if out is None else write_out(out, result)


def log_ndtr(input, *, out=None):
    """The logarithm of the normal distribution function, accurate in its lower tail.

    `out = ln((1 + erf(input / sqrt(2))) / 2)`

    Args:
        input: tensor of any shape; integers and bool become the default floating dtype.
        out: tensor for the result.

    Returns:
        Tensor of the shape of `input`.

    Example:
        >>> flambeau.special.log_ndtr(flambeau.tensor([0.0, -30.0]))
        tensor([  -0.6931, -454.3213])
    """
    result = _C.log_ndtr(input)
    return result if out is None else write_out(out, result)


def logit(input, eps=None, *, out=None):
    """The inverse of the sigmoid.

    `out = ln(input / (1 - input))`

    Args:
        input: tensor; integers and bool become the default floating dtype.
        eps: if given, `input` is first moved into [eps, 1 - eps].
        out: tensor for the result.

    Returns:
        Tensor of the shape of `input`; NaN outside of [0, 1].

    Example:
        >>> flambeau.logit(flambeau.tensor([0.5, 0.9]))
        tensor([0.0000, 2.1972])
    """
    if eps is not None:
        floating = input.is_floating_point()
        input = clamped(input if floating else input.to(_C.get_default_dtype()), eps, 1.0 - eps)
    result = _C.logit(input)
    return result if out is None else write_out(out, result)


def mvlgamma(input, p, *, out=None):
    """The logarithm of the multivariate gamma function of dimension p.

    `out = p (p - 1) / 4 * ln(pi) + sum of ln(gamma(input - j / 2)) over j = 0 ... p - 1`

    Args:
        input: tensor with elements above (p - 1) / 2.
        p: dimension, at least 1.
        out: tensor for the result.

    Returns:
        Tensor of the shape of `input`.

    Raises:
        RuntimeError: `p` is below 1.

    Example:
        >>> flambeau.mvlgamma(flambeau.tensor([2.0, 3.0]), 2)
        tensor([0.4516, 1.5502])
    """
    if p < 1:
        raise RuntimeError(f"[mvlgamma] p must be at least 1, got {p}")
    if input.dtype is _C.bool:
        raise RuntimeError("[mvlgamma] The input tensor may not be a boolean tensor.")
    terms = _C.unsqueeze(input if input.is_floating_point() else input.to(_C.get_default_dtype()), -1)
    halves = _C.to_dtype(_C.mul(_C.arange(0, p, 1, _C.int64, terms.device), -0.5), terms.dtype, 1)
    result = _C.lgamma(terms + halves).sum(-1) + p * (p - 1) / 4 * LOG_PI
    return result if out is None else write_out(out, result)


def ndtr(input, *, out=None):
    """The normal distribution function.

    `out = (1 + erf(input / sqrt(2))) / 2`

    Args:
        input: tensor of any shape; integers and bool become the default floating dtype.
        out: tensor for the result.

    Returns:
        Tensor of the shape of `input`.

    Example:
        >>> flambeau.special.ndtr(flambeau.tensor([0.0, 1.0]))
        tensor([0.5000, 0.8413])
    """
    result = _C.ndtr(input)
    return result if out is None else write_out(out, result)


def ndtri(input, *, out=None):
    """The quantile of the normal distribution.

    `ndtr(out) = input`

    Args:
        input: tensor of any shape; integers and bool become the default floating dtype.
        out: tensor for the result.

    Returns:
        Tensor of the shape of `input`.

    Example:
        >>> flambeau.special.ndtri(flambeau.tensor([0.5, 0.9]))
        tensor([0.0000, 1.2816])
    """
    result = _C.ndtri(input)
    return result if out is None else write_out(out, result)


def polygamma(n, input, *, out=None):
    """The n-th derivative of the digamma function.

    `out = d^n/dx^n digamma(x)` at input

    Args:
        n: order, at least 0.
        input: tensor; integers and bool become the default floating dtype.
        out: tensor for the result.

    Returns:
        Tensor of the shape of `input`.

    Raises:
        RuntimeError: `n` is negative.

    Example:
        >>> flambeau.polygamma(1, flambeau.tensor([1.0, 0.5]))
        tensor([1.6449, 4.9348])
    """
    if n < 0:
        raise RuntimeError(f"[polygamma] n must be at least 0, got {n}")
    result = _C.digamma(input) if n == 0 else _C.polygamma(input, n)
    return result if out is None else write_out(out, result)


def sinc(input, *, out=None):
    """The sine of pi times each element, divided by that.

    `out = sin(pi * input) / (pi * input), and 1 for 0`

    Args:
        input: tensor of any shape; integers and bool become the default floating dtype.
        out: tensor for the result.

    Returns:
        Tensor of the shape of `input`.

    Example:
        >>> flambeau.sinc(flambeau.tensor([0.0, 0.5]))
        tensor([1.0000, 0.6366])
    """
    result = _C.sinc(input)
    return result if out is None else write_out(out, result)


def xlog1py(input, other, *, out=None):
    """`input` times the logarithm of one more than `other`, and 0 where `input` is 0.

    `out = input * ln(1 + other)`

    Args:
        input: tensor, or a number.
        other: tensor that broadcasts with `input`, or a number.
        out: tensor for the result.

    Returns:
        Tensor of the broadcast shape.

    Example:
        >>> flambeau.special.xlog1py(flambeau.tensor([0.0, 2.0]), flambeau.tensor([0.0, 3.0]))
        tensor([0.0000, 2.7726])
    """
    result = _C.xlog1py(input, other)
    return result if out is None else write_out(out, result)


def zeta(input, other, *, out=None):
    """The Hurwitz zeta function.

    `out = sum of (k + other)^-input over k >= 0`

    Args:
        input: tensor, or a number.
        other: tensor that broadcasts with `input`, or a number.
        out: tensor for the result.

    Returns:
        Tensor of the broadcast shape.

    Example:
        >>> flambeau.special.zeta(flambeau.tensor([2.0, 4.0]), flambeau.tensor([1.0, 1.0]))
        tensor([1.6449, 1.0823])
    """
    result = _C.zeta(input, other)
    return result if out is None else write_out(out, result)


def _logit_(self, eps=None):
    if eps is not None:
        clamped(self, eps, 1.0 - eps, into=self)
    return _C.logit_(self)


def _polygamma(self, n):
    return polygamma(n, self)


def _polygamma_(self, n):
    return _C.digamma_(self) if n == 0 else _C.polygamma_(self, n)


def _mvlgamma_(self, p):
    return self.copy_(mvlgamma(before_write(self), p))


_PLAIN = ("digamma", "erf", "erfc", "erfinv", "i0", "lgamma", "sinc")
METHODS: list[str | tuple[str, object]] = [
    "logit",
    "mvlgamma",
    ("logit_", _logit_),
    ("polygamma", _polygamma),
    ("polygamma_", _polygamma_),
    ("mvlgamma_", _mvlgamma_),
]
METHODS += [(name, _C.as_method(getattr(_C, name))) for name in _PLAIN]
METHODS += [(name + "_", _C.as_method(getattr(_C, name + "_"))) for name in _PLAIN]
