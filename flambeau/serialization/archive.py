"""The zip container of ``.pt`` files: stored records, each beginning at a multiple of 64 bytes."""

import io
import mmap
import os
import struct

from flambeau import _C

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
UTF8_NAMES = 1 << 11
DATE_1980 = 0x21
BIG = 0xFFFFFFFF
DEFLATED = 8


class CorruptArchive(RuntimeError):
    """A file that is not the zip archive it should be."""


def checksums(records):
    """The checksum of each record; those of large ones are computed ahead, by a thread, while others are written."""
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


class ArchiveWriter:
    """Writes records one after the other to a file object, which need not be seekable."""

    def __init__(self, file, name):
        self.file, self.name, self.position, self.central = file, name, 0, []

    def _write(self, data):
        self.file.write(data)
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
        short = BIG if wide else size
        self._write(
            LOCAL.pack(
                LOCAL_MAGIC,
                45 if wide else 0,
                UTF8_NAMES,
                0,
                0,
                DATE_1980,
                checksum,
                short,
                short,
                len(name),
                len(extra),
            )
            + name
            + extra
        )
        self._write(data)
        self.central.append((name, checksum, size, start))

    def finish(self):
        """Writes the table of contents."""
        start = self.position
        for name, checksum, size, offset in self.central:
            wide = [value for value in (size, size, offset) if value >= BIG]
            extra = struct.pack(f"<HH{len(wide)}Q", 1, 8 * len(wide), *wide) if wide else b""
            self._write(
                CENTRAL.pack(
                    CENTRAL_MAGIC,
                    45 if wide else 0,
                    45 if wide else 0,
                    UTF8_NAMES,
                    0,
                    0,
                    DATE_1980,
                    checksum,
                    min(size, BIG),
                    min(size, BIG),
                    len(name),
                    len(extra),
                    0,
                    0,
                    0,
                    0,
                    min(offset, BIG),
                )
                + name
                + extra
            )
        length, count, where = self.position - start, len(self.central), self.position
        if count >= 0xFFFF or start >= BIG or length >= BIG:
            self._write(
                END64.pack(END64_MAGIC, 44, 45, 45, 0, 0, count, count, length, start)
                + LOCATOR64.pack(LOCATOR64_MAGIC, 0, where, 1)
            )
        self._write(
            END.pack(END_MAGIC, 0, 0, min(count, 0xFFFF), min(count, 0xFFFF), min(length, BIG), min(start, BIG), 0)
        )


class ArchiveReader:
    """Finds and reads the records of an archive; every offset and size is checked against the file's."""

    def __init__(self, file):
        import zipfile

        self.file = file
        try:
            self.zip = zipfile.ZipFile(file)
            entries = self.zip.infolist()
        except (
            zipfile.BadZipFile,
            EOFError,
            ValueError,
            struct.error,
            NotImplementedError,
            UnicodeDecodeError,
        ) as error:
            raise CorruptArchive(
                f"failed finding central directory: the file is truncated or corrupt ({error})"
            ) from None
        self.size = file.seek(0, io.SEEK_END)
        if not entries:
            raise CorruptArchive("[load] the archive has no records")
        self.name = entries[0].filename.partition("/")[0]
        prefix = self.name + "/"
        self.entries = {entry.filename[len(prefix) :]: entry for entry in entries if entry.filename.startswith(prefix)}
        self.mapped = None
        if sum(entry.file_size for entry in entries if entry.compress_type != DEFLATED) > self.size:
            raise CorruptArchive("[load] the records of the archive claim more bytes than the file has")

    def has(self, record):
        """Whether there is a record of that name."""
        return record in self.entries

    def _entry(self, record):
        if record not in self.entries:
            raise CorruptArchive(f"[load] the archive has no record {record!r}: the file is truncated or no checkpoint")
        return self.entries[record]

    def record_size(self, record):
        """Bytes of a record."""
        return self._entry(record).file_size

    def _place(self, entry):
        """Where the bytes of a stored record begin."""
        if entry.header_offset < 0:
            raise CorruptArchive(f"[load] record {entry.filename!r} begins before the file: the start is missing")
        self.file.seek(entry.header_offset)
        head = self.file.read(LOCAL.size)
        if len(head) < LOCAL.size or LOCAL.unpack(head)[0] != LOCAL_MAGIC:
            raise CorruptArchive(f"[load] record {entry.filename!r} has no header where the table of contents says")
        fields = LOCAL.unpack(head)
        place = entry.header_offset + LOCAL.size + fields[9] + fields[10]
        if entry.compress_size != entry.file_size or place + entry.file_size > self.size:
            raise CorruptArchive(
                f"record {entry.filename!r} of {entry.file_size} bytes goes beyond the end of the file"
            )
        return place

    def read(self, record, limit=1 << 31):
        """The bytes of a record, checked against its checksum."""
        entry = self._entry(record)
        if entry.file_size > limit:
            raise CorruptArchive(f"[load] record {entry.filename!r} claims {entry.file_size} bytes, more than {limit}")
        data = bytearray(entry.file_size)
        self.read_into(record, memoryview(data))
        if _C.crc32(data) != entry.CRC:
            raise CorruptArchive(f"[load] record {entry.filename!r} does not match its checksum: the file is corrupt")
        return bytes(data)

    def read_into(self, record, memory):
        """Fills memory, which is as large as the record, with it."""
        entry = self._entry(record)
        if entry.flag_bits & 1 or entry.compress_type not in (0, DEFLATED):
            raise CorruptArchive(f"[load] record {entry.filename!r} is encrypted or compressed in an unknown way")
        if entry.compress_type == DEFLATED:
            self._inflate_into(entry, memory)
            return
        self.file.seek(self._place(entry))
        got = 0
        while got < len(memory):
            count = self._fill(memory[got:])
            if not count:
                raise CorruptArchive(f"[load] record {entry.filename!r} ends after {got} of {len(memory)} bytes")
            got += count

    def _fill(self, memory):
        if hasattr(self.file, "readinto"):
            return self.file.readinto(memory)
        data = self.file.read(min(len(memory), 1 << 24))
        memory[: len(data)] = data
        return len(data)

    def _inflate_into(self, entry, memory):
        try:
            with self.zip.open(entry) as stream:
                got = 0
                while got < len(memory) and (data := stream.read(min(1 << 20, len(memory) - got))):
                    memory[got : got + len(data)] = data
                    got += len(data)
        except Exception as error:
            raise CorruptArchive(f"[load] record {entry.filename!r} cannot be decompressed ({error})") from None
        if got < len(memory):
            raise CorruptArchive(f"[load] record {entry.filename!r} ends after {got} of {len(memory)} bytes")

    def map(self, record):
        """A stored record as a part of the file mapped into memory (writable, private): ``(mapping, offset)``."""
        entry = self._entry(record)
        if entry.compress_type != 0:
            raise CorruptArchive(
                f"[load] record {entry.filename!r} is compressed and cannot be mapped: load without mmap"
            )
        place = self._place(entry)
        if self.mapped is None:
            self.mapped = mmap.mmap(self.file.fileno(), 0, access=mmap.ACCESS_COPY)
        return self.mapped, place


def looks_like_zip(file):
    """Whether a file begins as zip archives do."""
    start = file.tell()
    magic = file.read(4)
    file.seek(start)
    return magic == b"PK\x03\x04"


class Window(io.RawIOBase):
    """A file seen from its present position on, as an archive inside another file."""

    def __init__(self, file, start):
        self.file, self.start = file, start

    def readable(self):
        return True

    def seekable(self):
        return True

    def tell(self):
        return self.file.tell() - self.start

    def seek(self, offset, whence=io.SEEK_SET):
        return self.file.seek(offset + self.start if whence == io.SEEK_SET else offset, whence) - self.start

    def readinto(self, memory):
        data = self.file.read(len(memory))
        memory[: len(data)] = data
        return len(data)


class AtomicFile:
    """A file that takes the place of the one at ``path`` only when it is complete and on the disk."""

    def __init__(self, path):
        self.path = os.path.realpath(path)
        folder = os.path.dirname(self.path)
        if not os.path.isdir(folder):
            raise RuntimeError(f"Parent directory {folder} does not exist.")
        # Devices, pipes and such are written in place.
        self.replaces = not os.path.exists(self.path) or os.path.isfile(self.path)
        self.target = self.path
        if self.replaces:
            self.target = os.path.join(folder, f".{os.path.basename(self.path)[:200]}.{os.getpid()}.{id(self):x}.part")

    def __enter__(self):
        self.file = open(self.target, "wb", buffering=0)
        return self

    def reserve(self, size):
        """Raises OSError if the disk has no room for so many bytes, before anything is written."""
        if not self.replaces:
            return
        import errno

        disk = os.statvfs(os.path.dirname(self.path))
        if disk.f_blocks and disk.f_bavail * disk.f_frsize < size:
            raise OSError(
                errno.ENOSPC, f"{size} bytes are to be saved and {disk.f_bavail * disk.f_frsize} are free", self.path
            )

    def write(self, data):
        """Writes all of the data."""
        view = memoryview(data)
        while len(view):
            view = view[self.file.write(view) :]

    def __exit__(self, kind, error, trace):
        try:
            if kind is None and self.replaces:
                os.fsync(self.file.fileno())
        finally:
            self.file.close()
        if not self.replaces:
            return
        if kind is not None:
            os.unlink(self.target)
            return
        if os.path.exists(self.path):
            os.chmod(self.target, os.stat(self.path).st_mode & 0o7777)
        os.replace(self.target, self.path)
        self._sync_folder()

    def _sync_folder(self):
        try:
            folder = os.open(os.path.dirname(self.path), os.O_RDONLY)
        except OSError:
            return
        try:
            os.fsync(folder)
        except OSError:
            pass
        finally:
            os.close(folder)
