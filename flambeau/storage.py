"""The memory behind tensors, as an object: bytes that several tensors may share."""

from . import _C

__all__ = ["StorageBase", "TypedStorage", "UntypedStorage"]


class _Anything:
    """What storages of bytes and of elements share: an interface that says where they are, on the CPU."""

    is_sparse = is_sparse_csr = is_hpu = False
    filename = None

    def get_device(self):
        """The number of the device: None on the CPU."""
        return

    def resizable(self):
        """Whether the size can change; it can."""
        return True

    def to(self, *, device, non_blocking=False):
        """The storage itself: it is on the CPU."""
        if _C.device(device).type != "cpu":
            raise AssertionError(
                f"[to] {str(device).upper()} device module is not loaded: flambeau is built for the CPU"
            )
        return self

    def cuda(self, device=None, non_blocking=False):
        """A copy on a CUDA device: an error, as there is none."""
        raise AssertionError("[cuda] Torch not compiled with CUDA enabled: flambeau is built for the CPU")

    def hpu(self, device=None, non_blocking=False):
        """A copy on an HPU: an error, as there is none."""
        raise AssertionError("[hpu] HPU device module is not loaded: flambeau is built for the CPU")

    def mps(self):
        """A copy on an MPS device: an error, as there is none."""
        raise RuntimeError("[mps] Storage device not recognized: mps: flambeau is built for the CPU")

    def pin_memory(self, device="cuda"):
        """A copy that is page-locked for a GPU: an error, as there is none."""
        raise RuntimeError("[pin_memory] Cannot access accelerator device when none is available.")


class StorageBase(_Anything):
    """What storages of bytes have in common; for isinstance.

    >>> isinstance(flambeau.ones(2).untyped_storage(), flambeau.StorageBase)
    True
    """


class UntypedStorage(StorageBase):
    """Bytes. `tensor.untyped_storage()` gives those of a tensor; `UntypedStorage(n)` has n new ones.

    Args:
        size: number of bytes, or a sequence of their values.

    >>> flambeau.ones(3).untyped_storage().nbytes()
    12
    """

    def __init__(self, size=0, *, device=None):
        if isinstance(size, int):
            self._bytes = _C.empty((size,), _C.uint8, _C.device("cpu" if device is None else device))
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

    @staticmethod
    def from_file(filename, shared=False, nbytes=0):
        """The memory of a file, of which so many bytes are mapped; what is written reaches it if shared."""
        from .ops.system import from_file

        mapped = from_file(str(filename), shared=shared, size=nbytes, dtype=_C.uint8)
        return mapped.untyped_storage()

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
        return self._bytes.device

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

    def untyped(self):
        """The storage itself."""
        return self

    def new(self):
        """An empty storage."""
        return type(self)(0)

    def type(self, dtype=None, non_blocking=False):
        """The name of the class."""
        if dtype is None:
            return "torch.storage.UntypedStorage"
        raise TypeError("[type] a storage of bytes has no other types: use float() and its likes")

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
        """Whether other processes see this memory."""
        return self._bytes.is_shared()

    def share_memory_(self):
        """Move the bytes to memory that other processes see; tensors on them stay where they are."""
        self._bytes.share_memory_()
        return self

    def byteswap(self, dtype):
        """Turn round the bytes of each element of a dtype (of each part of a complex one)."""
        width = dtype.itemsize // (2 if dtype.is_complex else 1)
        groups = self._bytes[: len(self) // width * width].view(-1, width)
        groups.copy_(groups.flip(1))

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
        values = " ..." if self.device.type == "meta" else "\n".join(f" {value}" for value in self.tolist())
        return f"{values}\n[torch.storage.UntypedStorage(device={self.device}) of size {len(self)}]"


class TypedStorage(_Anything):
    """The memory of a tensor as elements of one dtype; torch deprecates it: use `UntypedStorage`.

    Args:
        wrap_storage: the UntypedStorage to look at.
        dtype: of the elements.

    >>> flambeau.tensor([1.0, 2.0]).storage().tolist()
    [1.0, 2.0]
    """

    dtype = None

    def __init__(self, *args, wrap_storage=None, dtype=None, device=None):
        self.dtype = _C.get_default_dtype() if dtype is None else dtype
        self._storage = wrap_storage
        if wrap_storage is not None:
            if args:
                raise RuntimeError("[TypedStorage] expected no positional arguments beside wrap_storage")
            return
        if len(args) > 1:
            raise RuntimeError(f"[TypedStorage] expected a size or a sequence of values, got {len(args)} arguments")
        content = args[0] if args else 0
        if isinstance(content, int):
            self._storage = UntypedStorage(content * self.dtype.itemsize)
        else:
            self._storage = UntypedStorage._of(_C.tensor(list(content), self.dtype, False))

    @classmethod
    def from_buffer(cls, buffer, byte_order=None, *, dtype=None, count=-1, offset=0):
        """A copy of the bytes of an object with a buffer, as elements of dtype.

        Args:
            byte_order: "native", "little" or "big"; needed for elements of more than a byte.
            count: number of elements; -1 for all that are there.
            offset: where they begin, in bytes.

        >>> flambeau.ShortStorage.from_buffer(bytes([1, 2]), "big").tolist()
        [258]
        """
        dtype = cls.dtype or (_C.get_default_dtype() if dtype is None else dtype)
        if byte_order not in ("native", "little", "big") and not (byte_order is None and dtype.itemsize == 1):
            raise RuntimeError(f"[from_buffer] byte_order must be 'native', 'little' or 'big', got {byte_order!r}")
        size = dtype.itemsize
        data = bytes(memoryview(buffer).cast("B"))[offset:]
        data = data[: len(data) // size * size if count < 0 else count * size]
        if byte_order == "big":
            data = b"".join(data[i : i + size][::-1] for i in range(0, len(data), size))
        return TypedStorage(wrap_storage=UntypedStorage(data), dtype=dtype)

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

    def type(self):
        """The name of the old type, such as "torch.FloatStorage"."""
        return f"torch.{_name_of(self.dtype)}"

    def pickle_storage_type(self):
        """The name of the old type in files."""
        return _name_of(self.dtype)

    def is_pinned(self):
        """Whether the memory is page-locked for a GPU; it is not."""
        return False

    def is_shared(self):
        """Whether other processes see this memory."""
        return self._storage.is_shared()

    def share_memory_(self):
        """Move the elements to memory that other processes see; tensors on them stay where they are."""
        self._storage.share_memory_()
        return self

    def __eq__(self, other):
        return isinstance(other, TypedStorage) and self.dtype is other.dtype and self._storage == other._storage

    def __hash__(self):
        return hash((self._storage, self.dtype))

    def __deepcopy__(self, memo):
        return memo.setdefault(id(self), self.clone())

    def __repr__(self):
        values = "\n".join(f" {value}" for value in self.tolist())
        return f"{values}\n[torch.storage.TypedStorage(dtype={self.dtype}, device=cpu) of size {len(self)}]"


_LEGACY = {
    "BFloat16Storage": _C.bfloat16, "BoolStorage": _C.bool, "ByteStorage": _C.uint8, "CharStorage": _C.int8,
    "ComplexDoubleStorage": _C.complex128, "ComplexFloatStorage": _C.complex64, "DoubleStorage": _C.float64, "FloatStorage": _C.float32,
    "HalfStorage": _C.float16, "IntStorage": _C.int32, "LongStorage": _C.int64, "ShortStorage": _C.int16,
}  # fmt: skip
_CONVERSIONS = {
    "bfloat16": _C.bfloat16, "bool": _C.bool, "byte": _C.uint8, "char": _C.int8, "complex_double": _C.complex128,
    "complex_float": _C.complex64, "double": _C.float64, "float": _C.float32, "half": _C.float16, "int": _C.int32, "long": _C.int64,
    "short": _C.int16, "float8_e4m3fn": _C.float8_e4m3fn, "float8_e5m2": _C.float8_e5m2,
}  # fmt: skip


def _name_of(dtype):
    return next(name for name, known in _LEGACY.items() if known is dtype)


def _conversion(dtype):
    def convert(self):
        elements = self._bytes if isinstance(self, UntypedStorage) else self._elements
        return TypedStorage(wrap_storage=UntypedStorage._of(_C.to_dtype(elements, dtype, 1)), dtype=dtype)

    convert.__doc__ = f"The elements as {dtype}."
    return convert


for _name, _dtype in _CONVERSIONS.items():
    setattr(_Anything, _name, _conversion(_dtype))


class storagetype(type):
    """The class of FloatStorage and its likes: calling one makes a TypedStorage of its dtype."""

    def __call__(cls, *args, **kwargs):
        return TypedStorage(*args, **{"dtype": cls.dtype, **kwargs})

    def __instancecheck__(cls, instance):
        return TypedStorage in type(instance).__mro__ and instance.dtype is cls.dtype

    def __repr__(cls):
        return f"<class 'torch.{cls.__name__}'>"


def _legacy(name, dtype):
    text = f"""The old name of storages of {dtype}: a constructor from a size or from values, and a type for isinstance.

>>> flambeau.{name}([1, 0]).dtype
{dtype}
"""
    return storagetype(name, (TypedStorage,), {"dtype": dtype, "__doc__": text, "__module__": "flambeau"})


for _name, _dtype in _LEGACY.items():
    globals()[_name] = _legacy(_name, _dtype)
    __all__.append(_name)
Storage = globals()["FloatStorage"]
