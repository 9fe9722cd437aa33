"""Matrices (and batches of them) by rows or columns: to coordinates and back, parts."""

import math

import flambeau

from ._coordinates import (
    add_rows,
    check_dim,
    coalesce,
    elements_at,
    flat_positions,
    from_dense,
    getitem,
    sparse_mask,
    unflatten,
)
from ._tensor import is_coo, is_dense, layout_name, make_compressed, make_coo

BY_ROW, BY_COLUMN = flambeau.sparse_csr, flambeau.sparse_csc


def batch_dims(self):
    """How many dimensions are before the matrices'."""
    return self._starts.dim() - 1


def expanded(self):
    """(line, place): of each element, all batches in a row, its line (batch * lines + row or column) and place in it."""
    lengths = self._starts.diff(dim=-1).reshape(-1).long()
    return flambeau.repeat_interleave(lengths), self._places.reshape(-1).long()


def matrix_size(self):
    """(rows, columns)."""
    batch = batch_dims(self)
    return self._size[batch], self._size[batch + 1]


def flat_elements(self):
    """The elements, all batches in a row."""
    return self._elements.reshape(-1, *self._elements.shape[self._starts.dim() :])


def coordinates(self):
    """(batch, row, column) of the elements, all batches in a row."""
    line, place = expanded(self)
    if not batch_dims(self):
        batch = flambeau.zeros((), dtype=flambeau.int64).expand(line.shape)
        return (batch, line, place) if self.layout is BY_ROW else (batch, place, line)
    rows, columns = matrix_size(self)
    lines = max(rows if self.layout is BY_ROW else columns, 1)
    batch, line = line.div(lines, rounding_mode="floor"), line % lines
    return (batch, line, place) if self.layout is BY_ROW else (batch, place, line)


def to_sparse_coo(self):
    """With coordinates."""
    batch, row, column = coordinates(self)
    size = self._size[: batch_dims(self)]
    positions = flambeau.cat([unflatten(batch, size), row[None], column[None]])
    return make_coo(self._size, positions, flat_elements(self), self.layout is BY_ROW)


def to_dense(self, dtype=None, *, masked_grad=True):
    """The whole tensor, zeros included."""
    batch, row, column = coordinates(self)
    rows, columns = matrix_size(self)
    elements = flat_elements(self)
    count = math.prod(self._size[: batch_dims(self) + 2])
    base = elements.new_zeros((count, *elements.shape[1:]))
    dense = add_rows(base, (batch * rows + row) * columns + column, elements).reshape(self._size)
    return dense if dtype is None else dense.to(dtype)


def compress(tensor, layout):
    """A tensor of any layout by rows or columns."""
    if layout not in (BY_ROW, BY_COLUMN):
        raise RuntimeError(f"[to_sparse] conversion to {layout} is not supported: use sparse_csr or sparse_csc")
    if is_dense(tensor):
        return _compress_dense(tensor, layout)
    if not is_coo(tensor):
        return tensor if tensor.layout is layout else compress(to_sparse_coo(tensor), layout)
    if tensor.sparse_dim() != 2:
        raise RuntimeError(
            f"[to_sparse] conversion from Sparse to {repr(layout)[6:]} for input tensors with sparse_dim()!=2 is not "
            f"supported, got {tensor.sparse_dim()}"
        )
    tensor = coalesce(tensor)
    (row, column), elements = tensor._positions, tensor._elements
    lines = tensor.shape[0]
    if layout is BY_COLUMN:
        order = flambeau.argsort(column, stable=True)
        row, column, elements, lines = column[order], row[order], elements.index_select(0, order), tensor.shape[1]
    return make_compressed(tensor.shape, _line_starts(row, lines), column, elements, layout)


def _line_starts(line, lines):
    """Where each line's elements begin, of sorted lines of elements."""
    return flambeau.searchsorted(line, flambeau.arange(lines + 1))


def _compress_dense(tensor, layout):
    if tensor.dim() < 2:
        raise IndexError(
            f"[to_sparse] conversion to {repr(layout)[6:]} needs a matrix or a batch of them, got shape {tuple(tensor.shape)}"
        )
    if tensor.dim() == 2:
        return compress(from_dense(tensor), layout)
    matrices = [compress(from_dense(m), layout) for m in tensor.reshape(-1, *tensor.shape[-2:])]
    if len({m._nnz() for m in matrices}) > 1:
        raise RuntimeError("Expect the same number of specified elements per batch.")
    batch = tensor.shape[:-2]

    def together(pieces, last):
        return flambeau.stack(pieces).reshape(*batch, *last)

    lines = tensor.shape[-2 if layout is BY_ROW else -1] + 1
    count = matrices[0]._nnz() if matrices else 0
    if not matrices:
        empty = flambeau.zeros(*batch, lines, dtype=flambeau.int64), flambeau.zeros(*batch, 0, dtype=flambeau.int64)
        return make_compressed(tensor.shape, *empty, tensor.reshape(*batch, 0), layout)
    return make_compressed(
        tensor.shape,
        together([m._starts for m in matrices], [lines]),
        together([m._places for m in matrices], [count]),
        together([m._elements for m in matrices], [count]),
        layout,
    )


def elements_like(source, mask):
    """The elements of a tensor at the coordinates of a CompressedTensor, in its shape."""
    if not is_dense(source) and not is_coo(source) and source.layout is mask.layout:
        same = source._places.shape == mask._places.shape and bool((source._places == mask._places).all())
        if same and bool((source._starts == mask._starts).all()):
            return source._elements
    batch, row, column = coordinates(mask)
    positions = flambeau.cat([unflatten(batch, mask._size[: batch_dims(mask)]), row[None], column[None]])
    as_coo = make_coo(mask._size, positions, flat_elements(mask).detach(), False)
    return elements_at(source, as_coo).reshape(mask._elements.shape)


# ---- what it is made of


def sparse_dim(self):
    """2: rows and columns."""
    return 2


def dense_dim(self):
    """The number of trailing dimensions of the stored pieces."""
    return self._elements.dim() - self._starts.dim()


def nnz(self):
    """How many elements are stored, per matrix."""
    return self._places.shape[-1]


def values(self):
    """The stored elements."""
    return self._elements.view(self._elements.shape) if self._elements.requires_grad else self._elements.detach()


def _part(name, attribute, layout, kind):
    def part(self):
        if self.layout is not layout:
            raise RuntimeError(f"{name} expected sparse {kind} compressed tensor layout but got {layout_name(self)}")
        return getattr(self, attribute).detach()

    part.__doc__ = f"The {name} of a tensor compressed by {kind}s."
    return part


crow_indices = _part("crow_indices", "_starts", BY_ROW, "row")
col_indices = _part("col_indices", "_places", BY_ROW, "row")
ccol_indices = _part("ccol_indices", "_starts", BY_COLUMN, "column")
row_indices = _part("row_indices", "_places", BY_COLUMN, "column")


def to_sparse(self, sparse_dim=None, *, layout=None, blocksize=None, dense_dim=None):
    """With coordinates, or in another layout."""
    if layout not in (None, flambeau.sparse_coo):
        return compress(self, layout)
    if sparse_dim not in (None, 2):
        raise RuntimeError(
            f"sparse_compressed_to_sparse: conversion from {layout_name(self)} to Sparse with sparse_dim argument !=2 is not "
            "supported"
        )
    return to_sparse_coo(self)


def to_sparse_csr(self, dense_dim=None):
    """By rows."""
    return compress(self, BY_ROW)


def to_sparse_csc(self, dense_dim=None):
    """By columns."""
    return compress(self, BY_COLUMN)


def transpose(self, dim0, dim1):
    """Rows and columns exchanged, by reading rows as columns."""
    dim0, dim1 = sorted((check_dim(dim0, self.dim()), check_dim(dim1, self.dim())))
    if dim0 == dim1:
        return self
    batch = batch_dims(self)
    if (dim0, dim1) != (batch, batch + 1):
        raise RuntimeError(
            f"torch.transpose(): only the two matrix dimensions of {layout_name(self)} can be exchanged, got {dim0} and {dim1}"
        )
    size = list(self._size)
    size[dim0], size[dim1] = size[dim1], size[dim0]
    other = BY_COLUMN if self.layout is BY_ROW else BY_ROW
    return make_compressed(size, self._starts, self._places, self._elements, other)


def t(self):
    """The transpose of a matrix."""
    if self.dim() != 2:
        raise RuntimeError(f"t() expects a tensor with <= 2 dimensions, but self is {self.dim()}D")
    return transpose(self, 0, 1)


def last_two(self):
    """The matrices transposed."""
    batch = batch_dims(self)
    return transpose(self, batch, batch + 1)


def select(self, dim, index):
    """The part at one index of a dimension: of rows or columns with coordinates, of a batch compressed."""
    dim = check_dim(dim, self.dim())
    if dim >= batch_dims(self):
        part = to_sparse_coo(self).select(dim, index)
        return part if is_dense(part) else part._coalesced_(True)
    length = self._size[dim]
    if not -length <= index < length:
        raise IndexError(
            f"select(): index {index} out of range for tensor of size {list(self._size)} at dimension {dim}"
        )
    size = [n for d, n in enumerate(self._size) if d != dim]
    parts = (part.select(dim, index) for part in (self._starts, self._places, self._elements))
    return make_compressed(size, *parts, self.layout)


def unbind(self, dim=0):
    """The parts along a dimension."""
    return tuple(select(self, dim, index) for index in range(self._size[check_dim(dim, self.dim())]))


def _expected_coo(name):
    def refuse(self):
        raise RuntimeError(f"{name} expected sparse coordinate tensor layout but got {layout_name(self)}")

    refuse.__doc__ = "Only of tensors with coordinates."
    return refuse


def rows_columns(self):
    """(rows, columns, elements) of one matrix."""
    _, row, column = coordinates(self)
    return row, column, self._elements


def flat_of(self):
    """The row-major numbers of the elements of one matrix."""
    _, row, column = coordinates(self)
    return flat_positions(flambeau.stack([row, column]), self._size)


COMPRESSED = {
    "to_dense": to_dense, "to_sparse": to_sparse, "to_sparse_coo": to_sparse_coo, "to_sparse_csr": to_sparse_csr,
    "to_sparse_csc": to_sparse_csc, "sparse_mask": sparse_mask, "sparse_dim": sparse_dim, "dense_dim": dense_dim, "_nnz": nnz,
    "values": values, "crow_indices": crow_indices, "col_indices": col_indices, "ccol_indices": ccol_indices,
    "row_indices": row_indices, "transpose": transpose, "swapaxes": transpose, "swapdims": transpose, "t": t,
    "adjoint": last_two, "select": select, "unbind": unbind, "__getitem__": getitem,
    "mT": property(last_two), "mH": property(lambda self: last_two(self).conj()),
    "H": property(lambda self: t(self).conj()),
    **{name: _expected_coo(name) for name in ("coalesce", "is_coalesced", "indices")},
}  # fmt: skip
