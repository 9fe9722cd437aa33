"""Memory that several processes see: a nameless file that each of them maps, or a file with a name."""

import contextlib
import errno
import fcntl
import mmap
import os
import weakref

from . import _C

FOLDER = "/dev/shm"
COUNTER = 8  # bytes behind the data of a file with a name: how many processes and messages refer to it

_by_storage: weakref.WeakValueDictionary = weakref.WeakValueDictionary()  # an entry goes with its storage
_by_file: weakref.WeakValueDictionary = weakref.WeakValueDictionary()  # so that one that comes again is mapped once
_names: set = set()  # of files that this process made


class Block(mmap.mmap):
    """Shared memory with its file: the descriptor, and the path if it has one."""

    def __new__(cls, handle, size, path=None):
        self = super().__new__(cls, handle, size)
        self.handle, self.path = handle, path
        _by_file[file_key(handle)] = self
        weakref.finalize(self, _close, handle, size, path, os.getpid())
        return self

    def as_bytes(self):
        """The memory as a flat tensor."""
        raw = _C.from_buffer(self, _C.uint8, len(self), 0)
        _by_storage[_C.storage_id(raw)] = self
        return raw


def file_key(handle):
    """What the file of a descriptor is known by in every process."""
    found = os.fstat(handle)
    return found.st_dev, found.st_ino


def _close(handle, size, path, process):
    if os.getpid() != process:  # a fork's copy, which was never counted
        return
    with contextlib.suppress(OSError):
        if path is not None and count(handle, size, -1) <= 0:
            os.unlink(path)
    with contextlib.suppress(OSError):
        os.close(handle)


def count(handle, size, change):
    """Changes how many processes and messages refer to a file with a name; returns the new number."""
    fcntl.flock(handle, fcntl.LOCK_EX)
    try:
        number = int.from_bytes(os.pread(handle, COUNTER, size), "little") + change
        os.pwrite(handle, max(number, 0).to_bytes(COUNTER, "little"), size)
        return number
    finally:
        fcntl.flock(handle, fcntl.LOCK_UN)


def make(size, named=False):
    """A new block. Its space is reserved first: a full memory is an exception, not a bus error."""
    _check_room(size)
    path = None
    if named:
        path = os.path.join(FOLDER, f"flambeau_{os.getpid()}_{os.urandom(8).hex()}")
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        _note_name(path)
    else:
        handle = os.memfd_create("flambeau")
    try:
        os.posix_fallocate(handle, 0, size + COUNTER)
        if named:
            count(handle, size, 1)
        return Block(handle, size, path)
    except OSError:
        os.close(handle)
        raise


def _check_room(size):
    """An exception instead of a system without memory."""
    with open("/proc/meminfo") as file:
        free = next((int(line.split()[1]) * 1024 for line in file if line.startswith("MemAvailable")), size)
    if size > free:
        raise OSError(errno.ENOMEM, f"[share_memory_] {size} bytes are to be shared and {free} are free")


def _note_name(path):
    """Files that nobody has let go of go with the process that made them."""
    if not _names:
        import atexit

        atexit.register(_remove_names, os.getpid())
    _names.add(path)


def _remove_names(process):
    if os.getpid() == process:
        for path in _names:
            with contextlib.suppress(OSError):
                os.unlink(path)


def opened(handle, size, path=None):
    """The block of a descriptor that another process sent; takes over the descriptor."""
    known = _by_file.get(file_key(handle))
    if known is not None:
        os.close(handle)
        return known
    return Block(handle, size, path)


def block_of(tensor):
    """The block that a tensor's storage lies in, or None."""
    return _by_storage.get(_C.storage_id(tensor))


def share(tensor, named=False):
    """A flat tensor of bytes in shared memory, with a copy of those of the tensor's whole storage."""
    whole = _C.storage_bytes(_C.detach(tensor))
    raw = make(_C.storage_nbytes(whole), named).as_bytes()
    _C.copy_(raw, whole)
    return raw
