"""The classes of sparse tensors: coordinates (`SparseTensor`) and compressed rows or columns (`CompressedTensor`)."""

import flambeau
from flambeau import _C
from flambeau._composed import Composed

_TYPE_NAMES = {
    flambeau.float32: "FloatTensor", flambeau.float64: "DoubleTensor", flambeau.float16: "HalfTensor", flambeau.bfloat16: "BFloat16Tensor",
    flambeau.int64: "LongTensor", flambeau.int32: "IntTensor", flambeau.int16: "ShortTensor", flambeau.int8: "CharTensor",
    flambeau.uint8: "ByteTensor", flambeau.bool: "BoolTensor", flambeau.complex64: "ComplexFloatTensor",
    flambeau.complex128: "ComplexDoubleTensor",
}  # fmt: skip


class Sparse(Composed):
    """What the sparse layouts share: a shape, and numbers that are 0 where nothing is stored."""

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        return cls._answer(func, types, args, kwargs)

    shape = property(lambda self: self._size)

    def dim(self):
        """The number of dimensions."""
        return len(self._size)

    ndimension = dim

    def size(self, dim=None):
        """The shape, or the length of one dimension."""
        return self._size if dim is None else self._size[check_dim(dim, self.dim())]

    def numel(self):
        """The number of elements, stored or not."""
        return self._size.numel()

    nelement = numel

    def __len__(self):
        if not self._size:
            raise TypeError("len() of a 0-d tensor")
        return self._size[0]

    def is_same_size(self, other):
        """Whether another tensor has this shape."""
        return tuple(self.shape) == tuple(other.shape)

    def __repr__(self, *, tensor_contents=None):
        from ._text import text

        return text(self)

    def __format__(self, spec):
        return object.__format__(self, spec)

    def __reduce_ex__(self, protocol):
        from ._pickling import reduce

        return reduce(self)

    def _saved(self):
        """(the function of torch's files that makes it again, its arguments)."""
        from ._pickling import parts

        return "torch._utils._rebuild_sparse_tensor", parts(self)

    def numpy(self, *, force=False):
        """An error: NumPy's arrays are dense."""
        raise TypeError(f"can't convert {_name(self)} layout tensor to numpy. Use Tensor.to_dense() first.")

    def __array__(self, dtype=None, copy=None):
        return self.numpy()

    def item(self):
        """The number of a tensor of one element."""
        if self.numel() != 1:
            raise RuntimeError(f"a Tensor with {self.numel()} elements cannot be converted to Scalar")
        return self.to_dense().item()

    def __bool__(self):
        if self.numel() != 1:
            raise RuntimeError("Boolean value of Tensor with more than one value is ambiguous")
        return bool(self.item())

    def __float__(self):
        return float(self.item())

    def __int__(self):
        return int(self.item())

    def __complex__(self):
        return complex(self.item())

    def __iter__(self):
        return iter(self.unbind(0))

    def __setitem__(self, key, value):
        raise TypeError("Cannot assign to a sparse tensor")

    def type(self, dtype=None, non_blocking=False, **kwargs):
        """The name of its type, or a copy in another dtype."""
        if dtype is not None:
            return self.to(getattr(dtype, "dtype", dtype))
        return f"torch.sparse.{_TYPE_NAMES.get(self.dtype, self.dtype)}"

    def contiguous(self, memory_format=None):
        """An error: there are no strides."""
        raise RuntimeError("[contiguous] unsupported memory format option Contiguous: sparse tensors have no strides")

    def stride(self, dim=None):
        """Zeros with coordinates; an error for compressed tensors: nothing lies at regular distances."""
        if self.layout is not flambeau.sparse_coo:
            raise RuntimeError("Sparse CSR tensors do not have strides")
        return (0,) * self.dim() if dim is None else 0

    @property
    def nbytes(self):
        """The bytes of a dense tensor of this shape, of compressed ones only."""
        if self.layout is flambeau.sparse_coo:
            raise RuntimeError("nbytes is not defined for sparse tensors: add those of the indices and values")
        return self.numel() * self.itemsize

    def reshape(self, *shape):
        """An error: sparse tensors cannot be reshaped."""
        raise RuntimeError("[reshape] reshape is not implemented for sparse tensors")

    flatten = ravel = reshape_as = reshape

    def expand(self, *sizes):
        """An error: nothing is stored twice."""
        raise RuntimeError("[expand] expand is unsupported for Sparse tensors")

    expand_as = broadcast_to = expand

    def repeat(self, *counts, repeats=None):
        """An error: nothing is stored twice."""
        return self.expand()


class SparseTensor(Sparse):
    """A tensor of which some elements are stored, with their coordinates (layout `sparse_coo`).

    `_positions` (sparse dims, n), int64, are the coordinates of the n stored pieces, `_elements` (n, dense dims...) the
    pieces; where a coordinate occurs more than once the sum counts. `_sorted`: sorted, and none occurs twice.
    """

    _PARTS = ("_positions", "_sorted")
    _KIND = "SparseCPU"
    layout = flambeau.sparse_coo
    is_sparse = True

    def _gradient(self, elements, kept=False):
        """On the coordinates of the coalesced tensor; the gradient of each occurrence of one is the same."""
        if self._sorted:
            return make_coo(self._size, self._positions, elements, not kept)
        from ._coordinates import first_occurrences

        order, positions = first_occurrences(self)
        return make_coo(self._size, positions, elements.index_select(0, order), not kept)

    def _aligned(self, gradient):
        from ._coordinates import elements_at

        return elements_at(gradient, self)

    @classmethod
    def _functions(cls):
        from ._functions import FUNCTIONS

        return FUNCTIONS


class CompressedTensor(Sparse):
    """A matrix, or a batch of them, by rows (layout `sparse_csr`) or columns (`sparse_csc`).

    `_starts` (batch..., rows + 1): where each row's elements begin; `_places` (batch..., n): their columns; `_elements`
    (batch..., n, dense dims...).
    """

    _PARTS = ("_starts", "_places", "_layout")
    _KIND = "SparseCsrCPU"

    layout = property(lambda self: self._layout)
    is_sparse_csr = property(lambda self: self._layout is flambeau.sparse_csr)

    def _aligned(self, gradient):
        from ._compressed import elements_like

        return elements_like(gradient, self)

    @classmethod
    def _functions(cls):
        from ._functions import FUNCTIONS

        return FUNCTIONS


def make_coo(shape, positions, elements, coalesced=False):
    """A SparseTensor; what is given is right. With fewer than two stored pieces it is coalesced by nature."""
    return SparseTensor._build(shape, elements, _positions=positions, _sorted=coalesced or elements.shape[0] < 2)


def make_compressed(shape, starts, places, elements, layout):
    """A CompressedTensor; what is given is right."""
    return CompressedTensor._build(shape, elements, _starts=starts, _places=places, _layout=layout)


def check_dim(dim, ndim):
    """A dimension counted from 0; IndexError if it is not there."""
    if not -max(ndim, 1) <= dim < max(ndim, 1):
        low, high = -max(ndim, 1), max(ndim, 1) - 1
        raise IndexError(f"Dimension out of range (expected to be in range of [{low}, {high}], but got {dim})")
    return dim % max(ndim, 1)


def is_coo(value):
    return isinstance(value, SparseTensor)


def is_compressed(value):
    return isinstance(value, CompressedTensor)


def is_dense(value):
    return isinstance(value, _C.Tensor) and not isinstance(value, Composed)


def _name(tensor):
    """A layout as messages call it."""
    return {"sparse_coo": "Sparse", "sparse_csr": "SparseCsr", "sparse_csc": "SparseCsc"}.get(
        repr(tensor.layout)[6:], "Strided"
    )


layout_name = _name
