"""Sparse tensors in pickles."""

import flambeau

from ._creation import check_compressed, check_coo
from ._tensor import is_coo, make_compressed, make_coo


def parts(tensor):
    """(layout, what torch's files keep of a tensor of this layout)."""
    if is_coo(tensor):
        return tensor.layout, (tensor._positions, tensor._elements.detach(), tensor.shape, tensor._sorted)
    return tensor.layout, (tensor._starts, tensor._places, tensor._elements.detach(), tensor.shape)


def rebuild(layout, pieces):
    """The tensor again; a RuntimeError if the pieces, which may come from anywhere, do not fit together."""
    if layout is flambeau.sparse_coo:
        positions, elements, size, *rest = pieces
        tensor = make_coo(size, positions, elements, bool(rest and rest[0]))
        if positions.dtype is not flambeau.int64 or positions.dim() != 2 or elements.dim() < 1:
            raise RuntimeError("[sparse] indices must be int64 of two dimensions, and values need one")
        if positions.shape[1] != elements.shape[0] or len(size) != positions.shape[0] + elements.dim() - 1:
            raise RuntimeError("[sparse] indices, values and size do not fit together")
        check_coo(tensor, tensor._sorted)
        return tensor
    starts, places, elements, size = pieces
    if starts.dim() < 1 or places.dim() != starts.dim() or elements.dim() < places.dim():
        raise RuntimeError("[sparse] indices and values do not fit together")
    if len(size) != starts.dim() + 1 + elements.dim() - places.dim():
        raise RuntimeError("[sparse] indices, values and size do not fit together")
    tensor = make_compressed(size, starts, places, elements, layout)
    check_compressed(tensor)
    return tensor


def reduce(tensor):
    """What __reduce_ex__ gives."""
    layout, pieces = parts(tensor)
    return _again, (layout, pieces, tensor.requires_grad)


def _again(layout, pieces, requires_grad):
    return rebuild(layout, pieces).requires_grad_(requires_grad)
