"""Triangles, diagonals, grids and powers: tensors with a pattern."""

from .. import _C
from ._common import write_out
from ._host import copied_for
from .copies import check_device, moved

__all__ = [
    "block_diag",
    "cartesian_prod",
    "combinations",
    "diag",
    "diag_embed",
    "diagflat",
    "meshgrid",
    "tril",
    "tril_indices",
    "triu",
    "triu_indices",
    "vander",
]
METHODS = ["diag", "diag_embed", "diagflat", "tril", "tril_", "triu", "triu_"]


def tril_indices(row, col, offset=0, *, dtype=None, device=None, layout=None, pin_memory=False):
    """The places (2, n) on and below the `offset`-th diagonal of a row x col matrix, by rows.

    >>> flambeau.tril_indices(2, 2)
    tensor([[0, 1, 1],
            [0, 0, 1]])
    """
    places = _C.triangle_indices(row, col, offset, True, _C.int64 if dtype is None else dtype)
    return moved(places, check_device(device, "tril_indices"))


def triu_indices(row, col, offset=0, *, dtype=None, device=None, layout=None, pin_memory=False):
    """The places (2, n) on and above the `offset`-th diagonal of a row x col matrix, by rows.

    >>> flambeau.triu_indices(2, 2)
    tensor([[0, 0, 1],
            [0, 1, 1]])
    """
    places = _C.triangle_indices(row, col, offset, False, _C.int64 if dtype is None else dtype)
    return moved(places, check_device(device, "triu_indices"))


def tril(input, diagonal=0, *, out=None):
    """The part of each matrix on and below a diagonal; zeros above.

    >>> flambeau.tril(flambeau.ones(2, 2))
    tensor([[1., 0.],
            [1., 1.]])
    """
    return write_out(out, _C.triangle(input, diagonal, True))


def triu(input, diagonal=0, *, out=None):
    """The part of each matrix on and above a diagonal; zeros below.

    >>> flambeau.triu(flambeau.ones(2, 2))
    tensor([[1., 1.],
            [0., 1.]])
    """
    return write_out(out, _C.triangle(input, diagonal, False))


def tril_(self, diagonal=0):
    """`tril` in place."""
    return _C.copy_(self, _C.triangle(self, diagonal, True))


def triu_(self, diagonal=0):
    """`triu` in place."""
    return _C.copy_(self, _C.triangle(self, diagonal, False))


def diag_embed(input, offset=0, dim1=-2, dim2=-1):
    """Vectors as the diagonals of matrices, which are zero elsewhere.

    >>> flambeau.diag_embed(flambeau.tensor([1, 2]))
    tensor([[1, 0],
            [0, 2]])
    """
    ndim = input.dim() + 1
    first, second = (_wrap_dim(d, ndim, "diag_embed") for d in (dim1, dim2))
    if first == second:
        raise RuntimeError(f"[diag_embed] diagonal dimensions cannot be identical {dim1}, {dim2}")
    size = input.shape[-1] + abs(offset)
    shape = list(input.shape[:-1])
    for d in sorted((first, second)):
        shape.insert(d, size)
    made = input.new_zeros(shape)
    _C.copy_(_C.diagonal(made, offset, first, second), input)
    return made


def _wrap_dim(dim, ndim, op):
    if not -ndim <= dim < ndim:
        raise IndexError(
            f"[{op}] Dimension out of range (expected to be in range of [{-ndim}, {ndim - 1}], but got {dim})"
        )
    return dim % ndim


def diag(input, diagonal=0, *, out=None):
    """A vector as the diagonal of a matrix, or the diagonal of a matrix as a vector.

    >>> flambeau.diag(flambeau.tensor([[1, 2], [3, 4]]))
    tensor([1, 4])
    """
    if input.dim() not in (1, 2):
        raise RuntimeError(f"[diag] Supports 1D or 2D tensors. Got {input.dim()}D")
    made = diag_embed(input, diagonal) if input.dim() == 1 else _C.diagonal(input, diagonal, 0, 1).clone()
    return write_out(out, made)


def diagflat(input, offset=0):
    """All elements as the diagonal of a matrix.

    >>> flambeau.diagflat(flambeau.tensor([[1], [2]]))
    tensor([[1, 0],
            [0, 2]])
    """
    return diag_embed(_C.reshape(input, (-1,)), offset)


def block_diag(*tensors):
    """Matrices along the diagonal of a larger one; vectors are rows, numbers 1 x 1 matrices.

    >>> flambeau.block_diag(flambeau.ones(1, 2), flambeau.tensor(5.0))
    tensor([[1., 1., 0.],
            [0., 0., 5.]])
    """
    if len(tensors) == 1 and isinstance(tensors[0], (list, tuple)):
        tensors = tensors[0]
    dtype = None
    for t in tensors:
        if t.dim() > 2:
            raise RuntimeError(
                f"[block_diag] Input tensors must have 2 or fewer dimensions, got shape {tuple(t.shape)}"
            )
        dtype = t.dtype if dtype is None else _C.promote_types(dtype, t.dtype)
    blocks = [t.reshape((1,) * (2 - t.dim()) + tuple(t.shape)) for t in tensors]
    shape = sum(b.shape[0] for b in blocks), sum(b.shape[1] for b in blocks)
    device = blocks[0].device if blocks else _C.device("cpu")
    made = copied_for(_C.zeros(shape, dtype or _C.get_default_dtype(), device), *blocks)
    row = column = 0
    for b in blocks:
        _C.copy_(made[row : row + b.shape[0], column : column + b.shape[1]], b)
        row, column = row + b.shape[0], column + b.shape[1]
    return made


def vander(x, N=None, increasing=False):
    """Powers of a vector as columns: N of them (its length by default), highest first unless `increasing`.

    >>> flambeau.vander(flambeau.tensor([2, 3]), 3)
    tensor([[4, 2, 1],
            [9, 3, 1]])
    """
    if x.dim() != 1:
        raise RuntimeError(f"[vander] x must be a one-dimensional tensor, got shape {tuple(x.shape)}")
    N = x.shape[0] if N is None else N
    if N < 0:
        raise RuntimeError(f"[vander] N must be non-negative, got {N}")
    dtype = x.dtype if x.dtype.is_floating_point or x.dtype.is_complex else _C.int64
    made = x.new_empty((x.shape[0], N), dtype=dtype)
    power = _C.full(tuple(x.shape), _C.scalar(1), dtype, x.device)
    for i in range(N):
        _C.copy_(_C.select(made, 1, i if increasing else N - 1 - i), power)
        power = power * x
    return made


def meshgrid(*tensors, indexing=None):
    """Grids of coordinates: from n vectors, n tensors of n dimensions.

    Args:
        tensors: vectors (or numbers) of one dtype.
        indexing: "ij" (the default: the first vector runs along rows) or "xy" (along columns).

    >>> flambeau.meshgrid(flambeau.arange(2), flambeau.arange(3), indexing="ij")[0]
    tensor([[0, 0, 0],
            [1, 1, 1]])
    """
    if len(tensors) == 1 and isinstance(tensors[0], (list, tuple)):
        tensors = tuple(tensors[0])
    if not tensors:
        raise ValueError("[meshgrid] meshgrid expects a non-empty TensorList")
    if indexing not in (None, "ij", "xy"):
        raise RuntimeError(f'[meshgrid] indexing must be one of "xy" or "ij", but received: {indexing}')
    for t in tensors:
        if t.dim() > 1:
            raise RuntimeError(f"[meshgrid] Expected 0D or 1D tensor in the tensor list but got shape {tuple(t.shape)}")
        if t.dtype != tensors[0].dtype:
            raise RuntimeError("[meshgrid] torch.meshgrid expects all tensors to have the same dtype")
    order = list(range(len(tensors)))
    if indexing == "xy" and len(tensors) > 1:
        order[0], order[1] = 1, 0
    shape = [tensors[i].numel() for i in order]
    grids = []
    for i, t in enumerate(tensors):
        place = order.index(i)
        line = _C.reshape(t, [n if d == place else 1 for d, n in enumerate(shape)])
        grids.append(_C.expand(line, shape))
    return tuple(grids)


def cartesian_prod(*tensors):
    """All combinations with one element of each vector, as rows.

    >>> flambeau.cartesian_prod(flambeau.tensor([1, 2]), flambeau.tensor([3, 4]))
    tensor([[1, 3],
            [1, 4],
            [2, 3],
            [2, 4]])
    """
    if not tensors:
        raise RuntimeError("[cartesian_prod] meshgrid expects a non-empty TensorList")
    for t in tensors:
        if t.dim() != 1:
            raise RuntimeError(f"[cartesian_prod] Expect a 1D vector, but got shape {tuple(t.shape)}")
    if len(tensors) == 1:
        return tensors[0]
    return _columns([g.reshape(-1) for g in meshgrid(*tensors, indexing="ij")])


def _columns(vectors):
    made = copied_for(_C.empty((vectors[0].shape[0], len(vectors)), vectors[0].dtype, vectors[0].device), *vectors)
    for i, v in enumerate(vectors):
        _C.copy_(_C.select(made, 1, i), v)
    return made


def combinations(input, r=2, with_replacement=False):
    """Subsets of `r` elements of a vector, as rows in the order of itertools.

    >>> flambeau.combinations(flambeau.tensor([1, 2, 3]))
    tensor([[1, 2],
            [1, 3],
            [2, 3]])
    """
    import itertools

    if input.dim() != 1:
        raise RuntimeError(f"[combinations] Expect a 1D vector, but got shape {tuple(input.shape)}")
    if r < 0:
        raise RuntimeError(f"[combinations] Expect a non-negative number, but got {r}")
    if r == 0:
        return _C.empty((0,), input.dtype, input.device)
    choose = itertools.combinations_with_replacement if with_replacement else itertools.combinations
    places = list(choose(range(input.shape[0]), r))
    return input[_C.tensor(places, _C.int64, False) if places else _C.empty((0, r), _C.int64)]
