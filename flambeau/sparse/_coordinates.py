"""Coordinates and the elements at them: coalescing, conversion to dense and back, parts along a dimension."""

import math

import flambeau
from flambeau import _C

from ._tensor import check_dim, is_compressed, is_coo, is_dense, layout_name, make_coo


def flat_positions(positions, sizes):
    """Coordinates (dims, n) as row-major numbers (n)."""
    flat = flambeau.zeros(positions.shape[1], dtype=flambeau.int64)
    for row, size in zip(positions, sizes):
        flat = flat * size + row
    return flat


def unflatten(flat, sizes):
    """Row-major numbers (n) as coordinates (dims, n)."""
    if not sizes:
        return flambeau.empty((0, flat.shape[0]), dtype=flambeau.int64)
    rows = []
    for size in reversed(sizes):
        rows.append(flat % max(size, 1))
        flat = flat.div(max(size, 1), rounding_mode="floor")
    return flambeau.stack(rows[::-1])


def add_rows(base, index, rows):
    """base with rows added at the places `index` of its first dimension (for bool: or)."""
    if base.dtype is flambeau.bool:
        return base.long().index_add(0, index, rows.long()) != 0
    return base.index_add(0, index, rows)


def grouped(flat):
    """(order, first, group): a stable order of numbers, which in it are the first of their kind, and the kind's number."""
    order = flambeau.argsort(flat, stable=True)
    flat = flat[order]
    first = flambeau.ones(flat.shape[0], dtype=flambeau.bool)
    first[1:] = flat[1:] != flat[:-1]
    return order, first, first.cumsum(0) - 1


def merge(flat, elements):
    """Elements at the same number added up: (numbers in order, elements)."""
    order, first, group = grouped(flat)
    merged = elements.index_select(0, order[first])
    if merged.shape[0] < order.shape[0]:
        rest = ~first
        merged = add_rows(merged, group[rest], elements.index_select(0, order[rest]))
    return flat[order[first]], merged


def coalesce(self):
    """The same tensor with each coordinate stored once, in row-major order."""
    if self._sorted:
        return self
    sizes = self._size[: self.sparse_dim()]
    flat, elements = merge(flat_positions(self._positions, sizes), self._elements)
    return make_coo(self._size, unflatten(flat, sizes), elements, True)


def first_occurrences(self):
    """(places of one element per coordinate, these coordinates), in row-major order."""
    order, first, _ = grouped(flat_positions(self._positions, self._size))
    order = order[first]
    return order, self._positions.index_select(1, order)


def elements_at(source, mask):
    """The elements of a tensor (dense or sparse) at the coordinates of a SparseTensor, 0 where nothing is stored."""
    sizes = mask._size[: mask.sparse_dim()]
    wanted = flat_positions(mask._positions, sizes)
    if is_dense(source):
        return source.reshape(math.prod(sizes), *mask._elements.shape[1:]).index_select(0, wanted)
    source = coalesce(source.to_sparse_coo() if is_compressed(source) else source)
    have = flat_positions(source._positions, sizes)
    if have.shape[0] == 0:
        return source._elements.new_zeros((wanted.shape[0], *source._elements.shape[1:]))
    at = flambeau.searchsorted(have, wanted).clamp(max=have.shape[0] - 1)
    found = (have[at] == wanted).view(-1, *(1,) * (source._elements.dim() - 1))
    return flambeau.where(found, source._elements.index_select(0, at), source._elements.new_zeros(()))


def sparse_mask(self, mask):
    """The elements of this tensor at the coordinates of a sparse one.

    Args:
        mask: a sparse tensor of the same shape.
    """
    if not (is_coo(mask) or is_compressed(mask)):
        raise NotImplementedError("[sparse_mask] mask must be sparse, got a dense tensor: use mask.to_sparse()")
    if tuple(self.shape) != tuple(mask.shape):
        raise RuntimeError(
            f"sparse_mask(): operands have incompatible sizes; self has size {list(self.shape)} but mask has size "
            f"{list(mask.shape)}"
        )
    if is_compressed(mask):
        from ._compressed import elements_like

        return mask._with(elements_like(self, mask))
    return mask._with(elements_at(self, mask))


# ---- dense and back


def to_dense(self, dtype=None, *, masked_grad=True):
    """The whole tensor, zeros included."""
    sizes = self._size[: self.sparse_dim()]
    base = self._elements.new_zeros((math.prod(sizes), *self._elements.shape[1:]))
    dense = add_rows(base, flat_positions(self._positions, sizes), self._elements).reshape(self._size)
    return dense if dtype is None else dense.to(dtype)


def from_dense(dense, sparse_dim=None):
    """The elements that are not 0 (of which no dense part is wholly 0), with their coordinates."""
    ndim = dense.dim()
    sparse_dim = ndim if sparse_dim is None else sparse_dim
    if sparse_dim == 0 and ndim > 0:
        raise RuntimeError("dense_to_sparse: sparse_dim argument must be in >0 when self.dim()>0")
    if not 0 <= sparse_dim <= max(ndim - 1, 0) + (ndim > 0):
        raise RuntimeError(
            f"dense_to_sparse: sparse_dim argument must be in [0,{max(ndim - 1, 0)}] range, but {sparse_dim} is given"
        )
    if ndim == 0:
        stored = int(bool(dense.detach() != 0))
        positions = flambeau.empty((0, stored), dtype=flambeau.int64)
        return make_coo((), positions, dense.reshape(1)[:stored], True)
    sizes = dense.shape[:sparse_dim]
    rows = dense.reshape(math.prod(sizes), *dense.shape[sparse_dim:])
    stored = rows.detach() != 0
    for _ in range(rows.dim() - 1):
        stored = stored.any(-1)
    flat = stored.nonzero().view(-1)
    return make_coo(dense.shape, unflatten(flat, sizes), rows.index_select(0, flat), True)


def to_sparse(self, sparse_dim=None, *, layout=None, blocksize=None, dense_dim=None):
    """Itself, or compressed if a layout asks for it."""
    if layout not in (None, flambeau.sparse_coo):
        return self.to_sparse_coo() if layout is None else _compress(self, layout)
    if sparse_dim is not None and sparse_dim != self.sparse_dim():
        raise RuntimeError(
            "to_sparse: conversion from Sparse to Sparse with sparse_dim argument !=self.sparse_dim() is not supported"
        )
    return self


def _compress(self, layout):
    from ._compressed import compress

    return compress(self, layout)


def to_sparse_coo(self):
    """Itself."""
    return self


def to_sparse_csr(self, dense_dim=None):
    """By rows."""
    return _compress(self, flambeau.sparse_csr)


def to_sparse_csc(self, dense_dim=None):
    """By columns."""
    return _compress(self, flambeau.sparse_csc)


# ---- what it is made of


def sparse_dim(self):
    """How many leading dimensions have coordinates."""
    return self._positions.shape[0]


def dense_dim(self):
    """How many trailing dimensions the stored pieces have."""
    return self._elements.dim() - 1


def nnz(self):
    """How many pieces are stored."""
    return self._positions.shape[1]


def indices_(self):
    """The coordinates as stored (sparse dims, n)."""
    return self._positions.detach()


def values_(self):
    """The stored pieces, outside of the graph."""
    return self._elements.detach()


def is_coalesced(self):
    """Whether each coordinate is stored once, in order."""
    return self._sorted


def indices(self):
    """The coordinates (sparse dims, n) of a coalesced tensor."""
    _check_coalesced(self, "indices")
    return self._positions.detach()


def values(self):
    """The stored pieces (n, dense dims...) of a coalesced tensor."""
    _check_coalesced(self, "values")
    return self._elements.view(self._elements.shape) if self._elements.requires_grad else self._elements.detach()


def _check_coalesced(self, what):
    if not self._sorted:
        raise RuntimeError(f"Cannot get {what} on an uncoalesced tensor, please call .coalesce() first")


def set_coalesced(self, coalesced):
    """Say, in place, that it is coalesced."""
    self._sorted = coalesced
    return self


def sparse_resize_(self, size, sparse_dim, dense_dim):
    """Another shape, in place; what is stored must still fit."""
    size = tuple(size)
    if len(size) != sparse_dim + dense_dim:
        raise RuntimeError(
            f"'len(size) == sparse_dim + dense_dim' is not satisfied: len(size) = {len(size)}, sparse_dim = {sparse_dim}, "
            f"dense_dim = {dense_dim}"
        )
    old_sparse, old_dense = self._size[: self.sparse_dim()], self._elements.shape[1:]
    new_sparse, new_dense = size[:sparse_dim], size[sparse_dim:]
    if self._nnz() == 0:
        return sparse_resize_and_clear_(self, size, sparse_dim, dense_dim)
    for kind, old, new in (("sparse", old_sparse, new_sparse), ("dense", old_dense, new_dense)):
        if len(old) != len(new):
            raise RuntimeError(
                f"changing the number of {kind} dimensions (from {len(old)} to {len(new)}) on a non-empty sparse tensor is "
                "not supported."
            )
        if any(n < o for o, n in zip(old, new)):
            raise RuntimeError(
                f"shrinking the size of {kind} dimensions (from {list(old)} to {list(new)}) on a non-empty sparse tensor is "
                "not supported."
            )
    elements = self._elements
    if tuple(old_dense) != new_dense:
        elements = elements.new_zeros((elements.shape[0], *new_dense))
        inside = (slice(None), *(slice(n) for n in old_dense))
        elements[inside] = self._elements
    return self._become(make_coo(size, self._positions, elements, self._sorted))


def sparse_resize_and_clear_(self, size, sparse_dim, dense_dim):
    """Another shape, in place, with nothing stored."""
    size = tuple(size)
    positions = flambeau.empty((sparse_dim, 0), dtype=flambeau.int64)
    return self._become(make_coo(size, positions, self._elements.new_empty((0, *size[sparse_dim:])), True))


def resize_as_sparse_(self, other):
    """`sparse_resize_` to the shape of another tensor."""
    return sparse_resize_(self, other.shape, other.sparse_dim(), other.dense_dim())


# ---- order of dimensions


def permute(self, *dims):
    """Dimensions in another order; those with coordinates stay in front."""
    dims = dims[0] if len(dims) == 1 and not isinstance(dims[0], int) else dims
    ndim, sparse = self.dim(), self.sparse_dim()
    if len(dims) != ndim:
        raise RuntimeError(
            "permute(sparse_coo): number of dimensions in the tensor input does not match the length of the desired ordering "
            f"of dimensions i.e. input.dim() = {ndim} is not equal to len(dims) = {len(dims)}"
        )
    dims = [check_dim(d, ndim) for d in dims]
    if len(set(dims)) != ndim:
        raise RuntimeError("permute(): duplicate dims are not allowed.")
    if sorted(dims[:sparse]) != list(range(sparse)):
        raise RuntimeError(
            "permute(sparse_coo): transpositions between sparse and dense dimensions are not allowed. Only transpositions "
            "within sparse and dense dimensions are supported."
        )
    positions = self._positions.index_select(0, flambeau.tensor(dims[:sparse], dtype=flambeau.int64))
    elements = self._elements.permute(0, *(d - sparse + 1 for d in dims[sparse:]))
    same = dims[:sparse] == list(range(sparse))
    return make_coo([self._size[d] for d in dims], positions, elements, self._sorted and same)


def transpose(self, dim0, dim1):
    """Two dimensions exchanged."""
    order = list(range(self.dim()))
    if order:
        dim0, dim1 = check_dim(dim0, self.dim()), check_dim(dim1, self.dim())
        if (dim0 < self.sparse_dim()) != (dim1 < self.sparse_dim()):
            raise RuntimeError(f"transpose(): cannot exchange a sparse and a dense dimension, {dim0} and {dim1}")
        order[dim0], order[dim1] = dim1, dim0
    return permute(self, order)


def transpose_(self, dim0, dim1):
    """Two dimensions exchanged, in place."""
    return self._become(transpose(self, dim0, dim1))


def t(self):
    """The transpose of a matrix."""
    if self.sparse_dim() > 2 or self.dense_dim() != 0:
        raise RuntimeError(
            f"t() expects a tensor with <= 2 sparse and 0 dense dimensions, but got {self.sparse_dim()} sparse and "
            f"{self.dense_dim()} dense dimensions"
        )
    return self if self.dim() < 2 else transpose(self, 0, 1)


def t_(self):
    """The transpose of a matrix, in place."""
    return self._become(t(self))


def last_two(self):
    """The last two dimensions exchanged."""
    if self.dim() < 2:
        raise RuntimeError("tensor.mT is only supported on matrices or batches of matrices. Got 1-D tensor.")
    return transpose(self, -2, -1)


def reversed_dims(self):
    """All dimensions in reverse order."""
    return permute(self, list(range(self.dim()))[::-1])


def unsqueeze(self, dim):
    """A new dimension of size 1."""
    dim = check_dim(dim, self.dim() + 1)
    size = list(self._size)
    size.insert(dim, 1)
    sparse = self.sparse_dim()
    if dim <= sparse:
        zeros = flambeau.zeros((1, self._nnz()), dtype=flambeau.int64)
        positions = flambeau.cat([self._positions[:dim], zeros, self._positions[dim:]])
        return make_coo(size, positions, self._elements)
    return make_coo(size, self._positions, self._elements.unsqueeze(dim - sparse + 1))


# ---- parts


def select(self, dim, index):
    """The part at one index of a dimension, without that dimension; dense if no coordinates are left."""
    dim, ndim = check_dim(dim, self.dim()), self.sparse_dim()
    length = self._size[dim]
    if not -length <= index < length:
        raise IndexError(
            f"select(): index {index} out of range for tensor of size {list(self._size)} at dimension {dim}"
        )
    index, size = index % length, [n for d, n in enumerate(self._size) if d != dim]
    if dim >= ndim:
        return make_coo(size, self._positions, self._elements.select(dim - ndim + 1, index))
    here = (self._positions[dim] == index).nonzero().view(-1)
    elements = self._elements.index_select(0, here)
    if ndim == 1:
        return elements.sum(0, dtype=elements.dtype) if elements.dtype is not flambeau.bool else elements.any(0)
    rows = [d for d in range(ndim) if d != dim]
    positions = self._positions.index_select(1, here).index_select(0, flambeau.tensor(rows))
    return make_coo(size, positions, elements)


def index_select(self, dim, index):
    """The parts at several indices of a dimension."""
    if index.dim() > 1 or index.dtype not in (flambeau.int64, flambeau.int32):
        raise IndexError(f"index_select(): index must be a vector of integers, got {tuple(index.shape)} {index.dtype}")
    dim, index = check_dim(dim, self.dim()), index.reshape(-1).long()
    length, size = self._size[dim], list(self._size)
    size[dim] = index.shape[0]
    if index.numel() and not -length <= int(index.min()) <= int(index.max()) < length:
        raise IndexError(f"index_select(): index out of range for dimension {dim} of size {length}")
    index = index % max(length, 1)
    if dim >= self.sparse_dim():
        elements = self._elements.index_select(dim - self.sparse_dim() + 1, index)
        return make_coo(size, self._positions, elements)
    row = self._positions[dim]
    order = flambeau.argsort(row, stable=True)
    ordered = row[order]
    low, high = flambeau.searchsorted(ordered, index), flambeau.searchsorted(ordered, index, right=True)
    of_index, at = spans(low, high - low)
    chosen = order[at]
    positions = self._positions.index_select(1, chosen)
    positions[dim] = of_index
    return make_coo(size, positions, self._elements.index_select(0, chosen))


def spans(starts, lengths):
    """Numbers starts[i], ..., starts[i] + lengths[i] - 1 of all i in a row, and which i each is of: (which, number)."""
    which = flambeau.repeat_interleave(lengths)
    before = lengths.cumsum(0) - lengths
    return which, flambeau.arange(which.shape[0]) - before[which] + starts[which]


def narrow_copy(self, dim, start, length):
    """The part from `start` on of a dimension."""
    dim = check_dim(dim, self.dim())
    total, size = self._size[dim], list(self._size)
    if not length >= 0 or not -total <= start <= total or start % max(total, 1) + length > total:
        raise RuntimeError(f"narrow(): start ({start}) + length ({length}) exceeds dimension size ({total}).")
    start, size[dim] = start % max(total, 1) if start < 0 else start, length
    if dim >= self.sparse_dim():
        elements = self._elements.narrow(dim - self.sparse_dim() + 1, start, length)
        return make_coo(size, self._positions, elements)._coalesced_(self._sorted)
    row = self._positions[dim]
    here = ((row >= start) & (row < start + length)).nonzero().view(-1)
    positions = self._positions.index_select(1, here)
    positions[dim] -= start
    return make_coo(size, positions, self._elements.index_select(0, here))._coalesced_(self._sorted)


def unbind(self, dim=0):
    """The parts along a dimension."""
    return tuple(select(self, dim, index) for index in range(self._size[check_dim(dim, self.dim())]))


def getitem(self, key):
    """self[...] with integers, None, `...` and whole slices."""
    key = key if isinstance(key, tuple) else (key,)
    given = sum(1 for k in key if k is not None and k is not Ellipsis)
    if Ellipsis in [k for k in key if not isinstance(k, _C.Tensor)]:
        at = next(place for place, k in enumerate(key) if k is Ellipsis)
        key = (*key[:at], *(slice(None),) * (self.dim() - given), *key[at + 1 :])
    if given > self.dim():
        raise IndexError(f"too many indices for tensor of dimension {self.dim()}")
    result, dim = self, 0
    for k in key:
        if k is None:
            result, dim = result.unsqueeze(dim), dim + 1
        elif isinstance(k, int) and not isinstance(k, bool):
            result = result.select(dim, k)
        elif isinstance(k, slice) and (k == slice(None) or k.indices(result.shape[dim]) == (0, result.shape[dim], 1)):
            dim += 1
        else:
            raise NotImplementedError(
                f"[getitem] sparse tensors are indexed by integers, None and whole slices, not by {k!r}: use index_select or "
                "narrow_copy"
            )
    return result


# ---- together


def cat(tensors, dim=0, *, out=None):
    """Sparse tensors behind each other along a dimension."""
    tensors = list(tensors)
    for place, tensor in enumerate(tensors):
        if not is_coo(tensor):
            kind = "dense" if is_dense(tensor) else layout_name(tensor)
            raise RuntimeError(f"Concatenating sparse tensors, but a {kind} tensor was found at position {place}.")
    first = tensors[0]
    dim = check_dim(dim, first.dim())
    dtype = first.dtype
    for place, tensor in enumerate(tensors):
        dtype = flambeau.promote_types(dtype, tensor.dtype)
        same = [n for d, n in enumerate(tensor.shape) if d != dim] == [n for d, n in enumerate(first.shape) if d != dim]
        if tensor.sparse_dim() != first.sparse_dim() or tensor.dim() != first.dim() or not same:
            raise RuntimeError(
                f"[cat] All tensors must have the same shape except in dim {dim} and as many sparse dimensions: tensor {place} "
                f"has shape {tuple(tensor.shape)}, the first {tuple(first.shape)}"
            )
    size, sparse, before = list(first.shape), first.sparse_dim(), 0
    size[dim] = sum(tensor.shape[dim] for tensor in tensors)
    positions, elements = [], []
    for tensor in tensors:
        own, pieces = tensor._positions, tensor._elements.to(dtype)
        if dim < sparse:
            own = own.clone()
            own[dim] += before
        else:
            wide = [*pieces.shape[: dim - sparse + 1], size[dim], *pieces.shape[dim - sparse + 2 :]]
            padded = [before, tensor.shape[dim], size[dim] - before - tensor.shape[dim]]
            blocks = [pieces.new_zeros([*wide[: dim - sparse + 1], n, *wide[dim - sparse + 2 :]]) for n in padded]
            pieces = flambeau.cat([blocks[0], pieces, blocks[2]], dim - sparse + 1)
        positions.append(own)
        elements.append(pieces)
        before += tensor.shape[dim]
    return make_coo(size, flambeau.cat(positions, 1), flambeau.cat(elements), False)


def stack(tensors, dim=0, *, out=None):
    """Sparse tensors behind each other along a new dimension."""
    tensors = list(tensors)
    dim = check_dim(dim, tensors[0].dim() + 1)
    return cat([tensor.unsqueeze(dim) for tensor in tensors], dim)


COO = {
    "coalesce": coalesce, "to_dense": to_dense, "to_sparse": to_sparse, "to_sparse_coo": to_sparse_coo,
    "to_sparse_csr": to_sparse_csr, "to_sparse_csc": to_sparse_csc, "sparse_mask": sparse_mask, "sparse_dim": sparse_dim,
    "dense_dim": dense_dim, "_dimI": sparse_dim, "_dimV": dense_dim, "_nnz": nnz, "_indices": indices_, "_values": values_,
    "is_coalesced": is_coalesced, "indices": indices, "values": values, "_coalesced_": set_coalesced,
    "sparse_resize_": sparse_resize_, "sparse_resize_and_clear_": sparse_resize_and_clear_,
    "resize_as_sparse_": resize_as_sparse_, "permute": permute, "transpose": transpose, "transpose_": transpose_, "t": t,
    "t_": t_, "swapaxes": transpose, "swapdims": transpose, "adjoint": last_two, "unsqueeze": unsqueeze, "select": select,
    "index_select": index_select, "narrow_copy": narrow_copy, "unbind": unbind, "__getitem__": getitem,
    "mT": property(last_two), "T": property(reversed_dims), "mH": property(lambda self: last_two(self).conj()),
    "H": property(lambda self: t(self).conj()),
}  # fmt: skip
