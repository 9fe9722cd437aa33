"""Sums, means, extremes and softmax over dimensions of the components."""

import math

import flambeau

from ._shape import padded, unpadded
from ._tensor import is_jagged, strided, wrap_dim


def _lowest(dtype):
    return -math.inf if dtype.is_floating_point else 0 if dtype is flambeau.bool else flambeau.iinfo(dtype).min


def _highest(dtype):
    return math.inf if dtype.is_floating_point else 1 if dtype is flambeau.bool else flambeau.iinfo(dtype).max


# what does not count in a reduction
_NEUTRAL = {
    "sum": lambda dtype: 0, "mean": lambda dtype: 0, "prod": lambda dtype: 1, "any": lambda dtype: 0, "all": lambda dtype: 1,
    "amax": _lowest, "amin": _highest, "max": _lowest, "min": _highest, "argmax": _lowest, "argmin": _highest,
}  # fmt: skip
_SEVERAL = ("sum", "mean", "amax", "amin")


def _reduction(name):
    function = getattr(flambeau, name)

    def reduce(self, dim=None, keepdim=False, **kwargs):
        kwargs = {key: value for key, value in kwargs.items() if value is not None}
        if dim is None or dim == ():
            return function(self._packed()._elements, **kwargs)
        dims = sorted({wrap_dim(d, self.dim()) for d in ((dim,) if isinstance(dim, int) else dim)})
        if 0 in dims:
            return _over_batch(name, function, self, dims, keepdim, kwargs)
        if self._ragged in dims:
            if len(dims) > 1:
                raise RuntimeError(
                    f"{name}(): reducing along a ragged and non-batch dimension is not supported for nested tensors"
                )
            return _over_ragged(name, function, self, keepdim, kwargs)
        inside = [d - 1 for d in dims]
        result = function(self._elements, inside if name in _SEVERAL else inside[0], keepdim=keepdim, **kwargs)
        ragged = self._ragged - (0 if keepdim else sum(d < self._ragged for d in dims))
        if isinstance(result, tuple):
            return type(result)(self._on_values(part, ragged) for part in result)
        return self._on_values(result, ragged)

    reduce.__doc__ = f"`{name}` of all numbers, or along dimensions."
    return reduce


def _over_batch(name, function, self, dims, keepdim, kwargs):
    if self._ragged not in dims:
        raise RuntimeError(
            f"{name}(): reducing along the batch dimension but not the ragged dimension is not supported for nested tensors"
        )
    inside = [d - 1 for d in dims if d]
    result = function(self._packed()._elements, inside, keepdim=keepdim, **kwargs)
    return result.unsqueeze(0) if keepdim else result


def _over_ragged(name, function, self, keepdim, kwargs):
    dense = padded(self, _NEUTRAL[name](self.dtype))
    if name != "mean":
        return function(dense, self._ragged, keepdim=keepdim, **kwargs)
    total = dense.sum(self._ragged, keepdim=True, **kwargs)
    mean = total / self._all_lengths().view(-1, *(1,) * (total.dim() - 1))
    return mean if keepdim else mean.squeeze(self._ragged)


def strided_sum(self, dim=None, keepdim=False, *, dtype=None):
    """The sum of all numbers, or along the last dimension."""
    if dim is None:
        return self._elements.sum(dtype=dtype)
    dims = [wrap_dim(d, self.dim()) for d in ((dim,) if isinstance(dim, int) else dim)]
    if dims != [self.dim() - 1]:
        raise RuntimeError(
            f"NestedTensor can only be reduced across the last dimension for now got dimension {dim} instead."
        )
    if not keepdim:
        raise RuntimeError("NestedTensor always requires keepdim=True for now.")
    return strided([c.sum(-1, keepdim=True, dtype=dtype) for c in self.unbind()])


def _softmax(name):
    function = getattr(flambeau, name)

    def normalize(self, dim, dtype=None):
        dim = wrap_dim(dim, self.dim())
        if dim == 0:
            raise RuntimeError(f"{name}(): not supported when reducing across the batch dimension for NestedTensor")
        if not is_jagged(self):
            return strided([function(c, dim - 1, dtype=dtype) for c in self.unbind()])
        if dim != self._ragged:
            return self._on_values(function(self._elements, dim - 1, dtype=dtype))
        return unpadded(function(padded(self, -math.inf), dim, dtype=dtype), self, dim)

    normalize.__doc__ = f"`{name}` within each component."
    return normalize


softmax, log_softmax = _softmax("softmax"), _softmax("log_softmax")
SOFTMAX = {"softmax": softmax, "log_softmax": log_softmax}
JAGGED = {name: _reduction(name) for name in _NEUTRAL}
STRIDED = {"sum": strided_sum}
