"""The two readers of checkpoints: zip archives, and the format before them."""

import pickle

import flambeau
from flambeau.serialization import memory
from flambeau.serialization.archive import CorruptArchive
from flambeau.serialization.unpickler import DataUnpickler, StorageKind, _refuse


def _located(map_location, location):
    """The device for a saved location, by a ``map_location`` that is no function."""
    if isinstance(map_location, dict):
        map_location = map_location.get(location)
    if map_location is None:
        map_location = location
    device = flambeau.device(map_location) if isinstance(map_location, (str, int)) else map_location
    if device.type == "cuda" and not flambeau.cuda.is_available():
        raise RuntimeError(
            "Attempting to deserialize object on a CUDA device but torch.cuda.is_available() is False. If you are "
            "running on a CPU-only machine, please use torch.load with map_location=torch.device('cpu') to map your "
            "storages to the CPU."
        )
    return device


def _placed(raw, dtype, map_location, location):
    """The storage's bytes where ``map_location`` wants them."""
    if callable(map_location):
        moved = map_location(raw, location)  # the bytes stand for the storage
        if moved is not None:
            device = getattr(moved, "device", raw.device)
            return raw if device.type == "cpu" else raw.to(device)
        map_location = None
    device = _located(map_location, location)
    return raw if device.type == "cpu" else raw.to(device)


class ZipReader:
    """Reads a checkpoint from an archive, each storage once."""

    def __init__(self, archive, map_location, mmap):
        self.archive, self.map_location, self.mmap, self.storages = archive, map_location, mmap, {}
        if archive.has("constants.pkl"):
            raise RuntimeError(
                "[load] the file is a TorchScript archive, which holds a program and not only data; "
                "export its state_dict with torch.save instead"
            )
        if archive.has("byteorder") and archive.read("byteorder", 16) != b"little":
            raise RuntimeError("[load] the file was written on a big-endian machine, which is not supported")

    def load(self, allowed, encoding):
        """The object; with ``allowed`` None, by Python's pickle."""
        data = self.archive.read("data.pkl")
        if allowed is None:
            return _CodeUnpickler(data, self.storage).load()
        return DataUnpickler(data, self.storage, allowed, encoding).load()

    def storage(self, saved):
        """The storage that a persistent id names, as ``(raw bytes, dtype)``."""
        kind, key, location, count = _persistent_id(saved, 5)
        if key not in self.storages:
            size = self.archive.record_size(f"data/{key}")
            if size != count * (kind.dtype.itemsize if kind.dtype else 1):
                _refuse(f"storage {key} should have {count} elements, but its record has {size} bytes")
            self.storages[key] = _placed(self._read(key, size), kind.dtype, self.map_location, location)
        return self.storages[key], kind.dtype

    def _read(self, key, size):
        if self.mmap and size:
            mapping, offset = self.archive.map(f"data/{key}")
            return flambeau.frombuffer(mapping, dtype=flambeau.uint8, count=size, offset=offset)
        raw, view = memory.make_storage(size)
        self.archive.read_into(f"data/{key}", view)
        return raw


def _persistent_id(saved, length):
    """``(storage kind, key, location, count)`` of a persistent id, checked."""
    if type(saved) is not tuple or len(saved) < length or saved[0] != "storage":
        _refuse(f"a strange reference to a storage: {saved!r:.100}")
    kind, key, location, count = saved[1:5]
    well_formed = type(kind) is StorageKind and type(key) is str and type(location) is str and type(count) is int
    if not well_formed or count < 0:
        _refuse(f"a strange reference to a storage: {saved!r:.100}")
    return kind, key, location, count


class LegacyReader:
    """Reads the format that torch wrote before version 1.6: pickles one after the other, then the storages."""

    def __init__(self, file, map_location):
        self.data, self.map_location, self.storages = file.read(), map_location, {}
        if not self.data:
            raise EOFError("Ran out of input")

    def load(self, allowed, encoding):
        """The object."""
        from flambeau.serialization import MAGIC_NUMBER, PROTOCOL_VERSION

        if allowed is None:
            raise RuntimeError("[load] allow_code=True is for files in the zip format")
        if self.data[257:262] == b"ustar":
            raise RuntimeError(
                "[load] the file is a tar archive, the format before torch 0.1.10; save it again with a newer torch"
            )
        position, values = 0, []
        for _ in range(5):
            unpickler = DataUnpickler(self.data, self.storage, allowed, encoding, position)
            values.append(unpickler.load())
            position = unpickler.position
            if len(values) == 1 and values[0] != MAGIC_NUMBER:
                raise pickle.UnpicklingError("Invalid magic number; corrupt file?")
            if len(values) == 2 and values[1] != PROTOCOL_VERSION:
                raise pickle.UnpicklingError(f"Invalid protocol version: {values[1]!r:.50}")
        self._fill(values[4], position)
        return values[3]

    def storage(self, saved):
        """An empty storage for a persistent id; the bytes come later in the file."""
        kind, key, location, count = _persistent_id(saved, 6)
        if saved[5] is not None:
            _refuse("a view of a storage, which only very old versions wrote")
        if key not in self.storages:
            size = count * (kind.dtype.itemsize if kind.dtype else 1)
            if size > len(self.data):
                _refuse(f"storage {key} should have {size} bytes, more than the file")
            self.storages[key] = (*memory.make_storage(size), _located_or_cpu(self.map_location, location))
        return self.storages[key][0], kind.dtype

    def _fill(self, keys, position):
        if type(keys) is not list or set(keys) != set(self.storages):
            _refuse("the list of storages does not fit the object")
        for key in keys:
            _, view, _ = self.storages[key]
            size_end = position + 8
            position = size_end + len(view)
            if position > len(self.data):
                raise CorruptArchive(f"[load] the file ends in the middle of storage {key}: it is truncated")
            view[:] = self.data[size_end:position]


def _located_or_cpu(map_location, location):
    device = None if callable(map_location) else _located(map_location, location)
    if device is not None and device.type != "cpu":
        raise RuntimeError(f"[load] files older than torch 1.6 can only be loaded to the CPU, not to {device}")
    return device


class _CodeUnpickler(pickle.Unpickler):
    """Python's unpickler, with torch's names meaning ours: runs what the file says."""

    def __init__(self, data, storage):
        import io

        super().__init__(io.BytesIO(data))
        self.storage = storage
        self.known = DataUnpickler(b"", None)

    def persistent_load(self, saved):
        return self.storage(saved)

    def find_class(self, module, name):
        try:
            return self._known(module, name)
        except pickle.UnpicklingError:
            if module.partition(".")[0] == "torch":
                module = "flambeau" + module[len("torch") :]
            return super().find_class(module, name)

    def _known(self, module, name):
        if module.partition(".")[0] != "torch":
            raise pickle.UnpicklingError
        return self.known.find(module, name)


def unknown_globals(data, allowed):
    """The names in a pickle that the data-only interpreter would refuse."""
    import pickletools

    machine, names, strings = DataUnpickler(b"", None, allowed), [], []
    for opcode, argument, _ in pickletools.genops(data):
        if isinstance(argument, str) and opcode.name in ("SHORT_BINUNICODE", "BINUNICODE", "UNICODE", "BINUNICODE8"):
            strings.append(argument)
        if opcode.name == "GLOBAL":
            module, name = argument.split(" ", 1)
        elif opcode.name == "STACK_GLOBAL" and len(strings) >= 2:
            module, name = strings[-2:]
        else:
            continue
        try:
            machine.find(module, name)
        except pickle.UnpicklingError:
            names.append(f"{module}.{name}")
    return list(dict.fromkeys(names))
