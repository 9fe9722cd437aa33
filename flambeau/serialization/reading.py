"""The reader of zip archives, and of what an object refers to without making it."""

import sys

import flambeau
from flambeau.serialization import allowed as known
from flambeau.serialization import memory, settings
from flambeau.serialization.checks import UnpicklingError, check, refuse
from flambeau.serialization.names import module_here, public_name
from flambeau.serialization.unpickler import DataUnpickler
from flambeau.storage import UntypedStorage


def described(saved, length):
    """``(dtype, whether the bytes are untyped, key, location, count)`` of a reference to a storage, checked."""
    check(type(saved) is tuple and len(saved) >= length, f"a strange reference to a storage: {saved!r:.100}")
    kind, key, location, count = saved[1:5]
    untyped = kind is UntypedStorage
    known_kind = untyped or type(kind) is settings.StorageType
    location = location.decode("ascii", "replace") if type(location) is bytes else location
    well_formed = known_kind and type(location) is str and type(count) is int and type(key) in (str, int, bytes)
    check(well_formed and 0 <= count < 1 << 62, f"a strange reference to a storage: {saved!r:.100}")
    return flambeau.uint8 if untyped else kind.dtype, untyped, key, location, count


class ZipReader:
    """Reads a checkpoint from an archive, each storage once."""

    def __init__(self, archive, map_location, mmap):
        self.archive, self.mmap, self.storages, self.end = archive, mmap, {}, archive.end
        self.restore = settings.restorer(map_location)
        if archive.has("constants.pkl"):
            raise RuntimeError(
                "[load] the file is a TorchScript archive, which holds a program and not only data: it cannot be loaded "
                "here. In torch, save torch.jit.load(file).state_dict() instead"
            )
        self.foreign = self._byte_order() != sys.byteorder

    def _byte_order(self):
        if self.archive.has("byteorder"):
            order = self.archive.read("byteorder", 16).decode("latin1")
            check(order in ("little", "big"), f"the byte order {order!r}")
            return order
        default = settings.get_default_load_endianness()
        names = {settings.LoadEndianness.LITTLE: "little", settings.LoadEndianness.BIG: "big"}
        return names.get(default, sys.byteorder)

    def load(self, allowed, encoding, code=None):
        """The object; with ``code``, by the unpickler of a pickle module, which runs what the file says."""
        data = self.archive.read("data.pkl")
        if code is not None:
            return code(data, self.storage, allowed)
        return DataUnpickler(data, self.storage, allowed, encoding).load()

    def storage(self, saved):
        """The storage that a persistent id names."""
        dtype, untyped, key, location, count = described(saved, 5)
        check(saved[0] == "storage", f"a strange reference to a storage: {saved!r:.100}")
        if key not in self.storages:
            size = self.archive.record_size(f"data/{key}")
            if size != count * dtype.itemsize:
                refuse(f"storage {key} should have {count} elements, but its record has {size} bytes")
            whole = memory.untyped_of(self._read(key, size))
            if self.foreign and not untyped:
                whole.byteswap(dtype)
            self.storages[key] = self.restore(whole, location)
        storage = memory.typed(self.storages[key], dtype)
        if self.foreign and untyped:
            storage._foreign = True
        return storage

    def _read(self, key, size):
        if settings.local.skip_data:
            return flambeau.zeros(size, dtype=flambeau.uint8)
        if self.mmap and size:
            mapping, offset = self.archive.map(f"data/{key}")
            if offset % memory.WIDEST == 0:  # else elements would not lie where the processor wants them
                return flambeau.frombuffer(mapping, dtype=flambeau.uint8, count=size, offset=offset)
        raw, view = memory.make_storage(size)
        self.archive.read_into(f"data/{key}", view)
        return raw


class References(DataUnpickler):
    """Goes through a pickle for the storages and globals that it names, without making anything of them."""

    def __init__(self, data, position=0, allowed=None):
        super().__init__(data, self._note, allowed, position=position)
        self.storages, self.refused = {}, {}

    def _note(self, saved):
        if type(saved) is tuple and len(saved) == 6 and saved[0] in ("storage", b"storage") and saved[1] is not None:
            dtype, _, key, _, count = described(saved, 6)
            self.storages.setdefault(key, (dtype, count))

    def find(self, module, name):
        try:
            value = super().find(module, name)
        except UnpicklingError as error:
            self.refused[public_name(module, name)] = error
            return None
        return value if type(value) is settings.StorageType or value is UntypedStorage else None

    def _reduce(self):
        del self.stack[-2:]
        self.stack.append(None)

    def _new(self, keywords=None):
        self._reduce()

    def _new_with_keywords(self):
        del self.stack[-3:]
        self.stack.append(None)

    def _build(self):
        self.stack.pop()

    def _set_items(self, items):
        pass

    def _append(self, items):
        pass

    def _add(self, items):
        pass

    def _frozen(self, items):
        return None


def unknown_globals(data, allowed):
    """The names in a pickle that the data-only interpreter would refuse."""
    references = References(data, allowed=allowed)
    references.load()
    return list(references.refused)


def run(pickle_module):
    """A function that unpickles with Python's unpickler, or another module's: it runs what the file says."""

    def unpickle(data, storage, allowed):
        import io

        class Unpickler(pickle_module.Unpickler):
            def persistent_load(self, saved):
                return storage(saved)

            def find_class(self, module, name):
                full = public_name(module, name)
                if module_here(module) == module:
                    return super().find_class(module, name)
                found, value = known.find(full)
                if found:
                    return known.CALLS.get(value, value) if _is_function(value) else value
                if full in allowed:
                    return allowed[full]
                return super().find_class(module_here(module), name)

        return Unpickler(io.BytesIO(data)).load()

    return unpickle


def _is_function(value):
    return callable(value) and not isinstance(value, type)
