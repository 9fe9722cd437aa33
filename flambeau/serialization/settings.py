"""How files are read and written unless a call says otherwise, and what storages are called and where they go.

The names are those of torch.serialization; `flambeau.utils.serialization.config` has the same settings as attributes.
"""

import enum
import threading
import warnings
from mmap import MAP_PRIVATE, MAP_SHARED

import flambeau
from flambeau.serialization.memory import DTYPE_OF_STORAGE
from flambeau.storage import UntypedStorage

__all__ = [
    "LoadEndianness",
    "SourceChangeWarning",
    "StorageType",
    "check_module_version_greater_or_equal",
    "default_restore_location",
    "get_crc32_options",
    "get_default_load_endianness",
    "get_default_mmap_options",
    "location_tag",
    "normalize_storage_type",
    "register_package",
    "set_crc32_options",
    "set_default_load_endianness",
    "set_default_mmap_options",
    "skip_data",
    "storage_to_tensor_type",
    "validate_cuda_device",
    "validate_hpu_device",
]


class LoadEndianness(enum.Enum):
    """The byte order of files that do not say theirs.

    >>> LoadEndianness.LITTLE.name
    'LITTLE'
    """

    NATIVE = 1
    LITTLE = 2
    BIG = 3


class SourceChangeWarning(Warning):
    """The source of a saved module's class is not what it was; for filters, nothing here warns of it.

    >>> issubclass(SourceChangeWarning, Warning)
    True
    """


class _Load:
    mmap = False
    endianness = None
    mmap_flags = MAP_PRIVATE
    calculate_storage_offsets = False


class _Save:
    compute_crc32 = True
    use_pinned_memory_for_d2h = False
    storage_alignment = 64


class config:
    """The settings: `config.load` and `config.save`.

    >>> config.load.mmap
    False
    """

    load, save = _Load(), _Save()


class _Local(threading.local):
    skip_data = False


local = _Local()


def get_default_load_endianness():
    """The byte order that files without a record of theirs are read in; None for this machine's.

    >>> get_default_load_endianness()
    """
    return config.load.endianness


def set_default_load_endianness(endianness):
    """Sets the byte order that files without a record of theirs are read in.

    Args:
        endianness: a `LoadEndianness`, or None for this machine's.

    >>> set_default_load_endianness(LoadEndianness.LITTLE)
    >>> set_default_load_endianness(None)
    """
    if not isinstance(endianness, LoadEndianness) and endianness is not None:
        raise TypeError(
            "Invalid argument type in function set_default_load_endianness: expected LoadEndianness or None, "
            f"got {type(endianness).__name__}"
        )
    config.load.endianness = endianness


def get_crc32_options():
    """Whether `save` computes the checksums of records.

    >>> get_crc32_options()
    True
    """
    return config.save.compute_crc32


def set_crc32_options(compute_crc32):
    """Sets whether `save` computes the checksums of storages; without them unzip complains, and torch does not.

    >>> set_crc32_options(True)
    """
    config.save.compute_crc32 = compute_crc32


def get_default_mmap_options():
    """How `load(mmap=True)` maps files: `mmap.MAP_PRIVATE` or `mmap.MAP_SHARED`.

    >>> import mmap
    >>> get_default_mmap_options() == mmap.MAP_PRIVATE
    True
    """
    return config.load.mmap_flags


class set_default_mmap_options:
    """Sets how `load(mmap=True)` maps files, for good or as a context manager: with MAP_SHARED writes reach the file.

    Args:
        flags: `mmap.MAP_PRIVATE` or `mmap.MAP_SHARED`.

    >>> import mmap
    >>> with set_default_mmap_options(mmap.MAP_SHARED):
    ...     get_default_mmap_options() == mmap.MAP_SHARED
    True
    """

    def __init__(self, flags):
        if flags not in (MAP_PRIVATE, MAP_SHARED):
            raise ValueError(
                "Invalid argument in function set_default_mmap_options, expected mmap.MAP_PRIVATE or "
                f"mmap.MAP_SHARED, but got {flags}"
            )
        self.prev, config.load.mmap_flags = config.load.mmap_flags, flags

    def __enter__(self):
        return self

    def __exit__(self, *error):
        config.load.mmap_flags = self.prev


class skip_data:
    """In this context `save` leaves the bytes of storages zero, and `load` does not read them.

    Args:
        materialize_fake_tensors: accepted; there are no fake tensors.

    >>> import io
    >>> file = io.BytesIO()
    >>> with skip_data():
    ...     flambeau.save(flambeau.ones(2), file)
    >>> _ = file.seek(0)
    >>> flambeau.load(file)
    tensor([0., 0.])
    """

    def __init__(self, materialize_fake_tensors=False):
        self.materialize_fake_tensors = materialize_fake_tensors

    def __enter__(self):
        self.before, local.skip_data = local.skip_data, True

    def __exit__(self, *error):
        local.skip_data = self.before


# ---------------------------------------------------------------- storages and their places


class StorageType:
    """A class of storages, as files name it.

    Args:
        name: such as "FloatStorage".

    >>> StorageType("FloatStorage").dtype
    torch.float32
    """

    def __init__(self, name):
        if name not in DTYPE_OF_STORAGE:
            raise KeyError(f'pickle storage type "{name}" is not recognized')
        self._dtype = getattr(flambeau, DTYPE_OF_STORAGE[name])

    @property
    def dtype(self):
        """The dtype of the elements."""
        return self._dtype

    def __str__(self):
        return f"StorageType(dtype={self.dtype})"


def normalize_storage_type(storage_type):
    """The class of storages that has the same name in `flambeau`.

    >>> normalize_storage_type(flambeau.FloatStorage) is flambeau.FloatStorage
    True
    """
    return getattr(flambeau, storage_type.__name__)


def storage_to_tensor_type(storage):
    """The old tensor class for an object of an old storage class.

    >>> storage_to_tensor_type(flambeau.FloatStorage([1.0])) is flambeau.FloatTensor
    True
    """
    return getattr(flambeau, storage.type().rpartition(".")[2].replace("Storage", "Tensor"))


def _cpu_tag(storage):
    return "cpu" if storage.device.type == "cpu" else None


def _cpu_deserialize(storage, location):
    return storage if location == "cpu" else None


def _cuda_deserialize(storage, location):
    return validate_cuda_device(location) if location.startswith("cuda") else None


def _hpu_deserialize(storage, location):
    return validate_hpu_device(location) if location.startswith("hpu") else None


def _meta_deserialize(storage, location):
    return UntypedStorage(storage.nbytes(), device="meta") if location == "meta" else None


_packages = [
    (10, _cpu_tag, _cpu_deserialize),
    (20, lambda storage: None, _cuda_deserialize),
    (22, lambda storage: None, _meta_deserialize),
    (24, lambda storage: None, _hpu_deserialize),
]


def register_package(priority, tagger, deserializer):
    """Adds a way to say where storages are, when saving, and to bring them there, when loading.

    Args:
        priority: lower ones are asked first; the CPU's is 10.
        tagger: from a storage to the name of its place, or None.
        deserializer: from a storage on the CPU and such a name to the storage there, or None.

    >>> register_package(90, lambda storage: None, lambda storage, location: None)
    """
    _packages.append((priority, tagger, deserializer))
    _packages.sort(key=lambda package: package[0])


def location_tag(storage):
    """The name that files have for the place of a storage.

    >>> location_tag(flambeau.ones(1).untyped_storage())
    'cpu'
    """
    for _, tagger, _ in _packages:
        location = tagger(storage)
        if location:
            return location
    raise RuntimeError(f"don't know how to determine data location of {flambeau.typename(storage)}")


def default_restore_location(storage, location):
    """A storage brought to the place that a file names.

    Args:
        storage: on the CPU.
        location: such as "cpu".

    Raises:
        RuntimeError: there is no such device.

    >>> default_restore_location(flambeau.ones(1).untyped_storage(), "cpu").nbytes()
    4
    """
    for _, _, deserializer in _packages:
        result = deserializer(storage, location)
        if result is not None:
            return result
    raise RuntimeError(
        f"don't know how to restore data location of torch.storage.{type(storage).__name__} (tagged with {location})"
    )


def restorer(map_location):
    """The function of ``(storage, location)`` that a `map_location` stands for."""
    if map_location is None:
        return default_restore_location
    if isinstance(map_location, dict):
        return lambda storage, location: default_restore_location(storage, _name(map_location.get(location, location)))
    if isinstance(map_location, (str, flambeau.device)):
        return lambda storage, location: default_restore_location(storage, _name(map_location))
    if not callable(map_location):
        raise TypeError(
            "[load] map_location: expected a string, a device, a dict or a function of (storage, location), "
            f"got {type(map_location).__name__}"
        )
    return lambda storage, location: _moved(map_location, storage, location)


def _name(location):
    return location if isinstance(location, str) else str(location)


class CallersError(Exception):
    """Carries an exception of the caller's own function out of the interpreter, which it says nothing about."""


def _moved(function, storage, location):
    try:
        return _checked(function(storage, location), storage, location)
    except Exception as error:
        raise CallersError(error) from error


def _checked(result, storage, location):
    if result is None:
        result = default_restore_location(storage, location)
    if not isinstance(result, UntypedStorage):
        raise TypeError(f"[load] map_location returned a {type(result).__name__}: expected the storage, moved, or None")
    return result


def validate_cuda_device(location):
    """Checks a CUDA device's name: an error, as there is none.

    >>> validate_cuda_device("cuda:0")
    Traceback (most recent call last):
        ...
    RuntimeError: Attempting to deserialize object on a CUDA device but torch.cuda.is_available() is False. ...
    """
    _no_device(
        "Attempting to deserialize object on a CUDA device but torch.cuda.is_available() is False. If you are running on a"
    )


def validate_hpu_device(location):
    """Checks an HPU device's name: an error, as there is none.

    >>> validate_hpu_device("hpu")
    Traceback (most recent call last):
        ...
    RuntimeError: The HPU device module is not registered. ...
    """
    _no_device("The HPU device module is not registered. If you are running on a")


def _no_device(what):
    raise RuntimeError(
        f"{what} CPU-only machine, please use torch.load with map_location=torch.device('cpu') to map your storages to "
        "the CPU."
    )


def check_module_version_greater_or_equal(module, req_version_tuple, error_if_malformed=True):
    """Whether a module's `__version__` is at least the given one.

    Args:
        module: with a `__version__`.
        req_version_tuple: such as (1, 2).
        error_if_malformed: raise if the version cannot be compared, otherwise warn and say yes.

    >>> check_module_version_greater_or_equal(flambeau, (2, 0))
    True
    """
    try:
        parts = module.__version__.split(".")
        found = tuple(type(wanted)(parts[place]) for place, wanted in enumerate(req_version_tuple))
        return found >= req_version_tuple
    except Exception as error:
        message = (
            f"'{module.__name__}' module version string is malformed '{module.__version__}' and cannot be compared "
            f"with tuple {req_version_tuple}"
        )
        if error_if_malformed:
            raise RuntimeError(message) from error
        warnings.warn(message + ", but continuing assuming that requirement is met", stacklevel=2)
        return True
