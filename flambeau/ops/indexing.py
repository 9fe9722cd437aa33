"""Elements chosen by index tensors and masks, and whole dimensions rearranged."""

from .. import _C
from ._common import before_write, check_fits, check_tensor, dims_of, write_apart, write_out
from ._host import one_by_one

__all__ = [
    "argwhere",
    "embedding_renorm_",
    "flip",
    "fliplr",
    "flipud",
    "gather",
    "index_add",
    "index_copy",
    "index_fill",
    "index_put",
    "index_put_",
    "index_reduce",
    "index_select",
    "masked_fill",
    "masked_scatter",
    "masked_select",
    "nonzero",
    "nonzero_static",
    "put",
    "repeat_interleave",
    "roll",
    "rot90",
    "scatter",
    "scatter_add",
    "scatter_reduce",
    "take",
    "take_along_dim",
    "tile",
    "unravel_index",
]
FUNCTIONAL = ["embedding"]
_METHOD_NAMES = [
    "argwhere",
    "fill_diagonal_",
    "flip",
    "fliplr",
    "flipud",
    "gather",
    "index_add",
    "index_add_",
    "index_copy",
    "index_copy_",
    "index_fill",
    "index_fill_",
    "index_put",
    "index_put_",
    "index_reduce",
    "index_reduce_",
    "index_select",
    "masked_fill",
    "masked_fill_",
    "masked_scatter",
    "masked_scatter_",
    "masked_select",
    "nonzero",
    "nonzero_static",
    "put",
    "put_",
    "repeat",
    "repeat_interleave",
    "roll",
    "rot90",
    "scatter",
    "scatter_",
    "scatter_add",
    "scatter_add_",
    "scatter_reduce",
    "scatter_reduce_",
    "take",
    "take_along_dim",
    "tile",
    "where",
]


# ---- along one dimension: slices


def index_select(input, dim, index, *, out=None):
    """The slices of `input` along `dim` at the places in `index`.

    Args:
        input: any shape.
        dim: the dimension to choose along.
        index: a vector of int64 or int32 in [0, size).

    Returns:
        Tensor: the shape of input, with len(index) along dim.

    Raises:
        IndexError: an index out of range; the text names it, its position and the valid range.

    >>> flambeau.index_select(flambeau.tensor([[1, 2], [3, 4]]), 0, flambeau.tensor([1, 1]))
    tensor([[3, 4],
            [3, 4]])
    """
    return write_apart(out, _C.index_select(input, dim, index), input, index)


def _scaled(source, alpha):
    return source if alpha == 1 else source * alpha


def index_add(input, dim, index, source, *, alpha=1, out=None):
    r"""`input` with :math:`\alpha` times the slices of `source` added at the places in `index`, in their order.

    >>> flambeau.index_add(flambeau.zeros(3), 0, flambeau.tensor([0, 0]), flambeau.tensor([1.0, 2.0]))
    tensor([3., 0., 0.])
    """
    return write_out(out, _C.index_add(input, dim, index, _scaled(source, alpha), False))


def index_add_(self, dim, index, source, *, alpha=1):
    """`index_add` in place."""
    return _C.index_add(self, dim, index, _scaled(source, alpha), True)


def index_copy(input, dim, index, source, *, out=None):
    """`input` with the slices at the places in `index` replaced by those of `source`.

    >>> flambeau.index_copy(flambeau.zeros(3), 0, flambeau.tensor([2]), flambeau.tensor([5.0]))
    tensor([0., 0., 5.])
    """
    return write_out(out, _C.index_copy(input, dim, index, source, False))


def index_copy_(self, dim, index, source):
    """`index_copy` in place."""
    return _C.index_copy(self, dim, index, source, True)


def index_fill(input, dim, index, value):
    """`input` with the slices at the places in `index` set to a number.

    >>> flambeau.index_fill(flambeau.zeros(3), 0, flambeau.tensor([0, 2]), 1)
    tensor([1., 0., 1.])
    """
    check_fits("index_fill", value, input.dtype)
    return _C.index_fill(input, dim, index, value, False)


def index_fill_(self, dim, index, value):
    """`index_fill` in place."""
    check_fits("index_fill_", value, self.dtype)
    return _C.index_fill(self, dim, index, value, True)


def index_reduce(input, dim, index, source, reduce, *, include_self=True, out=None):
    """`input` with the slices of `source` reduced ("prod", "mean", "amax" or "amin") into the places in `index`.

    >>> x = flambeau.tensor([1.0, 2.0])
    >>> flambeau.index_reduce(x, 0, flambeau.tensor([0, 0]), flambeau.tensor([5.0, 3.0]), "amax")
    tensor([5., 2.])
    """
    if reduce not in ("prod", "mean", "amax", "amin"):
        raise RuntimeError(
            f"[index_reduce] index_reduce(): Expected reduce to be one of prod, mean, amax or amin but got {reduce}."
        )
    if source.dtype is not input.dtype:
        raise RuntimeError(
            f"[index_reduce] self ({input.dtype}) and source ({source.dtype}) must have the same scalar type"
        )
    if index.dim() > 1:
        raise IndexError("[index_reduce] Index is supposed to be a vector")
    if input.dim() == 0 or source.dim() != input.dim():
        return write_out(out, scatter_reduce(input, dim, index, source, reduce, include_self=include_self))
    shape = [1] * source.dim()
    shape[dim] = index.numel()
    if index.numel() != source.shape[dim]:
        raise RuntimeError(
            f"[index_reduce] {index.numel()} indices for {source.shape[dim]} slices of source along dimension {dim}"
        )
    spread = _C.expand(_C.reshape(index, shape), tuple(source.shape))
    return write_out(out, scatter_reduce(input, dim, spread, source, reduce, include_self=include_self))


def index_reduce_(self, dim, index, source, reduce, *, include_self=True):
    """`index_reduce` in place."""
    return _C.copy_(
        self, index_reduce(before_write(self, source), dim, index, source, reduce, include_self=include_self)
    )


# ---- along one dimension: elements


def gather(input, dim, index, *, sparse_grad=False, out=None):
    """Elements along `dim` at the places in `index`: out[i][j] = input[index[i][j]][j] for dim = 0.

    Args:
        input: any shape.
        dim: the dimension to choose along.
        index: int64 or int32, as many dimensions as input, no larger than it except along dim.
        sparse_grad: the gradient of input is sparse (if input is a leaf).

    Returns:
        Tensor: the shape of index, the dtype of input.

    Raises:
        IndexError: an index out of range.

    >>> flambeau.gather(flambeau.tensor([[1, 2], [3, 4]]), 1, flambeau.tensor([[0, 0], [1, 0]]))
    tensor([[1, 1],
            [4, 3]])
    """
    if sparse_grad and input.requires_grad:
        from ..sparse import _gradients

        return write_apart(out, _gradients.GatherSparse.apply(input, dim, index), input, index)
    return write_apart(out, _C.gather(input, dim, index), input, index)


def scatter(input, dim, index, src=None, *, value=None, reduce=None, out=None):
    """`input` with the elements of `src` (or one value) written at the places in `index` along `dim`.

    >>> flambeau.scatter(flambeau.zeros(1, 3), 1, flambeau.tensor([[2]]), 7.0)
    tensor([[0., 0., 7.]])
    """
    return write_out(out, _scatter(input, dim, index, value if src is None else src, reduce, False))


def scatter_(self, dim, index, src=None, *, value=None, reduce=None):
    """`scatter` in place."""
    return _scatter(self, dim, index, value if src is None else src, reduce, True)


def _scatter(input, dim, index, src, reduce, in_place):
    if reduce is None:
        return _C.scatter(input, dim, index, src, in_place)
    if reduce not in ("add", "multiply"):
        raise RuntimeError("[scatter] reduce argument must be either add or multiply.")
    if not isinstance(src, _C.Tensor):
        src = _C.full(tuple(index.shape), _C.scalar(src), input.dtype, input.device)
    if reduce == "add":
        return _C.scatter_add(input, dim, index, src, in_place)
    made = _C.scatter_reduce(before_write(input) if in_place else input, dim, index, src, _PROD, True)
    return _C.copy_(input, made) if in_place else made


def scatter_add(input, dim, index, src, *, out=None):
    """`input` with the elements of `src` added at the places in `index` along `dim`, in their order.

    >>> flambeau.scatter_add(flambeau.zeros(3), 0, flambeau.tensor([0, 0, 2]), flambeau.tensor([1.0, 2.0, 3.0]))
    tensor([3., 0., 3.])
    """
    return write_out(out, _C.scatter_add(input, dim, index, src, False))


def scatter_add_(self, dim, index, src):
    """`scatter_add` in place."""
    return _C.scatter_add(self, dim, index, src, True)


_PROD, _AMAX, _AMIN = 1, 2, 3
_KINDS = {"prod": _PROD, "amax": _AMAX, "amin": _AMIN}


def scatter_reduce(input, dim, index, src, reduce, *, include_self=True, out=None):
    """The elements of `src` reduced into the places in `index` along `dim`.

    Args:
        input: where to reduce into.
        dim, index, src: as of `scatter`.
        reduce: "sum", "prod", "mean", "amax" or "amin".
        include_self: whether the elements of input take part.

    >>> x, i = flambeau.tensor([1.0, 2.0]), flambeau.tensor([0, 0])
    >>> flambeau.scatter_reduce(x, 0, i, flambeau.tensor([5.0, 3.0]), "mean")
    tensor([3., 2.])
    """
    if reduce in _KINDS:
        return write_out(out, _C.scatter_reduce(input, dim, index, src, _KINDS[reduce], include_self))
    if reduce not in ("sum", "mean"):
        raise RuntimeError(
            f"[scatter_reduce] reduce argument must be either sum, prod, mean, amax or amin, got {reduce}"
        )
    start = input if include_self else _C.scatter(input, dim, index, 0, False)
    total = _C.scatter_add(start, dim, index, src, False)
    if reduce == "mean" and index.numel():
        total = _mean(total, input, dim, index, src, include_self)
    return write_out(out, total)


def _mean(total, input, dim, index, src, include_self):
    ones = _C.full(tuple(input.shape), _C.scalar(1), input.dtype, input.device)
    start = ones if include_self else _C.scatter(ones, dim, index, 0, False)
    counts = _C.scatter_add(
        start, dim, index, _C.full(tuple(src.shape), _C.scalar(1), input.dtype, input.device), False
    )
    counts = _C.masked_fill(counts, counts == 0, 1, False)
    return (
        total / counts
        if total.dtype.is_floating_point or total.dtype.is_complex
        else total.div(counts, rounding_mode="floor")
    )


def scatter_reduce_(self, dim, index, src, reduce, *, include_self=True):
    """`scatter_reduce` in place."""
    return _C.copy_(self, scatter_reduce(before_write(self, src), dim, index, src, reduce, include_self=include_self))


# ---- several dimensions at once


def _as_list(indices):
    if isinstance(indices, _C.Tensor) or not isinstance(indices, (tuple, list)):
        raise TypeError(f"[index_put] argument 'indices' must be tuple of Tensors, not {type(indices).__name__}")
    for i, t in enumerate(indices):
        if not isinstance(t, _C.Tensor):
            raise TypeError(f"[index_put] expected Tensor as element {i} in argument 0, but got {type(t).__name__}")
    return list(indices)


def index_put(input, indices, values, accumulate=False):
    """`input` with `values` written (or added: accumulate=True) at input[indices].

    >>> flambeau.index_put(flambeau.zeros(3), (flambeau.tensor([0, 0]),), flambeau.tensor([1.0, 2.0]), accumulate=True)
    tensor([3., 0., 0.])
    """
    if _fills(input, indices, values, accumulate):
        return _C.masked_fill(input, indices[0], values.to(input.dtype), False)
    return _C.index_put(input, _as_list(indices), values, accumulate, False)


def index_put_(input, indices, values, accumulate=False):
    """`index_put` in place.

    >>> flambeau.index_put_(flambeau.zeros(3), (flambeau.tensor([1]),), flambeau.tensor(2.0))
    tensor([0., 2., 0.])
    """
    if _fills(input, indices, values, accumulate):
        return _C.masked_fill(input, indices[0], values.to(input.dtype), True)
    return _C.index_put(input, _as_list(indices), values, accumulate, True)


def _fills(input, indices, values, accumulate):
    """Whether this is one value of another dtype behind a mask of the same shape: torch fills then, and converts."""
    mask = indices[0] if len(indices) == 1 else None
    if accumulate or not isinstance(mask, _C.Tensor) or mask.dtype is not _C.bool or mask.shape != input.shape:
        return False
    return values.dim() == 0 and values.dtype is not input.dtype and not values.dtype.is_complex


def take(input, index, *, out=None):
    """Elements of `input`, seen as one vector, at the places in `index`.

    >>> flambeau.take(flambeau.tensor([[1, 2], [3, 4]]), flambeau.tensor([0, -1]))
    tensor([1, 4])
    """
    return write_apart(out, _C.take(input, index), input, index)


def take_along_dim(input, indices, dim=None, *, out=None, axis=None):
    """`gather` with broadcasting; without a dim, of the flattened input.

    >>> x = flambeau.tensor([[3, 1], [2, 4]])
    >>> flambeau.take_along_dim(x, x.argsort(1), 1)
    tensor([[1, 3],
            [2, 4]])
    """
    dim = dim if axis is None else axis
    if dim is None:
        return write_out(out, gather(_C.reshape(input, (-1,)), 0, _wrapped(_C.reshape(indices, (-1,)), input.numel())))
    if input.dim() != indices.dim():
        raise RuntimeError(
            f"[take_along_dim] input and indices should have the same number of dimensions, got {input.dim()} and {indices.dim()}"
        )
    from .shape import broadcast_shapes

    if not -input.dim() <= dim < input.dim():
        raise IndexError(
            f"[take_along_dim] Dimension out of range (expected to be in range of [{-input.dim()}, {input.dim() - 1}], but got {dim})"
        )
    dim %= input.dim()
    drop = lambda shape: [1 if d == dim else n for d, n in enumerate(shape)]  # noqa: E731
    shape = list(broadcast_shapes(drop(input.shape), drop(indices.shape)))
    source = _C.expand(input, [input.shape[d] if d == dim else n for d, n in enumerate(shape)])
    places = _C.expand(indices, [indices.shape[d] if d == dim else n for d, n in enumerate(shape)])
    return write_out(out, gather(source, dim, _wrapped(places, input.shape[dim])))


def _wrapped(index, size):
    if index.dtype not in (_C.int64, _C.int32):
        raise RuntimeError(
            f"[take_along_dim] torch.take_along_dim(): dtype of indices should be Long but got {index.dtype}"
        )
    return _C.where_(index < 0, index + size, index)


def put(input, index, source, accumulate=False):
    """`input` with the elements of `source` written (or added) at flat places.

    >>> flambeau.put(flambeau.zeros(3), flambeau.tensor([-1]), flambeau.tensor([2.0]))
    tensor([0., 0., 2.])
    """
    return _C.put(input, index, source, accumulate, False)


def put_(self, index, source, accumulate=False):
    """`put` in place."""
    return _C.put(self, index, source, accumulate, True)


# ---- masks


def masked_fill(input, mask, value):
    """`input` with a number (or 0-dim tensor) where the mask is True.

    >>> flambeau.masked_fill(flambeau.tensor([1.0, 2.0]), flambeau.tensor([True, False]), 0)
    tensor([0., 2.])
    """
    check_fits("masked_fill", value, input.dtype)
    return _C.masked_fill(input, mask, value, False)


def masked_fill_(self, mask, value):
    """`masked_fill` in place."""
    check_fits("masked_fill_", value, self.dtype)
    return _C.masked_fill(self, mask, value, True)


def masked_select(input, mask, *, out=None):
    """The elements where the mask is True, as a vector.

    >>> flambeau.masked_select(flambeau.tensor([1, 2, 3]), flambeau.tensor([True, False, True]))
    tensor([1, 3])
    """
    return write_apart(out, _C.masked_select(input, mask), input, mask)


def masked_scatter(input, mask, source):
    """`input` with the elements of `source`, in order, where the mask is True.

    >>> flambeau.masked_scatter(flambeau.zeros(3), flambeau.tensor([True, False, True]), flambeau.tensor([1.0, 2.0]))
    tensor([1., 0., 2.])
    """
    return _C.masked_scatter(input, mask, source, False)


def masked_scatter_(self, mask, source):
    """`masked_scatter` in place."""
    return _C.masked_scatter(self, mask, source, True)


def nonzero(input, *, out=None, as_tuple=False):
    """The places of the elements that are not zero: a row of coordinates each, or one vector per dimension.

    >>> flambeau.nonzero(flambeau.tensor([0, 5, 0, 7]))
    tensor([[1],
            [3]])
    """
    if as_tuple:
        rows = _C.nonzero(_C.reshape(input, (1,)) if input.dim() == 0 else input)
        return tuple(_C.unbind(rows, 1))
    return write_out(out, _C.nonzero(input))


@one_by_one
def nonzero_static(input, *, size, fill_value=-1, out=None):
    """The first `size` places of elements that are not zero, as rows; where there are fewer, rows of `fill_value`.

    >>> flambeau.nonzero_static(flambeau.tensor([0, 5, 0, 7]), size=3)
    tensor([[ 1],
            [ 3],
            [-1]])
    """
    if size < 0:
        raise RuntimeError(f"[nonzero_static] 'size' must be an non-negative integer, got {size}")
    if input.is_meta:
        return _C.empty((size, input.dim()), _C.int64, input.device)
    found = _C.slice(_C.nonzero(input), 0, 0, size, 1)
    rest = _C.full((size - found.shape[0], input.dim()), fill_value, _C.int64)
    return write_out(out, _C.cat([found, rest], 0))


def unravel_index(indices, shape):
    """The coordinates, one tensor for each dimension, of flat places in an array of a given shape.

    Args:
        indices: integer tensor; negative ones count from the end.
        shape: int or sequence of ints.

    Returns: tuple of int64 tensors of the shape of indices.

    >>> flambeau.unravel_index(flambeau.tensor([1, 5]), (2, 3))
    (tensor([0, 1]), tensor([1, 2]))
    """
    check_tensor("unravel_index", indices, "indices")
    if indices.is_floating_point() or indices.is_complex() or indices.dtype is _C.bool:
        raise TypeError(f"[unravel_index] expected 'indices' to be integer dtype, but got {indices.dtype}")
    if not isinstance(shape, (int, tuple, list)):
        raise TypeError(f"[unravel_index] expected 'shape' to be int or sequence of ints, but got {type(shape)}")
    shape = (shape,) if isinstance(shape, int) else tuple(shape)
    for length in shape:
        if not isinstance(length, int):
            raise TypeError(f"[unravel_index] expected 'shape' sequence to only contain ints, but got {type(length)}")
        if length < 0:
            raise ValueError(f"[unravel_index] 'shape' cannot have negative values, but got {shape}")
    places = []
    for length in reversed(shape):
        places.append(_C.remainder(indices, max(length, 1)).to(_C.int64))
        indices = _C.div_floor(indices, max(length, 1))
    return tuple(_C.unbind(_C.cat([_C.unsqueeze(p, -1) for p in places[::-1]], -1), -1)) if places else ()


def fill_diagonal_(self, fill_value, wrap=False):
    """Set the main diagonal to a value, in place; of a tall matrix, `wrap` repeats it after each square and a row."""
    if self.dim() < 2:
        raise RuntimeError(f"[fill_diagonal_] dimensions must larger than 1, got {self.dim()}")
    if self.dim() > 2 and len(set(self.shape)) > 1:
        raise RuntimeError(f"[fill_diagonal_] all dimensions of input must be of equal length, got {tuple(self.shape)}")
    if self.dim() > 2:
        places = _C.arange(0, self.shape[0], 1, _C.int64, self.device)
        value = _C.full((), fill_value, self.dtype, self.device)
        return _C.index_put(self, [places] * self.dim(), value, False, True)
    rows, columns = self.shape
    for top in range(0, rows if wrap else min(rows, 1), columns + 1):
        _C.diagonal(_C.slice(self, 0, top, rows, 1), 0, 0, 1).fill_(fill_value)
    return self


def argwhere(input):
    """The places of the elements that are not zero, a row of coordinates each.

    >>> flambeau.argwhere(flambeau.tensor([0, 5]))
    tensor([[1]])
    """
    return _C.nonzero(input)


def where(self, condition, other):
    """This tensor where the condition holds, `other` elsewhere."""
    return _C.where_(condition, self, other)


# ---- whole dimensions


def flip(input, *order, dims=None):
    """The order of the elements along dimensions reversed.

    >>> flambeau.flip(flambeau.tensor([1, 2, 3]), (0,))
    tensor([3, 2, 1])
    """
    return _C.flip(input, dims_of(dims if dims is not None else order[0] if len(order) == 1 else order))


def fliplr(input):
    """The second dimension reversed.

    >>> flambeau.fliplr(flambeau.tensor([[1, 2]]))
    tensor([[2, 1]])
    """
    if input.dim() < 2:
        raise RuntimeError("[fliplr] Input must be >= 2-d.")
    return _C.flip(input, (1,))


def flipud(input):
    """The first dimension reversed.

    >>> flambeau.flipud(flambeau.tensor([1, 2]))
    tensor([2, 1])
    """
    if input.dim() < 1:
        raise RuntimeError("[flipud] Input must be >= 1-d.")
    return _C.flip(input, (0,))


def rot90(input, k=1, dims=(0, 1)):
    """A plane of two dimensions rotated k times by 90 degrees, from the first towards the second.

    >>> flambeau.rot90(flambeau.tensor([[1, 2], [3, 4]]))
    tensor([[2, 4],
            [1, 3]])
    """
    if len(dims) != 2:
        raise RuntimeError(f"[rot90] expected total rotation dims == 2, but got dims = {len(dims)}")
    if input.dim() < 2:
        raise RuntimeError(f"[rot90] expected total dims >= 2, but got total dims = {input.dim()}")
    for d in dims:
        if not -input.dim() <= d < input.dim():
            raise _C.OutOfRangeError(f"[rot90] Rotation dim out of range, dim = {d}")
    first, second = (d % input.dim() for d in dims)
    if first == second:
        raise RuntimeError(
            f"[rot90] expected rotation dims to be different, but got dim0 = {dims[0]} and dim1 = {dims[1]}"
        )
    k %= 4
    if k == 1:
        return _C.transpose(_C.flip(input, (second,)), first, second).clone()
    if k == 2:
        return _C.flip(input, (first, second))
    if k == 3:
        return _C.transpose(_C.flip(input, (first,)), first, second).clone()
    return input.clone()


def roll(input, shifts, dims=()):
    """Elements moved along dimensions, those that leave at one end entering at the other.

    >>> flambeau.roll(flambeau.tensor([1, 2, 3]), 1)
    tensor([3, 1, 2])
    """
    return _C.roll(input, dims_of(shifts), dims_of(dims))


def repeat(self, *counts, repeats=None):
    """Copies of this tensor side by side: repeats[d] of them along dimension d."""
    counts = dims_of(repeats if repeats is not None else counts[0] if len(counts) == 1 else counts)
    if len(counts) < self.dim():
        raise RuntimeError(
            "[repeat] Number of dimensions of repeat dims can not be smaller than number of dimensions of tensor"
        )
    if any(n < 0 for n in counts):
        raise RuntimeError(f"[repeat] Trying to create tensor with negative dimension: repeats {counts}")
    shape = (1,) * (len(counts) - self.dim()) + tuple(self.shape)
    split = [n for s in shape for n in (1, s)]
    spread = [n for c, s in zip(counts, shape, strict=True) for n in (c, s)]
    whole = _C.expand(_C.reshape(self, split), spread)
    return _C.reshape(_C.clone(whole, 0), [c * s for c, s in zip(counts, shape, strict=True)])


def tile(input, *counts, dims=None):
    """`repeat` with missing counts taken as 1.

    >>> flambeau.tile(flambeau.tensor([1, 2]), (2,))
    tensor([1, 2, 1, 2])
    """
    counts = dims_of(dims if dims is not None else counts[0] if len(counts) == 1 else counts)
    return repeat(input, (1,) * (input.dim() - len(counts)) + tuple(counts))


@one_by_one
def repeat_interleave(input, repeats=None, dim=None, *, output_size=None):
    """Each slice along `dim` (of the flattened input without one) repeated, one count for all or one for each.

    >>> flambeau.repeat_interleave(flambeau.tensor([1, 2]), 2)
    tensor([1, 1, 2, 2])
    """
    if repeats is None:
        return _places(input, None, output_size)
    if dim is None:
        input, dim = _C.reshape(input, (-1,)), 0
    size = input.shape[dim] if input.dim() else 1
    if isinstance(repeats, _C.Tensor) and repeats.numel() != 1:
        if repeats.numel() != size:
            raise RuntimeError(
                f"[repeat_interleave] repeats must have the same size as input along dim, but got repeats.size(0) = {repeats.numel()} "
                f"and input.size({dim}) = {size}"
            )
        return _C.index_select(input, dim, _places(repeats, None, output_size))
    count = int(repeats.item()) if isinstance(repeats, _C.Tensor) else repeats
    if count < 0:
        raise RuntimeError(f"[repeat_interleave] Repeats must be non-negative, got {count}")
    if output_size is not None and output_size != count * size:
        raise RuntimeError(
            f"[repeat_interleave] output_size {output_size} does not match the {count * size} slices of the result"
        )
    places = _C.arange(0, size, 1, _C.int64, input.device)
    return _C.index_select(input, dim, _C.reshape(_C.expand(_C.reshape(places, (size, 1)), (size, count)), (-1,)))


def _places(repeats, _, output_size):
    """0 repeats[0] times, then 1 repeats[1] times, ..."""
    if repeats.dtype not in (_C.int64, _C.int32):
        raise NotImplementedError(f'[repeat_interleave] "repeat_interleave_cpu" not implemented for {repeats.dtype}')
    if repeats.dim() != 1:
        raise RuntimeError(
            f"[repeat_interleave] repeat_interleave only accept 1D vector as repeat, got shape {tuple(repeats.shape)}"
        )
    if repeats.numel() and int(repeats.min()) < 0:
        raise RuntimeError("[repeat_interleave] repeats can not be negative")
    ends = repeats.to(_C.int64).cumsum(0)
    total = int(ends[-1]) if ends.numel() else 0
    if output_size is not None and output_size != total:
        raise RuntimeError(
            f"[repeat_interleave] allocated size does not match required size: output_size {output_size}, sum of repeats {total}"
        )
    begins = _C.zeros(
        (total + 1,), _C.int64
    )  # a mark wherever the next one begins, at the end for those without copies
    return _C.cumsum(_C.index_add(begins, 0, ends, _C.ones_like(ends), True), 0)[:total]


# ---- embedding


def embedding(input, weight, padding_idx=None, max_norm=None, norm_type=2.0, scale_grad_by_freq=False, sparse=False):
    """Rows of a table, chosen by integers.

    Args:
        input: int64 or int32 of any shape (*).
        weight: (rows, width).
        padding_idx: a row that gets no gradient.
        max_norm: rows longer than this are first shortened to it, in place.
        norm_type: the p of that norm.
        scale_grad_by_freq: divide each row's gradient by how often the row was chosen.
        sparse: the gradient of weight is sparse, with the rows that were chosen (if weight is a leaf).

    Returns:
        Tensor: (*, width).

    Raises:
        IndexError: an index outside of [0, rows).

    >>> flambeau.nn.functional.embedding(flambeau.tensor([1, 0]), flambeau.tensor([[1.0, 2.0], [3.0, 4.0]]))
    tensor([[3., 4.],
            [1., 2.]])
    """
    check_tensor("embedding", input)
    check_tensor("embedding", weight, "weight")
    padding = -1
    if padding_idx is not None:
        rows = weight.shape[0]
        if not -rows <= padding_idx < rows:
            raise AssertionError(f"[embedding] Padding_idx must be within num_embeddings: {padding_idx}, {rows} rows")
        padding = padding_idx % rows
    if max_norm is not None:
        embedding_renorm_(weight, input, max_norm, norm_type)
    if sparse and weight.requires_grad:
        from ..sparse import _gradients

        return _gradients.EmbeddingSparse.apply(weight, input, padding, scale_grad_by_freq)
    return _C.embedding(weight, input, padding, scale_grad_by_freq)


def embedding_renorm_(weight, input, max_norm, norm_type=2.0):
    """Shorten, in place, the rows of a table that are chosen and longer than max_norm.

    >>> flambeau.embedding_renorm_(flambeau.tensor([[3.0, 4.0]]), flambeau.tensor([0]), 1.0, 2.0)
    tensor([[0.6000, 0.8000]])
    """
    if not (weight.is_floating_point() or weight.is_complex()):
        raise RuntimeError(
            f"[embedding_renorm_] weight must be floating point or complex to have a norm, got {weight.dtype}"
        )
    _C.embedding_renorm_(weight, _C.reshape(input, (-1,)), float(max_norm), float(norm_type))
    return weight


METHODS = [(name, globals()[name]) for name in _METHOD_NAMES]
