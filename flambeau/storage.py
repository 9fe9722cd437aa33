"""The memory behind tensors, as an object: bytes that several tensors may share."""

from . import _C

__all__ = ["TypedStorage", "UntypedStorage"]


class UntypedStorage:
    """Bytes. `tensor.untyped_storage()` gives those of a tensor; `UntypedStorage(n)` has n new ones.

    Args:
        size: number of bytes, or a sequence of their values.

    >>> flambeau.ones(3).untyped_storage().nbytes()
    12
    """

    def __init__(self, size=0, *, device=None):
        if isinstance(size, int):
            self._bytes = _C.empty((size,), _C.uint8)
        else:
            self._bytes = _C.tensor(list(size), _C.uint8, False)

    @classmethod
    def _of(cls, tensor):
        """The memory of a tensor, shared with it."""
        made = cls.__new__(cls)
        made._bytes = _C.storage_bytes(tensor.detach())
        return made

    def _as_bytes(self):
        return self._bytes

    @classmethod
    def from_buffer(cls, buffer, byte_order=None, *, dtype=None, count=-1, offset=0):
        """A copy of the bytes of an object with a buffer.

        >>> flambeau.UntypedStorage.from_buffer(b"ab").tolist()
        [97, 98]
        """
        data = bytes(memoryview(buffer).cast("B"))[offset:]
        width = 1 if dtype is None else dtype.itemsize
        return cls(data if count < 0 else data[: count * width])

    @property
    def device(self):
        return _C.device("cpu")

    @property
    def is_cuda(self):
        return False

    def nbytes(self):
        """The number of bytes."""
        return _C.storage_nbytes(self._bytes)

    def size(self):
        """The number of bytes."""
        return self.nbytes()

    def __len__(self):
        return self.nbytes()

    def element_size(self):
        """1: the elements are bytes."""
        return 1

    def data_ptr(self):
        """The address of the first byte."""
        return self._bytes.data_ptr()

    def __getitem__(self, index):
        if isinstance(index, slice):
            return [self._bytes[i].item() for i in range(*index.indices(len(self)))]
        return self._bytes[index].item()

    def __setitem__(self, index, value):
        self._bytes[index] = value

    def __iter__(self):
        return iter(self.tolist())

    def tolist(self):
        """The bytes as a list of ints."""
        return self._bytes.tolist()

    def fill_(self, value):
        """Set every byte to a value."""
        self._bytes.fill_(value)
        return self

    def copy_(self, source, non_blocking=False):
        """Copy the bytes of another storage of the same size."""
        self._bytes.copy_(source._as_bytes())
        return self

    def clone(self):
        """A copy."""
        return type(self)._of(self._bytes.clone())

    def cpu(self):
        """The storage itself: it is on the CPU."""
        return self

    def is_shared(self):
        """Whether other processes see this memory; they do not."""
        return False

    def is_pinned(self, device=None):
        """Whether the memory is page-locked for a GPU; it is not."""
        return False

    def __eq__(self, other):
        return isinstance(other, UntypedStorage) and _C.storage_id(self._bytes) == _C.storage_id(other._bytes)

    def __hash__(self):
        return hash(_C.storage_id(self._bytes))

    def __deepcopy__(self, memo):
        return memo.setdefault(id(self), self.clone())

    def __repr__(self):
        values = "\n".join(f" {value}" for value in self.tolist())
        return f"{values}\n[torch.storage.UntypedStorage(device=cpu) of size {len(self)}]"


class TypedStorage:
    """The memory of a tensor as elements of one dtype; torch deprecates it: use `UntypedStorage`.

    Args:
        wrap_storage: the UntypedStorage to look at.
        dtype: of the elements.

    >>> flambeau.tensor([1.0, 2.0]).storage().tolist()
    [1.0, 2.0]
    """

    def __init__(self, *, wrap_storage, dtype):
        self._storage, self.dtype = wrap_storage, dtype

    def untyped(self):
        """The bytes."""
        return self._storage

    def _as_bytes(self):
        return self._storage._as_bytes()

    @property
    def _elements(self):
        return _C.set_storage_of(self._as_bytes(), (self.size(),), (1,), 0, self.dtype)

    @property
    def device(self):
        return self._storage.device

    @property
    def is_cuda(self):
        return False

    def size(self):
        """The number of elements."""
        return self._storage.nbytes() // self.dtype.itemsize

    def __len__(self):
        return self.size()

    def nbytes(self):
        """The number of bytes."""
        return self._storage.nbytes()

    def element_size(self):
        """The number of bytes of an element."""
        return self.dtype.itemsize

    def data_ptr(self):
        """The address of the first element."""
        return self._storage.data_ptr()

    def __getitem__(self, index):
        found = self._elements[index]
        return found if isinstance(index, slice) else found.item()

    def __setitem__(self, index, value):
        self._elements[index] = value

    def __iter__(self):
        return iter(self.tolist())

    def tolist(self):
        """The elements as a list."""
        return self._elements.tolist()

    def fill_(self, value):
        """Set every element to a value."""
        self._elements.fill_(value)
        return self

    def copy_(self, source, non_blocking=False):
        """Copy the elements of another storage."""
        self._elements.copy_(source._elements)
        return self

    def clone(self):
        """A copy."""
        return TypedStorage(wrap_storage=self._storage.clone(), dtype=self.dtype)

    def cpu(self):
        """The storage itself: it is on the CPU."""
        return self

    def is_shared(self):
        """Whether other processes see this memory; they do not."""
        return False

    def __eq__(self, other):
        return isinstance(other, TypedStorage) and self.dtype is other.dtype and self._storage == other._storage

    def __hash__(self):
        return hash((self._storage, self.dtype))

    def __deepcopy__(self, memo):
        return memo.setdefault(id(self), self.clone())

    def __repr__(self):
        values = "\n".join(f" {value}" for value in self.tolist())
        return f"{values}\n[torch.storage.TypedStorage(dtype={self.dtype}, device=cpu) of size {len(self)}]"
