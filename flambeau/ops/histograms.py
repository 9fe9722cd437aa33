"""Histograms of one and of several dimensions."""

from .. import _C, return_types
from ._common import check_tensor, write_out
from ._host import one_by_one
from .creation import linspace
from .selection import where
from .sorting import searchsorted

__all__ = ["histogram", "histogramdd"]
METHODS = ["histogram"]


@one_by_one
def histogram(input, bins, *, range=None, weight=None, density=False, out=None):
    """How many elements (or how much weight) lie in each bin; a bin has its left edge, the last one both.

    Args:
        input: float32 or float64 tensor.
        bins: number of bins of equal width, or the edges as an increasing vector.
        range: (low, high) of the bins; those of the elements by default.
        weight: tensor of input's shape and dtype: what each element counts; 1 by default.
        density: divide by the total and by the widths, so that the integral is 1.
        out: (hist, bin_edges) for the result.

    Returns: (hist, bin_edges).
    Raises: RuntimeError for edges or ranges that are no intervals, or shapes and dtypes that disagree.

    >>> flambeau.histogram(flambeau.tensor([1.0, 2.0, 1.0]), 2).hist
    tensor([2., 1.])
    """
    check_tensor("histogram", input)
    points = _C.reshape(_C.detach(input), (-1, 1))
    if weight is not None and weight.shape != input.shape:
        raise RuntimeError(
            f"[histogram] if weight tensor is provided it should have the same shape as the input tensor: input "
            f"{tuple(input.shape)}, weight {tuple(weight.shape)}"
        )
    weight = None if weight is None else _C.reshape(weight, (-1,))
    hist, edges = _histogram("histogram", points, [bins], range, weight, density)
    return write_out(out, return_types.histogram((hist, edges[0])))


@one_by_one
def histogramdd(input, bins, range=None, weight=None, density=False):
    """How many points (or how much weight) lie in each cell of a grid.

    Args:
        input: float32 or float64 (..., D): points of D coordinates.
        bins: number of bins of all coordinates, or a list of D numbers, or of D vectors of edges.
        range: 2 D numbers, low and high of each coordinate; those of the points by default.
        weight: tensor of shape (...): what each point counts.
        density: divide by the total and by the cells' volumes.

    Returns: (hist of D dimensions, tuple of D bin_edges).

    >>> flambeau.histogramdd(flambeau.tensor([[0.0, 0.0], [1.0, 1.0]]), 2).hist
    tensor([[1., 0.],
            [0., 1.]])
    """
    check_tensor("histogramdd", input)
    if input.dim() < 2:
        raise RuntimeError(f"[histogramdd] input tensor should have at least 2 dimensions, but got {input.dim()}")
    count = input.shape[-1]
    bins = [bins] * count if isinstance(bins, int) else list(bins)
    if len(bins) != count:
        raise RuntimeError(
            f"[histogramdd] The size of bins must be equal to the innermost dimension of the input: {len(bins)} and {count}"
        )
    if weight is not None and weight.shape != input.shape[:-1]:
        raise RuntimeError(
            "[histogramdd] if weight tensor is provided it should have the same shape as the input tensor excluding its "
            f"innermost dimension, but got input with shape {list(input.shape)} and weight with shape {list(weight.shape)}"
        )
    weight = None if weight is None else _C.reshape(weight, (-1,))
    points = _C.reshape(_C.detach(input), (input.numel() // max(count, 1), count))
    return return_types.histogramdd(_histogram("histogramdd", points, bins, range, weight, density))


def _histogram(op, points, bins, limits, weight, density):
    """Histogram of the rows of `points`: the counts, and a tuple of edges."""
    if points.dtype not in (_C.float32, _C.float64):
        raise NotImplementedError(f'[{op}] "histogramdd" not implemented for {points.dtype}: use float32 or float64')
    if weight is not None and weight.dtype is not points.dtype:
        raise RuntimeError(
            f"[{op}] if weight tensor is provided, input tensor and weight tensor should have the same dtype, but got "
            f"input {points.dtype} and weight {weight.dtype}"
        )
    if limits is not None and len(limits) != 2 * len(bins):
        raise RuntimeError(f"[{op}] range should have {2 * len(bins)} elements, but got {len(limits)}")
    columns = [points[:, d] for d in _python_range(len(bins))]
    edges = [_edges(op, x, bins[d], limits and limits[2 * d : 2 * d + 2], d) for d, x in enumerate(columns)]
    shape = [e.shape[0] - 1 for e in edges]
    place, inside = _C.full((points.shape[0],), 0, _C.int64), _C.full((points.shape[0],), True, _C.bool)
    for x, e, n in zip(columns, edges, shape):
        inside = inside & (x >= e[0]) & (x <= e[-1])
        bin_of = searchsorted(e, x.contiguous(), right=True) - 1
        place = place * n + _C.clamp(bin_of, 0, n - 1)
    counts = where(
        inside, _C.full((), 1, points.dtype) if weight is None else _C.detach(weight), _C.full((), 0.0, points.dtype)
    )
    total = 1
    for n in shape:
        total *= n
    hist = _C.full((total,), 0, points.dtype).index_add(0, place, counts).reshape(tuple(shape))
    return (_density(hist, edges) if density else hist), tuple(edges)


_python_range = range


def _edges(op, x, bins, limits, d):
    """The edges of one coordinate's bins."""
    if isinstance(bins, _C.Tensor):
        if bins.dim() != 1:
            raise RuntimeError(
                f"[{op}] bins tensor should have one dimension, but got {bins.dim()} dimensions in the bins tensor for dimension {d}"
            )
        if bins.dtype is not x.dtype:
            raise RuntimeError(
                f"[{op}] input tensor and bins tensors should have the same dtype, but got input with dtype {x.dtype} and bins "
                f"for dimension {d} with dtype {bins.dtype}"
            )
        if not bins.numel():
            raise RuntimeError(f"[{op}] bins tensor for dimension {d} should have at least one element")
        return _C.clone(_C.detach(bins), 0)
    if bins <= 0:
        raise RuntimeError(f"[{op}] bins must be > 0, but got {bins} for dimension {d}")
    if limits is not None:
        low, high = limits
    else:
        low, high = (x.min().item(), x.max().item()) if x.numel() else (0.0, 1.0)
    if not abs(low) + abs(high) < float("inf"):
        raise RuntimeError(f"[{op}] dimension {d}'s range [{low}, {high}] is not finite")
    if low > high:
        raise RuntimeError(f"[{op}] min should not exceed max, but got min {low} max {high} for dimension {d}")
    if low == high:
        low, high = low - 0.5, high + 0.5
    return linspace(low, high, bins + 1, dtype=x.dtype)


def _density(hist, edges):
    hist = hist / hist.sum()
    for d, e in enumerate(edges):
        width = e[1:] - e[:-1]
        hist = hist / width.reshape(tuple(-1 if i == d else 1 for i in _python_range(hist.dim())))
    return hist
