"""How tensors are taken apart and put together when they are sent to another process."""

import os
import threading
import weakref
from multiprocessing.reduction import DupFd, ForkingPickler

import flambeau
from flambeau import _C, _sharing
from flambeau.storage import TypedStorage, UntypedStorage

__all__ = ["init_reductions"]

strategy = "file_descriptor"


def init_reductions():
    """Tells multiprocessing how to send tensors, parameters and storages; done when flambeau.multiprocessing is imported.

    >>> init_reductions()
    """
    for kind in (flambeau.Tensor, flambeau.nn.Parameter):
        ForkingPickler.register(kind, reduce_tensor)
    ForkingPickler.register(UntypedStorage, reduce_storage)
    ForkingPickler.register(TypedStorage, reduce_typed_storage)


# ---------------------------------------------------------------- storages


def _shared_bytes(tensor):
    """The bytes of a tensor's storage in shared memory: themselves, or a copy, the same for a storage sent twice."""
    if _sharing.block_of(tensor) is not None:
        return _C.storage_bytes(tensor)
    return _sharing.share(tensor, strategy == "file_system")


def reduce_storage(storage):
    """How a storage of bytes travels: (function that makes it again, its arguments).

    Args:
        storage: an UntypedStorage.
    """
    if storage.nbytes() == 0:
        return rebuild_storage_empty, (type(storage),)
    function, arguments = _reduce_bytes(storage._as_bytes())
    return function, (type(storage), *arguments)


def _reduce_bytes(tensor):
    shared = _shared_bytes(tensor)
    block = _sharing.block_of(shared)
    if block.path is None:
        return rebuild_storage_fd, (DupFd(_descriptor_of_its_own(block.handle)), len(block))
    _sharing.count(block.handle, len(block), 1)  # the message refers to the file, too
    return rebuild_storage_filename, (block.path, len(block))


def _descriptor_of_its_own(descriptor):
    """A descriptor for a process that is being started: it lives until then, though the block may be gone before."""
    from multiprocessing import context, util

    popen = context.get_spawning_popen()
    if popen is None:
        return descriptor
    another = os.dup(descriptor)
    util.Finalize(popen, os.close, (another,))
    return another


def rebuild_storage_fd(cls, df, size):
    """The storage of a nameless file whose descriptor was sent."""
    return cls._of(_sharing.opened(df.detach(), size).as_bytes())


def rebuild_storage_filename(cls, handle, size):
    """The storage of a file with a name."""
    descriptor = os.open(handle, os.O_RDWR)
    if _sharing._by_file.get(_sharing.file_key(descriptor)) is not None:  # mapped here already, and counted for it
        _sharing.count(descriptor, size, -1)
    return cls._of(_sharing.opened(descriptor, size, handle).as_bytes())


def rebuild_storage_empty(cls):
    """A storage without bytes."""
    return cls(0)


def reduce_typed_storage(storage):
    """How a storage of elements travels."""
    return rebuild_typed_storage, (storage.untyped(), storage.dtype)


def rebuild_typed_storage(storage, dtype):
    """The storage of elements again."""
    return TypedStorage(wrap_storage=storage, dtype=dtype)


def reduce_typed_storage_child(storage):
    """How an object of an old storage class travels."""
    return rebuild_typed_storage_child, (storage.untyped(), type(storage))


def rebuild_typed_storage_child(storage, storage_type):
    """The object of an old storage class again."""
    return storage_type(wrap_storage=storage)


# ---------------------------------------------------------------- tensors


def reduce_tensor(tensor):
    """How a tensor travels: (function that makes it again, its arguments).

    Args:
        tensor: a tensor; one that requires gradients must be a leaf.
    """
    if tensor.requires_grad and not tensor.is_leaf:
        raise RuntimeError(
            "Cowardly refusing to serialize non-leaf tensor which requires_grad, since autograd does not support crossing "
            "process boundaries.  If you just want to transfer the data, call detach() on the tensor before serializing "
            "(e.g., putting it on the queue)."
        )
    plain = tensor.detach()
    if plain.is_complex():
        plain = plain.resolve_conj()
    geometry = plain.storage_offset(), tuple(plain.shape), plain.stride()
    if plain.numel() == 0:
        plain = plain.new_empty(0)
    metadata = (*geometry, plain.dtype, tensor.requires_grad, dict(tensor.__dict__))
    return rebuild_tensor, (type(tensor), UntypedStorage._of(plain), metadata)


def rebuild_tensor(cls, storage, metadata):
    """The tensor again, over a storage.

    Args:
        cls: Tensor, or Parameter.
        storage: the UntypedStorage.
        metadata: (offset, shape, strides, dtype, requires_grad, attributes).
    """
    offset, shape, strides, dtype, requires_grad, attributes = metadata
    data = _C.set_storage_of(storage._as_bytes(), shape, strides, offset, dtype)
    tensor = _C.make_subclass(cls, data, requires_grad)
    tensor.__dict__.update(attributes)
    return tensor


def reduce_sparse_tensor(sparse):
    """How a sparse tensor travels: as its parts, which are tensors."""
    return sparse.__reduce_ex__(2)


def reduce_nested_tensor(nt):
    """How a nested tensor travels: as its parts, which are tensors."""
    return nt.__reduce_ex__(2)


def rebuild_sparse_coo_tensor(
    rebuild_indices_func, rebuild_indices_args, rebuild_values_func, rebuild_values_args, shape, is_coalesced
):
    """A sparse tensor of coordinates, from how its parts travelled."""
    indices, values = rebuild_indices_func(*rebuild_indices_args), rebuild_values_func(*rebuild_values_args)
    return flambeau.sparse_coo_tensor(indices, values, shape, is_coalesced=is_coalesced)


def rebuild_sparse_compressed_tensor(
    rebuild_compressed_indices_func,
    rebuild_compressed_indices_args,
    rebuild_plain_indices_func,
    rebuild_plain_indices_args,
    rebuild_values_func,
    rebuild_values_args,
    shape,
    layout,
):
    """A compressed sparse tensor, from how its parts travelled."""
    starts = rebuild_compressed_indices_func(*rebuild_compressed_indices_args)
    places = rebuild_plain_indices_func(*rebuild_plain_indices_args)
    values = rebuild_values_func(*rebuild_values_args)
    return flambeau.sparse_compressed_tensor(starts, places, values, shape, layout=layout)


def rebuild_nested_tensor(
    rebuild_buffer_func,
    rebuild_buffer_args,
    rebuild_sizes_func,
    rebuild_sizes_args,
    rebuild_strides_func,
    rebuild_strides_args,
    rebuild_offsets_func,
    rebuild_offsets_args,
):
    """A nested tensor, from how its parts travelled."""
    from flambeau.nested._tensor import strided

    buffer, sizes = rebuild_buffer_func(*rebuild_buffer_args), rebuild_sizes_func(*rebuild_sizes_args)
    strides, offsets = rebuild_strides_func(*rebuild_strides_args), rebuild_offsets_func(*rebuild_offsets_args)
    rows = zip(sizes.tolist(), strides.tolist(), offsets.tolist(), strict=True)
    return strided([buffer.as_strided(size, stride, start) for size, stride, start in rows])


# ---------------------------------------------------------------- what is known of storages already here


def fd_id(fd):
    """What a descriptor's file is known by."""
    return _sharing.file_key(fd)


class StorageWeakRef:
    """A reference to a storage that does not keep it alive.

    >>> storage = flambeau.ones(2).untyped_storage()
    >>> StorageWeakRef(storage).expired()
    False
    """

    def __init__(self, storage):
        raw = storage._as_bytes()
        self.cdata, self._raw = _C.storage_id(raw), weakref.ref(raw)

    @classmethod
    def from_weakref(cls, cdata):
        """A reference that is known by its number only."""
        self = cls.__new__(cls)
        self.cdata, self._raw = cdata, lambda: None
        return self

    def expired(self):
        """Whether the storage is gone."""
        return self._raw() is None

    def __hash__(self):
        return hash(self.cdata)

    def __eq__(self, other):
        return self is other or (isinstance(other, StorageWeakRef) and self.cdata == other.cdata)


class SharedCache(dict):
    """References to storages by what their files are known by; expired ones are dropped when there are many.

    >>> len(SharedCache())
    0
    """

    def __init__(self):
        self.limit, self.lock = 128, threading.Lock()

    def get(self, key):
        """The reference, or None."""
        with self.lock:
            return dict.get(self, key)

    def __setitem__(self, key, storage_ref):
        with self.lock:
            dict.__setitem__(self, key, storage_ref)
            if len(self) > self.limit:
                for old in [key for key, ref in self.items() if ref.expired()]:
                    del self[old]
                self.limit = max(128, len(self) * 2)


shared_cache = SharedCache()


def storage_from_cache(cls, key):
    """The storage that a reference in `shared_cache` stands for, or None."""
    reference = shared_cache.get(key)
    raw = None if reference is None else reference._raw()
    return None if raw is None else cls._of(raw)


# ---------------------------------------------------------------- what is not here


def _absent(*args, **kwargs):
    raise NotImplementedError("[multiprocessing] there is no memory of a GPU, and there are no tensors without values")


rebuild_cuda_tensor = rebuild_meta_tensor = reduce_event = rebuild_event = _absent
