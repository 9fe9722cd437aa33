"""Writes objects as torch pickles them: tensors by reference to storages, framework names under torch's."""

import pickle
import struct
import sys
import types
from typing import ClassVar

import flambeau
from flambeau._composed import Composed
from flambeau.serialization import memory


class _Storage:
    """The bytes of one storage that are saved."""

    def __init__(self, key, tensor):
        self.key, self.dtype = key, tensor.dtype
        self.tensor = tensor  # keeps the memory alive
        self.begin, self.end = memory.storage_range(tensor)
        self.geometries = set()
        self.dense = None

    def compact(self):
        """Lets go of what lies between the elements of a lone tensor, such as a column of a matrix."""
        used = self.tensor.numel() * self.tensor.element_size()
        if len(self.geometries) > 1 or self.end - self.begin <= used:
            return False
        order = sorted(range(self.tensor.dim()), key=lambda dim: -self.tensor.stride(dim))
        back = sorted(range(self.tensor.dim()), key=lambda place: order[place])
        self.dense = self.tensor.detach().permute(order).contiguous().permute(back)
        self.begin, self.end = 0, used
        return True

    def bytes(self):
        """The bytes to save."""
        if self.dense is not None:
            return memory.bytes_of(self.dense.data_ptr(), self.end)
        return memory.bytes_of(memory.storage_key(self.tensor) + self.begin, self.end - self.begin)


class Storages:
    """All storages of the tensors being saved. What no tensor uses of a storage is not saved."""

    def __init__(self):
        self.by_address = {}
        self.changed = False

    def note(self, tensor):
        """The storage of a tensor, grown to hold the bytes that the tensor uses."""
        key = memory.storage_key(tensor) if tensor.numel() else ("empty", tensor.dtype)
        storage = self.by_address.get(key)
        if storage is None:
            storage = self.by_address[key] = _Storage(len(self.by_address), tensor)
        elif storage.dtype != tensor.dtype:
            raise RuntimeError("Cannot save multiple tensors or storages that view the same data as different types")
        storage.geometries.add((tensor.storage_offset(), tuple(tensor.shape), tuple(tensor.stride())))
        if storage.dense is None:
            begin, end = memory.storage_range(tensor)
            if begin < storage.begin or end > storage.end:
                storage.begin, storage.end = min(begin, storage.begin), max(end, storage.end)
                self.changed = True
        return storage

    def settle(self):
        """Whether a second pass is needed, because offsets written in the first are no longer right."""
        compacted = [storage.compact() for storage in self]
        return self.changed or any(compacted)

    def __iter__(self):
        return iter(self.by_address.values())


class TorchPickler(pickle._Pickler):
    """A pickler whose output torch can load with ``weights_only=True``, as far as the content is plain data.

    Args:
        file: to write to.
        protocol: pickle's protocol.
        storages: filled with the storages met; given again for a second pass if offsets changed.
    """

    dispatch: ClassVar[dict] = pickle._Pickler.dispatch.copy()

    def __init__(self, file, protocol, storages):
        super().__init__(file, protocol)
        self.storages = storages
        self.names = {}

    def save(self, obj, save_persistent_id=True):
        if isinstance(obj, flambeau.Tensor) and id(obj) not in self.memo:
            self._save_tensor(obj)
        else:
            super().save(obj, save_persistent_id)

    # -- small pieces, written without the detour over reduce

    def _text(self, text):
        data = text.encode("utf-8", "surrogatepass")
        self.write(pickle.BINUNICODE + struct.pack("<I", len(data)) + data)

    def _name(self, module, name):
        """A global, written once and recalled after."""
        key = (module, name)
        if key in self.names:
            self.write(self.get(self.names[key]))
            return
        self.write(pickle.GLOBAL + f"{module}\n{name}\n".encode())
        self.names[key] = self._memoize_last(key)

    def _memoize_last(self, anchor):
        """Gives what is on top of the stack a number in the memo; the anchor is kept alive by it."""
        place = len(self.memo)
        self.write(self.put(place))
        self.memo[id(anchor)] = place, anchor
        return place

    def _int(self, value):
        self.save_long(value)

    def _ints(self, values):
        if len(values) <= 3:
            for value in values:
                self._int(value)
            self.write((pickle.EMPTY_TUPLE, pickle.TUPLE1, pickle.TUPLE2, pickle.TUPLE3)[len(values)])
            return
        self.write(pickle.MARK)
        for value in values:
            self._int(value)
        self.write(pickle.TUPLE)

    def _flag(self, value):
        self.write(pickle.NEWTRUE if value else pickle.NEWFALSE)

    def _empty_ordered_dict(self):
        self._name("collections", "OrderedDict")
        self.write(pickle.EMPTY_TUPLE + pickle.REDUCE)

    # -- tensors

    def _save_tensor(self, tensor):
        if isinstance(tensor, Composed):
            self._save_composed(tensor)
            return
        if type(tensor) is not flambeau.Tensor and not _is_parameter(tensor):
            reduced = tensor.__reduce_ex__(self.proto)
            self.save_reduce(*reduced, obj=tensor)
            return
        if _is_parameter(tensor):
            self._name("torch._utils", "_rebuild_parameter")
            self._save_plain(tensor.detach(), False)
            self._flag(tensor.requires_grad)
            self._empty_ordered_dict()
            self.write(pickle.TUPLE3 + pickle.REDUCE)
        else:
            self._save_plain(tensor.detach(), tensor.requires_grad)
        self._memoize_last(tensor)

    def _save_composed(self, tensor):
        """A sparse or nested tensor: the name of what puts it together, and its parts."""
        name, parts = tensor._saved()
        self._name("torch._utils", name)
        self.save(parts)
        self.write(pickle.REDUCE)
        self._memoize_last(tensor)

    def _save_plain(self, tensor, requires_grad):
        if tensor.is_complex():
            tensor = tensor.resolve_conj()
        storage = self.storages.note(tensor)
        name = memory.dtype_name(tensor.dtype)
        typed = memory.STORAGE_NAMES.get(name)
        self._name("torch._utils", "_rebuild_tensor_v2" if typed else "_rebuild_tensor_v3")
        self.write(pickle.MARK)
        self._save_storage(storage, typed, tensor.element_size())
        if storage.dense is not None:
            tensor = storage.dense
        self._int(tensor.storage_offset() - storage.begin // tensor.element_size() if tensor.numel() else 0)
        self._ints(tuple(tensor.shape))
        self._ints(tuple(tensor.stride()))
        self._flag(requires_grad)
        self._empty_ordered_dict()
        if not typed:
            self._name("torch", name)
        self.write(pickle.TUPLE + pickle.REDUCE)

    def _save_storage(self, storage, typed, itemsize):
        self.write(pickle.MARK)
        self._text("storage")
        if typed:
            self._name("torch", typed)
        else:
            self._name("torch.storage", "UntypedStorage")
        self._text(str(storage.key))
        self._text("cpu")
        self._int((storage.end - storage.begin) // (itemsize if typed else 1))
        self.write(pickle.TUPLE + pickle.BINPERSID)

    # -- names

    def save_global(self, obj, name=None):
        """Functions and classes by name; those of this package under the name that torch has for them."""
        module = getattr(obj, "__module__", None) or ""
        if module.partition(".")[0] != "flambeau":
            super().save_global(obj, name)
            return
        name = name or getattr(obj, "__qualname__", None) or obj.__name__
        _check_importable(module, name, obj)
        self.write(pickle.GLOBAL + f"torch{module[len('flambeau') :]}\n{name}\n".encode())
        self.memoize(obj)

    dispatch[types.FunctionType] = save_global

    def _save_dtype(self, dtype):
        self._name("torch", memory.dtype_name(dtype))

    def _save_layout(self, layout):
        self._name("torch.serialization", "_get_layout")
        self._text(repr(layout))
        self.write(pickle.TUPLE1 + pickle.REDUCE)
        self.memoize(layout)

    def _save_size(self, size):
        self._name("torch", "Size")
        self._ints(tuple(size))
        self.write(pickle.TUPLE1 + pickle.REDUCE)
        self.memoize(size)

    def _save_device(self, device):
        self._name("torch", "device")
        self._text(device.type)
        if device.index is not None:
            self._int(device.index)
        self.write((pickle.TUPLE1 if device.index is None else pickle.TUPLE2) + pickle.REDUCE)
        self.memoize(device)


def _check_importable(module, name, obj):
    found = sys.modules.get(module)
    for part in name.split("."):
        found = getattr(found, part, None)
    if found is not obj:
        raise pickle.PicklingError(f"Can't pickle {obj!r}: it's not found as {module}.{name}")


def _is_parameter(tensor):
    module = sys.modules.get("flambeau.nn.parameter")  # without it there are no parameters
    return module is not None and type(tensor) is module.Parameter


def register_types():
    """Enters the framework's plain types in the dispatch table, once the package is complete."""
    table = TorchPickler.dispatch
    if flambeau.Size not in table:
        table[flambeau.Size] = TorchPickler._save_size
        table[flambeau.device] = TorchPickler._save_device
        table[flambeau.dtype] = TorchPickler._save_dtype
        table[flambeau.layout] = TorchPickler._save_layout
