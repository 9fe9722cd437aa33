"""Copies of views (`name_copy`), and tensors with a view replaced (`name_scatter`)."""

from .. import _C
from . import complexes, shape
from ._common import write_out
from ._host import copied_for

_VIEWS = {
    "as_strided": _C.as_strided,
    "diagonal": shape.diagonal,
    "permute": shape.permute,
    "select": shape.select,
    "split": shape.split,
    "split_with_sizes": shape.split_with_sizes,
    "squeeze": shape.squeeze,
    "t": shape.t,
    "transpose": shape.transpose,
    "unbind": shape.unbind,
    "unfold": shape.unfold,
    "unsqueeze": shape.unsqueeze,
    "view_as_complex": complexes.view_as_complex,
    "view_as_real": complexes.view_as_real,
}
__all__ = ["alias_copy", "as_strided_scatter", "diagonal_scatter", "select_scatter", "slice_copy", "slice_scatter"]
__all__ += [f"{name}_copy" for name in _VIEWS]
METHODS = ["as_strided_scatter", "diagonal_scatter", "select_scatter", "slice_scatter"]


def _copy_of(name, view):
    def copy(input, *args, out=None, **kwargs):
        result = view(input, *args, **kwargs)
        copies = tuple(_C.clone(r, 0) for r in result) if isinstance(result, tuple) else _C.clone(result, 0)
        return write_out(out, copies)

    copy.__name__ = f"{name}_copy"
    copy.__doc__ = f"""What `{name}` gives, as a copy with memory of its own.

    >>> flambeau.{name}_copy is not None
    True
    """
    return copy


for _name, _view in _VIEWS.items():
    globals()[f"{_name}_copy"] = _copy_of(_name, _view)

TYPE_CHECKING = False
if TYPE_CHECKING:  # a checker cannot compute the names

    def __getattr__(name): ...


def alias_copy(input, *, out=None):
    """A copy of a tensor.

    >>> flambeau.alias_copy(flambeau.ones(2))
    tensor([1., 1.])
    """
    return write_out(out, _C.clone(input, 1))


def slice_copy(input, dim=0, start=None, end=None, step=1, *, out=None):
    """A slice of a dimension, as a copy.

    >>> flambeau.slice_copy(flambeau.arange(5), 0, 1, 4, 2)
    tensor([1, 3])
    """
    stop = 2**63 - 1 if end is None else end
    return write_out(out, _C.clone(_C.slice(input, dim, start or 0, stop, step), 0))


def _replaced(op, input, view, src):
    """A copy of input in which a view of it is src."""
    out = copied_for(input, src)
    window = view(out)
    if tuple(window.shape) != tuple(src.shape):
        raise RuntimeError(
            f"[{op}] expected src to have a size equal to the slice of self. src size = {list(src.shape)}, slice size = {list(window.shape)}"
        )
    _C.copy_(window, src)
    return out


def diagonal_scatter(input, src, offset=0, dim1=0, dim2=1):
    """A copy of input with src on a diagonal.

    >>> flambeau.diagonal_scatter(flambeau.zeros(2, 2), flambeau.ones(2))
    tensor([[1., 0.],
            [0., 1.]])
    """
    return _replaced("diagonal_scatter", input, lambda x: _C.diagonal(x, offset, dim1, dim2), src)


def select_scatter(input, src, dim, index):
    """A copy of input with src at one index of a dimension.

    >>> flambeau.select_scatter(flambeau.zeros(2, 2), flambeau.ones(2), 0, 1)
    tensor([[0., 0.],
            [1., 1.]])
    """
    return _replaced("select_scatter", input, lambda x: _C.select(x, dim, index), src)


def slice_scatter(input, src, dim=0, start=None, end=None, step=1):
    """A copy of input with src in a slice of a dimension.

    >>> flambeau.slice_scatter(flambeau.zeros(4), flambeau.ones(2), start=1, end=3)
    tensor([0., 1., 1., 0.])
    """
    stop = 2**63 - 1 if end is None else end
    return _replaced("slice_scatter", input, lambda x: _C.slice(x, dim, start or 0, stop, step), src)


def as_strided_scatter(input, src, size, stride, storage_offset=None):
    """A copy of input with src in an as_strided view of it.

    >>> flambeau.as_strided_scatter(flambeau.zeros(4), flambeau.ones(2), (2,), (2,))
    tensor([1., 0., 1., 0.])
    """
    repeats = any(step == 0 and n > 1 for n, step in zip(input.shape, input.stride()))
    if input.is_contiguous() or repeats or tuple(src.shape) != tuple(size):
        return _replaced("as_strided_scatter", input, lambda x: _C.as_strided(x, size, stride, storage_offset), src)
    start = input.storage_offset()  # a copy of all the memory, in which the window lies where it lay
    cells = input.untyped_storage().nbytes() // input.element_size()
    memory = _C.clone(_C.as_strided(input, (cells,), (1,), 0), 0)
    _C.copy_(_C.as_strided(memory, size, stride, start if storage_offset is None else storage_offset), src)
    return _C.as_strided(memory, tuple(input.shape), input.stride(), start)
