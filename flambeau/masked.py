"""Reductions, scans and normalisations of the elements that a mask keeps (torch.masked, on dense tensors).

A mask is a bool tensor that broadcasts to the input: True keeps an element. What is masked out counts as the value
that changes nothing (0 in a sum, 1 in a product, -inf in a maximum).
"""

from . import _C, ops
from .nn import functional

__all__ = [
    "amax",
    "amin",
    "argmax",
    "argmin",
    "cumprod",
    "cumsum",
    "log_softmax",
    "logaddexp",
    "logsumexp",
    "mean",
    "median",
    "norm",
    "normalize",
    "prod",
    "softmax",
    "softmin",
    "std",
    "sum",
    "var",
]
_INFINITY = float("inf")


def _expanded(input, mask):
    """The mask as bool in the input's shape."""
    if mask.dim() > input.dim():
        raise IndexError(
            f"[masked] expected broadcastable mask (got mask dimensionality higher than of the input): "
            f"mask {tuple(mask.shape)}, input {tuple(input.shape)}"
        )
    return _C.to_dtype(mask, _C.bool, 1).expand(tuple(input.shape))


def _filled(input, mask, value):
    """The input with `value` where it is masked out."""
    if mask is None:
        return input
    return ops.where(_expanded(input, mask), input, ops.full((), value, dtype=input.dtype))


def _limit(op, dtype, sign):
    """The lowest (sign -1) or highest value of a dtype: what never wins a comparison."""
    if dtype is _C.bool:
        raise NotImplementedError(f"[masked.{op}] there is no neutral value of torch.bool: convert to an integer dtype")
    if dtype.is_complex:
        raise TypeError(f"[masked.{op}] complex numbers have no order: got {dtype}")
    if dtype.is_floating_point:
        return sign * _INFINITY
    from ._types import iinfo

    return iinfo(dtype).min if sign < 0 else iinfo(dtype).max


def _dims(dim):
    """dim as the reductions take it; here an empty tuple means all, like None."""
    return None if dim is None or (isinstance(dim, (tuple, list)) and not dim) else dim


def _running(op, input, dtype):
    """The dtype of running sums and products: the one asked for, else the input's."""
    dtype = input.dtype if dtype is None else dtype
    if dtype is _C.bool:
        raise NotImplementedError(f"[masked.{op}] \"{op}_out_cpu\" not implemented for 'Bool'")
    return dtype


def _wide(input, dtype):
    """The dtype of sums and products: the one asked for, int64 of small integers, else the input's."""
    if dtype is not None:
        return dtype
    return input.dtype if input.is_floating_point() or input.is_complex() else _C.int64


def sum(input, dim=None, *, keepdim=False, dtype=None, mask=None):
    """Sum of the kept elements, 0 of none.

    Args:
        input: tensor.
        dim: int or tuple of ints to reduce; all by default.
        keepdim: keep what is reduced as size 1.
        dtype: convert to this first; small integers and bool are added in int64 by default.
        mask: bool tensor that broadcasts to input; True keeps an element.

    Returns: tensor without the reduced dimensions.
    Raises: IndexError where the mask has more dimensions than input.

    >>> flambeau.masked.sum(flambeau.tensor([1.0, 2.0, 3.0]), mask=flambeau.tensor([True, False, True]))
    tensor(4.)
    """
    return ops.sum(_filled(input, mask, 0), _dims(dim), keepdim, dtype=_wide(input, dtype))


def prod(input, dim=None, *, keepdim=False, dtype=None, mask=None):
    """Product of the kept elements, 1 of none.

    >>> flambeau.masked.prod(flambeau.tensor([4.0, 2.0, 3.0]), mask=flambeau.tensor([True, False, True]))
    tensor(12.)
    """
    result, dtype = _filled(input, mask, 1), _wide(input, dtype)
    dim = _dims(dim)
    if dim is None and not keepdim:
        return ops.prod(result, dtype=dtype)
    rank = max(input.dim(), 1)
    dims = list(range(input.dim())) if dim is None else [dim] if isinstance(dim, int) else list(dim)
    if len({d % rank for d in dims}) < len(dims):
        raise RuntimeError(f"[masked.prod] a dim appears multiple times in the list of dims: {dims}")
    for d in dims:
        if not -rank <= d < rank:
            raise IndexError(
                f"[masked.prod] Dimension out of range (expected to be in range of [{-rank}, {rank - 1}], but got {d})"
            )
    for d in sorted((d % rank for d in dims), reverse=True):
        result = ops.prod(result, d, keepdim, dtype=dtype)
    return result if dims else result.to(dtype)


def amax(input, dim=None, *, keepdim=False, dtype=None, mask=None):
    """Largest of the kept elements; -inf (or the smallest integer) of none.

    >>> flambeau.masked.amax(flambeau.tensor([1.0, 9.0, 3.0]), mask=flambeau.tensor([True, False, True]))
    tensor(3.)
    """
    return _extreme("amax", -1, input, dim, keepdim, dtype, mask)


def amin(input, dim=None, *, keepdim=False, dtype=None, mask=None):
    """Smallest of the kept elements; inf (or the largest integer) of none.

    >>> flambeau.masked.amin(flambeau.tensor([2.0, 1.0, 3.0]), mask=flambeau.tensor([True, False, True]))
    tensor(2.)
    """
    return _extreme("amin", 1, input, dim, keepdim, dtype, mask)


def _extreme(op, sign, input, dim, keepdim, dtype, mask):
    dim, function = _dims(dim), getattr(ops, op)
    neutral = _limit(op, input.dtype, sign)
    rank = max(input.dim(), 1)
    dims = range(input.dim()) if dim is None else [dim] if isinstance(dim, int) else dim
    for d in dims:
        if input.dim() and -rank <= d < rank and input.shape[d] == 0:
            raise IndexError(f"[masked.{op}] Expected reduction dim {d} to have non-zero size.")
    result = function(_filled(input, mask, neutral), () if dim is None else dim, keepdim)
    return result if dtype is None else result.to(dtype)


def argmax(input, dim=None, *, keepdim=False, dtype=None, mask=None):
    """Index of the largest of the kept elements, as numbers of the input's dtype (or of `dtype`).

    >>> flambeau.masked.argmax(flambeau.tensor([1.0, 9.0, 3.0]), mask=flambeau.tensor([True, False, True]))
    tensor(2.)
    """
    found = ops.argmax(_filled(input, mask, _limit("argmax", input.dtype, -1)), dim, keepdim)
    return found.to(input.dtype if dtype is None else dtype)


def argmin(input, dim=None, *, keepdim=False, dtype=None, mask=None):
    """Index of the smallest of the kept elements, as numbers of the input's dtype (or of `dtype`).

    >>> flambeau.masked.argmin(flambeau.tensor([5.0, 1.0, 3.0]), mask=flambeau.tensor([True, False, True]))
    tensor(2.)
    """
    found = ops.argmin(_filled(input, mask, _limit("argmin", input.dtype, 1)), dim, keepdim)
    return found.to(input.dtype if dtype is None else dtype)


def _count(input, mask, dim, keepdim):
    """How many elements are kept."""
    kept = ops.ones(tuple(input.shape), dtype=_C.bool, device=input.device) if mask is None else _expanded(input, mask)
    return ops.sum(kept, _dims(dim), keepdim)


def mean(input, dim=None, *, keepdim=False, dtype=None, mask=None):
    """Mean of the kept elements, NaN of none.

    >>> flambeau.masked.mean(flambeau.tensor([1.0, 9.0, 3.0]), mask=flambeau.tensor([True, False, True]))
    tensor(2.)
    """
    kind = input.dtype if dtype is None else dtype
    if not (kind.is_floating_point or kind.is_complex):
        raise ValueError(
            "[masked.mean] Could not infer output dtype. Input dtype must be either a floating point or complex dtype. "
            f"Got: {kind}"
        )
    if mask is None:
        return ops.mean(input, _dims(dim), keepdim, dtype=dtype)
    return sum(input, dim, keepdim=keepdim, dtype=kind, mask=mask) / _count(input, mask, dim, keepdim)


def median(input, dim=-1, *, keepdim=False, dtype=None, mask=None):
    """The middle of the kept elements along one dimension (the lower of two), NaN of none.

    >>> flambeau.masked.median(flambeau.tensor([7.0, 9.0, 3.0]), mask=flambeau.tensor([True, False, True]))
    tensor(3.)
    """
    if isinstance(dim, (tuple, list)):
        dim = dim[0] if dim else 0
    if mask is None:
        return ops.median(input, dim, keepdim).values
    if input.is_floating_point():
        return ops.nanmedian(_filled(input, mask, float("nan")), dim, keepdim).values
    kept = _expanded(input, mask)
    if not bool(ops.any(kept, dim).all()):
        raise ValueError(
            "[masked.median] masked median expects no fully masked out rows if dtype is not floating point"
        )
    found = ops.nanmedian(_filled(input.to(_C.float64), mask, float("nan")), dim, keepdim).values
    return found.to(input.dtype)


def _moments(input, dim, unbiased, correction, keepdim, dtype, mask):
    """The variance: squared deviations from the kept elements' mean by their number less the correction."""
    if unbiased is not None and correction is not None:
        raise RuntimeError("[masked.var] only one of unbiased and correction may be given")
    if input.dtype is _C.bool:
        raise RuntimeError("[masked.var] bool tensors have no variance: convert to a floating dtype")
    correction = (1 if unbiased is None else int(unbiased)) if correction is None else correction
    if dtype is not None:
        input = input.to(dtype)
    elif not (input.is_floating_point() or input.is_complex()):
        input = input.to(_C.float32)
    count = _count(input, mask, dim, True)
    center = sum(input, dim, keepdim=True, mask=mask) / count
    away = input - center
    square = away * away.conj() if input.is_complex() else away * away
    total = sum(square, dim, keepdim=keepdim, mask=mask)
    number = count if keepdim else count.reshape(tuple(total.shape))
    return (total / ops.clamp_min(number - correction, 0)).to(total.dtype)  # a fraction as correction widens nothing


def var(input, dim=None, unbiased=None, *, correction=None, keepdim=False, dtype=None, mask=None):
    """Variance of the kept elements, divided by their number less `correction` (1 by default).

    >>> flambeau.masked.var(flambeau.tensor([1.0, 9.0, 3.0]), mask=flambeau.tensor([True, False, True]))
    tensor(2.)
    """
    return _moments(input, dim, unbiased, correction, keepdim, dtype, mask)


def std(input, dim=None, unbiased=None, *, correction=None, keepdim=False, dtype=None, mask=None):
    """Standard deviation of the kept elements: the root of their variance.

    >>> flambeau.masked.std(flambeau.tensor([1.0, 9.0, 3.0]), correction=0, mask=flambeau.tensor([True, False, True]))
    tensor(1.)
    """
    return ops.sqrt(_moments(input, dim, unbiased, correction, keepdim, dtype, mask))


def norm(input, ord=2.0, dim=None, *, keepdim=False, dtype=None, mask=None):
    """Vector norm of the kept elements, as linalg.vector_norm.

    >>> flambeau.masked.norm(flambeau.tensor([3.0, 9.0, 4.0]), mask=flambeau.tensor([True, False, True]))
    tensor(5.)
    """
    from .linalg import vector_norm

    neutral = _INFINITY if ord == -_INFINITY else 0
    return vector_norm(_filled(input, mask, neutral), ord, _dims(dim), keepdim, dtype=dtype)


def logsumexp(input, dim=None, *, keepdim=False, dtype=None, mask=None):
    """log of the sum of exp of the kept elements, -inf of none.

    >>> flambeau.masked.logsumexp(flambeau.tensor([0.0, 9.0, 0.0]), mask=flambeau.tensor([True, False, True]))
    tensor(0.6931)
    """
    neutral = -_INFINITY if input.is_complex() else _limit("logsumexp", input.dtype, -1)
    dim = tuple(range(input.dim())) if _dims(dim) is None else dim
    result = ops.logsumexp(_filled(input, mask, neutral), dim, keepdim)
    return result.to(input.dtype if dtype is None else dtype)


def logaddexp(input, other, *, dtype=None, input_mask=None, other_mask=None):
    """log(exp(input) + exp(other)), each of them where its own mask keeps it.

    >>> flambeau.masked.logaddexp(flambeau.zeros(2), flambeau.zeros(2), other_mask=flambeau.tensor([True, False]))
    tensor([0.6931, 0.0000])
    """
    merged = _C.result_type(input, other)
    if not (merged.is_floating_point or merged.is_complex):
        raise NotImplementedError(f"[masked.logaddexp] not implemented for {merged}: convert to a floating dtype")
    lows = [-_INFINITY if t.is_complex() else _limit("logaddexp", t.dtype, -1) for t in (input, other)]
    parts = (_filled(input, input_mask, lows[0]), _filled(other, other_mask, lows[1]))
    return ops.logaddexp(*parts).to(input.dtype if dtype is None else dtype)


# ---- along a dimension


def cumsum(input, dim, *, dtype=None, mask=None):
    """Running sum of the kept elements along a dimension.

    >>> flambeau.masked.cumsum(flambeau.tensor([1.0, 2.0, 3.0]), 0, mask=flambeau.tensor([True, False, True]))
    tensor([1., 1., 4.])
    """
    return ops.cumsum(_filled(input, mask, 0), dim, dtype=_running("cumsum", input, dtype))


def cumprod(input, dim, *, dtype=None, mask=None):
    """Running product of the kept elements along a dimension.

    >>> flambeau.masked.cumprod(flambeau.tensor([2.0, 2.0, 3.0]), 0, mask=flambeau.tensor([True, False, True]))
    tensor([2., 2., 6.])
    """
    return ops.cumprod(_filled(input, mask, 1), dim, dtype=_running("cumprod", input, dtype))


def softmax(input, dim, *, dtype=None, mask=None):
    """softmax over the kept elements; 0 for the others, NaN where none is kept.

    >>> flambeau.masked.softmax(flambeau.zeros(3), 0, mask=flambeau.tensor([True, False, True]))
    tensor([0.5000, 0.0000, 0.5000])
    """
    return functional.softmax(_filled(input, mask, _limit("softmax", input.dtype, -1)), dim, dtype=dtype)


def log_softmax(input, dim, *, dtype=None, mask=None):
    """log of softmax over the kept elements; -inf for the others.

    >>> flambeau.masked.log_softmax(flambeau.zeros(3), 0, mask=flambeau.tensor([True, False, True]))
    tensor([-0.6931,    -inf, -0.6931])
    """
    return functional.log_softmax(_filled(input, mask, _limit("log_softmax", input.dtype, -1)), dim, dtype=dtype)


def softmin(input, dim, *, dtype=None, mask=None):
    """softmax of the negated kept elements; 0 for the others.

    >>> flambeau.masked.softmin(flambeau.zeros(3), 0, mask=flambeau.tensor([True, False, True]))
    tensor([0.5000, 0.0000, 0.5000])
    """
    return functional.softmin(_filled(input, mask, _limit("softmin", input.dtype, 1)), dim, dtype=dtype)


def normalize(input, ord, dim, *, eps=1e-12, dtype=None, mask=None):
    """The kept elements by their norm along a dimension; 0 for the others.

    >>> flambeau.masked.normalize(flambeau.tensor([3.0, 9.0, 4.0]), 2.0, 0, mask=flambeau.tensor([True, False, True]))
    tensor([0.6000, 0.0000, 0.8000])
    """
    length = norm(input, ord, dim, keepdim=True, dtype=dtype, mask=mask)
    return _filled(input, mask, 0) / ops.clamp_min(length, eps)
