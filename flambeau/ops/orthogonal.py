"""Special functions whose values NumPy computes in double precision: Bessel, Airy, incomplete gamma, and orthogonal
polynomials. As in torch, most have no derivative."""

from .. import _C
from . import _bessel, _polynomials
from ._common import write_out
from ._host import array_of, host, pointwise, tensor_of
from ._incomplete import incomplete_gamma
from .shape import broadcast_shapes, broadcast_tensors

__all__ = ["igamma", "igammac"]
SINGLE_OR_DOUBLE = (_C.float32, _C.float64)
CHUNK = 4096  # elements at a time, so that what is computed in between stays in the cache


def _check(op, name, value):
    if not isinstance(value, _C.Tensor):
        raise TypeError(f"[{op}] argument '{name}' must be Tensor, not {type(value).__name__}")


def _floating(op, dtype, integers=True):
    """The dtype of a result of this dtype of arguments."""
    if not (dtype.is_floating_point or dtype.is_complex) and integers:
        dtype = _C.get_default_dtype()
    if dtype not in SINGLE_OR_DOUBLE and integers or not dtype.is_floating_point:
        raise NotImplementedError(f"[{op}] not implemented for {dtype}: use float32 or float64")
    return dtype


def _apply(function, dtype, *arrays):
    """function of flat double-precision arrays, on arrays that broadcast; the result in the arguments' layout."""
    import numpy as np

    with np.errstate(all="ignore"):
        result = np.empty_like(arrays[0] if len(arrays) == 1 else np.add(*arrays), dtype=np.float64)
        flat = [np.broadcast_to(a, result.shape).astype(np.float64).reshape(-1) for a in arrays]
        values = np.empty(result.size)
        for start in range(0, result.size, CHUNK):
            piece = slice(start, start + CHUNK)
            values[piece] = function(*(f[piece] for f in flat))
        result[...] = values.reshape(result.shape)
    return tensor_of(result, dtype)


@pointwise
def _unary(op, input, out, function):
    _check(op, "input", input)
    dtype = _floating(op, input.dtype)
    return write_out(out, _apply(function, dtype, array_of(input)))


@pointwise
def _polynomial(op, function, input, n, out, limits=None):
    """limits: the degrees beyond which single and double precision give NaN, as in torch."""
    import numpy as np

    if not (isinstance(input, _C.Tensor) or isinstance(n, _C.Tensor)):
        raise TypeError(f"[{op}] expected a Tensor, got ({type(input).__name__}, {type(n).__name__})")
    for value in (input, n):
        if not isinstance(value, (_C.Tensor, int, float, complex)):
            raise TypeError(f"[{op}] expected tensors or numbers, got {type(value).__name__}")
    kinds = [v if isinstance(v, _C.Tensor) else type(v)(0) for v in (input, n)]
    dtype = _floating(op, _C.result_type(*kinds))
    broadcast_shapes(*(v.shape for v in (input, n) if isinstance(v, _C.Tensor)))
    halves = (_C.float16, _C.bfloat16)
    input, n = (v.to(dtype) if isinstance(v, _C.Tensor) and v.dtype in halves else v for v in (input, n))
    x, degree = (array_of(v) if isinstance(v, _C.Tensor) else np.asarray(v, np.float64) for v in (input, n))

    def compute(x, degree):
        whole = np.where(np.abs(degree) < 2.0**62, degree, -1.0).astype(np.int64)
        if limits is None:
            return function(x, whole)
        beyond = whole > limits[dtype is _C.float64]
        return np.where(beyond, np.nan, function(x, np.where(beyond, 0, whole)))

    return write_out(out, _apply(compute, dtype, x, degree))


def _refuse_first(name):
    def formula(grad, inputs, outputs):
        raise NotImplementedError(f"the derivative for '{name}: input' is not implemented.")

    return formula


def _incomplete(op, which, input, other, out):
    _check(op, "input", input)
    _check(op, "other", other)
    dtype = _floating(op, _C.result_type(input, other), integers=False)

    def compute(a, x):
        return array_of(_apply(lambda a, x: incomplete_gamma(a, x)[which], _C.float64, a, x))

    def by_other(grad, inputs, outputs):
        a, x = inputs
        density = ((a - 1) * _C.log(x) - x - _C.lgamma(a)).exp()
        slope = density if which == 0 else -density
        return grad * slope

    name = ("Igamma", "Igammac")[which]
    tensors = broadcast_tensors(*(_C.to_dtype(t, _C.float64, 0) for t in (input, other)))
    result = host(name, compute, tensors, [_refuse_first(name.lower()), by_other])
    return write_out(out, _C.to_dtype(result, dtype, 0))


def igamma(input, other, *, out=None):
    """The regularised lower incomplete gamma function.

    `out = 1 / Gamma(a) * integral of t^(a - 1) e^-t from 0 to x`, a = input, x = other

    Args:
        input: floating tensor, at least 0.
        other: floating tensor that broadcasts with it, at least 0.
        out: tensor for the result.

    Returns:
        Tensor of the broadcast shape, with a derivative by `other`; NaN where an argument is negative or both are 0.

    Raises:
        NotImplementedError: both are integers or complex; or a derivative by `input`.

    Source: DLMF 8.2 by Gauss-Legendre quadrature; Abramowitz and Stegun 6.5.29 near 0.

    >>> flambeau.igamma(flambeau.tensor([1.0, 4.0]), flambeau.tensor([1.0, 4.0]))
    tensor([0.6321, 0.5665])
    """
    return _incomplete("igamma", 0, input, other, out)


def igammac(input, other, *, out=None):
    """The regularised upper incomplete gamma function, `1 - igamma(input, other)` without cancellation; arguments as of
    `igamma`.

    >>> flambeau.igammac(flambeau.tensor([1.0, 4.0]), flambeau.tensor([1.0, 4.0]))
    tensor([0.3679, 0.4335])
    """
    return _incomplete("igammac", 1, input, other, out)


def _named(op, name, doc):
    op.__name__ = op.__qualname__ = name
    op.__doc__ = doc
    return op


def _of_one(name, function, summary, source, at, shown):
    """A function of one real argument; `at` and `shown` are its example."""

    def op(input, *, out=None):
        return _unary(name, input, out, function)

    return _named(
        op,
        name,
        f"""{summary}

    Args:
        input: tensor of float32 or float64; integers and bool become the default floating dtype.
        out: tensor for the result.

    Returns:
        Tensor of the shape of `input`, without a derivative.

    Source: {source}

    >>> flambeau.special.{name}(flambeau.tensor([{at}]))
    {shown}
    """,
    )


def _of_degree(name, function, summary, source, shown, limits=None):
    """A polynomial of degree n; `shown` is its value of degree 2 at 0.5 and 2."""

    def op(input, n, *, out=None):
        return _polynomial(name, function, input, n, out, limits)

    beyond = "" if limits is None else "; NaN above degree {} in single and {} in double precision".format(*limits)
    return _named(
        op,
        name,
        f"""{summary}

    Args:
        input: tensor or number.
        n: degree, a tensor that broadcasts with `input`, or a number; fractions are cut off.
        out: tensor for the result.

    Returns:
        Tensor of the broadcast shape, without a derivative; 0 for negative degrees{beyond}.

    Source: {source}

    >>> flambeau.special.{name}(flambeau.tensor([0.5, 2.0]), 2)
    {shown}
    """,
    )


def modified_bessel_i0(input, *, out=None):
    """The modified Bessel function of the first kind, of order 0; `i0` without a derivative.

    Args:
        input: tensor of float32 or float64; integers and bool become the default floating dtype.
        out: tensor for the result.

    Returns:
        Tensor of the shape of `input`, without a derivative.

    Source: see `i0`.

    >>> flambeau.special.modified_bessel_i0(flambeau.tensor([0.0, 1.0]))
    tensor([1.0000, 1.2661])
    """
    _check("modified_bessel_i0", "input", input)
    _floating("modified_bessel_i0", input.dtype)
    return write_out(out, _C.i0(_C.detach(input)))


def modified_bessel_i1(input, *, out=None):
    """The modified Bessel function of the first kind, of order 1; `i1` without a derivative.

    Args:
        input: tensor of float32 or float64; integers and bool become the default floating dtype.
        out: tensor for the result.

    Returns:
        Tensor of the shape of `input`, without a derivative.

    Source: see `i1`.

    >>> flambeau.special.modified_bessel_i1(flambeau.tensor([0.0, 1.0]))
    tensor([0.0000, 0.5652])
    """
    _check("modified_bessel_i1", "input", input)
    _floating("modified_bessel_i1", input.dtype)
    return write_out(out, _C.i1(_C.detach(input)))


airy_ai = _of_one(
    "airy_ai",
    _bessel.airy_ai,
    "The Airy function Ai, the solution of y'' = x y that decays to the right.",
    "Abramowitz and Stegun 10.4: Maclaurin's series, and Bessel functions of order 1/3.",
    "0.0, 1.0",
    "tensor([0.3550, 0.1353])",
)
bessel_j0 = _of_one(
    "bessel_j0",
    lambda x: _bessel.bessel_j(0, x),
    "The Bessel function of the first kind, of order 0.",
    "Abramowitz and Stegun 9.1.10, 9.12 (Miller's recurrence), 9.2.5.",
    "0.0, 1.0",
    "tensor([1.0000, 0.7652])",
)
bessel_j1 = _of_one(
    "bessel_j1",
    lambda x: _bessel.bessel_j(1, x),
    "The Bessel function of the first kind, of order 1.",
    "Abramowitz and Stegun 9.1.10, 9.12 (Miller's recurrence), 9.2.5.",
    "0.0, 1.0",
    "tensor([0.0000, 0.4401])",
)
bessel_y0 = _of_one(
    "bessel_y0",
    lambda x: _bessel.bessel_y(0, x),
    "The Bessel function of the second kind, of order 0; NaN below 0.",
    "Abramowitz and Stegun 9.1.13, 9.1.88 (Neumann), 9.2.6.",
    "0.5, 1.0",
    "tensor([-0.4445,  0.0883])",
)
bessel_y1 = _of_one(
    "bessel_y1",
    lambda x: _bessel.bessel_y(1, x),
    "The Bessel function of the second kind, of order 1; NaN below 0.",
    "Abramowitz and Stegun 9.1.11, 9.1.88 (Neumann), 9.2.6.",
    "0.5, 1.0",
    "tensor([-1.4715, -0.7812])",
)
modified_bessel_k0 = _of_one(
    "modified_bessel_k0",
    lambda x: _bessel.modified_k(0, x, False),
    "The modified Bessel function of the second kind, of order 0; NaN below 0.",
    "Abramowitz and Stegun 9.6.13, 9.6.24 (trapezoidal rule), 9.7.2.",
    "0.5, 1.0",
    "tensor([0.9244, 0.4210])",
)
modified_bessel_k1 = _of_one(
    "modified_bessel_k1",
    lambda x: _bessel.modified_k(1, x, False),
    "The modified Bessel function of the second kind, of order 1; NaN below 0.",
    "Abramowitz and Stegun 9.6.11, 9.6.24 (trapezoidal rule), 9.7.2.",
    "0.5, 1.0",
    "tensor([1.6564, 0.6019])",
)
scaled_modified_bessel_k0 = _of_one(
    "scaled_modified_bessel_k0",
    lambda x: _bessel.modified_k(0, x, True),
    "`modified_bessel_k0` times e^x, which does not underflow.",
    "as of `modified_bessel_k0`.",
    "0.5, 1.0",
    "tensor([1.5241, 1.1445])",
)
scaled_modified_bessel_k1 = _of_one(
    "scaled_modified_bessel_k1",
    lambda x: _bessel.modified_k(1, x, True),
    "`modified_bessel_k1` times e^x, which does not underflow.",
    "as of `modified_bessel_k1`.",
    "0.5, 1.0",
    "tensor([2.7310, 1.6362])",
)
spherical_bessel_j0 = _of_one(
    "spherical_bessel_j0",
    _bessel.spherical_j0,
    "The spherical Bessel function of the first kind, of order 0: `sin(x) / x`, 1 at 0.",
    "DLMF 10.49.3.",
    "0.0, 1.0",
    "tensor([1.0000, 0.8415])",
)
chebyshev_polynomial_t = _of_degree(
    "chebyshev_polynomial_t",
    _polynomials.chebyshev_t,
    "Chebyshev's polynomial of the first kind.",
    "Abramowitz and Stegun 22.7; DLMF 18.5.1-4 inside (-1, 1).",
    "tensor([-0.5000,  7.0000])",
)
chebyshev_polynomial_u = _of_degree(
    "chebyshev_polynomial_u",
    _polynomials.chebyshev_u,
    "Chebyshev's polynomial of the second kind.",
    "Abramowitz and Stegun 22.7; DLMF 18.5.1-4 inside (-1, 1).",
    "tensor([ 0., 15.])",
)
chebyshev_polynomial_v = _of_degree(
    "chebyshev_polynomial_v",
    _polynomials.chebyshev_v,
    "Chebyshev's polynomial of the third kind.",
    "Abramowitz and Stegun 22.7; DLMF 18.5.1-4 inside (-1, 1).",
    "tensor([-1., 11.])",
)
chebyshev_polynomial_w = _of_degree(
    "chebyshev_polynomial_w",
    _polynomials.chebyshev_w,
    "Chebyshev's polynomial of the fourth kind.",
    "Abramowitz and Stegun 22.7; DLMF 18.5.1-4 inside (-1, 1).",
    "tensor([ 1., 19.])",
)
shifted_chebyshev_polynomial_t = _of_degree(
    "shifted_chebyshev_polynomial_t",
    lambda x, n: _polynomials.chebyshev_t(2 * x - 1, n),
    "Chebyshev's polynomial of the first kind, of 2 input - 1.",
    "Abramowitz and Stegun 22.7; DLMF 18.5.1-4 inside (-1, 1).",
    "tensor([-1., 17.])",
)
shifted_chebyshev_polynomial_u = _of_degree(
    "shifted_chebyshev_polynomial_u",
    lambda x, n: _polynomials.chebyshev_u(2 * x - 1, n),
    "Chebyshev's polynomial of the second kind, of 2 input - 1.",
    "Abramowitz and Stegun 22.7; DLMF 18.5.1-4 inside (-1, 1).",
    "tensor([-1., 35.])",
)
shifted_chebyshev_polynomial_v = _of_degree(
    "shifted_chebyshev_polynomial_v",
    lambda x, n: _polynomials.chebyshev_v(2 * x - 1, n),
    "Chebyshev's polynomial of the third kind, of 2 input - 1.",
    "Abramowitz and Stegun 22.7; DLMF 18.5.1-4 inside (-1, 1).",
    "tensor([-1., 29.])",
)
shifted_chebyshev_polynomial_w = _of_degree(
    "shifted_chebyshev_polynomial_w",
    lambda x, n: _polynomials.chebyshev_w(2 * x - 1, n),
    "Chebyshev's polynomial of the fourth kind, of 2 input - 1.",
    "Abramowitz and Stegun 22.7; DLMF 18.5.1-4 inside (-1, 1).",
    "tensor([-1., 41.])",
)
hermite_polynomial_h = _of_degree(
    "hermite_polynomial_h",
    _polynomials.hermite_h,
    "Hermite's polynomial, as in physics: weight e^(-x^2).",
    "Abramowitz and Stegun 22.7.13.",
    "tensor([-1., 14.])",
    (128, 512),
)
hermite_polynomial_he = _of_degree(
    "hermite_polynomial_he",
    _polynomials.hermite_he,
    "Hermite's polynomial, as in statistics: weight e^(-x^2 / 2).",
    "Abramowitz and Stegun 22.7.14.",
    "tensor([-0.7500,  3.0000])",
    (128, 512),
)
laguerre_polynomial_l = _of_degree(
    "laguerre_polynomial_l",
    _polynomials.laguerre_l,
    "Laguerre's polynomial.",
    "Abramowitz and Stegun 22.7.12.",
    "tensor([ 0.1250, -1.0000])",
)
legendre_polynomial_p = _of_degree(
    "legendre_polynomial_p",
    _polynomials.legendre_p,
    "Legendre's polynomial.",
    "Abramowitz and Stegun 22.7.10.",
    "tensor([-0.1250,  5.5000])",
)


def _igamma_(self, other):
    return self.copy_(igamma(self.clone(), other))


def _igammac_(self, other):
    return self.copy_(igammac(self.clone(), other))


METHODS = ["igamma", "igammac", ("igamma_", _igamma_), ("igammac_", _igammac_)]
