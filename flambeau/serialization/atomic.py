"""Files that appear complete or not at all."""

import contextlib
import errno
import fcntl
import os
import re

SUFFIX = ".part"


class AtomicFile:
    """A file that takes the place of the one at ``path`` only when it is complete and on the disk.

    Until then it has another name in the same folder, and is locked: what a process left that was killed is not locked
    any more, and the next save to the same path removes it.
    """

    def __init__(self, path):
        self.path = os.path.realpath(os.fsdecode(path))
        folder, name = os.path.split(self.path)
        if not os.path.isdir(folder):
            raise RuntimeError(f"Parent directory {folder} does not exist.")
        if os.path.isdir(self.path):
            raise IsADirectoryError(errno.EISDIR, "[save] expected the path of a file, got that of a folder", self.path)
        # Devices, pipes and such are written in place.
        self.replaces = not os.path.exists(self.path) or os.path.isfile(self.path)
        self.target, self.prefix = self.path, f".{_shortened(name)}."

    def __enter__(self):
        with self._naming_the_path():
            if self.replaces:
                self._remove_leftovers()
                self.file = self._locked()
            else:
                self.file = open(self.target, "wb", buffering=0)
        return self

    def _locked(self):
        """A new file under a name of its own, locked before anybody could take it for a leftover."""
        while True:
            self.target = os.path.join(os.path.dirname(self.path), f"{self.prefix}{os.urandom(4).hex()}{SUFFIX}")
            file = open(self.target, "xb", buffering=0)
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if os.path.samestat(os.fstat(file.fileno()), os.stat(self.target)):
                    return file
            except (BlockingIOError, FileNotFoundError):
                pass  # it was taken for a leftover
            except OSError:  # a disk without locks
                return file
            file.close()

    def _remove_leftovers(self):
        leftover = re.compile(re.escape(self.prefix) + "[0-9a-f]{8}" + re.escape(SUFFIX))
        folder = os.path.dirname(self.path)
        for name in os.listdir(folder):
            if leftover.fullmatch(name):
                with contextlib.suppress(OSError), open(os.path.join(folder, name), "rb") as file:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    os.unlink(file.name)

    @contextlib.contextmanager
    def _naming_the_path(self):
        """Errors of the system name the path that the caller gave, not the one in between."""
        try:
            yield
        except OSError as error:
            raise type(error)(error.errno, error.strerror or str(error), self.path) from None

    def reserve(self, size):
        """Raises OSError if the disk has no room for so many bytes, before anything is written."""
        if not self.replaces:
            return
        disk = os.statvfs(os.path.dirname(self.path))
        free = disk.f_bavail * disk.f_frsize
        if disk.f_blocks and free < size:
            raise OSError(errno.ENOSPC, f"[save] {size} bytes are to be saved and {free} are free", self.path)

    def write(self, data):
        """Writes all of the data."""
        view = memoryview(data)
        with self._naming_the_path():
            while len(view):
                view = view[self.file.write(view) :]

    def __exit__(self, kind, error, trace):
        try:
            if kind is None and self.replaces:
                with self._naming_the_path():
                    self._take_place()
        except BaseException:
            kind = True
            raise
        finally:
            if kind is not None and self.replaces:
                with contextlib.suppress(OSError):
                    os.unlink(self.target)
            self.file.close()

    def _take_place(self):
        os.fsync(self.file.fileno())
        with contextlib.suppress(FileNotFoundError):
            os.fchmod(self.file.fileno(), os.stat(self.path).st_mode & 0o7777)
        os.replace(self.target, self.path)
        with contextlib.suppress(OSError):  # not every folder can be synchronized
            folder = os.open(os.path.dirname(self.path), os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)


def _shortened(name):
    """A name that leaves room for what is put around it, within what file systems allow."""
    return os.fsdecode(os.fsencode(name)[:200])
