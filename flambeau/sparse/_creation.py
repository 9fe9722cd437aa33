"""Sparse tensors from their parts."""

import flambeau
from flambeau import _C

from ._compressed import BY_COLUMN, BY_ROW
from ._coordinates import flat_positions
from ._invariants import check_sparse_tensor_invariants
from ._tensor import make_compressed, make_coo


def _values(values, dtype, device):
    """The elements as a tensor; one with a history keeps it."""
    if not isinstance(values, _C.Tensor):
        return flambeau.tensor(values, dtype=dtype, device=device)
    values = values.to(device) if device is not None else values
    values = values if dtype is None or values.dtype is dtype else values.to(dtype)
    return values.view(values.shape) if values.requires_grad and values.is_leaf else values


def _integers(values, what):
    if not isinstance(values, _C.Tensor):
        values = flambeau.tensor(values)
        values = values.long() if values.numel() == 0 else values
    return values.detach()


def _finish(made, requires_grad):
    if requires_grad:
        if not (made.dtype.is_floating_point or made.dtype.is_complex):
            raise RuntimeError("Only Tensors of floating point and complex dtype can require gradients")
        made = made.detach()
        made.requires_grad_(True)
    return made


def sparse_coo_tensor(
    indices=None, values=None, size=None, *, dtype=None, device=None, pin_memory=False, requires_grad=False,
    check_invariants=None, is_coalesced=None,
):  # fmt: skip
    """A tensor of which only some elements are stored, by their coordinates; the others are 0.

    Args:
        indices: (sparse dims, n) integers, the coordinates of the stored elements; equal ones add up.
        values: (n, dense dims...), the elements.
        size: the shape, sparse dims + dense dims; the smallest that fits if left out.
        dtype, device, requires_grad: of the result.
        check_invariants: whether the coordinates are checked (default: as `sparse.check_sparse_tensor_invariants` says).
        is_coalesced: a promise that coordinates are sorted and distinct.

    Returns:
        Tensor: with layout `sparse_coo`.

    Raises:
        RuntimeError: the parts do not fit together.

    >>> flambeau.sparse_coo_tensor([[0, 1], [2, 0]], [3.0, 4.0], (2, 3)).to_dense()
    tensor([[0., 0., 3.],
            [4., 0., 0.]])
    """
    if values is None:
        size = indices if size is None else size
        positions = flambeau.empty((len(size), 0), dtype=flambeau.int64)
        return _finish(make_coo(size, positions, flambeau.empty(0, dtype=dtype), True), requires_grad)
    positions, elements = _integers(indices, "indices").long(), _values(values, dtype, device)
    if elements.dim() == 0:
        elements = elements.reshape(1)
    if positions.dim() != 2:
        raise RuntimeError(f"indices must be sparse_dim x nnz, but got: {list(positions.shape)}")
    if positions.shape[1] != elements.shape[0]:
        raise RuntimeError(
            f"indices and values must have same nnz, but got nnz from indices: {positions.shape[1]}, nnz from values: "
            f"{elements.shape[0]}"
        )
    if size is None:
        size = _smallest(positions, elements)
    elif len(size) != positions.shape[0] + elements.dim() - 1:
        raise RuntimeError(
            f"'len(size) == sparse_dim + dense_dim' is not satisfied: len(size) = {len(size)}, sparse_dim = "
            f"{positions.shape[0]}, dense_dim = {elements.dim() - 1}"
        )
    made = make_coo(tuple(size), positions, elements, bool(is_coalesced))
    if check_sparse_tensor_invariants.wanted(check_invariants):
        check_coo(made, bool(is_coalesced))
    return _finish(made, requires_grad)


def _smallest(positions, elements):
    if positions.shape[1] == 0:
        return [0] * positions.shape[0] + list(elements.shape[1:])
    if positions.numel() and int(positions.min()) < 0:
        raise RuntimeError(f"found negative index {int(positions.min())} in indices")
    return [int(n) + 1 for n in positions.amax(1)] + list(elements.shape[1:])


def check_coo(tensor, coalesced):
    """RuntimeError if coordinates lie outside or, where this is promised, are not sorted and distinct."""
    positions, elements = tensor._positions, tensor._elements
    if tuple(tensor._size[tensor.sparse_dim() :]) != tuple(elements.shape[1:]):
        raise RuntimeError(
            f"values has incorrect size, expected {[elements.shape[0], *tensor._size[tensor.sparse_dim() :]]}, got "
            f"{list(elements.shape)}"
        )
    for dim, row in enumerate(positions):
        if row.numel() and int(row.min()) < 0:
            raise RuntimeError(f"found negative index {int(row.min())} for dim {dim}")
        if row.numel() and int(row.max()) >= tensor._size[dim]:
            raise RuntimeError(
                f"size is inconsistent with indices: for dim {dim}, size is {tensor._size[dim]} but found index {int(row.max())}"
            )
    flat = flat_positions(positions, tensor._size)
    if coalesced and bool((flat[1:] <= flat[:-1]).any()):
        raise RuntimeError("cannot set is_coalesced to true if indices correspond to uncoalesced COO tensor")


def sparse_compressed_tensor(
    compressed_indices, plain_indices, values, size=None, *, dtype=None, layout=None, device=None, pin_memory=False,
    requires_grad=False, check_invariants=None,
):  # fmt: skip
    """A matrix, or a batch of them, of which only some elements are stored, by rows or by columns.

    Args:
        compressed_indices: (..., lines + 1), where each line's elements begin in plain_indices and values.
        plain_indices: (..., n), the place of each element in its line.
        values: (..., n, dense dims...).
        size: the shape; the smallest that fits if left out.
        dtype, device, requires_grad: of the result.
        layout: `sparse_csr` (lines are rows) or `sparse_csc` (lines are columns).
        check_invariants: whether the parts are checked.

    Returns:
        Tensor: with that layout.

    Raises:
        RuntimeError: another layout, or parts that do not fit together.

    >>> x = flambeau.sparse_compressed_tensor([0, 1, 2], [2, 0], [3.0, 4.0], (2, 3), layout=flambeau.sparse_csr)
    >>> x.to_dense()
    tensor([[0., 0., 3.],
            [4., 0., 0.]])
    """
    if layout not in (BY_ROW, BY_COLUMN):
        raise RuntimeError(f"[sparse_compressed_tensor] layout must be sparse_csr or sparse_csc, got {layout}")
    starts, places = _integers(compressed_indices, "compressed_indices"), _integers(plain_indices, "plain_indices")
    elements = _values(values, dtype, device)
    if starts.dim() == 0 or places.dim() != starts.dim() or elements.dim() < starts.dim():
        raise RuntimeError(
            "[sparse_compressed_tensor] dimensionality of indices and values must fit: compressed_indices "
            f"{tuple(starts.shape)}, plain_indices {tuple(places.shape)}, values {tuple(elements.shape)}"
        )
    if size is None:
        other = int(places.max()) + 1 if places.numel() else 0
        lines = starts.shape[-1] - 1
        matrix = (lines, other) if layout is BY_ROW else (other, lines)
        size = (*starts.shape[:-1], *matrix, *elements.shape[places.dim() :])
    if len(size) != starts.dim() + 1 + elements.dim() - places.dim():
        raise RuntimeError(
            f"tensor dimensionality must be sum of batch, base, and dense dimensionalities, but got size {tuple(size)} for "
            f"values {tuple(elements.shape)}"
        )
    made = make_compressed(tuple(size), starts, places, elements, layout)
    if check_sparse_tensor_invariants.wanted(check_invariants):
        check_compressed(made)
    return _finish(made, requires_grad)


def check_compressed(tensor):
    """RuntimeError unless starts grow from 0 to n and places are inside, sorted and distinct in their line."""
    by_row = tensor.layout is BY_ROW
    first, second = ("crow_indices", "col_indices") if by_row else ("ccol_indices", "row_indices")
    batch = tensor._starts.dim() - 1
    rows, columns = tensor._size[batch : batch + 2]
    lines, width = (rows, columns) if by_row else (columns, rows)
    starts, places, stored = tensor._starts, tensor._places, tensor._places.shape[-1]
    if starts.dtype not in (flambeau.int64, flambeau.int32) or places.dtype is not starts.dtype:
        raise RuntimeError(f"{first} and {second} must be both int32 or int64, but got {starts.dtype}, {places.dtype}")
    if starts.shape[-1] != lines + 1:
        raise RuntimeError(f"{first}.shape[-1] must be equal to {lines + 1}, but got {starts.shape[-1]}")
    if tuple(tensor._elements.shape[: places.dim()]) != tuple(places.shape):
        raise RuntimeError(f"values.shape must begin with {second}.shape {tuple(places.shape)}")
    if bool((starts[..., 0] != 0).any()):
        raise RuntimeError(f"`{first}[..., 0] == 0` is not satisfied.")
    if bool((starts[..., -1] != stored).any()):
        raise RuntimeError(f"`{first}[..., -1] == nnz` is not satisfied.")
    lengths = starts.diff(dim=-1)
    if bool((lengths < 0).any()) or bool((lengths > width).any()):
        raise RuntimeError(f"`0 <= {first}[..., 1:] - {first}[..., :-1] <= {width}` is not satisfied.")
    if bool((places < 0).any()) or bool((places >= width).any()):
        raise RuntimeError(f"`0 <= {second} < {'ncols' if by_row else 'nrows'}` is not satisfied.")
    line = flambeau.repeat_interleave(lengths.reshape(-1).long()) * max(width, 1) + places.reshape(-1).long()
    if bool((line[1:] <= line[:-1]).any()):
        raise RuntimeError(f"`{second}` of each line sorted and distinct is not satisfied.")


def sparse_csr_tensor(
    crow_indices, col_indices, values, size=None, *, dtype=None, device=None, pin_memory=False, requires_grad=False,
    check_invariants=None,
):  # fmt: skip
    """A matrix of which only some elements are stored, row by row.

    Args:
        crow_indices: (..., rows + 1), where each row's elements begin.
        col_indices: (..., n), the columns.
        values: (..., n, dense dims...).
        size: the shape; the smallest that fits if left out.
        dtype, device, requires_grad: of the result.
        check_invariants: whether the parts are checked.

    >>> flambeau.sparse_csr_tensor([0, 1, 2], [2, 0], [3.0, 4.0], (2, 3))
    tensor(crow_indices=tensor([0, 1, 2]),
           col_indices=tensor([2, 0]),
           values=tensor([3., 4.]), size=(2, 3), nnz=2, layout=torch.sparse_csr)
    """
    return sparse_compressed_tensor(
        crow_indices, col_indices, values, size, dtype=dtype, layout=BY_ROW, device=device, requires_grad=requires_grad,
        check_invariants=check_invariants,
    )  # fmt: skip


def sparse_csc_tensor(
    ccol_indices, row_indices, values, size=None, *, dtype=None, device=None, pin_memory=False, requires_grad=False,
    check_invariants=None,
):  # fmt: skip
    """A matrix of which only some elements are stored, column by column.

    Args:
        ccol_indices: (..., columns + 1), where each column's elements begin.
        row_indices: (..., n), the rows.
        values: (..., n, dense dims...).
        size: the shape; the smallest that fits if left out.
        dtype, device, requires_grad: of the result.
        check_invariants: whether the parts are checked.

    >>> flambeau.sparse_csc_tensor([0, 1, 1, 2], [1, 0], [4.0, 3.0], (2, 3)).to_dense()
    tensor([[0., 0., 3.],
            [4., 0., 0.]])
    """
    return sparse_compressed_tensor(
        ccol_indices, row_indices, values, size, dtype=dtype, layout=BY_COLUMN, device=device,
        requires_grad=requires_grad, check_invariants=check_invariants,
    )  # fmt: skip


def zeros(size, dtype=None, layout=None, requires_grad=False):
    """A sparse tensor in which nothing is stored."""
    dtype = flambeau.get_default_dtype() if dtype is None else dtype
    if layout in (BY_ROW, BY_COLUMN):
        if len(size) < 2:
            raise RuntimeError(f"[zeros] a compressed tensor needs two dimensions, got size {tuple(size)}")
        batch, lines = size[:-2], size[-2 if layout is BY_ROW else -1]
        starts = flambeau.zeros((*batch, lines + 1), dtype=flambeau.int64)
        places = flambeau.empty((*batch, 0), dtype=flambeau.int64)
        return _finish(
            make_compressed(size, starts, places, flambeau.empty((*batch, 0), dtype=dtype), layout), requires_grad
        )
    return sparse_coo_tensor(size=size, dtype=dtype, requires_grad=requires_grad)


def zeros_like(
    input, *, dtype=None, layout=None, device=None, requires_grad=False, memory_format=None, pin_memory=False
):
    """A tensor of the same shape in which nothing is stored."""
    if layout is flambeau.strided:
        return flambeau.zeros(input.shape, dtype=input.dtype if dtype is None else dtype, requires_grad=requires_grad)
    layout, dtype = input.layout if layout is None else layout, input.dtype if dtype is None else dtype
    if layout is not flambeau.sparse_coo:
        return zeros(input.shape, dtype, layout, requires_grad)
    sparse, dense = input.sparse_dim(), input.dense_dim()
    elements = flambeau.empty((0, *input.shape[input.dim() - dense :]), dtype=dtype)
    made = make_coo(input.shape, flambeau.empty((sparse, 0), dtype=flambeau.int64), elements, True)
    return _finish(made, requires_grad)


def new_zeros(self, *size, dtype=None, device=None, requires_grad=False, layout=None, pin_memory=False):
    """A tensor of another shape, of this layout and dtype, in which nothing is stored."""
    size = size[0] if len(size) == 1 and not isinstance(size[0], int) else size
    layout = self.layout if layout is None else layout
    return zeros(tuple(size), self.dtype if dtype is None else dtype, layout, requires_grad)


def new_tensor(self, data, *, dtype=None, device=None, requires_grad=False, layout=None, pin_memory=False):
    """A dense tensor with data of this dtype."""
    return flambeau.tensor(data, dtype=self.dtype if dtype is None else dtype, requires_grad=requires_grad)


def spdiags(diagonals, offsets, shape, layout=None):
    """A sparse matrix with the rows of a tensor as its diagonals.

    Args:
        diagonals: (d, n), or (n) for one diagonal; column j of a row goes to column j of the matrix.
        offsets: int64 (d), distinct: diagonal k is above the main one by k.
        shape: (rows, columns).
        layout: sparse_coo (None), sparse_csr or sparse_csc.

    >>> flambeau.sparse.spdiags(flambeau.ones(2, 2), flambeau.tensor([0, -1]), (2, 2)).to_dense()
    tensor([[1., 0.],
            [1., 1.]])
    """
    diagonals, offsets = flambeau.atleast_2d(diagonals), flambeau.atleast_1d(offsets)
    if len(shape) != 2:
        raise RuntimeError("Output shape must be 2d")
    if offsets.dim() != 1 or offsets.shape[0] != diagonals.shape[0]:
        raise RuntimeError(
            f"Number of diagonals ({diagonals.shape[0]}) does not match the number of offsets ({offsets.numel()})"
        )
    if offsets.unique().numel() != offsets.numel():
        raise RuntimeError("Offset tensor contains duplicate values")
    if layout not in (None, flambeau.sparse_coo, BY_ROW, BY_COLUMN):
        raise RuntimeError(
            f"Only output layouts (torch.sparse_coo, torch.sparse_csc, torch.sparse_csr) are supported, got {layout}"
        )
    column = flambeau.arange(diagonals.shape[1]).expand(diagonals.shape)
    row = column - offsets.view(-1, 1)
    inside = (row >= 0) & (row < shape[0]) & (column < shape[1])
    made = make_coo(tuple(shape), flambeau.stack([row[inside], column[inside]]), diagonals[inside], False)
    return made if layout in (None, flambeau.sparse_coo) else made.to_sparse(layout=layout)


CREATION = {"new_zeros": new_zeros, "new_empty": new_zeros, "new_tensor": new_tensor}
LIKE = {"zeros_like": zeros_like, "empty_like": zeros_like}
__all__ = ["sparse_compressed_tensor", "sparse_coo_tensor", "sparse_csc_tensor", "sparse_csr_tensor"]
