"""Sparse tensors: most elements are 0 and not stored. See `sparse_coo_tensor` and `sparse_csr_tensor`."""

import flambeau

from . import _compressed, _coordinates, _creation, _pointwise, _products, _reductions, _types
from ._creation import spdiags
from ._invariants import check_sparse_tensor_invariants
from ._products import mm_reduce, sampled_addmm
from ._reductions import log_softmax, softmax
from ._reductions import sparse_sum as sum
from ._tensor import CompressedTensor, SparseTensor, is_dense
from ._types import *

__all__ = [
    "addmm",
    "check_sparse_tensor_invariants",
    "log_softmax",
    "mm",
    "sampled_addmm",
    "softmax",
    "spdiags",
    "spsolve",
    "sum",
]
__all__ += _types.__all__

for _kind, _tables in (
    (SparseTensor, (_coordinates.COO, _pointwise.COO)),
    (CompressedTensor, (_compressed.COMPRESSED, _pointwise.COMPRESSED)),
):
    for _table in (*_tables, _products.PRODUCTS, _reductions.REDUCTIONS, _creation.CREATION):
        for _name, _function in _table.items():
            setattr(_kind, _name, _function)


def mm(mat1, mat2, reduce=None):
    """The product of two matrices of which one or both may be sparse; of two sparse ones it is sparse.

    Args:
        mat1: (m, k).
        mat2: (k, n), of the same dtype.
        reduce: "sum", "mean", "amax" or "amin" of what a sparse_csr mat1 stores in a row, times mat2.

    Returns:
        Tensor: (m, n).

    >>> flambeau.sparse.mm(flambeau.sparse_coo_tensor([[0], [1]], [2.0], (2, 2)), flambeau.ones(2, 1))
    tensor([[2.],
            [0.]])
    """
    if reduce is not None:
        return mm_reduce(mat1, mat2, reduce)
    return _products.product(mat1, mat2)


def addmm(mat, mat1, mat2, *, beta=1.0, alpha=1.0):
    """beta * mat + alpha * mat1 @ mat2, of a dense mat and a product with a sparse factor.

    Args:
        mat: (m, n) or what broadcasts to it.
        mat1: (m, k).
        mat2: (k, n).
        beta, alpha: factors.

    >>> x = flambeau.sparse_coo_tensor([[0], [1]], [2.0], (2, 2))
    >>> flambeau.sparse.addmm(flambeau.ones(2, 1), x, flambeau.ones(2, 1))
    tensor([[3.],
            [1.]])
    """
    if is_dense(mat) and is_dense(mat1) and is_dense(mat2):
        return flambeau.addmm(mat, mat1, mat2, beta=beta, alpha=alpha)
    return _products.addmm(mat, mat1, mat2, beta=beta, alpha=alpha)


def spsolve(input, other, *, left=True):
    """The solution of a sparse system; like PyTorch's CPU build, there is no direct solver: use linalg.solve.

    >>> flambeau.sparse.spsolve(flambeau.eye(2).to_sparse_csr(), flambeau.ones(2))
    Traceback (most recent call last):
        ...
    NotImplementedError: [spsolve] Could not run 'aten::_spsolve' on the CPU: solve A.to_dense() with linalg.solve
    """
    raise NotImplementedError(
        "[spsolve] Could not run 'aten::_spsolve' on the CPU: solve A.to_dense() with linalg.solve"
    )
