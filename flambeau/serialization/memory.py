"""Tensors as bytes and bytes as tensors: the only place here that knows how memory is laid out."""

import os

import flambeau
from flambeau import _C
from flambeau.storage import TypedStorage, UntypedStorage

# What torch calls the storages of each dtype; the other dtypes are saved as untyped storages.
STORAGE_NAMES = {
    "float64": "DoubleStorage",
    "float32": "FloatStorage",
    "float16": "HalfStorage",
    "bfloat16": "BFloat16Storage",
    "int64": "LongStorage",
    "int32": "IntStorage",
    "int16": "ShortStorage",
    "int8": "CharStorage",
    "uint8": "ByteStorage",
    "bool": "BoolStorage",
    "complex128": "ComplexDoubleStorage",
    "complex64": "ComplexFloatStorage",
}
DTYPE_OF_STORAGE = {storage: dtype for dtype, storage in STORAGE_NAMES.items()}
WIDEST = 16  # bytes of the largest element
BY_THREADS = 1 << 23  # bytes from which reading with several threads pays


def dtype_name(dtype):
    """The dtype's name without a module: ``float32``."""
    return str(dtype).rpartition(".")[2]


def bytes_of(address, size):
    """A writable view of memory, valid as long as its owner lives."""
    import ctypes

    return memoryview((ctypes.c_char * size).from_address(address)).cast("B") if size else memoryview(bytearray())


def make_storage(size):
    """New memory of so many bytes as a flat uint8 tensor, and a view to write into."""
    raw = flambeau.empty(size, dtype=flambeau.uint8)
    return raw, bytes_of(raw.data_ptr(), size)


def typed(untyped, dtype):
    """A storage of bytes as one of elements."""
    return TypedStorage(wrap_storage=untyped, dtype=dtype)


def untyped_of(raw):
    """A flat uint8 tensor's memory as a storage."""
    return UntypedStorage._of(raw)


def tensor_over(storage, dtype, offset, size, stride):
    """A tensor over an untyped storage, after checking that it stays inside.

    Raises:
        ValueError: it does not.
    """
    item, total = dtype.itemsize, storage.nbytes()
    if len(size) != len(stride) or offset < 0 or any(n < 0 for n in size) or any(n < 0 for n in stride):
        raise ValueError(f"a tensor of size {tuple(size)}, stride {tuple(stride)} and offset {offset}")
    count = 1
    for n in size:
        count *= n
    if count >= 1 << 62 or offset >= 1 << 62 or max(stride, default=0) >= 1 << 62:
        raise ValueError(f"a tensor of size {tuple(size)}, stride {tuple(stride)} and offset {offset}")
    last = offset + sum((n - 1) * step for n, step in zip(size, stride, strict=True))
    if count and (last + 1) * item > total:
        raise ValueError(
            f"a tensor of size {tuple(size)}, stride {tuple(stride)} and offset {offset} needs "
            f"{(last + 1) * item} bytes, but its storage has {total}"
        )
    return _C.set_storage_of(storage._as_bytes(), tuple(size), tuple(stride), offset, dtype)


def read_at(file, place, target):
    """Fills memory from a place in a file; returns how many bytes there were. Large pieces are read by threads."""
    try:
        handle = file.fileno() if hasattr(os, "preadv") else None
    except (AttributeError, OSError):
        handle = None
    if handle is None or not is_plain(file):
        file.seek(place)
        return _read_in_turn(file, target)
    threads = min(flambeau.get_num_threads(), len(target) // (BY_THREADS // 2))
    if threads < 2:
        return _read_piece(handle, place, target)
    return _read_by_threads(handle, place, target, threads)


def is_plain(file):
    """Whether the file object's bytes are those of its descriptor; not so for compressed ones."""
    import io

    return type(file) in (io.BufferedReader, io.FileIO, io.BufferedRandom)


def _read_in_turn(file, target):
    got = 0
    while got < len(target):
        if hasattr(file, "readinto"):
            count = file.readinto(target[got:])
        else:
            data = file.read(min(len(target) - got, 1 << 24))
            count = len(data)
            target[got : got + count] = data
        if not count:
            break
        got += count
    return got


def _read_piece(handle, place, target):
    got = 0
    while got < len(target) and (count := os.preadv(handle, [target[got:]], place + got)):
        got += count
    return got


def _read_by_threads(handle, place, target, threads):
    import threading

    step = -(-len(target) // threads // 4096) * 4096
    starts = range(0, len(target), step)
    counts = {}

    def read(start):
        counts[start] = _read_piece(handle, place + start, target[start : start + step])

    workers = [threading.Thread(target=read, args=(start,)) for start in starts[1:]]
    for worker in workers:
        worker.start()
    read(0)
    for worker in workers:
        worker.join()
    return sum(counts.values())
