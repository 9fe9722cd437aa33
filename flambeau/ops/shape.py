"""Views and rearrangements."""

from math import prod

from .. import _C
from ._common import check_tensor, dims_of, named_dim

__all__ = [
    "adjoint",
    "as_strided",
    "atleast_1d",
    "atleast_2d",
    "atleast_3d",
    "broadcast_shapes",
    "broadcast_tensors",
    "broadcast_to",
    "chunk",
    "detach_copy",
    "diagonal",
    "dsplit",
    "expand_copy",
    "flatten",
    "hsplit",
    "moveaxis",
    "movedim",
    "narrow",
    "narrow_copy",
    "permute",
    "ravel",
    "reshape",
    "select",
    "split",
    "split_with_sizes",
    "squeeze",
    "swapaxes",
    "swapdims",
    "t",
    "tensor_split",
    "transpose",
    "unbind",
    "unflatten",
    "unsafe_chunk",
    "unsafe_split",
    "unsafe_split_with_sizes",
    "unsqueeze",
    "view_copy",
    "vsplit",
]
METHODS = [
    "adjoint",
    "as_strided",
    "broadcast_to",
    "chunk",
    "diagonal",
    "dsplit",
    "expand_as",
    "flatten",
    "hsplit",
    "moveaxis",
    "movedim",
    "narrow",
    "narrow_copy",
    "ravel",
    "reshape_as",
    "select",
    "split",
    "split_with_sizes",
    "squeeze",
    "squeeze_",
    "sum_to_size",
    "swapaxes",
    "swapaxes_",
    "swapdims",
    "swapdims_",
    "t",
    "t_",
    "tensor_split",
    "transpose",
    "transpose_",
    "unbind",
    "unflatten",
    "unsafe_chunk",
    "unsafe_split",
    "unsafe_split_with_sizes",
    "unfold",
    "unsqueeze",
    "unsqueeze_",
    "view_as",
    "vsplit",
    "as_strided_",
]


def reshape(input, shape):
    """The same elements in another shape (one size may be -1): a view where that is possible, else a copy.

    >>> flambeau.arange(4).reshape(2, -1)
    tensor([[0, 1],
            [2, 3]])
    """
    return _C.reshape(input, shape)


def permute(input, dims):
    """A view with the dimensions in another order.

    >>> flambeau.permute(flambeau.ones(2, 3, 4), (2, 0, 1)).shape
    torch.Size([4, 2, 3])
    """
    return _C.permute(input, dims)


def transpose(input, dim0, dim1=None):
    """A view with two dimensions swapped; or, as in NumPy, with all in the order of a tuple.

    >>> flambeau.transpose(flambeau.ones(2, 3), 0, 1).shape
    torch.Size([3, 2])
    >>> flambeau.transpose(flambeau.ones(2, 3, 4), (2, 0, 1)).shape
    torch.Size([4, 2, 3])
    """
    return _C.permute(input, tuple(dim0)) if dim1 is None else _C.transpose(input, dim0, dim1)


swapdims = transpose


def swapaxes(input, axis0, axis1):
    """A view with two dimensions swapped: transpose, by NumPy's name.

    >>> flambeau.swapaxes(flambeau.ones(2, 3), 0, 1).shape
    torch.Size([3, 2])
    """
    return transpose(input, axis0, axis1)


def t(input):
    """A matrix transposed; tensors of fewer dimensions as they are.

    >>> flambeau.t(flambeau.ones(2, 3)).shape
    torch.Size([3, 2])
    """
    dims = input.dim()
    if dims > 2:
        raise RuntimeError(f"[t] expects a tensor with <= 2 dimensions, but self is {dims}D")
    return _C.transpose(input, 0, 1) if dims == 2 else _C.view(input, tuple(input.shape))


def adjoint(input):
    """A matrix, or a batch of them, transposed and conjugated.

    >>> flambeau.adjoint(flambeau.ones(2, 3)).shape
    torch.Size([3, 2])
    """
    if input.dim() == 1:
        raise RuntimeError("[adjoint] expected a matrix or a batch of matrices, got a 1-dimensional tensor")
    return input.mH if input.dim() else input


def as_strided(input, size, stride, storage_offset=None):
    """A view of the storage behind a tensor, with sizes, strides and offset in elements.

    >>> flambeau.as_strided(flambeau.arange(4), (2, 2), (1, 1))
    tensor([[0, 1],
            [1, 2]])
    """
    return _C.as_strided(input, size, stride, storage_offset)


def select(input, dim, index):
    """The view at one index of a dimension.

    >>> flambeau.select(flambeau.arange(4).reshape(2, 2), 0, 1)
    tensor([2, 3])
    """
    return _C.select(input, dim, index)


def narrow(input, dim, start, length):
    """The view of `length` indices of a dimension from `start` on.

    >>> flambeau.narrow(flambeau.arange(4), 0, 1, 2)
    tensor([1, 2])
    """
    if isinstance(start, _C.Tensor):
        if start.dim() != 0 or start.dtype.is_floating_point or start.dtype is _C.bool:
            raise RuntimeError("[narrow] start must be an 0-dim integral Tensor.")
        start = start.item()
    return _C.narrow(input, dim, start, length)


def narrow_copy(input, dim, start, length):
    """As narrow, but a copy.

    >>> flambeau.narrow_copy(flambeau.arange(4), 0, 1, 2)
    tensor([1, 2])
    """
    if input.dim() and dim >= input.dim():  # a RuntimeError in torch, where every other view has an IndexError
        raise RuntimeError(f"[narrow_copy] expected dim < {input.dim()}, got {dim}")
    return _C.clone(narrow(input, dim, start, length), 0)


def squeeze(input, dim=None, *, axis=None):
    """A view without the dimensions of size 1 (among `dim`, if given).

    >>> flambeau.squeeze(flambeau.ones(1, 2, 1)).shape
    torch.Size([2])
    """
    dim = dim if axis is None else axis
    if dim is None:
        dims = tuple(i for i, size in enumerate(input.shape) if size == 1)
        return _C.squeeze(input, dims)
    dims = dims_of(dim)
    return _C.squeeze(input, dims) if dims else _C.view(input, tuple(input.shape))


def unsqueeze(input, dim=None, *, axis=None):
    """A view with a dimension of size 1 put in at `dim`.

    >>> flambeau.unsqueeze(flambeau.ones(2), 0).shape
    torch.Size([1, 2])
    """
    dim = named_dim("unsqueeze", dim, axis)
    return _C.unsqueeze(input, dim)


def diagonal(input, offset=0, dim1=0, dim2=1):
    """A view of the diagonals of the matrices in two dimensions, as the last dimension.

    >>> flambeau.diagonal(flambeau.arange(4).reshape(2, 2))
    tensor([0, 3])
    """
    return _C.diagonal(input, offset, dim1, dim2)


def unfold(self, dimension, size, step):
    """A view of all windows of `size` elements along a dimension, `step` apart, as a new last dimension."""
    return _C.unfold(self, dimension, size, step)


def flatten(input, start_dim=0, end_dim=-1):
    """The dimensions from start_dim to end_dim as one.

    >>> flambeau.flatten(flambeau.ones(2, 3, 4), 1).shape
    torch.Size([2, 12])
    """
    check_tensor("flatten", input)
    shape = input.shape
    rank = len(shape)
    if rank == 0:
        _wrap(start_dim, 1), _wrap(end_dim, 1)
        return _C.reshape(input, (1,))
    start, end = _wrap(start_dim, rank), _wrap(end_dim, rank)
    if start > end:
        raise RuntimeError("[flatten] flatten() has invalid args: start_dim cannot come after end_dim")
    if start == end:
        return input
    if end - start == rank - 1:
        return _C.reshape(input, (-1,))
    if end == rank - 1 and input.numel():
        return _C.reshape(input, (*shape[:start], -1))
    return _C.reshape(input, (*shape[:start], prod(shape[start : end + 1]), *shape[end + 1 :]))


def _wrap(dim, rank):
    if not -rank <= dim < rank:
        raise IndexError(f"Dimension out of range (expected to be in range of [{-rank}, {rank - 1}], but got {dim})")
    return dim % rank


def ravel(input):
    """All elements as one dimension.

    >>> flambeau.ravel(flambeau.ones(2, 3)).shape
    torch.Size([6])
    """
    return _C.reshape(input, (-1,))


def unflatten(input, dim, sizes):
    """One dimension as several (one size may be -1).

    >>> flambeau.unflatten(flambeau.ones(6), 0, (2, -1)).shape
    torch.Size([2, 3])
    """
    sizes = dims_of(sizes)
    if not sizes:
        raise RuntimeError("[unflatten] sizes must be non-empty")
    dim = _wrap(dim, max(input.dim(), 1))
    if not input.dim():
        raise IndexError("[unflatten] Dimension specified as 0 but tensor has no dimensions")
    shape, known = input.shape, prod(s for s in sizes if s != -1)
    if sizes.count(-1) > 1:
        raise RuntimeError("[unflatten] only one dimension can be inferred")
    total = known * (shape[dim] // known if known else 0) if -1 in sizes else known
    if total != shape[dim]:
        raise RuntimeError(
            f"[unflatten] Provided sizes {list(sizes)} don't multiply up to the size of dim {dim} ({shape[dim]}) in the input tensor"
        )
    sizes = tuple(shape[dim] // known if s == -1 else s for s in sizes)
    return _C.view(input, (*shape[:dim], *sizes, *shape[dim + 1 :]))


def movedim(input, source, destination):
    """A view with dimensions moved to other places, the rest in their order.

    >>> flambeau.movedim(flambeau.ones(2, 3, 4), 0, -1).shape
    torch.Size([3, 4, 2])
    """
    rank = max(input.ndim, 1)
    if source.__class__ is destination.__class__ is int and input.ndim:
        order = [*range(rank)]
        order.insert(_wrap(destination, rank), order.pop(_wrap(source, rank)))
        return _C.permute(input, tuple(order))
    source = [_wrap(d, rank) for d in dims_of(source)]
    destination = [_wrap(d, rank) for d in dims_of(destination)]
    if len(source) != len(destination):
        raise RuntimeError(
            f"[movedim] Invalid source or destination dims: source ({source} dims) should contain the same number of dims as destination ({destination} dims)"
        )
    if len(set(source)) != len(source) or len(set(destination)) != len(destination):
        raise RuntimeError(f"[movedim] repeated dim in source ({source}) or destination ({destination})")
    if not input.dim():
        return _C.view(input, ())
    rest = iter(d for d in range(rank) if d not in source)
    places = dict(zip(destination, source))
    return _C.permute(input, tuple(places[d] if d in places else next(rest) for d in range(rank)))


moveaxis = movedim


def broadcast_shapes(*shapes):
    """The shape that tensors of the given shapes broadcast to.

    >>> flambeau.broadcast_shapes((2, 1), (3,))
    torch.Size([2, 3])
    """
    shapes = [dims_of(s) for s in shapes]
    rank = max((len(s) for s in shapes), default=0)
    out = [1] * rank
    for shape in shapes:
        for i, size in enumerate(shape, rank - len(shape)):
            if size < 0:
                raise ValueError(
                    f"[broadcast_shapes] Trying to create tensor with negative dimension ({size}): ({size})"
                )
            if size != 1 and out[i] not in (1, size):
                raise RuntimeError(
                    f"[broadcast_shapes] Shape mismatch: objects cannot be broadcast to a single shape: {shapes}"
                )
            out[i] = out[i] if size == 1 else size
    return _C.Size(out)


def broadcast_to(input, size):
    """A view of a larger shape in which elements repeat.

    >>> flambeau.broadcast_to(flambeau.ones(2), (3, 2)).shape
    torch.Size([3, 2])
    """
    return _C.expand(input, size)


def broadcast_tensors(*tensors):
    """Views of tensors in the shape they broadcast to.

    >>> a, b = flambeau.broadcast_tensors(flambeau.ones(2, 1), flambeau.ones(3))
    >>> a.shape
    torch.Size([2, 3])
    """
    if len(tensors) == 1 and isinstance(tensors[0], (tuple, list)):
        tensors = tensors[0]
    shape = broadcast_shapes(*(x.shape for x in tensors))
    return tuple(_C.expand(x, shape) for x in tensors)


def expand_as(self, other):
    """A view in the shape of another tensor, with elements repeated."""
    return _C.expand(self, other.shape)


def view_as(self, other):
    """A view in the shape of another tensor."""
    return _C.view(self, other.shape)


def reshape_as(self, other):
    """The tensor in the shape of another."""
    return _C.reshape(self, other.shape)


def view_copy(input, size=None, *, dtype=None):
    """A copy in another shape.

    >>> flambeau.view_copy(flambeau.ones(4), (2, 2)).shape
    torch.Size([2, 2])
    """
    return _C.clone(
        _C.view_dtype(input, dtype if size is None else size)
        if isinstance(size, _C.dtype) or size is None
        else _C.view(input, size),
        0,
    )


def expand_copy(input, size, *, implicit=False):
    """A copy in a larger shape in which elements repeat.

    >>> flambeau.expand_copy(flambeau.ones(1), (3,))
    tensor([1., 1., 1.])
    """
    return _C.clone(_C.expand(input, size), 0)


def detach_copy(input):
    """A copy outside the graph.

    >>> flambeau.detach_copy(flambeau.ones(2))
    tensor([1., 1.])
    """
    return _C.clone(_C.detach(input), 1)


def unbind(input, dim=0, *, axis=None):
    """The slices along a dimension, as a tuple of views.

    >>> flambeau.unbind(flambeau.arange(2))
    (tensor(0), tensor(1))
    """
    dim = dim if axis is None else axis
    return tuple(_C.unbind(input, dim))


def split(tensor, split_size_or_sections, dim=0):
    """Views of pieces of a dimension: of a given size (the last may be smaller), or of given sizes.

    >>> flambeau.split(flambeau.arange(5), 2)
    (tensor([0, 1]), tensor([2, 3]), tensor([4]))
    """
    if isinstance(split_size_or_sections, (tuple, list)):
        return tuple(_C.split_sizes(tensor, split_size_or_sections, dim))
    size = int(split_size_or_sections)
    if not tensor.dim():
        raise RuntimeError("[split] split expects at least a 1-dimensional tensor")
    length = tensor.shape[_wrap(dim, tensor.dim())]
    if size < 0 or (size == 0 and length):
        raise RuntimeError(
            f"[split] split_size must be positive (it may be 0 only for an empty dimension), got {size} for a dimension of {length}"
        )
    full, rest = divmod(length, size) if size else (1, 0)
    sizes = [size] * full + [rest] * (rest > 0)
    return tuple(_C.split_sizes(tensor, sizes or [0], dim))


def split_with_sizes(input, split_sizes, dim=0):
    """Views of pieces of given sizes of a dimension.

    >>> flambeau.split_with_sizes(flambeau.arange(3), [1, 2])
    (tensor([0]), tensor([1, 2]))
    """
    return tuple(_C.split_sizes(input, split_sizes, dim))


def chunk(input, chunks, dim=0, *, axis=None):
    """At most `chunks` views of pieces of equal size of a dimension (the last may be smaller).

    >>> flambeau.chunk(flambeau.arange(5), 2)
    (tensor([0, 1, 2]), tensor([3, 4]))
    """
    dim = dim if axis is None else axis
    if not input.dim():
        raise RuntimeError("[chunk] chunk expects at least a 1-dimensional tensor")
    if chunks <= 0:
        raise RuntimeError(f"[chunk] chunk expects `chunks` to be greater than 0, got: {chunks}")
    length = input.shape[_wrap(dim, input.dim())]
    size = -(-length // chunks)
    if size == 0:
        return tuple(_C.split_sizes(input, [0] * chunks, dim))
    return split(input, size, dim)


def unsafe_split(input, split_size, dim=0):
    """As split; torch does not check that the pieces are not changed in place.

    >>> flambeau.unsafe_split(flambeau.arange(3), 2)
    (tensor([0, 1]), tensor([2]))
    """
    return split(input, split_size, dim)


def unsafe_split_with_sizes(input, split_sizes, dim=0):
    """As split_with_sizes; torch does not check that the pieces are not changed in place.

    >>> flambeau.unsafe_split_with_sizes(flambeau.arange(3), [1, 2])
    (tensor([0]), tensor([1, 2]))
    """
    return split_with_sizes(input, split_sizes, dim)


def unsafe_chunk(input, chunks, dim=0):
    """As chunk; torch does not check that the pieces are not changed in place.

    >>> flambeau.unsafe_chunk(flambeau.arange(3), 2)
    (tensor([0, 1]), tensor([2]))
    """
    return chunk(input, chunks, dim)


def sum_to_size(self, *size):
    """The sum over the dimensions that broadcasting `size` to this shape adds or stretches."""
    size = tuple(size[0]) if len(size) == 1 and not isinstance(size[0], int) else size
    extra = self.dim() - len(size)
    if extra < 0 or any(n not in (1, m) for n, m in zip(size, self.shape[extra:])):
        raise RuntimeError(f"[sum_to_size] size {size} is not expandable to size {tuple(self.shape)}.")
    if not size:
        return _C.sum(self, (), False, None)
    stretched = [i + extra for i, n in enumerate(size) if n == 1 and self.shape[i + extra] != 1]
    result = _C.sum(self, (*range(extra), *stretched), True, None) if extra or stretched else self
    return result.reshape(size) if extra else result


def _cuts(op, given, sections, indices):
    """Where to cut, by whichever name it came."""
    found = [v for v in (given, sections, indices) if v is not None]
    if len(found) != 1:
        raise TypeError(f"[{op}] expected one of indices_or_sections, sections and indices, got {len(found)} of them")
    return found[0]


def tensor_split(input, indices_or_sections=None, dim=0, *, axis=None, sections=None, indices=None):
    """Views of pieces of a dimension: a number of nearly equal ones, or cut at given indices.

    `sections` and `indices` are names of the second argument for its two kinds.

    >>> flambeau.tensor_split(flambeau.arange(5), 2)
    (tensor([0, 1, 2]), tensor([3, 4]))
    """
    dim = dim if axis is None else axis
    indices_or_sections = _cuts("tensor_split", indices_or_sections, sections, indices)
    if not input.dim():
        raise RuntimeError(
            "[tensor_split] tensor_split expected at least a 1-dimensional tensor, but got a tensor with 0 dims"
        )
    length = input.shape[_wrap(dim, input.dim())]
    if isinstance(indices_or_sections, _C.Tensor):
        if indices_or_sections.dtype is not _C.int64 or indices_or_sections.dim() > 1:
            raise RuntimeError(
                "[tensor_split] tensor_split expected tensor_indices_or_sections to be a zero-dimensional or one-dimensional long tensor"
            )
        indices_or_sections = indices_or_sections.tolist()
    if isinstance(indices_or_sections, int):
        sections = indices_or_sections
        if sections <= 0:
            raise RuntimeError(f"[tensor_split] number of sections must be larger than 0, got {sections}")
        size, extra = divmod(length, sections)
        return tuple(_C.split_sizes(input, [size + (i < extra) for i in range(sections)], dim))
    cuts = [0, *indices_or_sections, length]
    return tuple(_C.slice(input, dim, a, b, 1) for a, b in zip(cuts, cuts[1:]))


def _numpy_split(op, dim_of, least):
    def split_along(input, indices_or_sections=None, *, sections=None, indices=None):
        indices_or_sections = _cuts(op, indices_or_sections, sections, indices)
        if input.dim() < least:
            raise RuntimeError(
                f"[{op}] torch.{op} requires a tensor with at least {least} dimension{'s' * (least > 1)}, but got a tensor with {input.dim()} dimensions!"
            )
        dim = dim_of(input)
        if isinstance(indices_or_sections, int) and (
            indices_or_sections <= 0 or input.shape[dim] % indices_or_sections
        ):
            raise RuntimeError(
                f"[{op}] torch.{op} attempted to split along dimension {dim}, but the size of the dimension {input.shape[dim]} is not divisible by the split_size {indices_or_sections}!"
            )
        return tensor_split(input, indices_or_sections, dim)

    split_along.__name__ = op
    return split_along


hsplit = _numpy_split("hsplit", lambda x: 0 if x.dim() == 1 else 1, 1)
hsplit.__doc__ = """Views of pieces of the second dimension (of the only one of a vector).

>>> flambeau.hsplit(flambeau.arange(4), 2)
(tensor([0, 1]), tensor([2, 3]))
"""
vsplit = _numpy_split("vsplit", lambda x: 0, 2)
vsplit.__doc__ = """Views of pieces of the first dimension.

>>> flambeau.vsplit(flambeau.arange(4).reshape(2, 2), 2)
(tensor([[0, 1]]), tensor([[2, 3]]))
"""
dsplit = _numpy_split("dsplit", lambda x: 2, 3)
dsplit.__doc__ = """Views of pieces of the third dimension.

>>> flambeau.dsplit(flambeau.ones(1, 1, 4), 2)[0].shape
torch.Size([1, 1, 2])
"""


def _at_least(rank, raise_rank):
    def at_least(*tensors):
        if len(tensors) == 1 and isinstance(tensors[0], (tuple, list)):
            return tuple(raise_rank(x) for x in tensors[0])
        out = tuple(raise_rank(x) for x in tensors)
        return out[0] if len(out) == 1 else out

    at_least.__name__ = f"atleast_{rank}d"
    return at_least


atleast_1d = _at_least(1, lambda x: x if x.dim() else _C.view(x, (1,)))
atleast_1d.__doc__ = """Tensors with at least one dimension.

>>> flambeau.atleast_1d(flambeau.tensor(1.0))
tensor([1.])
"""
atleast_2d = _at_least(2, lambda x: x if x.dim() >= 2 else _C.unsqueeze(atleast_1d(x), 0))
atleast_2d.__doc__ = """Tensors with at least two dimensions.

>>> flambeau.atleast_2d(flambeau.ones(3)).shape
torch.Size([1, 3])
"""
atleast_3d = _at_least(3, lambda x: x if x.dim() >= 3 else _C.unsqueeze(atleast_2d(x), -1))
atleast_3d.__doc__ = """Tensors with at least three dimensions.

>>> flambeau.atleast_3d(flambeau.ones(3)).shape
torch.Size([1, 3, 1])
"""


def _in_place(op, view):
    def change(self, *args, **kwargs):
        return _C.become_view(self, view(self, *args, **kwargs))

    change.__name__ = op + "_"
    change.__doc__ = f"Turn this tensor into its {op} view, in place."
    return change


squeeze_, unsqueeze_, transpose_ = (
    _in_place("squeeze", squeeze),
    _in_place("unsqueeze", unsqueeze),
    _in_place("transpose", transpose),
)
swapaxes_ = swapdims_ = transpose_
t_, as_strided_ = _in_place("t", t), _in_place("as_strided", as_strided)
