"""The zip container of ``.pt`` files: stored records, each beginning at a multiple of 64 bytes."""

import io
import mmap
import struct
import zlib

from flambeau import _C
from flambeau.serialization import memory, settings

ALIGNMENT = 64
AHEAD = 1 << 22  # bytes from which a thread for checksums pays
LOCAL = struct.Struct("<IHHHHHIIIHH")
CENTRAL = struct.Struct("<IHHHHHHIIIHHHHHII")
END = struct.Struct("<IHHHHIIH")
END64 = struct.Struct("<IQHHIIQQQQ")
LOCATOR64 = struct.Struct("<IIQI")
LOCAL_MAGIC, CENTRAL_MAGIC, END_MAGIC, END64_MAGIC, LOCATOR64_MAGIC = (
    0x04034B50,
    0x02014B50,
    0x06054B50,
    0x06064B50,
    0x07064B50,
)
ENCRYPTED, UTF8_NAMES = 1, 1 << 11
DATE_1980 = 0x21
BIG = 0xFFFFFFFF
STORED, DEFLATED = 0, 8
INFLATED = 1 << 26, 100  # a compressed record may grow to so many bytes, or by this factor


class CorruptArchive(RuntimeError):
    """A file that is not the zip archive it should be."""


def checksums(records):
    """The checksum of each record; those of large ones are computed ahead, by a thread, while others are written."""
    if not settings.config.save.compute_crc32:
        yield from [0] * len(records)
        return
    if sum(map(len, records)) < AHEAD:
        yield from map(_C.crc32, records)
        return
    import queue
    import threading

    done = queue.SimpleQueue()
    thread = threading.Thread(target=lambda: [done.put(_C.crc32(record)) for record in records], daemon=True)
    thread.start()
    for _ in records:
        yield done.get()
    thread.join()


def write_all(file, data):
    """Writes to a file object until nothing is left: raw files and pipes may take less than all at a time."""
    written = file.write(data)
    size = len(data)
    while type(written) is int and 0 < written < size:
        data, size = memoryview(data)[written:], size - written
        written = file.write(data)


class ArchiveWriter:
    """Writes records one after the other to a file object, which need not be seekable."""

    def __init__(self, file, name):
        self.file, self.name, self.position, self.central = file, name, 0, []

    def _write(self, data):
        write_all(self.file, data)
        self.position += len(data)

    def add(self, record, data, checksum=None):
        """Writes one record; ``data`` is anything with bytes in it, and is not copied."""
        name = f"{self.name}/{record}".encode()
        size = len(data)
        checksum = _C.crc32(data) if checksum is None else checksum
        wide, start = size >= BIG, self.position
        extra = struct.pack("<HHQQ", 1, 16, size, size) if wide else b""
        padding = -(start + LOCAL.size + len(name) + len(extra) + 4) % ALIGNMENT
        extra += struct.pack("<HH", 0x4246, padding) + b"Z" * padding
        version, short = (45, BIG) if wide else (0, size)
        head = (LOCAL_MAGIC, version, UTF8_NAMES, STORED, 0, DATE_1980, checksum, short, short, len(name), len(extra))
        self._write(LOCAL.pack(*head) + name + extra)
        self._write(data)
        self.central.append((name, checksum, size, start))

    def finish(self):
        """Writes the table of contents."""
        start = self.position
        for name, checksum, size, offset in self.central:
            wide = [value for value in (size, size, offset) if value >= BIG]
            extra = struct.pack(f"<HH{len(wide)}Q", 1, 8 * len(wide), *wide) if wide else b""
            version, short = 45 if wide else 0, min(size, BIG)
            head = (CENTRAL_MAGIC, version, version, UTF8_NAMES, STORED, 0, DATE_1980, checksum, short, short)
            self._write(CENTRAL.pack(*head, len(name), len(extra), 0, 0, 0, 0, min(offset, BIG)) + name + extra)
        length, count, where = self.position - start, len(self.central), self.position
        if count >= 0xFFFF or start >= BIG or length >= BIG:
            self._write(
                END64.pack(END64_MAGIC, 44, 45, 45, 0, 0, count, count, length, start)
                + LOCATOR64.pack(LOCATOR64_MAGIC, 0, where, 1)
            )
        short = min(count, 0xFFFF)
        self._write(END.pack(END_MAGIC, 0, 0, short, short, min(length, BIG), min(start, BIG), 0))


# ---------------------------------------------------------------- reading


class Entry:
    """A line of the table of contents."""

    __slots__ = ("checksum", "flags", "method", "name", "offset", "packed", "size")

    def __init__(self, name, flags, method, checksum, packed, size, offset):
        self.name, self.flags, self.method, self.checksum = name, flags, method, checksum
        self.packed, self.size, self.offset = packed, size, offset


def looks_like_zip(file):
    """Whether a file, from its present position on, begins as zip archives do."""
    start = file.tell()
    magic = file.read(4)
    file.seek(start)
    return magic == b"PK\x03\x04"


class ArchiveReader:
    """Finds and reads the records of the archive that begins where the file stands, whatever lies before or after it.

    Every offset and size is checked against the file's.
    """

    def __init__(self, file):
        self.file, self.start = file, file.tell()
        self.size = file.seek(0, io.SEEK_END) - self.start
        try:
            place, length, count, end = self._find_table()
            self.end = self.start + end
            entries = self._read_table(place, length, count)
        except (struct.error, UnicodeDecodeError) as error:
            raise CorruptArchive(f"[load] the table of contents is corrupt: {error}") from None
        if not entries:
            raise CorruptArchive("[load] the archive has no records")
        self.name = entries[0].name.partition("/")[0]
        prefix = self.name + "/"
        self.entries = {entry.name[len(prefix) :]: entry for entry in entries if entry.name.startswith(prefix)}
        self.mapped = None

    # -- the table of contents

    def _at(self, place, size):
        if place < 0 or place + size > self.size:
            raise CorruptArchive("[load] the table of contents points out of the file: it is truncated or corrupt")
        self.file.seek(self.start + place)
        data = self.file.read(size)
        if len(data) < size:
            raise CorruptArchive("[load] the file ends before its end: it is truncated")
        return data

    def _find_table(self):
        """(place, length, number of entries, end of the archive). The table ends where its last record begins."""
        tail = max(0, self.size - END.size - 0xFFFF)
        data, signature = self._at(tail, self.size - tail), struct.pack("<I", END_MAGIC)
        found = data.rfind(signature)
        while found >= 0:
            if table := self._table_before(tail + found):
                return table
            found = data.rfind(signature, 0, found)
        return self._search(signature)

    def _search(self, signature):
        """The first table that fits, for an archive that something else comes after."""
        place, block, rest = 0, 1 << 20, b""
        while place < self.size:
            data = rest + self._at(place, min(block, self.size - place))
            found = data.find(signature)
            while found >= 0:
                if table := self._table_before(place - len(rest) + found):
                    return table
                found = data.find(signature, found + 1)
            place, rest = place + block, data[-3:]
        raise CorruptArchive("failed finding central directory: the file is truncated, or no archive")

    def _table_before(self, place):
        if place + END.size > self.size:
            return None
        _, _, _, _, count, length, offset, comment = END.unpack(self._at(place, END.size))
        last = place
        if place >= LOCATOR64.size:
            magic, _, where, _ = LOCATOR64.unpack(self._at(place - LOCATOR64.size, LOCATOR64.size))
            if magic == LOCATOR64_MAGIC and where + END64.size <= place:
                *_, count, length, offset = END64.unpack(self._at(where, END64.size))
                last = where
        if offset + length != last or count * CENTRAL.size > length or not count:
            return None
        return offset, length, count, place + END.size + comment

    def _read_table(self, place, length, count):
        data, entries, position = self._at(place, length), [], 0
        for _ in range(count):
            head = CENTRAL.unpack_from(data, position)
            name_size, extra_size, comment_size = head[10:13]
            name_at = position + CENTRAL.size
            extra_at = name_at + name_size
            position = extra_at + extra_size + comment_size
            if head[0] != CENTRAL_MAGIC or position > length:
                raise CorruptArchive("[load] the table of contents is corrupt")
            packed, size, offset = _wide(head[8], head[9], head[16], data[extra_at : extra_at + extra_size])
            name = data[name_at:extra_at].decode("utf-8" if head[3] & UTF8_NAMES else "cp437")
            entries.append(Entry(name, head[3], head[4], head[7], packed, size, offset))
        _check_places(entries, place)
        return entries

    # -- records

    def has(self, record):
        """Whether there is a record of that name."""
        return record in self.entries

    def _entry(self, record):
        if record not in self.entries:
            raise CorruptArchive(f"[load] the archive has no record {record!r}: the file is truncated or no checkpoint")
        return self.entries[record]

    def record_size(self, record):
        """Bytes of a record."""
        return self._entry(record).size

    def _place(self, entry):
        """Where the bytes of a record begin."""
        head = LOCAL.unpack(self._at(entry.offset, LOCAL.size))
        if head[0] != LOCAL_MAGIC:
            raise CorruptArchive(f"[load] record {entry.name!r} has no header where the table of contents says")
        place = entry.offset + LOCAL.size + head[9] + head[10]
        if place + entry.packed > self.size:
            raise CorruptArchive(
                f"[load] record {entry.name!r} of {entry.packed} bytes goes beyond the end of the file"
            )
        return place

    def read(self, record, limit=1 << 31):
        """The bytes of a record, checked against its checksum."""
        entry = self._entry(record)
        if entry.size > limit:
            raise CorruptArchive(f"[load] record {entry.name!r} claims {entry.size} bytes, more than {limit}")
        data = bytearray(entry.size)
        self.read_into(record, memoryview(data))
        if entry.checksum and _C.crc32(data) != entry.checksum:  # 0: written without
            raise CorruptArchive(f"[load] record {entry.name!r} does not match its checksum: the file is corrupt")
        return bytes(data)

    def read_into(self, record, target):
        """Fills memory, which is as large as the record, with it."""
        entry = self._entry(record)
        if entry.flags & ENCRYPTED or entry.method not in (STORED, DEFLATED):
            raise CorruptArchive(f"[load] record {entry.name!r} is encrypted or compressed in an unknown way")
        place = self.start + self._place(entry)
        if entry.method == DEFLATED:
            self.file.seek(place)
            self._inflate_into(entry, target)
        elif memory.read_at(self.file, place, target) < len(target):
            raise CorruptArchive(f"[load] record {entry.name!r} ends before its {len(target)} bytes")

    def _inflate_into(self, entry, target):
        inflater, got, left = zlib.decompressobj(-15), 0, entry.packed
        try:
            while got < len(target) and not inflater.eof:
                packed = inflater.unconsumed_tail or self.file.read(min(left, 1 << 16))
                left -= 0 if inflater.unconsumed_tail else len(packed)
                data = inflater.decompress(packed, min(1 << 20, len(target) - got))
                if not data and not packed:
                    break
                target[got : got + len(data)] = data
                got += len(data)
        except zlib.error as error:
            raise CorruptArchive(f"[load] record {entry.name!r} cannot be decompressed ({error})") from None
        if got < len(target):
            raise CorruptArchive(f"[load] record {entry.name!r} ends after {got} of {len(target)} bytes")

    def map(self, record):
        """A stored record as a part of the file mapped into memory: ``(mapping, offset)``."""
        entry = self._entry(record)
        if entry.method != STORED:
            raise CorruptArchive(f"[load] record {entry.name!r} is compressed and cannot be mapped: load without mmap")
        place = self.start + self._place(entry)
        if self.mapped is None:
            self.mapped = self._mapping()
        return self.mapped, place

    def _mapping(self):
        """The file in memory: writes stay in this process, or reach the file if ``set_default_mmap_options`` said so."""
        if settings.config.load.mmap_flags == mmap.MAP_SHARED:
            with open(self.file.name, "r+b") as file:
                return mmap.mmap(file.fileno(), 0)
        return mmap.mmap(self.file.fileno(), 0, access=mmap.ACCESS_COPY)


def _wide(packed, size, offset, extra):
    """The three numbers of an entry, some of which may stand among the extra fields."""
    values, position = [size, packed, offset], 0
    while position + 4 <= len(extra) and BIG in values:
        kind, length = struct.unpack_from("<HH", extra, position)
        if kind == 1:
            wanted = [place for place, value in enumerate(values) if value == BIG]
            for number, place in enumerate(wanted):
                if 8 * number + 8 <= length:
                    (values[place],) = struct.unpack_from("<Q", extra, position + 4 + 8 * number)
            break
        position += 4 + length
    return values[1], values[0], values[2]


def _check_places(entries, table):
    """No record has the place of another, or more bytes than fit in its place."""
    names, end = set(), 0
    for entry in sorted(entries, key=lambda entry: entry.offset):
        if entry.name in names:
            raise CorruptArchive(f"[load] the archive has two records named {entry.name!r}: the file is corrupt")
        names.add(entry.name)
        if entry.offset < end:
            raise CorruptArchive(
                f"[load] record {entry.name!r} lies inside the one before it: the records claim more bytes than the file has"
            )
        end = entry.offset + LOCAL.size + len(entry.name) + entry.packed
        grown = entry.method == DEFLATED and entry.size <= max(INFLATED[0], INFLATED[1] * entry.packed)
        if entry.size != entry.packed and not grown:
            raise CorruptArchive(
                f"[load] record {entry.name!r} of {entry.packed} bytes claims to hold {entry.size}: "
                "decompress the archive first if you trust it"
            )
    if end > table:
        raise CorruptArchive("[load] the records of the archive claim more bytes than the file has")
