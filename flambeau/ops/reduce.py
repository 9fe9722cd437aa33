"""Reductions: sums, extremes, moments, norms; scans along a dimension."""

from .. import _C, return_types
from . import pointwise
from ._common import before_write, named_dim, write_out

__all__ = [
    "all",
    "amax",
    "amin",
    "aminmax",
    "any",
    "argmax",
    "argmin",
    "count_nonzero",
    "cummax",
    "cummin",
    "cumprod",
    "cumsum",
    "logcumsumexp",
    "logsumexp",
    "max",
    "mean",
    "median",
    "min",
    "mode",
    "nanmean",
    "nanmedian",
    "nansum",
    "norm",
    "prod",
    "std",
    "std_mean",
    "sum",
    "var",
    "var_mean",
]
METHODS = [
    "all",
    "amax",
    "amin",
    "aminmax",
    "any",
    "argmax",
    "argmin",
    "count_nonzero",
    "cummax",
    "cummin",
    "cumprod",
    "cumprod_",
    "cumsum",
    "cumsum_",
    "logcumsumexp",
    "logsumexp",
    "max",
    "mean",
    "median",
    "min",
    "mode",
    "nanmean",
    "nanmedian",
    "nansum",
    "norm",
    "prod",
    "std",
    "sum",
    "var",
]


def _dims(dim, axis):
    """The dims to reduce from torch's `dim` or NumPy's `axis`; () for all."""
    if dim is None:
        dim = axis
    return () if dim is None else dim


def sum(input, dim=None, keepdim=False, *, dtype=None, out=None, axis=None, keepdims=None):
    """Sum of all elements, or over the dimensions `dim`.

    Args:
        input: tensor of any dtype; integers and bool are added in int64.
        dim: int or tuple of ints; all dimensions by default.
        keepdim: keep what is reduced as size 1.
        dtype: convert to this first.
    Returns: tensor without the reduced dimensions.
    Raises: IndexError for a dimension out of range.

    >>> flambeau.sum(flambeau.tensor([[1, 2], [3, 4]]), 0)
    tensor([4, 6])
    """
    if dim is None:
        dim = () if axis is None else axis
    result = _C.sum(input, dim, keepdim if keepdims is None else keepdims, dtype)
    return result if out is None else write_out(out, result)


def nansum(input, dim=None, keepdim=False, *, dtype=None, out=None, axis=None, keepdims=None):
    """Sum that counts NaN as zero.

    >>> flambeau.nansum(flambeau.tensor([1.0, flambeau.nan, 2.0]))
    tensor(3.)
    """
    dim = dim if axis is None else axis
    keepdim = keepdim if keepdims is None else keepdims
    return write_out(out, _C.nansum(input, _dims(dim, None), keepdim, dtype))


def mean(input, dim=None, keepdim=False, *, dtype=None, out=None, axis=None, keepdims=None):
    """Arithmetic mean of all elements, or over the dimensions `dim`.

    >>> flambeau.mean(flambeau.tensor([[1.0, 2.0], [3.0, 4.0]]), 1)
    tensor([1.5000, 3.5000])
    """
    if dim is None:
        dim = () if axis is None else axis
    result = _C.mean(input, dim, keepdim if keepdims is None else keepdims, dtype)
    return result if out is None else write_out(out, result)


def nanmean(input, dim=None, keepdim=False, *, dtype=None, out=None, axis=None, keepdims=None):
    """Mean of the elements that are not NaN.

    >>> flambeau.nanmean(flambeau.tensor([1.0, flambeau.nan, 3.0]))
    tensor(2.)
    """
    dim = dim if axis is None else axis
    keepdim = keepdim if keepdims is None else keepdims
    if not (input.is_floating_point() or input.is_complex()):
        raise RuntimeError(f"[nanmean] expected input to have floating point or complex dtype but got {input.dtype}")
    numbers = _C.sum(_C.eq(input, input), _dims(dim, None), keepdim)
    return write_out(out, _C.nansum(input, _dims(dim, None), keepdim, dtype) / numbers)


def prod(input, dim=None, keepdim=False, *, dtype=None, out=None, axis=None, keepdims=None):
    """Product of all elements, or over one dimension.

    >>> flambeau.prod(flambeau.tensor([2, 3, 4]))
    tensor(24)
    """
    dim = axis if dim is None else dim
    if dim is not None and not isinstance(dim, int):
        raise TypeError(f"[prod] dim must be an int, got {type(dim).__name__}; reduce one dimension at a time")
    result = _C.prod(input, _dims(dim, None), keepdim if keepdims is None else keepdims, dtype)
    return write_out(out, result)


def any(input, dim=None, keepdim=False, *, out=None, axis=None, keepdims=None):
    """Whether any element is not zero.

    >>> flambeau.any(flambeau.tensor([[False, True], [False, False]]), 1)
    tensor([ True, False])
    """
    return write_out(out, _truth(_C.any, input, dim, axis, keepdim if keepdims is None else keepdims))


def all(input, dim=None, keepdim=False, *, out=None, axis=None, keepdims=None):
    """Whether all elements are not zero.

    >>> flambeau.all(flambeau.tensor([[True, True], [False, True]]), 1)
    tensor([ True, False])
    """
    return write_out(out, _truth(_C.all, input, dim, axis, keepdim if keepdims is None else keepdims))


def _truth(function, input, dim, axis, keepdim):
    dims = _dims(dim, axis)
    if dim is not None and dims == ():  # here an empty tuple means no dimension
        return _C.ne(input, 0) if input.dtype is not _C.uint8 else _C.ne(input, 0).to(_C.uint8)
    return function(input, dims, keepdim)


def count_nonzero(input, dim=None, *, axis=None):
    """How many elements are not zero.

    >>> flambeau.count_nonzero(flambeau.tensor([[0, 1], [2, 3]]), 0)
    tensor([1, 2])
    """
    dim = dim if axis is None else axis
    return _C.count_nonzero(input, _dims(dim, None))


def amax(input, dim=(), keepdim=False, *, out=None, axis=None, keepdims=None):
    """Largest element; NaN if there is one. Equal largest elements share the gradient.

    >>> flambeau.amax(flambeau.tensor([[1, 5], [7, 2]]), 1)
    tensor([5, 7])
    """
    return write_out(
        out, _C.amax(input, _dims(dim, None) if axis is None else axis, keepdim if keepdims is None else keepdims)
    )


def amin(input, dim=(), keepdim=False, *, out=None, axis=None, keepdims=None):
    """Smallest element; NaN if there is one. Equal smallest elements share the gradient.

    >>> flambeau.amin(flambeau.tensor([[1, 5], [7, 2]]), 1)
    tensor([1, 2])
    """
    return write_out(
        out, _C.amin(input, _dims(dim, None) if axis is None else axis, keepdim if keepdims is None else keepdims)
    )


def aminmax(input, *, dim=None, keepdim=False, out=None):
    """Smallest and largest element.

    >>> flambeau.aminmax(flambeau.tensor([3, 1, 2])).max
    tensor(3)
    """
    dims = _dims(dim, None)
    for given in out or ():
        if given.dtype is not input.dtype:
            raise RuntimeError(
                f"[aminmax] Expected out tensor to have dtype {input.dtype}, but got {given.dtype} instead"
            )
    return write_out(out, return_types.aminmax((_C.amin(input, dims, keepdim), _C.amax(input, dims, keepdim))))


def _extreme(name, input, dim, keepdim, out):
    """max and min: of everything, along a dim with indices, or of two tensors element by element."""
    if dim is None:
        return write_out(out, getattr(_C, "a" + name)(input))
    if isinstance(dim, _C.Tensor):
        if keepdim or not isinstance(input, _C.Tensor):
            raise TypeError(
                f"[{name}] expected two tensors, or a tensor with dim and keepdim, got {type(input).__name__}"
            )
        return write_out(out, getattr(_C, name + "imum")(input, dim))
    if isinstance(dim, bool) or not hasattr(dim, "__index__"):
        raise TypeError(f"[{name}] dim must be an int or a Tensor, got {type(dim).__name__}")
    return write_out(out, getattr(return_types, name)(getattr(_C, name + "_dim")(input, dim, keepdim)))


def max(input, dim=None, keepdim=False, *, other=None, out=None, axis=None, keepdims=None):
    """Largest element; with `dim` the largest along it and its index; with another tensor the larger of each pair.

    >>> flambeau.max(flambeau.tensor([[1, 5], [7, 2]]), 1).indices
    tensor([1, 0])
    """
    dim = other if other is not None else axis if dim is None else dim
    if dim is out is None:
        return _C.amax(input)
    return _extreme("max", input, dim, keepdim if keepdims is None else keepdims, out)


def min(input, dim=None, keepdim=False, *, other=None, out=None, axis=None, keepdims=None):
    """Smallest element; with `dim` the smallest along it and its index; with another tensor the smaller of each pair.

    >>> flambeau.min(flambeau.tensor([[1, 5], [7, 2]]), 1).values
    tensor([1, 2])
    """
    dim = other if other is not None else axis if dim is None else dim
    if dim is out is None:
        return _C.amin(input)
    return _extreme("min", input, dim, keepdim if keepdims is None else keepdims, out)


def argmax(input, dim=None, keepdim=False, *, out=None, axis=None, keepdims=None):
    """Index of the largest element (the first of several), of the flattened tensor or along `dim`.

    >>> flambeau.argmax(flambeau.tensor([[1, 5], [7, 2]]), 0)
    tensor([1, 0])
    """
    return write_out(out, _C.argmax(input, axis if dim is None else dim, keepdim if keepdims is None else keepdims))


def argmin(input, dim=None, keepdim=False, *, out=None, axis=None, keepdims=None):
    """Index of the smallest element (the first of several), of the flattened tensor or along `dim`.

    >>> flambeau.argmin(flambeau.tensor([[1, 5], [7, 2]]), 0)
    tensor([0, 1])
    """
    return write_out(out, _C.argmin(input, axis if dim is None else dim, keepdim if keepdims is None else keepdims))


# ---- moments


def _moments(name, input, dim, unbiased, keepdim, correction):
    """One or two of variance (or deviation) and mean. A complex variance is that of the real and imaginary parts
    added."""
    if isinstance(dim, bool):
        dim, unbiased = None, dim
    if correction is None:
        correction = 1 if unbiased is None else int(unbiased)
    dims = () if dim is None else dim
    if not input.is_complex():
        results = getattr(_C, name)(input, dims, float(correction), keepdim)
        return results[0] if len(results) == 1 else tuple(results)
    var = (
        _C.var(input.real, dims, float(correction), keepdim)[0]
        + _C.var(input.imag, dims, float(correction), keepdim)[0]
    )
    var = _C.sqrt(var) if name.startswith("std") else var
    return (var, _C.mean(input, dims, keepdim)) if name.endswith("mean") else var


def var(input, dim=None, unbiased=None, keepdim=False, *, correction=None, out=None, axis=None, keepdims=None):
    """Variance: the squared deviations from the mean, added and divided by n - correction (1 by default).

    >>> flambeau.var(flambeau.tensor([1.0, 2.0, 3.0, 4.0]), correction=0)
    tensor(1.2500)
    """
    dim, keepdim = axis if dim is None else dim, keepdim if keepdims is None else keepdims
    return write_out(out, _moments("var", input, dim, unbiased, keepdim, correction))


def std(input, dim=None, unbiased=None, keepdim=False, *, correction=None, out=None, axis=None, keepdims=None):
    """Standard deviation: the root of the variance.

    >>> flambeau.std(flambeau.tensor([1.0, 3.0, 1.0, 3.0]), correction=0)
    tensor(1.)
    """
    dim, keepdim = axis if dim is None else dim, keepdim if keepdims is None else keepdims
    return write_out(out, _moments("std", input, dim, unbiased, keepdim, correction))


def var_mean(input, dim=None, unbiased=None, keepdim=False, *, correction=None, axis=None, keepdims=None):
    """Variance and mean in one pass.

    >>> flambeau.var_mean(flambeau.tensor([1.0, 3.0]), correction=0)
    (tensor(1.), tensor(2.))
    """
    dim, keepdim = axis if dim is None else dim, keepdim if keepdims is None else keepdims
    return _moments("var_mean", input, dim, unbiased, keepdim, correction)


def std_mean(input, dim=None, unbiased=None, keepdim=False, *, correction=None, axis=None, keepdims=None):
    """Standard deviation and mean in one pass.

    >>> flambeau.std_mean(flambeau.tensor([1.0, 3.0]), correction=0)
    (tensor(1.), tensor(2.))
    """
    dim, keepdim = axis if dim is None else dim, keepdim if keepdims is None else keepdims
    return _moments("std_mean", input, dim, unbiased, keepdim, correction)


# ---- order statistics


def _pick(name, input, dim, keepdim, out):
    """The middle (or most frequent) element along a dim and its index; without a dim the value alone."""
    function, kind = getattr(_C, name + "_dim"), getattr(return_types, name)
    if dim is not None:
        return write_out(out, kind(function(input, dim, keepdim)))
    if input.numel() == 0:
        return _C.full((), float("nan"), input.dtype)
    return write_out(out, function(_C.reshape(input, (-1,)), 0, False)[0])


def median(input, dim=None, keepdim=False, *, out=None, axis=None, keepdims=None):
    """The middle element (the lower of two); NaN if there is one.

    >>> flambeau.median(flambeau.tensor([3, 1, 4, 2]))
    tensor(2)
    """
    return _pick("median", input, axis if dim is None else dim, keepdim if keepdims is None else keepdims, out)


def nanmedian(input, dim=None, keepdim=False, *, out=None, axis=None, keepdims=None):
    """The middle element among those that are not NaN.

    >>> flambeau.nanmedian(flambeau.tensor([3.0, flambeau.nan, 1.0]))
    tensor(1.)
    """
    return _pick("nanmedian", input, axis if dim is None else dim, keepdim if keepdims is None else keepdims, out)


def mode(input, dim=-1, keepdim=False, *, out=None, axis=None, keepdims=None):
    """The most frequent element along a dim (the smallest of several), and where it stands last.

    >>> flambeau.mode(flambeau.tensor([3, 1, 3, 2])).values
    tensor(3)
    """
    return _pick("mode", input, dim if axis is None else axis, keepdim if keepdims is None else keepdims, out)


# ---- norms


def logsumexp(input, dim=None, keepdim=False, *, out=None, axis=None, keepdims=None):
    r"""log of the sum of exp, without overflow: $\log \sum_i e^{x_i}$.

    >>> flambeau.logsumexp(flambeau.tensor([1000.0, 1000.0]), 0)
    tensor(1000.6932)
    """
    dim = named_dim("logsumexp", dim, axis)
    keepdim = keepdim if keepdims is None else keepdims
    return write_out(out, (_complex_logsumexp if input.is_complex() else _C.logsumexp)(input, dim, keepdim))


def _complex_logsumexp(x, dim, keepdim):
    """The largest real part is taken out, so that no exp overflows."""
    if x.numel() == 0:
        return _C.log(sum(x, dim, keepdim))
    top = amax(_C.detach(x.real), dim, True)
    top = _C.masked_fill(top, _C.isinf(top), 0, False)
    result = _C.log(sum(_C.exp(x - top), dim, True)) + top
    return result if keepdim else _C.reshape(result, tuple(sum(_C.detach(x), dim).shape))


def norm(input, p="fro", dim=None, keepdim=False, out=None, dtype=None):
    r"""Norm of a tensor: $(\sum_i |x_i|^p)^{1/p}$, "fro" (p = 2), "nuc" of matrices, or p = inf, -inf, 0.

    >>> flambeau.norm(flambeau.tensor([3.0, 4.0]))
    tensor(5.)
    """
    if p == "nuc":
        from .. import linalg

        return write_out(out, linalg.matrix_norm(input, "nuc", (-2, -1) if dim is None else dim, keepdim, dtype=dtype))
    if isinstance(p, str) and p != "fro":
        raise RuntimeError(f"[norm] p must be a number, 'fro' or 'nuc', got {p!r}")
    order = 2.0 if p is None or p == "fro" else float(p)
    return write_out(out, _C.vector_norm(input, order, _dims(dim, None), keepdim, dtype))


# ---- scans


def cumsum(input, dim=None, *, dtype=None, out=None, axis=None):
    """Running sum along a dimension; integers and bool in int64.

    >>> flambeau.cumsum(flambeau.tensor([1, 2, 3]), 0)
    tensor([1, 3, 6])
    """
    dim = named_dim("cumsum", dim, axis)
    return write_out(out, _C.cumsum(_summands(input, dtype), dim))


def cumprod(input, dim=None, *, dtype=None, out=None, axis=None):
    """Running product along a dimension; integers and bool in int64.

    >>> flambeau.cumprod(flambeau.tensor([1, 2, 3]), 0)
    tensor([1, 2, 6])
    """
    dim = named_dim("cumprod", dim, axis)
    return write_out(out, _C.cumprod(_summands(input, dtype), dim))


def _summands(input, dtype):
    if dtype is None:
        dtype = input.dtype if input.is_floating_point() or input.is_complex() else _C.int64
    return input if input.dtype is dtype else input.to(dtype)


def cumsum_(input, dim, *, dtype=None):
    """cumsum, in place."""
    return _C.copy_(input, cumsum(before_write(input), dim, dtype=dtype or input.dtype))


def cumprod_(input, dim, *, dtype=None):
    """cumprod, in place."""
    return _C.copy_(input, cumprod(before_write(input), dim, dtype=dtype or input.dtype))


def cummax(input, dim=None, *, out=None, axis=None):
    """Running maximum along a dimension, and where it stands (the latest of equals).

    >>> flambeau.cummax(flambeau.tensor([1, 3, 2]), 0).values
    tensor([1, 3, 3])
    """
    dim = named_dim("cummax", dim, axis)
    return write_out(out, return_types.cummax(_C.cummax(input, dim)))


def cummin(input, dim=None, *, out=None, axis=None):
    """Running minimum along a dimension, and where it stands (the latest of equals).

    >>> flambeau.cummin(flambeau.tensor([3, 1, 2]), 0).indices
    tensor([0, 1, 1])
    """
    dim = named_dim("cummin", dim, axis)
    return write_out(out, return_types.cummin(_C.cummin(input, dim)))


def logcumsumexp(input, dim=None, *, out=None, axis=None):
    """log of the running sum of exp along a dimension, without overflow.

    >>> flambeau.logcumsumexp(flambeau.tensor([0.0, 0.0]), 0)
    tensor([0.0000, 0.6931])
    """
    dim = named_dim("logcumsumexp", dim, axis)
    return write_out(out, (_complex_logcumsumexp if input.is_complex() else _C.logcumsumexp)(input, dim))


def _complex_logcumsumexp(x, dim):
    """One after the other, for what is taken out decides on which turn of the circle a logarithm lies."""
    if x.dim() == 0:
        return _C.clone(x, 1)
    sums = []
    for i in range(x.shape[dim]):
        part = _C.slice(x, dim, i, i + 1, 1)
        sums.append(pointwise.logaddexp(part, sums[-1]) if sums else part)
    return _C.cat(sums, dim) if sums else _C.clone(x, 1)
