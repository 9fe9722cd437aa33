"""Big lists and dicts of plain data, packed into memory that worker processes share.

A worker that reads an ordinary list writes to it: each object's count of references changes, and the system copies page
after page for it. What is packed is bytes; an element is made anew when it is asked for.
"""

import array
import bisect
import io
import itertools
import marshal
import mmap
import operator
import os
import pickle
import sys
import weakref
import zlib
from collections.abc import Mapping, Sequence

from flambeau.utils.data.dataset import Dataset

__all__ = ["PackedDict", "PackedList", "described", "dumps", "loads", "packed_parts", "rebuilt"]

WORTHWHILE = 1 << 20  # bytes
_ATOMS = {str, bytes, int, float, complex, bool, type(None)}
_MUTABLE = {list, dict, set}
_CONTAINERS = {tuple, frozenset, *_MUTABLE}


class _Memory:
    """Bytes in a nameless file, mapped here and in other processes."""

    def __init__(self, descriptor, size):
        self.descriptor, self.size = descriptor, size
        self.view = memoryview(mmap.mmap(descriptor, size))
        weakref.finalize(self, os.close, descriptor)

    @classmethod
    def of(cls, parts):
        """New memory with these pieces, one behind the other.

        Raises:
            OSError: there is no room.
        """
        from flambeau.utils.data._utils.channels import nameless_file

        size = sum(map(len, parts))
        descriptor = nameless_file()
        try:
            os.posix_fallocate(descriptor, 0, size)
            memory = cls(descriptor, size)
        except BaseException:
            os.close(descriptor)
            raise
        place = 0
        for part in parts:
            memory.view[place : place + len(part)] = part
            place += len(part)
        return memory

    def shared(self):
        """What rebuilds it in a process that is being started."""
        from multiprocessing.reduction import DupFd

        return DupFd(self.descriptor), self.size


def _thaw(name, returns_self=False):
    """A method that first turns the packed object into an ordinary one, and then changes that."""

    def method(self, *args, **kwargs):
        if self._own is None:
            self._own = self._copied()
        result = getattr(self._own, name)(*args, **kwargs)
        return self if returns_self else result

    method.__name__ = name
    return method


class PackedList(Sequence):
    """Reads like a list; the first change turns it into one, of this process alone.

    An element is a new object each time: changes to an element that is a dict or list itself are not kept.
    """

    def __hash__(self):
        raise TypeError(f"unhashable type: '{self.__class__.__name__}'")

    def __init__(self, memory, start, count):
        self._memory, self._own, self._count = memory, None, count
        end = start + 8 * (count + 1)
        self._ends = memory.view[start:end].cast("Q")
        self._data = memory.view[end:]

    @staticmethod
    def pieces(values):
        """The bytes that hold the values, as two pieces."""
        parts = list(map(marshal.dumps, values))
        ends = array.array("Q", itertools.accumulate(map(len, parts), initial=0))
        data = b"".join(parts)
        return [memoryview(ends).cast("B"), data + bytes(-len(data) % 8)]

    @property
    def __class__(self):
        return list

    @__class__.setter
    def __class__(self, kind):
        raise TypeError("the class of a packed list cannot be set")

    def __len__(self):
        return self._count if self._own is None else len(self._own)

    def __getitem__(self, index):
        if self._own is not None:
            return self._own[index]
        if isinstance(index, slice):
            return [self[place] for place in range(*index.indices(self._count))]
        place = operator.index(index)
        if place < 0:
            place += self._count
        if not 0 <= place < self._count:
            raise IndexError("list index out of range")
        return marshal.loads(self._data[self._ends[place] : self._ends[place + 1]])

    def _copied(self):
        return [self[place] for place in range(self._count)]

    def copy(self):
        """An ordinary list."""
        return self[:]

    def __reduce__(self):
        return list, (self[:],)

    def __repr__(self):
        return repr(self[:])

    def __eq__(self, other):
        return isinstance(other, list) and self[:] == other[:]

    def __lt__(self, other):
        return self[:] < other[:]

    def __le__(self, other):
        return self[:] <= other[:]

    def __gt__(self, other):
        return self[:] > other[:]

    def __ge__(self, other):
        return self[:] >= other[:]

    def __add__(self, other):
        return self[:] + other[:]

    def __radd__(self, other):
        return other[:] + self[:]

    def __mul__(self, count):
        return self[:] * count

    __rmul__ = __mul__


for _name in ["append", "clear", "extend", "insert", "pop", "remove", "reverse", "sort", "__setitem__", "__delitem__"]:
    setattr(PackedList, _name, _thaw(_name))
for _name in ("__iadd__", "__imul__"):
    setattr(PackedList, _name, _thaw(_name, returns_self=True))


class PackedDict(Mapping):
    """Reads like a dict; the first change turns it into one, of this process alone.

    A value is a new object each time: changes to a value that is a dict or list itself are not kept.
    """

    def __hash__(self):
        raise TypeError(f"unhashable type: '{self.__class__.__name__}'")

    def __init__(self, memory, start, count):
        self._memory, self._own = memory, None
        view = memory.view[start:]
        self._hashes, self._places = view[: 8 * count].cast("Q"), view[8 * count : 16 * count].cast("Q")
        self._keys = PackedList(memory, start + 16 * count, count)
        behind = self._keys._ends[count]
        self._values = PackedList(memory, start + 16 * count + 8 * (count + 1) + behind + -behind % 8, count)

    @staticmethod
    def pieces(values):
        """The bytes that hold the values, as six pieces."""
        hashes = list(map(_stable_hash, values))
        order = sorted(range(len(hashes)), key=hashes.__getitem__)
        tables = array.array("Q", [hashes[place] for place in order]), array.array("Q", order)
        tables = [memoryview(table).cast("B") for table in tables]
        return [*tables, *PackedList.pieces(values), *PackedList.pieces(values.values())]

    @property
    def __class__(self):
        return dict

    @__class__.setter
    def __class__(self, kind):
        raise TypeError("the class of a packed dict cannot be set")

    def __len__(self):
        return len(self._keys) if self._own is None else len(self._own)

    def __getitem__(self, key):
        if self._own is not None:
            return self._own[key]
        try:
            sought = _stable_hash(key)
        except TypeError:
            hash(key)  # a key that cannot be one is an error as in any dict
            raise KeyError(key) from None
        place = bisect.bisect_left(self._hashes, sought)
        while place < len(self._hashes) and self._hashes[place] == sought:
            if self._keys[self._places[place]] == key:
                return self._values[self._places[place]]
            place += 1
        raise KeyError(key)

    def __iter__(self):
        return iter(self._keys if self._own is None else self._own)

    def __reversed__(self):
        return reversed(self._keys if self._own is None else self._own)

    def _copied(self):
        return dict(zip(self._keys, self._values, strict=True))

    def copy(self):
        """An ordinary dict."""
        return self._copied() if self._own is None else self._own.copy()

    def __reduce__(self):
        return dict, (self.copy(),)

    def __repr__(self):
        return repr(self.copy())

    def __eq__(self, other):
        return isinstance(other, dict) and self.copy() == other.copy()

    def __or__(self, other):
        return self.copy() | other

    def __ror__(self, other):
        return other | self.copy()


for _name in ["clear", "pop", "popitem", "setdefault", "update", "__setitem__", "__delitem__"]:
    setattr(PackedDict, _name, _thaw(_name))
setattr(PackedDict, "__ior__", _thaw("__ior__", returns_self=True))  # noqa: B010


def _stable_hash(key):
    """A hash that is the same in all processes, and for keys that are equal.

    Raises:
        TypeError: the key is none that is packed.
    """
    if isinstance(key, str):
        return zlib.crc32(key.encode("utf8", "surrogatepass"))
    if isinstance(key, bytes):
        return zlib.crc32(key)
    if isinstance(key, (int, float, complex)):
        return hash(key) & 0xFFFFFFFFFFFFFFFF
    if key is None:
        return 1
    if isinstance(key, tuple):
        return hash(tuple(map(_stable_hash, key))) & 0xFFFFFFFFFFFFFFFF
    raise TypeError(f"unhashable here: {type(key).__name__}")


# ---------------------------------------------------------------- what is worth packing


def _heap(value, depth=4):
    """About how many bytes a value has for itself."""
    kind = type(value)
    if value is None or kind is bool or (kind is int and -5 <= value <= 256):
        return 0
    size = sys.getsizeof(value)
    if kind in _CONTAINERS and depth:
        parts = itertools.chain(value, value.values()) if kind is dict else value
        size += sum(_heap(part, depth - 1) for part in itertools.islice(parts, 100))
    return size


def _is_large(values):
    count = len(values)
    if count < 1000:
        return False
    if type(values) is dict:
        sample = list(itertools.islice(values.items(), 200))
    else:
        sample = values[:: max(1, count // 200)]
    return sum(map(_heap, sample)) / len(sample) * count >= WORTHWHILE


def _kinds(values):
    """The exact types of all elements, whatever deep; None if one is not plain or too deep."""
    found, level = set(), [values]
    for _ in range(8):
        inner = list(
            itertools.chain.from_iterable(
                itertools.chain(part, part.values()) if type(part) is dict else part for part in level
            )
        )
        kinds = set(map(type, inner))
        found |= kinds
        if not kinds <= _ATOMS | _CONTAINERS:
            return None
        level = [part for part in inner if type(part) in _CONTAINERS] if kinds & _CONTAINERS else []
        if not level:
            return found
    return None


class Packs:
    """What a loader has packed; what did not change since is used again."""

    def __init__(self):
        self.known = {}

    def get(self, values, also_mutable):
        """The packed form of a list or dict, or None if it is not worth it, not plain, or there is no memory."""
        if not _is_large(values):
            return None
        now = [*values, *values.values()] if type(values) is dict else list(values)
        before, packed, changeable = self.known.get(id(values), ((), None, False))
        if len(now) == len(before) and all(map(operator.is_, now, before)) and not changeable:
            return packed
        kinds = _kinds(values)
        changeable = kinds is not None and bool(kinds & _MUTABLE)
        packed = None if kinds is None or (changeable and not also_mutable) else _packed(values)
        self.known[id(values)] = now, packed, changeable
        return packed


def _packed(values):
    kind = PackedDict if type(values) is dict else PackedList
    try:
        memory = _Memory.of(kind.pieces(values))
    except (OSError, TypeError, ValueError, MemoryError):
        return None
    return kind(memory, 0, len(values))


def rebuilt(shared):
    """The packed object that another process described."""
    kind, (descriptor, size), count = shared
    return {"dict": PackedDict, "list": PackedList}[kind](_Memory(descriptor.detach(), size), 0, count)


def described(packed):
    """What ``rebuilt`` needs in a process that is being started."""
    return "dict" if isinstance(packed, dict) else "list", packed._memory.shared(), len(packed)


def dumps(dataset, pairs):
    """A pickle of the data set without the values of the pairs (value, packed value)."""
    from multiprocessing.reduction import ForkingPickler

    class Pickler(ForkingPickler):
        """Leaves out what is shared."""

        def persistent_id(self, value):
            return places.get(id(value))

    places, file = {id(value): place for place, (value, _) in enumerate(pairs)}, io.BytesIO()
    Pickler(file, pickle.HIGHEST_PROTOCOL).dump(dataset)
    return file.getvalue()


def loads(data, packed):
    """The data set, with packed values where ``dumps`` left something out."""

    class Unpickler(pickle.Unpickler):
        """Puts in what is shared."""

        def persistent_load(self, place):
            return packed[place]

    return Unpickler(io.BytesIO(data)).load()


def packed_parts(loader, dataset, mutable):
    """What a loader has packed so far, and (owner, attribute, value, packed value) of what its workers now share."""
    packs = vars(loader).setdefault("_packs", Packs())
    found = [(*place, packs.get(place[-1], mutable)) for place in packables(dataset)]
    return packs, [each for each in found if each[-1] is not None]


def packables(dataset):
    """Owner, attribute and value of the lists and dicts of a data set and of those it is made of."""
    seen, pending = set(), [(None, None, dataset)]
    while pending:
        owner, name, value = pending.pop()
        if id(value) in seen:
            continue
        if type(value) in (list, dict):
            yield owner, name, value
        if isinstance(value, Dataset) or owner is None:
            seen.add(id(value))
            pending += [(value, *item) for item in getattr(value, "__dict__", {}).items()]
        elif type(value) in (list, tuple) and len(value) <= 1000:
            pending += [(value, None, part) for part in value if isinstance(part, Dataset)]
