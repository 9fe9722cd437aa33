"""Reductions of consecutive pieces of a dimension."""

from .. import _C
from ._common import check_tensor
from ._host import one_by_one
from .sorting import searchsorted

__all__ = ["segment_reduce"]

_NEUTRAL = {"sum": 0.0, "mean": 0.0, "prod": 1.0, "amax": float("-inf"), "amin": float("inf")}
_NAMES = {"max": "amax", "min": "amin"}


@one_by_one
def segment_reduce(data, reduce, *, lengths=None, indices=None, offsets=None, axis=0, unsafe=False, initial=None):
    """The sum, mean, product, maximum or minimum of consecutive pieces of a dimension.

    Args:
        data: floating-point (B..., N, *).
        reduce: "sum", "mean", "prod", "max" or "min".
        lengths: integers (B..., S), of the pieces; they add up to N.
        offsets: instead of lengths, integers (B..., S + 1), where the pieces begin and the last one ends.
        axis: the dimension of N, the last one of lengths.
        unsafe: do not check the lengths.
        initial: what each piece begins with.

    Returns: (B..., S, *).
    Raises: RuntimeError for lengths that are negative or do not add up.

    >>> flambeau.segment_reduce(flambeau.tensor([1.0, 2.0, 3.0]), "sum", lengths=flambeau.tensor([2, 1]))
    tensor([3., 3.])
    """
    check_tensor("segment_reduce", data, "data")
    reduce = _NAMES.get(reduce, reduce)
    if reduce not in _NEUTRAL:
        raise RuntimeError(f"[segment_reduce] reduce argument must be either sum, prod, mean, max or min, got {reduce}")
    if indices is not None:
        raise RuntimeError("[segment_reduce] indices based reduction is not supported yet: give lengths or offsets")
    if not data.is_floating_point():
        raise NotImplementedError(f"[segment_reduce] expected floating-point data, got {data.dtype}")
    edges = _edges(data, lengths, offsets, axis, unsafe)
    batch, count = tuple(data.shape[:axis]), data.shape[axis]
    segments = edges.shape[-1] - 1
    places = _C.arange(0, count, 1, _C.int64).expand((*batch, count)).contiguous()
    segment = searchsorted(edges[..., 1:].contiguous(), places, right=True)
    inside = (places >= edges[..., :1]) & (places < edges[..., -1:])
    segment = segment * inside + segments * inside.logical_not()  # what is in no piece goes to one that is dropped
    result = _reduced(data, reduce, segment, axis, segments + 1, initial)
    result = _C.clone(_C.slice(result, axis, 0, segments, 1), 0)
    if reduce != "mean":
        return result
    sizes = (edges[..., 1:] - edges[..., :-1]).reshape((*batch, segments, *(1 for _ in data.shape[axis + 1 :])))
    return result / (sizes if initial is None else _C.clamp(sizes, 1, 2**62)).to(data.dtype)


def _edges(data, lengths, offsets, axis, unsafe):
    """Where the pieces begin and the last one ends."""
    given = lengths if offsets is None else offsets
    if given is None:
        raise RuntimeError("[segment_reduce] Either lengths or offsets must be defined.")
    if given.is_floating_point():
        raise NotImplementedError(f"[segment_reduce] lengths and offsets must be integers, got {given.dtype}")
    if axis != given.dim() - 1:
        raise RuntimeError(f"[segment_reduce] Expected axis to be the last dimension of lengths but got {axis}.")
    given = given.to(_C.int64)
    if offsets is not None:
        return given
    if not unsafe:
        if given.numel() and given.min().item() < 0:
            raise RuntimeError("[segment_reduce] lengths contains negative value!")
        if not bool((given.sum(-1) == data.shape[axis]).all()):
            raise RuntimeError(
                f"[segment_reduce] Expected all rows of lengths along axis to sum to {data.shape[axis]}, the size of data there"
            )
    return _C.cat([_C.full((*given.shape[:-1], 1), 0, _C.int64), _C.cumsum(given, -1)], -1)


def _reduced(data, reduce, segment, axis, segments, initial):
    shape = (*data.shape[:axis], segments, *data.shape[axis + 1 :])
    first = _C.full(shape, _NEUTRAL[reduce] if initial is None else initial, data.dtype)
    where = segment.reshape((*segment.shape, *(1 for _ in data.shape[axis + 1 :]))).expand(tuple(data.shape))
    if reduce in ("sum", "mean"):
        return first.scatter_add(axis, where, data)
    return first.scatter_reduce(axis, where, data, reduce)
