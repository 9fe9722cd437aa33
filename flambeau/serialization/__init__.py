"""Saving and loading in torch's ``.pt`` format, without ever running what a file says."""

import contextlib
import os
import pickle

__all__ = [
    "add_safe_globals",
    "clear_safe_globals",
    "get_safe_globals",
    "get_unsafe_globals_in_checkpoint",
    "load",
    "safe_globals",
    "save",
]

MAGIC_NUMBER = 0x1950A86A20F9469CFC6C  # of the format before the zip archives
PROTOCOL_VERSION = 1001

_safe: dict = {}


def _is_path(f):
    return isinstance(f, (str, os.PathLike))


def reduce_tensor(tensor):
    """How a tensor goes into an ordinary pickle."""
    from flambeau.serialization import pickling

    return pickling.reduce_tensor(tensor)


# ---------------------------------------------------------------- save


def save(
    obj,
    f,
    pickle_module=pickle,
    pickle_protocol=2,
    _use_new_zipfile_serialization=True,
    _disable_byteorder_record=False,
):
    """Saves an object with all tensors in it; torch can load the file, with ``weights_only=True`` if it is plain data.

    Tensors that share memory still do when loaded. Of a tensor's storage only what is used is saved. A file given by
    path appears complete or not at all.

    Args:
        obj: anything that can be pickled: state dicts, nested containers, modules.
        f: a path, or an object with ``write``.
        pickle_module: Python's pickle; others are refused.
        pickle_protocol: pickle's protocol.

    Raises:
        RuntimeError: the parent directory does not exist, or ``f`` cannot be written to.
        OSError: there is too little space.

    Example:
        >>> import io, flambeau
        >>> file = io.BytesIO()
        >>> save({"weight": flambeau.ones(2)}, file)
        >>> _ = file.seek(0)
        >>> load(file)
        {'weight': tensor([1., 1.])}
    """
    if pickle_module is not pickle:
        raise ValueError("[save] pickle_module: only Python's own pickle is supported")
    if not _use_new_zipfile_serialization:
        raise ValueError("[save] only the zip format can be written; files in the older format can be loaded")
    from flambeau.serialization.archive import AtomicFile

    data, storages = _pickled(obj, pickle_protocol)
    if _is_path(f):
        name = os.path.splitext(os.path.basename(os.fspath(f)))[0]
        with AtomicFile(os.fspath(f)) as file:
            file.reserve(len(data) + sum(storage.end - storage.begin for storage in storages))
            _write(file, name if name.isascii() and name else "archive", data, storages, not _disable_byteorder_record)
        return
    if not hasattr(f, "write"):
        raise AttributeError("expected 'f' to be string, path, or a file-like object with a 'write' attribute")
    _write(f, "archive", data, storages, not _disable_byteorder_record)
    if hasattr(f, "flush"):
        f.flush()


def _pickled(obj, protocol):
    import io

    from flambeau.serialization.pickler import Storages, TorchPickler, register_types

    register_types()
    storages = Storages()
    for _ in range(2):
        buffer = io.BytesIO()
        TorchPickler(buffer, protocol, storages).dump(obj)
        if not storages.settle():
            break
    return buffer.getbuffer(), list(storages)


def _write(file, name, data, storages, byteorder):
    import sys

    from flambeau.serialization.archive import ArchiveWriter, checksums

    archive = ArchiveWriter(file, name)
    archive.add("data.pkl", data)
    archive.add(".format_version", b"1")
    archive.add(".storage_alignment", b"64")
    if byteorder:
        archive.add("byteorder", sys.byteorder.encode())
    records = [storage.bytes() for storage in storages]
    for storage, record, checksum in zip(storages, records, checksums(records), strict=True):
        archive.add(f"data/{storage.key}", record, checksum)
    archive.add("version", b"3\n")
    archive.finish()


# ---------------------------------------------------------------- load


def load(
    f, map_location=None, pickle_module=None, *, weights_only=None, mmap=None, allow_code=False, **pickle_load_args
):
    """Loads what ``save``, ours or torch's, has written.

    The file is read by an interpreter that can make containers, numbers, strings and tensors and nothing else. A file
    that needs more is refused by name of what it needs; ``add_safe_globals`` allows single classes.

    Args:
        f: a path, or a file object that can be read from the start of the archive.
        map_location: where tensors go: a device, a dict from device names to such, or a function of
            ``(storage, location)``.
        pickle_module: Python's pickle, or None.
        weights_only: accepted; also with False, files that need more than data are refused.
        mmap: map the file into memory instead of reading it; for paths.
        allow_code: with ``weights_only=False``, let Python's pickle run whatever the file says.

    Returns:
        The object.

    Raises:
        pickle.UnpicklingError: the file is corrupt, or needs a global that is not allowed.
        RuntimeError: the archive is truncated or corrupt.

    Example:
        >>> import io, flambeau
        >>> file = io.BytesIO()
        >>> save([1, flambeau.zeros(1)], file)
        >>> _ = file.seek(0)
        >>> load(file)
        [1, tensor([0.])]
    """
    unknown = pickle_load_args.keys() - {"encoding", "errors", "fix_imports"}
    if unknown:
        raise TypeError(f"load() got an unexpected keyword argument {sorted(unknown)[0]!r}")
    if pickle_module not in (None, pickle):
        raise ValueError("[load] pickle_module: only Python's own pickle is supported")
    if allow_code and weights_only is not False:
        raise ValueError("[load] allow_code=True needs weights_only=False: it lets the file run any code")
    encoding = pickle_load_args.get("encoding", "utf-8")
    if _is_path(f):
        with open(f, "rb") as file:
            return _load(file, map_location, bool(mmap), allow_code, encoding)
    if mmap:
        raise ValueError("f must be a file path in order to use the mmap argument")
    if not (hasattr(f, "read") and hasattr(f, "seek") and hasattr(f, "tell")):
        raise AttributeError("expected 'f' to be string, path, or a file-like object with read, seek and tell")
    return _load(f, map_location, False, allow_code, encoding)


def _load(file, map_location, mmap, allow_code, encoding):
    from flambeau.serialization import archive, reading

    start = file.tell()
    if archive.looks_like_zip(file):
        if start:
            file = archive.Window(file, start)
        reader = reading.ZipReader(archive.ArchiveReader(file), map_location, mmap)
    elif mmap:
        raise RuntimeError(
            "mmap can only be used with files saved with "
            "`torch.save(_use_new_zipfile_serialization=True)`, please torch.save your checkpoint with "
            "this option in order to use mmap."
        )
    else:
        reader = reading.LegacyReader(file, map_location)
    return reader.load(_safe if not allow_code else None, encoding)


# ---------------------------------------------------------------- what else files may name


def _safe_name(entry):
    value, name = entry if isinstance(entry, tuple) else (entry, None)
    if name is None:
        module = value.__module__
        if module.partition(".")[0] == "flambeau":
            module = "torch" + module[len("flambeau") :]
        name = f"{module}.{value.__qualname__}"
    return name, value


def add_safe_globals(safe_globals):
    """Lets ``load`` name and call these classes and functions; a tuple gives the name that files have for one.

    Args:
        safe_globals: a list of classes, functions, or tuples ``(class, "module.name")``.

    Example:
        >>> from fractions import Fraction
        >>> add_safe_globals([Fraction])
        >>> get_safe_globals()
        [<class 'fractions.Fraction'>]
        >>> clear_safe_globals()
    """
    for entry in safe_globals:
        name, value = _safe_name(entry)
        _safe[name] = value


def get_safe_globals():
    """What ``add_safe_globals`` was given.

    Example:
        >>> get_safe_globals()
        []
    """
    return list(_safe.values())


def clear_safe_globals():
    """Forgets what ``add_safe_globals`` was given.

    Example:
        >>> add_safe_globals([complex])
        >>> clear_safe_globals()
        >>> get_safe_globals()
        []
    """
    _safe.clear()


class safe_globals(contextlib.AbstractContextManager):
    """Allows classes and functions as ``add_safe_globals`` does, inside a ``with`` block.

    Args:
        safe_globals: a list of classes, functions, or tuples ``(class, "module.name")``.

    Example:
        >>> from fractions import Fraction
        >>> with safe_globals([Fraction]):
        ...     len(get_safe_globals())
        1
    """

    def __init__(self, safe_globals):
        self.safe_globals = safe_globals

    def __enter__(self):
        self.before = dict(_safe)
        add_safe_globals(self.safe_globals)
        return self

    def __exit__(self, *exception):
        _safe.clear()
        _safe.update(self.before)


def get_unsafe_globals_in_checkpoint(f):
    """The names that a file uses and ``load`` would refuse.

    Args:
        f: a path or file object, in the zip format.

    Returns:
        A list of names.

    Example:
        >>> import io
        >>> file = io.BytesIO()
        >>> save([1], file)
        >>> _ = file.seek(0)
        >>> get_unsafe_globals_in_checkpoint(file)
        []
    """
    from flambeau.serialization import archive, reading

    with open(f, "rb") if _is_path(f) else contextlib.nullcontext(f) as file:
        data = archive.ArchiveReader(file).read("data.pkl")
    return reading.unknown_globals(data, _safe)
