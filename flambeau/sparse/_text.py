"""Sparse tensors as text."""

import flambeau
from flambeau._printing import sparse_text

from ._tensor import is_coo


def text(tensor):
    """repr(tensor)."""
    with flambeau.no_grad():
        if is_coo(tensor):
            parts = {"indices": tensor._positions, "values": tensor._elements}
        else:
            by_row = tensor.layout is flambeau.sparse_csr
            starts, places = ("crow_indices", "col_indices") if by_row else ("ccol_indices", "row_indices")
            parts = {starts: tensor._starts, places: tensor._places, "values": tensor._elements}
        return sparse_text(tensor, parts, tensor._nnz(), is_coo(tensor))
