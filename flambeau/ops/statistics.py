"""Composites of reductions: quantiles, covariance, differences, integrals, comparisons of whole tensors."""

from .. import _C
from ._common import check_tensor, write_out
from ._host import all_of, any_of
from .comparison import isclose, logical_xor
from .indexing import gather
from .join import cat
from .pointwise import complex
from .selection import where
from .sorting import sort

__all__ = [
    "allclose",
    "corrcoef",
    "cov",
    "cumulative_trapezoid",
    "diff",
    "dist",
    "equal",
    "gradient",
    "nanquantile",
    "quantile",
    "trapezoid",
    "trapz",
]
METHODS = ["allclose", "corrcoef", "cov", "diff", "dist", "equal", "nanquantile", "quantile"]


def equal(input, other):
    """Whether two tensors have the same shape and the same elements.

    >>> flambeau.equal(flambeau.tensor([1, 2]), flambeau.tensor([1, 2]))
    True
    """
    if not isinstance(other, _C.Tensor):
        raise TypeError(f"[equal] argument 'other' must be a Tensor, not {type(other).__name__}")
    return input.shape == other.shape and bool(_C.all(_C.eq(input, other)))


def allclose(input, other, rtol=1e-05, atol=1e-08, equal_nan=False):
    r"""Whether all elements are close: $|x - y| \le atol + rtol |y|$.

    >>> flambeau.allclose(flambeau.tensor([1.0]), flambeau.tensor([1.0 + 1e-7]))
    True
    """
    return bool(_C.all(isclose(input, other, rtol, atol, equal_nan)))


def dist(input, other, p=2):
    """The p-norm of the difference of two tensors.

    >>> flambeau.dist(flambeau.tensor([0.0, 0.0]), flambeau.tensor([3.0, 4.0]))
    tensor(5.)
    """
    return _C.vector_norm(input - other, float(p), (), False)


# ---- quantiles


def _check_quantile(op, input, q, interpolation):
    if input.numel() == 0:
        raise RuntimeError(f"[{op}] input tensor must be non-empty")
    if input.dtype not in (_C.float32, _C.float64):
        raise RuntimeError(f"[{op}] input tensor must be either float or double dtype")
    if interpolation not in ("linear", "lower", "higher", "midpoint", "nearest"):
        raise RuntimeError(
            f"[{op}] interpolation must be one of linear, lower, higher, midpoint or nearest, but got {interpolation}"
        )
    if not isinstance(q, _C.Tensor):
        if not 0 <= q <= 1:
            raise RuntimeError(f"[{op}] q must be in the range [0, 1] but got {q}")
        return _C.full((), float(q), input.dtype, input.device)
    if q.dim() > 1:
        raise RuntimeError(f"[{op}] q must be a scalar or 1D tensor")
    if q.dtype is not input.dtype:
        raise RuntimeError(f"[{op}] q tensor must be same dtype as the input tensor")
    if not all_of((q >= 0) * (q <= 1)):
        raise RuntimeError(f"[{op}] q values must be in the range [0, 1]")
    return q


def _quantile(op, input, q, dim, keepdim, interpolation, skip_nan):
    q = _check_quantile(op, input, q, interpolation)
    n_dims, flat = input.dim(), dim is None
    x = _C.reshape(input, (-1,)) if flat or n_dims == 0 else _C.transpose(input, dim, -1)
    values = sort(x, -1)[0]  # NaN comes last
    rank = _ranks(values, q, skip_nan)
    low = rank.floor()
    if interpolation == "nearest":
        result = _at(values, rank.round())
    elif interpolation == "lower":
        result = _at(values, low)
    elif interpolation == "higher":
        result = _at(values, rank.ceil())
    else:
        weight = rank - low if interpolation != "midpoint" else ((rank > low) * 0.5).to(rank.dtype)
        result = _C.lerp(_at(values, low), _at(values, rank.ceil()), weight)
    return _shape_quantile(result, q, dim, keepdim, n_dims, flat)


def _ranks(values, q, skip_nan):
    """Where each quantile stands in the sorted rows: (..., number of quantiles); a row with NaN points at its end."""
    n = values.shape[-1]
    nan = _C.sum(_C.ne(values, values), -1, True)
    wide = _C.reshape(q, (-1,))
    if skip_nan:
        return wide * (n - 1 - nan).to(q.dtype).clamp(min=0)
    return where(nan > 0, float(n - 1), wide * float(n - 1))


def _at(values, rank):
    return gather(values, -1, rank.to(_C.int64))


def _shape_quantile(result, q, dim, keepdim, n_dims, flat):
    """From (..., number of quantiles) to torch's shape: quantiles first, the reduced dimension gone or 1."""
    last = result.dim() - 1
    moved = _C.permute(result, (last, *range(last)))
    if flat:
        shape = (1,) * n_dims if keepdim else ()
        moved = _C.reshape(moved, (moved.shape[0], *shape))
    elif n_dims:
        moved = _C.unsqueeze(moved, -1)
        moved = _C.transpose(moved, dim if dim < 0 else dim + 1, -1)
        if not keepdim:
            moved = _C.squeeze(moved, (dim if dim < 0 else dim + 1,))
    return moved if q.dim() else _C.select(moved, 0, 0)


def quantile(input, q, dim=None, keepdim=False, *, interpolation="linear", out=None, axis=None, keepdims=None):
    """The q-quantiles along a dimension (of the flattened tensor by default).

    Args:
        input: float32 or float64 tensor.
        q: number or 1-d tensor in [0, 1].
        interpolation: linear, lower, higher, midpoint or nearest, between two elements.
    Returns: tensor with one leading dimension if q has one.

    >>> flambeau.quantile(flambeau.tensor([1.0, 2.0, 4.0]), 0.25)
    tensor(1.5000)
    """
    dim = dim if axis is None else axis
    keepdim = keepdim if keepdims is None else keepdims
    return write_out(out, _quantile("quantile", input, q, dim, keepdim, interpolation, False))


def nanquantile(input, q, dim=None, keepdim=False, *, interpolation="linear", out=None, axis=None, keepdims=None):
    """quantile of the elements that are not NaN.

    >>> flambeau.nanquantile(flambeau.tensor([1.0, flambeau.nan, 3.0]), 0.5)
    tensor(2.)
    """
    dim = dim if axis is None else axis
    keepdim = keepdim if keepdims is None else keepdims
    return write_out(out, _quantile("nanquantile", input, q, dim, keepdim, interpolation, True))


# ---- covariance


def cov(input, *, correction=1, fweights=None, aweights=None):
    """Covariance matrix of variables in rows and observations in columns.

    Args:
        correction: subtracted from the number of observations in the divisor.
        fweights: (observations,), integers: how often each is repeated.
        aweights: (observations,), floating: how much each counts.

    >>> flambeau.cov(flambeau.tensor([[0.0, 2.0], [2.0, 0.0]]))
    tensor([[ 2., -2.],
            [-2.,  2.]])
    """
    if input.dim() > 2:
        raise RuntimeError(
            f"[cov] expected input to have two or fewer dimensions but got an input with {input.dim()} dimensions"
        )
    if input.dtype is _C.bool:
        raise RuntimeError("[cov] bool dtype is not supported for input")
    x = input if input.is_floating_point() or input.is_complex() else input.to(_C.get_default_dtype())
    x = x if x.dim() == 2 else _C.reshape(x, (1, -1))
    weights = _weights(x, fweights, aweights)
    if weights is None:
        total, centered = x.shape[1], x - _C.mean(x, 1, True)
        divisor, scaled = max(total - correction, 0), centered
    else:
        total = _C.sum(weights)
        centered = x - _C.sum(x * weights, 1, True) / total
        lost = correction if aweights is None else correction * _C.sum(weights * aweights) / total
        divisor, scaled = (total - lost).clamp(min=0), centered * weights
    result = scaled @ centered.t().conj() / divisor if x.shape[1] else _C.full((x.shape[0],) * 2, float("nan"), x.dtype)
    return _C.reshape(result, ()) if x.shape[0] == 1 else result


def _weights(x, fweights, aweights):
    for name, w in (("fweights", fweights), ("aweights", aweights)):
        if w is None:
            continue
        if w.dim() > 1 or w.numel() != x.shape[1]:
            raise RuntimeError(
                f"[cov] expected {name} to have one value for each of the {x.shape[1]} observations, got shape {list(w.shape)}"
            )
        if w.is_floating_point() != (name == "aweights"):
            raise RuntimeError(
                f"[cov] expected {name} to be {'floating-point' if name == 'aweights' else 'integral'}, got {w.dtype}"
            )
        if any_of(w < 0):
            raise RuntimeError(f"[cov] {name} cannot be negative")
    if fweights is None or aweights is None:
        return aweights if fweights is None else fweights
    return fweights * aweights


def corrcoef(input):
    """Correlation matrix of variables in rows and observations in columns.

    >>> flambeau.corrcoef(flambeau.tensor([[0.0, 2.0], [2.0, 0.0]]))
    tensor([[ 1., -1.],
            [-1.,  1.]])
    """
    if input.dim() > 2:
        raise RuntimeError(
            f"[corrcoef] expected input to have two or fewer dimensions but got an input with {input.dim()} dimensions"
        )
    c = cov(input)
    if c.dim() == 0:
        return c / c
    deviation = _C.diagonal(c, 0, 0, 1)
    deviation = (deviation.real if c.is_complex() else deviation).sqrt()
    c = c / _C.unsqueeze(deviation, 1) / deviation
    if c.is_complex():
        return complex(c.real.clamp(-1, 1), c.imag.clamp(-1, 1))
    return c.clamp(-1, 1)


# ---- differences and integrals


def diff(input, n=1, dim=-1, prepend=None, append=None, *, out=None, axis=None):
    """The n-th differences of neighbours along a dimension.

    >>> flambeau.diff(flambeau.tensor([1, 4, 9]))
    tensor([3, 5])
    """
    dim = dim if axis is None else axis
    if input.dim() == 0:
        raise RuntimeError("[diff] expects input to be at least one-dimensional")
    if n < 0:
        raise RuntimeError(f"[diff] order must be non-negative but got {n}")
    parts = [t for t in (prepend, input, append) if t is not None]
    x = cat([t if t.dim() else _like_edge(t, input, dim) for t in parts], dim) if len(parts) > 1 else input
    if n == 0:
        return write_out(out, input.clone())
    for _ in range(min(n, x.shape[dim])):
        size = x.shape[dim]
        high, low = _C.slice(x, dim, min(1, size), size, 1), _C.slice(x, dim, 0, max(size - 1, 0), 1)
        x = logical_xor(high, low) if x.dtype is _C.bool else high - low
    return write_out(out, x)


def _like_edge(value, input, dim):
    shape = list(input.shape)
    shape[dim] = 1
    return _C.expand(value, shape)


def _areas(op, y, x, dx, dim):
    """The area between neighbouring points along dim."""
    for name, values in (("y", y), ("x", x)):
        if values is not None and values.dtype is _C.bool:
            raise RuntimeError(f"[{op}] received a bool input for `{name}`, but bool is not supported")
    size = y.shape[dim]
    high, low = _C.slice(y, dim, min(1, size), size, 1), _C.slice(y, dim, 0, max(size - 1, 0), 1)
    if x is None:
        return (high + low) * (dx / 2.0)
    if x.dim() == 0:
        raise ValueError(f"[{op}] there must be one `x` value for each sample point, got a 0-dim x")
    if x.dim() == 1:
        if x.shape[0] != size:
            raise RuntimeError(f"[{op}] There must be one `x` value for each sample point: got {x.shape[0]} and {size}")
        shape = [1] * y.dim()
        shape[dim] = size
        x = _C.reshape(x, shape)
    elif x.dim() < y.dim():
        x = _C.reshape(x, (1,) * (y.dim() - x.dim()) + tuple(x.shape))
    return (high + low) * diff(x, 1, dim) / 2.0


def trapezoid(y, x=None, *, dx=None, dim=-1):
    """Integral by the trapezoidal rule along a dimension, with points at x or dx (1) apart.

    >>> flambeau.trapezoid(flambeau.tensor([1.0, 2.0, 3.0]))
    tensor(4.)
    """
    if y.shape[dim] == 0:
        return _C.sum(y, dim, False) * 1.0
    dim = dim % y.dim() if -y.dim() <= dim < y.dim() else dim  # of y, though x may have more dimensions
    return _C.sum(_areas("trapezoid", y, x, 1.0 if dx is None else dx, dim), dim, False)


trapz = trapezoid


def cumulative_trapezoid(y, x=None, *, dx=None, dim=-1):
    """Running integral by the trapezoidal rule along a dimension.

    >>> flambeau.cumulative_trapezoid(flambeau.tensor([1.0, 2.0, 3.0]))
    tensor([1.5000, 4.0000])
    """
    dim = dim % y.dim() if -y.dim() <= dim < y.dim() else dim
    return _C.cumsum(_areas("cumulative_trapezoid", y, x, 1.0 if dx is None else dx, dim), dim)


# ---- numerical derivatives


def gradient(input, *, spacing=None, dim=None, edge_order=1):
    """Derivatives of sampled values along dimensions: central differences inside, one-sided ones at the ends.

    Args:
        input: values on a grid; integers give the default floating-point type.
        spacing: distance of the samples (1 by default), a list with one for each dimension, or a list of vectors of
            coordinates.
        dim: int or tuple of ints; all dimensions by default.
        edge_order: 1 or 2, the order of the one-sided differences.

    Returns: tuple of tensors of input's shape, one for each dimension.
    Raises: RuntimeError where a dimension has fewer than edge_order + 1 samples.

    >>> flambeau.gradient(flambeau.tensor([0.0, 1.0, 4.0, 9.0]))
    (tensor([1., 2., 4., 5.]),)
    """
    check_tensor("gradient", input)
    if edge_order not in (1, 2):
        raise RuntimeError("[gradient] torch.gradient only supports edge_order=1 and edge_order=2.")
    if input.dtype is _C.uint8:
        raise RuntimeError("[gradient] torch.gradient does not support uint8 input.")
    dims, steps = _grid(input, spacing, dim)
    return tuple(_derivative(input, d, step, edge_order) for d, step in zip(dims, steps))


def _grid(input, spacing, dim):
    """The dims to differentiate along, and the step or the coordinates of each."""
    rank = input.dim()
    if isinstance(spacing, _C.Tensor):
        raise TypeError("[gradient] spacing must be a number, or a list of numbers or of vectors, got a Tensor")
    dims = list(range(rank)) if dim is None else [dim] if isinstance(dim, int) else list(dim)
    for d in dims:
        if not -rank <= d < rank:
            raise IndexError(
                f"[gradient] Dimension out of range (expected to be in range of [{-rank}, {rank - 1}], but got {d})"
            )
    dims = [d % rank for d in dims]
    if len(set(dims)) < len(dims):
        raise RuntimeError(f"[gradient] a dim appears multiple times in the list of dims {dims}")
    steps = list(spacing) if isinstance(spacing, (list, tuple)) else [1 if spacing is None else spacing] * len(dims)
    if len(steps) != len(dims):
        raise RuntimeError(
            f"[gradient] torch.gradient expected spacing to be unspecified, a scalar, or a list of length {len(dims)} (one for "
            f"each dim), but got {len(steps)}"
        )
    return dims, steps


def _derivative(input, d, step, edge_order):
    length = input.shape[d]
    if length < edge_order + 1:
        raise RuntimeError("[gradient] torch.gradient expected each dimension size to be at least edge_order+1")

    def part(a, b):
        return _C.slice(input, d, a, b, 1)

    if isinstance(step, _C.Tensor):
        if step.dim() != 1 or step.shape[0] != length:
            raise RuntimeError(
                f"[gradient] coordinates of dim {d} must be a vector of length {length}, got shape {tuple(step.shape)}"
            )
        gap = (step[1:] - step[:-1]).reshape(tuple(-1 if i == d else 1 for i in range(input.dim())))
    else:
        gap = _C.full(
            tuple(length - 1 if i == d else 1 for i in range(input.dim())), step, _real(input.dtype), input.device
        )
    before, after = _C.slice(gap, d, 0, length - 2, 1), _C.slice(gap, d, 1, length - 1, 1)
    if isinstance(step, _C.Tensor):
        inner = part(0, length - 2) * (-after / (before * (before + after)))
        inner = inner + part(1, length - 1) * ((after - before) / (before * after))
        inner = inner + part(2, length) * (before / (after * (before + after)))
    else:
        inner = (part(2, length) - part(0, length - 2)) / (2 * step)
    first = (part(1, 2) - part(0, 1)) / _C.slice(gap, d, 0, 1, 1)
    last = (part(length - 1, length) - part(length - 2, length - 1)) / _C.slice(gap, d, length - 2, length - 1, 1)
    if edge_order == 2:
        first = _edge(part, gap, d, (0, 1, 2), (0, 1))
        last = -_edge(part, gap, d, (length - 1, length - 2, length - 3), (length - 2, length - 3))
    return cat([first, inner, last], d)


def _real(dtype):
    if dtype.is_complex:
        return dtype.to_real()
    return dtype if dtype.is_floating_point else _C.get_default_dtype()


def _edge(part, gap, d, points, gaps):
    """The one-sided difference of second order from the point at the edge inwards."""
    x, y, z = (part(i, i + 1) for i in points)
    near, far = (_C.slice(gap, d, i, i + 1, 1) for i in gaps)
    both = near + far
    return x * (-(near + both) / (near * both)) + y * (both / (near * far)) - z * (near / (far * both))
