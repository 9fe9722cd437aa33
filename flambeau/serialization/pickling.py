"""Tensors in ordinary pickles (``pickle.dumps``, ``multiprocessing``): those that share memory still do afterwards."""

import weakref

import flambeau
from flambeau import _C
from flambeau.serialization import memory

# by storage: one object per storage, as long as a pickler remembers it
_memories: weakref.WeakValueDictionary = weakref.WeakValueDictionary()


class Memory:
    """The bytes of a storage; a pickle holds them once, however many tensors refer to them."""

    def __init__(self, raw):
        self.raw = raw

    def __reduce__(self):
        return _memory_of, (bytes(memory.bytes_of(self.raw.data_ptr(), self.raw.numel())),)


def _memory_of(data):
    raw, view = memory.make_storage(len(data))
    view[:] = data
    return Memory(raw)


def reduce_tensor(tensor):
    """What ``Tensor.__reduce_ex__`` returns."""
    storage = _C.storage_id(tensor)
    shared = _memories.get(storage)
    if shared is None:
        shared = _memories[storage] = Memory(_C.storage_bytes(tensor.detach()))
    geometry = (tensor.dtype, tuple(tensor.shape), tuple(tensor.stride()), tensor.storage_offset())
    return rebuild_tensor, (type(tensor), shared, *geometry, tensor.requires_grad, dict(tensor.__dict__))


def rebuild_tensor(kind, shared, dtype, shape, strides, offset, requires_grad, attributes):
    """The tensor again."""
    with flambeau.no_grad():
        data = _C.set_storage_of(shared.raw, shape, strides, offset, dtype)
    tensor = _C.make_subclass(kind, data, requires_grad)
    tensor.__dict__.update(attributes)
    return tensor
