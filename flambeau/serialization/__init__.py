"""Saving and loading in torch's ``.pt`` format, without ever running what a file says."""

import contextlib
import os
import pickle
import sys
from typing import Any
from tempfile import mkdtemp

from flambeau.serialization import settings
from flambeau.serialization.names import module_in_files
from flambeau.serialization.settings import *

MAP_LOCATION = FileLike = FILE_LIKE = Any  # for annotations

__all__ = [
    "add_safe_globals",
    "clear_safe_globals",
    "get_safe_globals",
    "get_unsafe_globals_in_checkpoint",
    "load",
    "mkdtemp",
    "safe_globals",
    "save",
]
__all__ += settings.__all__

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
        pickle_module: Python's pickle, or a module whose Pickler extends Python's ``pickle._Pickler``, such as dill.
        pickle_protocol: pickle's protocol.

    Raises:
        RuntimeError: the parent directory does not exist.
        OSError: there is too little space, or ``f`` cannot be written to; the file that was there is as it was.

    Example:
        >>> import io, flambeau
        >>> file = io.BytesIO()
        >>> save({"weight": flambeau.ones(2)}, file)
        >>> _ = file.seek(0)
        >>> load(file)
        {'weight': tensor([1., 1.])}
    """
    from flambeau.serialization.atomic import AtomicFile

    legacy = not _use_new_zipfile_serialization
    if not _is_path(f) and not hasattr(f, "write"):
        raise AttributeError("expected 'f' to be string, path, or a file-like object with a 'write' attribute")
    data, records = _pickled(obj, pickle_module, pickle_protocol, legacy)

    def write(file, name):
        if legacy:
            from flambeau.serialization.legacy import write as write_legacy

            write_legacy(file, data, records, pickle_protocol)
        else:
            _write(file, name, data, records, not _disable_byteorder_record)

    if not _is_path(f):
        write(f, "archive")
        if hasattr(f, "flush"):
            f.flush()
        return
    path = os.fsdecode(f)
    name = os.path.splitext(os.path.basename(path))[0]
    with AtomicFile(f) as file:
        file.reserve(len(data) + sum(record.size for record in records))
        write(file, name if name.isascii() and name else "archive")


def _pickled(obj, pickle_module, protocol, legacy):
    """The pickle of an object, and the records of the storages that it refers to."""
    import io

    from flambeau.serialization.pickler import pickler_of
    from flambeau.serialization.placement import Placement

    placement, pickler = Placement(), pickler_of(pickle_module)
    for again in (False, True):
        buffer = io.BytesIO()
        pickler(buffer, protocol, placement, legacy).dump(obj)
        if again or not placement.compact():
            break
    return buffer.getbuffer(), placement.records


def _write(file, name, data, records, byteorder):

    from flambeau.serialization.archive import ArchiveWriter, checksums

    archive = ArchiveWriter(file, name)
    archive.add("data.pkl", data)
    archive.add(".format_version", b"1")
    archive.add(".storage_alignment", b"64")
    if byteorder:
        archive.add("byteorder", sys.byteorder.encode())
    contents = [bytes(record.size) if settings.local.skip_data else record.bytes() for record in records]
    for record, content, checksum in zip(records, contents, checksums(contents), strict=True):
        archive.add(f"data/{record.key}", content, checksum)
    archive.add("version", b"3\n")
    archive.finish()


# ---------------------------------------------------------------- load


def load(
    f, map_location=None, pickle_module=None, *, weights_only=None, mmap=None, allow_code=False, **pickle_load_args
):
    """Loads what ``save``, ours or torch's, has written, in any of torch's formats.

    The file is read by an interpreter that can make containers, numbers, strings, tensors and the like, and nothing
    else. A file that needs more is refused by name of what it needs; ``add_safe_globals`` allows single classes.

    Args:
        f: a path, or a file object, which is left standing behind what was loaded.
        map_location: where tensors go: a device, a dict from device names to such, or a function of
            ``(storage, location)``.
        pickle_module: the module whose unpickler ``allow_code`` uses; Python's pickle if None.
        weights_only: with False, whole modules are loaded too, if the program has their classes already: they are made
            without calling anything and filled. What needs more is still refused.
        mmap: map the file into memory instead of reading it; for paths.
        allow_code: with ``weights_only=False``, let an unpickler run whatever the file says; the environment variable
            FLAMBEAU_LOAD_CODE=1 says so for a program that cannot be changed.
        pickle_load_args: ``encoding`` of the byte strings of Python 2.

    Returns:
        The object.

    Raises:
        pickle.UnpicklingError: the file is corrupt, or needs a global that is not allowed.
        RuntimeError: the archive is truncated or corrupt.
        EOFError: the file is empty.

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
    if pickle_module is not None and weights_only:
        raise RuntimeError("Can not safely load weights when explicit pickle_module is specified")
    if allow_code and weights_only is not False:
        raise ValueError("[load] allow_code=True needs weights_only=False: it lets the file run any code")
    if weights_only is False and os.environ.get("FLAMBEAU_LOAD_CODE") == "1":
        allow_code = True
    values = _safe_values() if weights_only is not False else Allowed(_safe_values(), _loaded_modules())
    code = (pickle_module or pickle) if allow_code else None
    encoding = pickle_load_args.get("encoding", "utf-8")
    mmap = settings.config.load.mmap and _is_path(f) if mmap is None else mmap
    if _is_path(f):
        with open(f, "rb") as file:
            return _load(file, map_location, bool(mmap), code, encoding, values)
    if mmap:
        raise ValueError("f must be a file path in order to use the mmap argument")
    _check_seekable(f)
    return _load(f, map_location, False, code, encoding, values)


def _check_seekable(f):
    import io

    try:
        f.seek(f.tell())
    except (AttributeError, io.UnsupportedOperation) as error:
        raise type(error)(
            f"{error}. You can only torch.load from a file that is seekable. Please pre-load the data into a buffer like "
            "io.BytesIO and try to load from it instead."
        ) from None
    if not hasattr(f, "read"):
        raise AttributeError("expected 'f' to be string, path, or a file-like object with a 'read' attribute")


def _load(file, map_location, mmap, pickle_module, encoding, values):
    from flambeau.serialization import reading

    try:
        reader = _reader(file, map_location, mmap)
        code = None if pickle_module is None else reading.run(pickle_module)
        result = reader.load(values, encoding, code)
        file.seek(reader.end)
        return result
    except settings.CallersError as error:
        raise error.args[0] from None
    except (pickle.UnpicklingError, RuntimeError, EOFError) as error:
        name = getattr(file, "name", None)
        if pickle_module is None and isinstance(name, (str, os.PathLike)):
            error.args = (f"{error} (in {os.fspath(name)!r})",)
        raise


def _reader(file, map_location, mmap):
    from flambeau.serialization import archive, reading

    if archive.looks_like_zip(file):
        return reading.ZipReader(archive.ArchiveReader(file), map_location, mmap)
    if mmap:
        raise RuntimeError(
            "mmap can only be used with files saved with "
            "`torch.save(_use_new_zipfile_serialization=True)`, please torch.save your checkpoint with "
            "this option in order to use mmap."
        )
    from flambeau.serialization import legacy

    return (legacy.TarReader if legacy.looks_like_tar(file) else legacy.StreamReader)(file, map_location)


# ---------------------------------------------------------------- what else files may name


def _safe_name(entry):
    """The name that files have for an entry of the list."""
    value, name = entry if isinstance(entry, tuple) else (entry, None)
    if name is not None:
        return name
    return f"{module_in_files(value.__module__)}.{value.__qualname__}"


def _safe_values():
    return {name: entry[0] if isinstance(entry, tuple) else entry for name, entry in _safe.items()}


class Allowed(dict):
    """Globals that a file may name: those that the user declared to be safe, and classes whose objects it may only fill."""

    def __init__(self, safe, fillable):
        super().__init__({**fillable, **safe})
        self.fillable = {kind for name, kind in fillable.items() if name not in safe}


def _loaded_modules():
    """The classes of modules that the program has, by the names that files have for them. Nothing is imported."""
    from flambeau.nn import Module

    found, left = {}, [Module]
    while left:
        kind = left.pop()
        left += kind.__subclasses__()
        found[f"{module_in_files(kind.__module__)}.{kind.__qualname__}"] = kind
    return found


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
        _safe[_safe_name(entry)] = entry


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
        if not archive.looks_like_zip(file):
            raise ValueError("[get_unsafe_globals_in_checkpoint] expected a file in the zip format")
        data = archive.ArchiveReader(file).read("data.pkl")
    return reading.unknown_globals(data, _safe_values())
