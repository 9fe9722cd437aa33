"""Which bytes of which storages a file holds: those that tensors use, once, however many tensors share them."""

import flambeau
from flambeau import _C
from flambeau.serialization import memory


class Place:
    """Where a tensor lies in the file: in which record, from which element on, with which strides."""

    __slots__ = ("offset", "record", "stride")

    def __init__(self, record, offset, stride):
        self.record, self.offset, self.stride = record, offset, stride


class Record:
    """The bytes of one storage in the file."""

    def __init__(self, key, owner, begin, end):
        self.key, self.owner, self.begin, self.end = key, owner, begin, end

    @property
    def size(self):
        return self.end - self.begin

    @property
    def width(self):
        """The bytes of an element, in the formats that count them."""
        typed = memory.dtype_name(self.owner.dtype) in memory.STORAGE_NAMES
        return self.owner.element_size() if typed else 1

    def bytes(self):
        """The bytes to save."""
        start = _C.storage_bytes(self.owner).data_ptr()
        return memory.bytes_of(start + self.begin, self.size)


class _Source:
    """A storage in memory: its tensors' geometries, and where they go."""

    def __init__(self, tensor):
        self.tensor = tensor  # keeps the memory alive
        self.dtype, self.item = tensor.dtype, tensor.element_size()
        self.total = _C.storage_nbytes(tensor)
        self.geometries, self.places, self.whole = {}, {}, None


class Placement:
    """Where each tensor goes. At first whole storages are saved; `compact` then finds what can be left out."""

    def __init__(self):
        self.sources, self.records, self.kept = {}, [], {}

    def keep(self, obj, make):
        """What ``make(obj)`` gives, the same object whenever it is asked for."""
        if id(obj) not in self.kept:
            self.kept[id(obj)] = obj, make(obj)
        return self.kept[id(obj)][1]

    def _source(self, tensor):
        size = _C.storage_nbytes(tensor)
        key = _C.storage_bytes(tensor).data_ptr() if size else ("empty", tensor.dtype)
        source = self.sources.get(key)
        if source is None:
            source = self.sources[key] = _Source(tensor)
        elif source.dtype is not tensor.dtype:
            raise RuntimeError("Cannot save multiple tensors or storages that view the same data as different types")
        if size > source.total:  # other memory that begins at the same place
            source.tensor, source.total = tensor, size
        return source

    def place(self, tensor):
        """The place of a tensor in the file."""
        source = self._source(tensor)
        geometry = (tensor.storage_offset(), tuple(tensor.shape), tuple(tensor.stride()))
        source.geometries[geometry] = None
        place = source.places.get(geometry)
        if place is None:
            place = Place(self.whole(source), geometry[0], geometry[2])
        elif place.record.key is None:
            self._number(place.record)
        return place

    def whole(self, source):
        """The record of all bytes of a storage."""
        if source.whole is None:
            source.whole = self._number(Record(None, source.tensor, 0, source.total))
        return source.whole

    def of_storage(self, storage):
        """The record of a storage that is saved as such, all of it."""
        tensor = storage._as_bytes() if not hasattr(storage, "_elements") else storage._elements
        source = self._source(tensor)
        source.geometries[0, (source.total // source.item,), (1,)] = None
        return self.whole(source)

    def _number(self, record):
        record.key = len(self.records)
        self.records.append(record)
        return record

    def compact(self):
        """Whether something can be left out: then the object is to be pickled again, and tensors have other places."""
        with flambeau.no_grad():
            found = [_compact(source) for source in self.sources.values()]
        if any(found):
            self.records = []
            for source in self.sources.values():
                source.whole = None
        return any(found)


def _compact(source):
    """Places that leave out what no tensor uses of a storage."""
    geometries = [geometry for geometry in source.geometries if 0 not in geometry[1]]
    if _is_whole(source, geometries):
        return False
    for geometry in source.geometries:
        if 0 in geometry[1]:
            source.places[geometry] = Place(Record(None, source.tensor, 0, 0), geometry[0], geometry[2])
    for group in _groups(source, geometries):
        _place_group(source, group)
    return True


def _is_whole(source, geometries):
    """Whether one tensor without gaps, or several that together leave none at the ends, use all of a storage."""
    if any(_count(geometry) * source.item == source.total for geometry in geometries):
        return all(_span(geometry)[1] * source.item <= source.total for geometry in geometries)
    return source.total == 0


def _count(geometry):
    """How many different elements a geometry reaches, if it does not overlap itself."""
    count = 1
    for size, stride in zip(geometry[1], geometry[2], strict=True):
        count *= size if stride else 1
    return count


def _span(geometry):
    """The first element, and the one behind the last."""
    offset, shape, strides = geometry
    return offset, offset + sum((n - 1) * step for n, step in zip(shape, strides, strict=True)) + 1


def _over(flat, geometry):
    """The elements of a flat tensor that a geometry reaches, each once."""
    shape = tuple(size if stride else 1 for size, stride in zip(geometry[1], geometry[2], strict=True))
    return flat.as_strided(shape, geometry[2], geometry[0])


def _groups(source, geometries):
    """The geometries in groups such that only those of one group share elements."""
    ordered, groups = sorted(geometries, key=_span), []
    for geometry in ordered:
        begin, end = _span(geometry)
        if groups and begin < groups[-1][1]:
            groups[-1][0].append(geometry)
            groups[-1][1] = max(end, groups[-1][1])
        else:
            groups.append([[geometry], end])
    for group, end in groups:
        if len(group) == 1 or _used(group) == end - _span(group[0])[0]:
            yield group
        else:
            yield from _sharing(group, end)


def _used(group):
    """The elements of a group's span that some tensor uses; an upper bound if one of them uses all."""
    begin, end = min(_span(g)[0] for g in group), max(_span(g)[1] for g in group)
    if any(_count(g) == end - begin for g in group):
        return end - begin
    marks = flambeau.zeros(end - begin, dtype=flambeau.uint8)
    for geometry in group:
        _over(marks, (geometry[0] - begin, *geometry[1:])).fill_(1)
    return int(marks.count_nonzero())


def _sharing(group, end):
    """A group whose spans overlap, divided by whether elements are shared."""
    begin = _span(group[0])[0]
    marks = flambeau.zeros(end - begin, dtype=flambeau.int32)
    parent = list(range(len(group) + 1))

    def root(number):
        while parent[number] != number:
            number = parent[number]
        return number

    for number, (offset, *rest) in enumerate(group, 1):
        elements = _over(marks, (offset - begin, *rest))
        for other in elements.unique().tolist():
            if other:
                parent[root(other)] = root(number)
        elements.fill_(number)
    divided = {}
    for number, geometry in enumerate(group, 1):
        divided.setdefault(root(number), []).append(geometry)
    return divided.values()


def _place_group(source, group):
    """One record for tensors that share elements."""
    begin, end = min(_span(g)[0] for g in group), max(_span(g)[1] for g in group)
    if len(group) == 1 and _count(group[0]) < end - begin:
        _place_dense(source, group[0])
        return
    if len(group) > 1 and _used(group) < end - begin and _place_narrow(source, group, begin, end):
        return
    record = Record(None, source.tensor, begin * source.item, end * source.item)
    for geometry in group:
        source.places[geometry] = Place(record, geometry[0] - begin, geometry[2])


def _elements(source):
    """All elements of a storage as a flat tensor."""
    raw = _C.storage_bytes(source.tensor)
    return _C.set_storage_of(raw, (source.total // source.item,), (1,), 0, source.dtype)


def _place_dense(source, geometry):
    """A lone tensor without what lies between its elements, such as a column of a matrix."""
    _, shape, strides = geometry
    order = sorted((dim for dim in range(len(shape)) if strides[dim]), key=lambda dim: (-strides[dim], dim))
    step, stride = 1, [0] * len(shape)
    for dim in reversed(order):
        stride[dim], step = step, step * shape[dim]
    dense = _over(_elements(source), geometry).permute([*order, *(d for d in range(len(shape)) if not strides[d])])
    dense = dense.contiguous()
    source.places[geometry] = Place(Record(None, dense, 0, step * source.item), 0, tuple(stride))


def _place_narrow(source, group, begin, end):
    """Tensors that use the same few columns of a matrix: a narrower matrix, if that fits all of them."""
    for wide in sorted({step for g in group for step in g[2]}, reverse=True):
        first = min(g[0] % wide for g in group) if wide > 1 else 0
        widths = [_width(g, wide, first) for g in group]
        width = None if None in widths else max(widths)
        if width is None or width >= wide:
            continue
        rows = range(begin // wide, -(-end // wide))
        flat = _elements(source)
        last = min(flat.numel() - (rows[-1] * wide + first), width)
        dense = flambeau.zeros(len(rows), width, dtype=source.dtype)
        if len(rows) > 1:
            dense[:-1] = flat.as_strided((len(rows) - 1, width), (wide, 1), rows[0] * wide + first)
        dense[-1, :last] = flat[rows[-1] * wide + first :][:last]
        record = Record(None, dense, 0, dense.numel() * source.item)
        for geometry in group:
            offset = (geometry[0] // wide - rows[0]) * width + geometry[0] % wide - first
            source.places[geometry] = Place(record, offset, tuple(_narrowed(s, wide, width) for s in geometry[2]))
        return True
    return False


def _narrowed(step, wide, width):
    return step // wide * width if step % wide == 0 else step


def _width(geometry, wide, first):
    """How many columns from the first on a geometry needs, whose strides go down or along the rows; else None."""
    offset, shape, strides = geometry
    along = sum((n - 1) * step for n, step in zip(shape, strides, strict=True) if step % wide)
    end = offset % wide + along + 1
    return end - first if end <= wide else None
