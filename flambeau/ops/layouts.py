"""From dense tensors to sparse ones, and what a dense tensor says to questions about sparse ones."""

from .._types import sparse_coo, sparse_csc, sparse_csr, strided

__all__ = []
METHODS = [
    "to_sparse", "to_sparse_coo", "to_sparse_csr", "to_sparse_csc", "to_dense", "sparse_mask", "sparse_dim", "dense_dim", "smm",
    "sspaddmm", ("layout", property(lambda self: strided)),
]  # fmt: skip


def to_sparse(self, sparse_dim=None, *, layout=None, blocksize=None, dense_dim=None):
    """The elements that are not 0, with their coordinates (sparse_dim of them, the rest in dense pieces) or compressed."""
    if layout is strided:
        return self
    from ..sparse import _compressed, _coordinates

    if layout in (None, sparse_coo):
        return _coordinates.from_dense(self, sparse_dim)
    if sparse_dim is not None:
        raise RuntimeError("[to_sparse] sparse_dim is only for layout sparse_coo")
    return _compressed.compress(self, layout)


def to_sparse_coo(self):
    """The elements that are not 0, with their coordinates."""
    return to_sparse(self)


def to_sparse_csr(self, dense_dim=None):
    """The elements of a matrix that are not 0, by rows."""
    return to_sparse(self, layout=sparse_csr)


def to_sparse_csc(self, dense_dim=None):
    """The elements of a matrix that are not 0, by columns."""
    return to_sparse(self, layout=sparse_csc)


def to_dense(self, dtype=None, *, masked_grad=True):
    """The tensor itself, cast if asked: it is dense."""
    return self if dtype is None else self.to(dtype)


def sparse_mask(self, mask):
    """The elements of this tensor at the coordinates that a sparse one stores."""
    from ..sparse import _coordinates

    return _coordinates.sparse_mask(self, mask)


def sparse_dim(self):
    """0: a dense tensor has no sparse dimensions."""
    return 0


def dense_dim(self):
    """The number of dimensions."""
    return self.dim()


def smm(self, mat):
    """The product of a sparse and a dense matrix, as a sparse one."""
    from ..sparse import _products

    return _products.smm(self, mat)


def sspaddmm(self, mat1, mat2, *, beta=1, alpha=1):
    """beta * self + alpha * mat1 @ mat2, as a sparse matrix."""
    from ..sparse import _products

    return _products.sspaddmm(self, mat1, mat2, beta=beta, alpha=alpha)


def _of_sparse(name, error, expected):
    def refuse(self):
        raise error(f"[{name}] {name} expected {expected} tensor layout but got Strided: use .to_sparse() first")

    refuse.__doc__ = f"Of {expected} tensors only."
    return refuse


_EXPECTED = {
    "coalesce": "sparse coordinate", "is_coalesced": "sparse coordinate", "indices": "sparse coordinate", "values": "sparse",
    "crow_indices": "sparse row compressed", "col_indices": "sparse row compressed",
    "ccol_indices": "sparse column compressed", "row_indices": "sparse column compressed",
}  # fmt: skip
METHODS += [(name, _of_sparse(name, RuntimeError, expected)) for name, expected in _EXPECTED.items()]
METHODS += [
    (name, _of_sparse(name, NotImplementedError, "sparse"))
    for name in ("_nnz", "_indices", "_values", "_dimI", "_dimV", "_coalesced_")
]


def _resize(name):
    def refuse(self, *args):
        raise NotImplementedError(
            f"[{name}] Could not run 'aten::{name}' with arguments from the 'CPU' backend: it is for sparse"
        )

    refuse.__doc__ = "Of sparse tensors only."
    return refuse


METHODS += [(name, _resize(name)) for name in ("sparse_resize_", "sparse_resize_and_clear_", "resize_as_sparse_")]
