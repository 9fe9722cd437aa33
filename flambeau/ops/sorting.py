"""Order: sorting, selecting, searching, counting."""

from .. import _C, return_types
from ._common import write_apart, write_out

__all__ = [
    "argsort",
    "bincount",
    "bucketize",
    "histc",
    "isin",
    "kthvalue",
    "msort",
    "searchsorted",
    "sort",
    "topk",
    "unique",
    "unique_consecutive",
]
METHODS = ["argsort", "bincount", "histc", "kthvalue", "msort", "sort", "topk", "unique", "unique_consecutive"]


def sort(input, dim=-1, descending=False, stable=False, *, out=None, axis=None):
    """The elements along a dimension in order, and where they were. NaN is above every number; equal elements keep
    their order.

    Args:
        input: any real dtype.
        dim: the dimension to sort along.
        descending: largest first.
        stable: as torch's; here every sort is stable.

    Returns:
        (values, indices), of the shape of input.

    >>> flambeau.sort(flambeau.tensor([3, 1, 2])).indices
    tensor([1, 2, 0])
    """
    dim = dim if axis is None else axis
    return write_apart(out, return_types.sort(_C.sort(input, dim, bool(descending))), input)


def argsort(input, dim=-1, descending=False, stable=False, *, axis=None, out=None):
    """Where the elements of `sort` were.

    >>> flambeau.argsort(flambeau.tensor([3, 1, 2]))
    tensor([1, 2, 0])
    """
    dim = dim if axis is None else axis
    return write_out(out, _C.sort(input.detach(), dim, bool(descending))[1])


def msort(input, *, out=None):
    """The elements in order along the first dimension.

    >>> flambeau.msort(flambeau.tensor([[2, 1], [0, 3]]))
    tensor([[0, 1],
            [2, 3]])
    """
    return write_out(out, _C.sort(input, 0, False)[0])


def topk(input, k, dim=-1, largest=True, sorted=True, *, out=None, axis=None):
    """The k largest (or smallest) elements along a dimension, in order, and where they were.

    >>> flambeau.topk(flambeau.tensor([1.0, 4.0, 3.0]), 2).values
    tensor([4., 3.])
    """
    dim = dim if axis is None else axis
    k = int(k.item()) if isinstance(k, _C.Tensor) else k
    values, places = _C.topk(input, k, dim, largest)
    return write_apart(out, return_types.topk((values, places)), input)


def kthvalue(input, k, dim=-1, keepdim=False, *, out=None):
    """The k-th smallest element (from 1) along a dimension, and where it was.

    >>> flambeau.kthvalue(flambeau.tensor([3.0, 1.0, 2.0]), 2).values
    tensor(2.)
    """
    return write_apart(out, return_types.kthvalue(_C.kthvalue(input, k, dim, keepdim)), input)


def searchsorted(sorted_sequence, input, *, out_int32=False, right=False, side=None, sorter=None, out=None):
    """Where values would go in sorted rows: before their equals, or after them (right=True).

    Args:
        sorted_sequence: a sorted vector, or rows (*, n) for values (*, m).
        input: values, or a number.
        out_int32: int32 places in place of int64 ones.
        right: after equal elements.
        side: "left" or "right", another name for right.
        sorter: places that sort the sequence, if it is not sorted.

    >>> flambeau.searchsorted(flambeau.tensor([1, 3, 5]), flambeau.tensor([3, 6]))
    tensor([1, 3])
    """
    if side not in (None, "left", "right"):
        raise RuntimeError(f"[searchsorted] torch.searchsorted(): side can only be 'left' or 'right' but got {side}")
    if side == "left" and right:
        raise RuntimeError(
            "[searchsorted] torch.searchsorted(): side and right can't be set to opposites, got side of left while right was True"
        )
    places = _C.searchsorted(sorted_sequence, input, sorter, bool(right or side == "right"), out_int32)
    if out is not None and out.dtype != places.dtype:
        raise RuntimeError(f"[searchsorted] output tensor's dtype is wrong: expected {places.dtype}, got {out.dtype}")
    return write_out(out, places)


def bucketize(input, boundaries, *, out_int32=False, right=False, out=None):
    """The bucket of each value between sorted boundaries.

    >>> flambeau.bucketize(flambeau.tensor([3, 6]), flambeau.tensor([1, 3, 5]))
    tensor([1, 3])
    """
    if boundaries.dim() != 1:
        raise RuntimeError(f"[bucketize] boundaries tensor must be 1 dimension, but got dim({boundaries.dim()})")
    return searchsorted(boundaries, input, out_int32=out_int32, right=right, out=out)


def _chosen(result, return_inverse, return_counts):
    values, inverse, counts = result
    picked = (values, *([inverse] if return_inverse else []), *([counts] if return_counts else []))
    return picked if len(picked) > 1 else values


def unique(input, sorted=True, return_inverse=False, return_counts=False, dim=None):
    """The different elements (or slices along `dim`), in order.

    Args:
        input: any real dtype.
        sorted: ignored: the result is always sorted.
        return_inverse: also return where each element of input is in the result.
        return_counts: also return how often each element of the result occurs.

    >>> flambeau.unique(flambeau.tensor([3, 1, 3]), return_counts=True)
    (tensor([1, 3]), tensor([1, 2]))
    """
    return _chosen(_C.unique(input, dim, False), return_inverse, return_counts)


def unique_consecutive(input, return_inverse=False, return_counts=False, dim=None):
    """The elements (or slices along `dim`) that differ from the one before.

    >>> flambeau.unique_consecutive(flambeau.tensor([1, 1, 2, 1]))
    tensor([1, 2, 1])
    """
    return _chosen(_C.unique(input, dim, True), return_inverse, return_counts)


def isin(elements, test_elements, *, assume_unique=False, invert=False, out=None):
    """Whether each element is among the test elements.

    >>> flambeau.isin(flambeau.tensor([1, 2, 3]), flambeau.tensor([2]))
    tensor([False,  True, False])
    """
    tensors = [t if isinstance(t, _C.Tensor) else _C.tensor(t, None, False) for t in (elements, test_elements)]
    for t in tensors:
        if t.dtype is _C.bool or t.is_complex():
            raise RuntimeError(f"[isin] Unsupported input type encountered for isin(): {t.dtype}")
    dtype = _C.result_type(*tensors)
    values, test = (_C.to_dtype(t.detach(), dtype, 0) for t in tensors)
    test = _C.sort(_C.reshape(test, (-1,)), 0, False)[0]
    if test.numel() == 0:
        return write_out(out, _C.full(tuple(values.shape), _C.scalar(bool(invert)), _C.bool))
    places = _C.searchsorted(test, values.contiguous(), None, False, False).clamp(max=test.numel() - 1)
    found = _C.take(test, places) == values
    return write_out(out, ~found if invert else found)


def bincount(input, weights=None, minlength=0):
    """How often each of the numbers 0, 1, ... occurs in a vector, or the sum of the weights where it does.

    >>> flambeau.bincount(flambeau.tensor([1, 2, 1]))
    tensor([0, 2, 1])
    """
    return _C.bincount(input, weights, minlength)


def histc(input, bins=100, min=0, max=0, *, out=None):
    """How many elements fall into each of `bins` equal parts of [min, max] (of the data's range if both are 0).

    >>> flambeau.histc(flambeau.tensor([1.0, 2.0, 1.0, 4.0]), 3)
    tensor([2., 1., 1.])
    """
    return write_out(out, _C.histc(input, bins, float(min), float(max)))
