"""Writes objects as torch pickles them: tensors by reference to storages, framework names under torch's."""

import pickle
import struct
import sys
import types
from typing import ClassVar

import flambeau
from flambeau._composed import Composed
from flambeau.serialization import memory
from flambeau.serialization.names import module_in_files
from flambeau.storage import TypedStorage, UntypedStorage


class TorchPickler(pickle._Pickler):
    """A pickler whose output torch can load with ``weights_only=True``, as far as the content is plain data.

    Args:
        file: to write to.
        protocol: pickle's protocol.
        placement: says where tensors lie in the file.
        legacy: refer to storages as the format before the zip archives does.
    """

    dispatch: ClassVar[dict] = pickle._Pickler.dispatch.copy()

    def __init__(self, file, protocol, placement, legacy=False):
        super().__init__(file, protocol)
        self.placement, self.legacy = placement, legacy
        self.names = {}

    def save(self, obj, save_persistent_id=True):
        if id(obj) in self.memo:
            super().save(obj, save_persistent_id)
        elif isinstance(obj, flambeau.Tensor):
            self._save_tensor(obj)
        elif isinstance(obj, (TypedStorage, UntypedStorage)):
            self._save_whole_storage(obj)
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
        kind = type(tensor)
        if isinstance(tensor, Composed):
            self._save_composed(tensor)
        elif not _reduces_as_tensors_do(kind):
            self.save_reduce(*self.placement.keep(tensor, lambda t: t.__reduce_ex__(self.proto)), obj=tensor)
        elif _is_parameter(tensor):
            self._save_parameter(tensor)
        else:
            state = _state(tensor)
            if kind is flambeau.Tensor and not state:
                self._save_plain(tensor.detach(), tensor.requires_grad)
                self.write(pickle.REDUCE)
            else:
                self._save_with_state(tensor, kind, state)
            self._memoize_last(tensor)

    def _save_parameter(self, parameter):
        state = _state(parameter)
        self._name("torch._utils", "_rebuild_parameter_with_state" if state else "_rebuild_parameter")
        if state:
            self.write(pickle.MARK)
        self._save_plain(parameter.detach(), False)
        self.write(pickle.REDUCE)
        self._flag(parameter.requires_grad)
        self._empty_ordered_dict()
        if state:
            self.save(state)
        self.write((pickle.TUPLE if state else pickle.TUPLE3) + pickle.REDUCE)
        self._memoize_last(parameter)

    def _save_with_state(self, tensor, kind, state):
        """A tensor with attributes, or of a class that adds to Tensor: the plain one, and what makes it the other."""
        self._name("torch._tensor", "_rebuild_from_type_v2")
        self.write(pickle.MARK)
        self._save_plain(tensor.as_subclass(flambeau.Tensor).detach(), tensor.requires_grad, kind)
        self.save(state)
        self.write(pickle.TUPLE + pickle.REDUCE)

    def _save_composed(self, tensor):
        """A sparse or nested tensor: the name of what puts it together, and its parts."""
        name, parts = self.placement.keep(tensor, lambda t: t._saved())
        self._name(*name.rsplit(".", 1))
        self.save(parts)
        self.write(pickle.REDUCE)
        self._memoize_last(tensor)

    def _save_plain(self, tensor, requires_grad, kind=None):
        """The function that rebuilds the tensor, a class if one is given, and the function's arguments."""
        if tensor.is_meta:
            self._save_meta(tensor, requires_grad, kind)
            return
        if tensor.is_complex() and tensor.is_conj():
            tensor = self.placement.keep(tensor, lambda t: t.resolve_conj())
        place = self.placement.place(tensor)
        name = memory.dtype_name(tensor.dtype)
        typed = memory.STORAGE_NAMES.get(name)
        self._name("torch._utils", "_rebuild_tensor_v2" if typed else "_rebuild_tensor_v3")
        if kind is not None:
            self.save(kind)
        self.write(pickle.MARK)
        self._save_storage(place.record, typed, tensor.element_size())
        self._int(place.offset)
        self._ints(tuple(tensor.shape))
        self._ints(place.stride)
        self._flag(requires_grad)
        self._empty_ordered_dict()
        if not typed:
            self._name("torch", name)
        self.write(pickle.TUPLE)

    def _save_meta(self, tensor, requires_grad, kind):
        """The same for a tensor without values."""
        self._name("torch._utils", "_rebuild_meta_tensor_no_storage")
        if kind is not None:
            self.save(kind)
        self.write(pickle.MARK)
        self._save_dtype(tensor.dtype)
        self._ints(tuple(tensor.shape))
        self._ints(tuple(tensor.stride()))
        self._flag(requires_grad)
        self.write(pickle.TUPLE)

    def _save_storage(self, record, typed, itemsize):
        self.write(pickle.MARK)
        self._text("storage")
        if typed:
            self._name("torch", typed)
        else:
            self._name("torch.storage", "UntypedStorage")
        self._text(str(record.key))
        self._text("cpu")
        self._int(record.size // (itemsize if typed else 1))
        if self.legacy:
            self.write(pickle.NONE)
        self.write(pickle.TUPLE + pickle.BINPERSID)

    def _save_whole_storage(self, storage):
        typed = memory.STORAGE_NAMES[memory.dtype_name(storage.dtype)] if isinstance(storage, TypedStorage) else None
        self._save_storage(self.placement.of_storage(storage), typed, storage.element_size())
        self._memoize_last(storage)

    # -- names

    def save_global(self, obj, name=None):
        """Functions and classes by name; those of this package under the name that torch has for them."""
        module = getattr(obj, "__module__", None) or ""
        if module.partition(".")[0] != "flambeau":
            super().save_global(obj, name)
            return
        name = name or getattr(obj, "__qualname__", None) or obj.__name__
        _check_importable(module, name, obj)
        self.write(pickle.GLOBAL + f"{module_in_files(module)}\n{name}\n".encode())
        self.memoize(obj)

    dispatch[types.FunctionType] = save_global

    def _save_dtype(self, dtype):
        self._name("torch", memory.dtype_name(dtype))

    def _save_layout(self, layout):
        self._name("torch.serialization", "_get_layout")
        self._text(repr(layout))
        self.write(pickle.TUPLE1 + pickle.REDUCE)
        self.memoize(layout)

    def _save_symbol(self, symbol):
        self._name("torch", symbol._name)

    def _save_generator(self, generator):
        self._name("torch._C", "Generator")
        self.save(flambeau.device("cpu"))
        self.write(pickle.TUPLE1 + pickle.REDUCE)
        self.memoize(generator)
        state = self.placement.keep(generator, lambda g: (g.initial_seed(), None, g.get_state()))
        self.save(state)
        self.write(pickle.BUILD)

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
    return module is not None and isinstance(tensor, module.Parameter)


def _reduces_as_tensors_do(kind):
    """Whether a class leaves it to Tensor, or Parameter, how it is pickled."""
    module = sys.modules.get("flambeau.nn.parameter")
    plain = {flambeau.Tensor.__reduce_ex__, getattr(module, "Parameter", flambeau.Tensor).__reduce_ex__}
    return kind.__reduce_ex__ in plain


def _state(tensor):
    """The attributes that were hung on a tensor: a dict, or that and the values of slots."""
    attributes = dict(tensor.__dict__)
    slots = {}
    for kind in type(tensor).__mro__:
        names = kind.__dict__.get("__slots__", ())
        for name in (names,) if isinstance(names, str) else names:
            if name not in ("__dict__", "__weakref__") and hasattr(tensor, name):
                slots[name] = getattr(tensor, name)
    return (attributes, slots) if slots else attributes


def pickler_of(pickle_module):
    """The class of picklers, for a module's way to pickle what is no tensor."""
    _register_types()
    base = getattr(pickle_module, "Pickler", None)
    if pickle_module is pickle:
        return TorchPickler
    if isinstance(base, type) and issubclass(base, pickle._Pickler):
        table = {**getattr(base, "dispatch", {}), **_FRAMEWORK}
        return type("Pickler", (TorchPickler, base), {"dispatch": table})
    raise ValueError(
        f"[save] pickle_module: expected pickle or a module whose Pickler extends pickle._Pickler, got {pickle_module!r}"
    )


_FRAMEWORK: dict = {}


def _register_types():
    """Enters the framework's plain types in the dispatch table, once the package is complete."""
    table = _FRAMEWORK
    if flambeau.Size not in table:
        table[flambeau.Size] = TorchPickler._save_size
        table[flambeau.device] = TorchPickler._save_device
        table[flambeau.dtype] = TorchPickler._save_dtype
        table[flambeau.layout] = TorchPickler._save_layout
        table[flambeau.memory_format] = table[flambeau.qscheme] = TorchPickler._save_symbol
        table[flambeau.Generator] = TorchPickler._save_generator
        TorchPickler.dispatch.update(table)
