"""The two formats before the zip archives: pickles one after the other then storages, and, before torch 0.1.10, tar."""

import mmap
import pickle
import struct
import sys

import flambeau
from flambeau.serialization import memory, settings
from flambeau.serialization.archive import CorruptArchive, write_all
from flambeau.serialization.checks import UnpicklingError, check, ints, refuse
from flambeau.serialization.reading import References, described
from flambeau.serialization.unpickler import DataUnpickler

MAGIC_NUMBER = 0x1950A86A20F9469CFC6C
PROTOCOL_VERSION = 1001
SYSTEM = {
    "protocol_version": PROTOCOL_VERSION,
    "little_endian": True,  # storages always are, in this format
    "type_sizes": {"short": 2, "int": 4, "long": 4},
}


def write(file, data, records, protocol):
    """Writes an object that was pickled with references to these records."""
    write_all(file, pickle.dumps(MAGIC_NUMBER, protocol))
    write_all(file, pickle.dumps(PROTOCOL_VERSION, protocol))
    write_all(file, pickle.dumps(SYSTEM, protocol))
    write_all(file, data)
    ordered = sorted(records, key=lambda record: str(record.key))
    write_all(file, pickle.dumps([str(record.key) for record in ordered], protocol))
    for record in ordered:
        write_all(file, struct.pack("<q", record.size // record.width))
        write_all(file, bytes(record.size) if settings.local.skip_data else record.bytes())


def contents(file):
    """All that a file has from where it stands: mapped if it is on a disk, else read."""
    start = file.tell()
    try:
        if start == 0 and memory.is_plain(file):
            return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except (AttributeError, OSError, ValueError):
        pass
    return file.read()


class Storages:
    """The storages of a file, by key, and views of parts of them."""

    def __init__(self, map_location):
        self.restore, self.found, self.views = settings.restorer(map_location), {}, {}

    def add(self, key, data, dtype, location):
        """A storage made of bytes."""
        raw, view = memory.make_storage(len(data))
        if not settings.local.skip_data:
            view[:] = data
        untyped = memory.untyped_of(raw)
        if sys.byteorder == "big":
            untyped.byteswap(dtype)
        self.found[key] = memory.typed(self.restore(untyped, location), dtype)

    def view(self, key, root, offset, count):
        """A part of a storage, as very old versions had them."""
        check(root in self.found and type(offset) is int and type(count) is int, "a view of no storage")
        whole = self.found[root]
        check(0 <= offset <= whole.size() and 0 <= count <= whole.size() - offset, "a view out of its storage")
        if key not in self.views:
            width = whole.dtype.itemsize
            part = whole.untyped()._as_bytes()[offset * width : (offset + count) * width]
            shared = flambeau.from_dlpack(part) if count else part.clone()  # a storage that begins in the middle of it
            self.views[key] = memory.typed(memory.untyped_of(shared), whole.dtype)
        return self.views[key]


class StreamReader:
    """Reads pickles one after the other, then the storages; leaves the file behind them."""

    def __init__(self, file, map_location):
        self.file, self.start, self.data = file, file.tell(), contents(file)
        self.storages = Storages(map_location)
        if not self.data:
            raise EOFError("Ran out of input")

    def load(self, allowed, encoding, code=None):
        """The object."""
        place = self._head()
        references = References(self.data, place, allowed)
        references.load()
        if code is None:
            for error in references.refused.values():
                raise error
        keys = DataUnpickler(self.data, None, position=references.position)
        self._fill(keys.load(), keys.position, references.storages)
        if code is not None:
            return code(bytes(self.data[place : references.position]), self.storage, allowed)
        return DataUnpickler(self.data, self.storage, allowed, encoding, place).load()

    def _head(self):
        """Where the object's pickle begins, after the three that say what the file is."""
        position = 0
        for number, expected in enumerate((MAGIC_NUMBER, PROTOCOL_VERSION, None)):
            part = DataUnpickler(self.data, None, position=position)
            value = part.load()
            if number == 0 and value != expected:
                raise UnpicklingError("Invalid magic number; corrupt file?")
            if number == 1 and value != expected:
                raise UnpicklingError(f"Invalid protocol version: {value!r:.50}")
            position = part.position
        return position

    def _fill(self, keys, position, described):
        check(type(keys) is list and len(keys) == len(set(map(str, keys))), "a strange list of storages")
        for key in keys:
            check(key in described, f"a storage {key!r:.50} that nothing refers to")
            dtype, count = described[key]
            end = position + 8 + count * dtype.itemsize
            if end > len(self.data):
                raise CorruptArchive(f"[load] the file ends in the middle of storage {key}: it is truncated")
            (stored,) = struct.unpack("<q", self.data[position : position + 8])
            check(stored == count, f"storage {key} should have {count} elements, but says {stored}")
            self.storages.found[key] = position + 8, end
            position = end
        check(len(self.storages.found) == len(described), "fewer storages than the object refers to")
        self.end = self.start + position

    def storage(self, saved):
        """The storage that a persistent id names; or the class of a module, saved with its source."""
        if type(saved) is tuple and len(saved) == 4 and saved[0] in ("module", b"module"):
            return saved[1]
        dtype, _, key, location, _ = described(saved, 6)
        if type(self.storages.found.get(key)) is tuple:
            begin, end = self.storages.found[key]
            self.storages.add(key, memoryview(self.data)[begin:end], dtype, location)
        view = saved[5]
        if view is None:
            return self.storages.found[key]
        check(type(view) is tuple and len(view) == 3, "a strange view of a storage")
        return self.storages.view(view[0], key, *view[1:])


def looks_like_tar(file):
    """Whether a file begins as tar archives do."""
    start = file.tell()
    head = file.read(265)
    file.seek(start)
    return head[257:262] == b"ustar"


class TarReader:
    """Reads the first format: an archive of ``storages``, ``tensors`` and the object's ``pickle``."""

    def __init__(self, file, map_location):
        self.file, self.storages, self.objects = file, Storages(map_location), {}

    def load(self, allowed, encoding, code=None):
        """The object."""
        members = self._members()
        self._read_storages(members["storages"], allowed)
        self._read_tensors(members["tensors"], allowed)
        if code is not None:
            return code(members["pickle"], self._object, allowed)
        return DataUnpickler(members["pickle"], self._object, allowed, encoding).load()

    def _members(self):
        import tarfile

        found = {}
        try:
            with tarfile.open(fileobj=self.file, mode="r:") as archive:
                for member in archive:
                    if member.name in ("storages", "tensors", "pickle") and member.isreg() and not member.issparse():
                        found[member.name] = archive.extractfile(member).read()
        except (tarfile.TarError, OSError, ValueError, EOFError, OverflowError, RecursionError) as error:
            raise CorruptArchive(f"[load] the tar archive is corrupt: {error}") from None
        for name in ("storages", "tensors", "pickle"):
            if name not in found:
                raise CorruptArchive(f"[load] the tar archive has no file {name!r}: it is truncated or no checkpoint")
        self.end = self.file.tell()
        return found

    def _read_storages(self, data, allowed):
        count, place = _one(data, 0, allowed)
        check(type(count) is int and 0 <= count <= len(data), "a strange number of storages")
        for _ in range(count):
            entry, place = _one(data, place, allowed)
            check(type(entry) is tuple and len(entry) == 3, "a strange storage")
            key, location, kind = entry
            dtype, _, key, location, _ = described(("storage", kind, key, location, 0), 5)
            (size,) = struct.unpack("<q", data[place : place + 8])
            end = place + 8 + size * dtype.itemsize
            check(size >= 0 and end <= len(data), f"storage {key} ends beyond its file")
            self.storages.add(key, memoryview(data)[place + 8 : end], dtype, location)
            place = end
        views, _ = _one(data, place, allowed)
        check(type(views) is list, "strange views of storages")
        for view in views:
            check(type(view) is tuple and len(view) == 4, "a strange view of a storage")
            self.storages.view(*view)

    def _read_tensors(self, data, allowed):
        count, place = _one(data, 0, allowed)
        check(type(count) is int and 0 <= count <= len(data), "a strange number of tensors")
        for _ in range(count):
            entry, place = _one(data, place, allowed)
            check(type(entry) is tuple and len(entry) == 3, "a strange tensor")
            key, storage, _ = entry
            check(type(key) in (int, str) and type(storage) in (int, str), "a strange tensor")
            (dims,) = struct.unpack("<i", data[place : place + 4])
            check(0 <= dims <= 64, f"a tensor with {dims} dimensions")
            numbers = struct.unpack(f"<{2 * dims + 1}q", data[place + 8 : place + 16 + 16 * dims])
            place += 16 + 16 * dims
            found = self.storages.views.get(storage) or self.storages.found.get(storage)
            check(found is not None, "a tensor without storage")
            self.objects[key] = self._tensor(found, numbers[-1], numbers[:dims], numbers[dims : 2 * dims])

    def _tensor(self, storage, offset, size, stride):
        try:
            return memory.tensor_over(storage.untyped(), storage.dtype, offset, ints(size, ""), ints(stride, ""))
        except (ValueError, OverflowError) as error:
            return refuse(str(error))

    def _object(self, saved):
        if type(saved) is tuple and saved:
            return saved[0]
        try:
            key = int(saved)
        except (TypeError, ValueError):
            return refuse(f"a strange reference {saved!r:.50}")
        for found in (self.objects, self.storages.views, self.storages.found):
            for name in (key, str(key)):
                if name in found:
                    return found[name]
        return refuse(f"a reference to {key}, which is not there")


def _one(data, place, allowed):
    """The value of a pickle among others, and where it ends."""
    part = DataUnpickler(data, None, allowed, "latin1", place)
    return part.load(), part.position
