"""Tensors put together: cat, stack and their kin."""

from .. import _C
from ._common import write_out

__all__ = [
    "cat",
    "column_stack",
    "concat",
    "concatenate",
    "dstack",
    "hstack",
    "row_stack",
    "stack",
    "vstack",
]


def _sequence(op, tensors):
    if not isinstance(tensors, (tuple, list)):
        raise TypeError(f"[{op}] argument 'tensors' must be a tuple or list of Tensors, not {type(tensors).__name__}")
    if not tensors:
        raise (ValueError if op == "cat" else RuntimeError)(f"[{op}] expected a non-empty list of Tensors")
    return tensors


def cat(tensors, dim=0, *, out=None, axis=None):
    """Tensors one after the other along a dimension; their other sizes must agree.

    Args:
        tensors: sequence of tensors; those of shape (0,) are skipped.
        dim: the dimension along which they follow each other.
    Returns: tensor of the promoted dtype.
    Raises: RuntimeError if sizes disagree; IndexError for a dimension out of range.

    >>> flambeau.cat([flambeau.tensor([1, 2]), flambeau.tensor([3])])
    tensor([1, 2, 3])
    """
    result = _C.cat(_sequence("cat", tensors), dim if axis is None else axis)
    return result if out is None else _written(out, result, tensors)


def _written(out, result, tensors):
    """What `cat` writes into `out`, which must not be one of the tensors."""
    if any(_C.storage_id(t) == _C.storage_id(out) for t in tensors):
        raise RuntimeError(
            "[cat] unsupported operation: an input and the written-to tensor refer to a single memory location"
        )
    return write_out(out, result)


concat = concatenate = cat


def stack(tensors, dim=0, *, out=None, axis=None):
    """Tensors of one shape side by side along a new dimension.

    >>> flambeau.stack([flambeau.tensor([1, 2]), flambeau.tensor([3, 4])], 1)
    tensor([[1, 3],
            [2, 4]])
    """
    result = _C.stack(_sequence("stack", tensors), dim if axis is None else axis)
    return result if out is None else write_out(out, result)


def _at_least(t, n):
    """A view with at least n dimensions, as NumPy's atleast_*d puts the new ones."""
    while t.dim() < n:
        t = _C.unsqueeze(t, 2 if t.dim() == 2 else 0)
    return t


def hstack(tensors, *, out=None):
    """Tensors side by side: along dimension 1, or 0 where they have one dimension.

    >>> flambeau.hstack([flambeau.tensor([1]), flambeau.tensor([2, 3])])
    tensor([1, 2, 3])
    """
    parts = [_at_least(t, 1) for t in _sequence("hstack", tensors)]
    return write_out(out, _C.cat(parts, 0 if parts[0].dim() == 1 else 1))


def vstack(tensors, *, out=None):
    """Tensors below each other: along dimension 0, vectors as rows.

    >>> flambeau.vstack([flambeau.tensor([1, 2]), flambeau.tensor([3, 4])])
    tensor([[1, 2],
            [3, 4]])
    """
    return write_out(out, _C.cat([_at_least(t, 2) for t in _sequence("vstack", tensors)], 0))


row_stack = vstack


def dstack(tensors, *, out=None):
    """Tensors behind each other: along dimension 2.

    >>> flambeau.dstack([flambeau.tensor([1, 2]), flambeau.tensor([3, 4])])
    tensor([[[1, 3],
             [2, 4]]])
    """
    return write_out(out, _C.cat([_at_least(t, 3) for t in _sequence("dstack", tensors)], 2))


def column_stack(tensors, *, out=None):
    """Vectors as the columns of a matrix; matrices side by side.

    >>> flambeau.column_stack([flambeau.tensor([1, 2]), flambeau.tensor([3, 4])])
    tensor([[1, 3],
            [2, 4]])
    """
    columns = [t if t.dim() > 1 else _C.reshape(t, (t.numel(), 1)) for t in _sequence("column_stack", tensors)]
    return write_out(out, _C.cat(columns, 1))
