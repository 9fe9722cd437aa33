"""The classes of nested tensors: batches of tensors of several sizes, packed behind each other."""

import itertools
import math

import flambeau
from flambeau import _C
from flambeau._composed import Composed

_numbers = itertools.count(1)


class NestedInt(int):
    """The size of a ragged dimension: equal to itself only, printed as j1, j2, ...; its number is the longest length."""

    def __new__(cls, longest):
        self = super().__new__(cls, longest)
        self.name = f"j{next(_numbers)}"
        return self

    def __repr__(self):
        return self.name

    __str__ = __repr__

    def __eq__(self, other):
        return self is other

    def __ne__(self, other):
        return self is not other

    def __hash__(self):
        return id(self)

    def __reduce__(self):
        return NestedInt, (int(self),)


class Nested(Composed):
    """What both layouts share: all numbers are in `_elements`, so what works number by number works on them."""

    is_nested = True

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        return cls._answer(func, types, args, kwargs)

    @classmethod
    def _functions(cls):
        from ._functions import functions

        return functions()

    nbytes = property(lambda self: self._elements.nbytes)

    def is_contiguous(self, memory_format=None):
        """Whether the components lie behind each other without gaps."""
        return self._packed() is self and self._elements.is_contiguous()

    def contiguous(self, memory_format=None):
        """The components behind each other without gaps."""
        packed = self._packed()
        return packed if packed._elements.is_contiguous() else packed._with(packed._elements.contiguous())

    def is_same_size(self, other):
        """Whether all components have the sizes of another nested tensor's."""
        return isinstance(other, Nested) and [c.shape for c in self.unbind()] == [c.shape for c in other.unbind()]

    def __len__(self):
        return self.size(0)

    def __iter__(self):
        return iter(self.unbind())

    def __format__(self, spec):
        return object.__format__(self, spec)

    def item(self):
        """The number of a tensor of one element."""
        if self.numel() != 1:
            raise RuntimeError(f"a Tensor with {self.numel()} elements cannot be converted to Scalar")
        return self._packed()._elements.item()

    def __bool__(self):
        if self.numel() != 1:
            raise RuntimeError("Boolean value of Tensor with more than one value is ambiguous")
        return bool(self.item())

    def numpy(self, *, force=False):
        """An error: use to_padded_tensor, or unbind."""
        raise RuntimeError("[numpy] not supported for nested tensors: use .to_padded_tensor(0.0) or .unbind()")

    tolist = numpy

    def __array__(self, dtype=None, copy=None):
        return self.numpy()

    def copy_(self, src, non_blocking=False):
        """The numbers of another nested tensor of the same sizes, in place."""
        if not self.is_same_size(src):
            raise RuntimeError("[copy_] expected a nested tensor of the same sizes")
        self._packed()._elements.copy_(src._packed()._elements)
        return self

    def __reduce_ex__(self, protocol):
        return _again, (type(self), self._size, self._elements.detach(), self._parts(), self.requires_grad)


def _again(kind, size, elements, parts, requires_grad):
    return kind._build(size, elements, **parts).requires_grad_(requires_grad)


class StridedNested(Nested):
    """Components of any sizes, of one number of dimensions: `_elements` is one vector, `_sizes` the shape of each."""

    _PARTS = ("_sizes",)
    _KIND = "NestedTensorCPU"
    layout = flambeau.strided

    def _packed(self):
        return self

    @property
    def shape(self):
        raise RuntimeError("[shape] NestedTensorImpl doesn't support sizes: use .size(dim), or .unbind()")

    def stride(self, dim=None):
        """An error: each component has its own."""
        raise RuntimeError("[stride] NestedTensorImpl doesn't support strides: use .unbind()")

    def size(self, dim=None):
        """The length of one dimension, which all components share."""
        if dim is None:
            raise RuntimeError("[size] NestedTensorImpl doesn't support sizes: use .size(dim), or .unbind()")
        dim = wrap_dim(dim, self.dim())
        if dim == 0:
            return len(self._sizes)
        lengths = {size[dim - 1] for size in self._sizes}
        if len(lengths) != 1:
            raise RuntimeError(f"Given dimension {dim} is irregular and does not have a size.")
        return lengths.pop()

    def dim(self):
        """The number of dimensions, that of components included."""
        return 1 + (len(self._sizes[0]) if self._sizes else 0)

    ndimension = dim

    def numel(self):
        """The number of elements of all components."""
        return self._elements.numel()

    nelement = numel

    def values(self):
        """All elements as a vector."""
        return self._elements.view(-1)

    def unbind(self, dim=0):
        """The components."""
        if dim != 0:
            raise RuntimeError(f"unbind(): only dim=0 is supported for nested tensors, got {dim}")
        counts = [math.prod(size) for size in self._sizes]
        pieces = self._elements.split(counts) if counts else ()
        return tuple(piece.view(size) for piece, size in zip(pieces, self._sizes, strict=True))

    def _nested_tensor_size(self):
        """The sizes of the components (batch, dims)."""
        return flambeau.tensor(self._sizes, dtype=flambeau.int64)

    def _nested_tensor_strides(self):
        """The strides of the components (batch, dims)."""
        strides = [[math.prod(size[d + 1 :]) for d in range(len(size))] for size in self._sizes]
        return flambeau.tensor(strides, dtype=flambeau.int64)

    def _nested_tensor_storage_offsets(self):
        """Where the components begin in `values()` (batch)."""
        starts = [0, *itertools.accumulate(math.prod(size) for size in self._sizes)][:-1]
        return flambeau.tensor(starts[: len(self._sizes)], dtype=flambeau.int64)

    def _saved(self):
        """(the function of torch's files that makes it again, its arguments)."""
        geometry = (self._nested_tensor_size(), self._nested_tensor_strides(), self._nested_tensor_storage_offsets())
        return "torch._utils._rebuild_nested_tensor", (self._elements.detach(), *geometry)

    def __repr__(self, *, tensor_contents=None):
        parts = [repr(c).replace("\n", "\n  ") for c in self.detach().unbind()]
        if self.requires_grad:
            parts = [part[:-1] + ", requires_grad=True)" for part in parts]
        end = ", requires_grad=True" if self.requires_grad else ""
        end = f", grad_fn=<{self.grad_fn.name()}>" if self.grad_fn is not None else end
        return "nested_tensor([\n  " + ",\n  ".join(parts) + "\n]" + end + ")"


class NestedTensor(Nested):
    """Components that differ in one dimension (layout `jagged`).

    `_elements` has all of them behind each other along the ragged dimension; component i is from offsets[i] on, up to
    offsets[i + 1], or lengths[i] long. `_ragged` is the ragged dimension, counted with the batch's.
    """

    _PARTS = ("_offsets", "_lengths", "_ragged")
    _KIND = "NestedTensorCPU"
    layout = flambeau.jagged
    shape = property(lambda self: self._size)
    _ragged_idx = property(lambda self: self._ragged)
    _max_seqlen = property(lambda self: int(self._all_lengths().max()) if self._size[0] else 0)
    _min_seqlen = property(lambda self: int(self._all_lengths().min()) if self._size[0] else 0)

    def _all_lengths(self):
        return self._offsets.diff() if self._lengths is None else self._lengths

    def _batches(self):
        """The number of the component of each position, if there are no gaps."""
        return flambeau.repeat_interleave(self._offsets.diff())

    def _packed(self):
        """Without gaps between the components."""
        if self._lengths is None:
            return self
        components = self.unbind()
        return jagged(flambeau.cat(components, self._ragged - 1), offsets_of(self._lengths), None, self._ragged)

    def _on_values(self, elements, ragged=None):
        """Other elements for the same offsets, perhaps of other sizes in other dimensions."""
        return jagged(elements, self._offsets, self._lengths, self._ragged if ragged is None else ragged)

    _with = _on_values

    def dim(self):
        """The number of dimensions, that of components included."""
        return len(self._size)

    ndimension = dim

    def size(self, dim=None):
        """The shape, or the length of one dimension; a symbol stands for the ragged one."""
        return self._size if dim is None else self._size[wrap_dim(dim, self.dim())]

    def numel(self):
        """The number of elements of all components."""
        rest = math.prod(n for d, n in enumerate(self._size) if d not in (0, self._ragged))
        return int(self._all_lengths().sum()) * rest

    nelement = numel

    def offsets(self):
        """Where the components begin, and the end of the last (batch + 1)."""
        return self._offsets

    def lengths(self):
        """How long the components are (batch); None if each ends where the next begins."""
        return self._lengths

    def values(self):
        """The components behind each other along the ragged dimension."""
        return self._elements.view(self._elements.shape) if self._elements.requires_grad else self._elements.detach()

    _values = property(lambda self: self._elements)

    def unbind(self, dim=0):
        """The components."""
        if dim != 0:
            raise RuntimeError(f"unbind(): only dim=0 is supported for nested tensors, got {dim}")
        starts, lengths = self._offsets.tolist(), self._all_lengths().tolist()
        return tuple(self._elements.narrow(self._ragged - 1, s, n) for s, n in zip(starts, lengths))

    def _saved(self):
        """(the function of torch's files that makes it again, its arguments)."""
        lengths = None if self._lengths is None else self._lengths.detach()
        parts = {"values": self._elements.detach(), "offsets": self._offsets.detach(), "lengths": lengths}
        rest = {"_ragged_idx": self._ragged, "_metadata_cache": {}, "requires_grad": self.requires_grad}
        return "torch.nested._internal.nested_tensor._rebuild_njt", ({**parts, **rest},)

    def __repr__(self, *, tensor_contents=None):
        history = ""
        if self.grad_fn is not None:
            history = f", grad_fn={self.grad_fn!r}"
        elif self.requires_grad:
            history = ", requires_grad=True"
        return f"NestedTensor(size={tuple(self._size)}, offsets={self._offsets}{history}, contiguous={self.is_contiguous()})"


def wrap_dim(dim, ndim):
    """A dimension counted from 0."""
    if not -ndim <= dim < ndim:
        raise IndexError(f"Dimension out of range (expected to be in range of [{-ndim}, {ndim - 1}], but got {dim})")
    return dim % ndim


def offsets_of(lengths):
    """0 and the running sums of lengths."""
    return flambeau.cat([lengths.new_zeros(1), lengths.cumsum(0).to(lengths.dtype)])


def strided(components):
    """A StridedNested of given components."""
    components = list(components)
    sizes = tuple(tuple(c.shape) for c in components)
    elements = flambeau.cat([c.reshape(-1) for c in components]) if components else flambeau.empty(0)
    return strided_of(elements, sizes)


def strided_of(elements, sizes):
    """A StridedNested of a vector and the components' sizes."""
    longest = [max(lengths) for lengths in zip(*sizes)]
    return StridedNested._build((len(sizes), *longest), elements, _sizes=sizes)


def jagged(values, offsets, lengths=None, ragged=1):
    """A NestedTensor; what is given is right."""
    symbol = offsets.__dict__.get("_ragged_size")
    if symbol is None:
        all_lengths = offsets.diff() if lengths is None else lengths
        symbol = NestedInt(int(all_lengths.max()) if all_lengths.numel() else 0)
        offsets.__dict__["_ragged_size"] = symbol
    size = [offsets.shape[0] - 1, *values.shape]
    size[ragged] = symbol
    return NestedTensor._build(size, values, _offsets=offsets, _lengths=lengths, _ragged=ragged)


def is_jagged(value):
    return isinstance(value, NestedTensor)


def is_dense(value):
    return isinstance(value, _C.Tensor) and not isinstance(value, Composed)
