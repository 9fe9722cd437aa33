"""Copies of the parts of sparse tensors."""

__all__ = [
    "ccol_indices_copy",
    "col_indices_copy",
    "crow_indices_copy",
    "indices_copy",
    "row_indices_copy",
    "values_copy",
]


def indices_copy(input):
    """A copy of the indices of a coalesced sparse tensor.

    >>> flambeau.indices_copy(flambeau.eye(2).to_sparse())
    tensor([[0, 1],
            [0, 1]])
    """
    return input.indices().clone()


def values_copy(input):
    """A copy of the stored values of a sparse tensor.

    >>> flambeau.values_copy(flambeau.eye(2).to_sparse())
    tensor([1., 1.])
    """
    return input.values().clone()


def crow_indices_copy(input):
    """A copy of where the rows of a tensor in CSR begin.

    >>> flambeau.crow_indices_copy(flambeau.eye(2).to_sparse_csr())
    tensor([0, 1, 2])
    """
    return input.crow_indices().clone()


def col_indices_copy(input):
    """A copy of the columns of the elements of a tensor in CSR.

    >>> flambeau.col_indices_copy(flambeau.eye(2).to_sparse_csr())
    tensor([0, 1])
    """
    return input.col_indices().clone()


def ccol_indices_copy(input):
    """A copy of where the columns of a tensor in CSC begin.

    >>> flambeau.ccol_indices_copy(flambeau.eye(2).to_sparse_csc())
    tensor([0, 1, 2])
    """
    return input.ccol_indices().clone()


def row_indices_copy(input):
    """A copy of the rows of the elements of a tensor in CSC.

    >>> flambeau.row_indices_copy(flambeau.eye(2).to_sparse_csc())
    tensor([0, 1])
    """
    return input.row_indices().clone()
