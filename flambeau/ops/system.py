"""Settings of the process."""

from .. import _C

__all__ = [
    "are_deterministic_algorithms_enabled",
    "compile",
    "from_file",
    "get_default_device",
    "get_default_dtype",
    "get_deterministic_debug_mode",
    "get_device_module",
    "get_float32_matmul_precision",
    "get_num_interop_threads",
    "get_num_threads",
    "is_deterministic_algorithms_warn_only_enabled",
    "is_warn_always_enabled",
    "set_default_device",
    "set_default_dtype",
    "set_default_tensor_type",
    "set_deterministic_debug_mode",
    "set_float32_matmul_precision",
    "set_flush_denormal",
    "set_num_interop_threads",
    "set_num_threads",
    "set_warn_always",
    "to_dlpack",
    "typename",
    "use_deterministic_algorithms",
]  # fmt: skip

_state = {"precision": "highest", "deterministic": False, "warn_only": False, "interop": 1, "warn_always": False}


def get_default_dtype():
    """The dtype of new floating-point tensors.

    >>> flambeau.get_default_dtype()
    torch.float32
    """
    return _C.get_default_dtype()


def set_default_dtype(d):
    """Set the dtype of new floating-point tensors.

    >>> flambeau.set_default_dtype(flambeau.float32)
    """
    _C.set_default_dtype(d)


def set_default_tensor_type(t):
    """The old form of set_default_dtype, with names such as "torch.DoubleTensor".

    >>> flambeau.set_default_tensor_type("torch.FloatTensor")
    """
    names = {"Float": _C.float32, "Double": _C.float64, "Half": _C.float16, "BFloat16": _C.bfloat16}
    name = t if isinstance(t, str) else getattr(t, "__name__", str(t))
    name = name.removeprefix("torch.").removesuffix("Tensor")
    if name not in names:
        raise TypeError(
            f"[set_default_tensor_type] expected a floating-point tensor type such as 'torch.FloatTensor', got {t!r}"
        )
    _C.set_default_dtype(names[name])


def get_num_threads():
    """How many threads an operation may use.

    >>> flambeau.get_num_threads() >= 1
    True
    """
    return _C.get_num_threads()


def set_num_threads(n):
    """Set how many threads an operation may use; results do not depend on it.

    >>> flambeau.set_num_threads(flambeau.get_num_threads())
    """
    if not isinstance(n, int) or n < 1:
        raise RuntimeError(f"[set_num_threads] expected a positive number of threads, got {n!r}")
    _C.set_num_threads(n)


def get_num_interop_threads():
    """How many operations run at a time: as set; they run one after the other.

    >>> flambeau.get_num_interop_threads()
    1
    """
    return _state["interop"]


def set_num_interop_threads(n):
    """Accepted for torch's sake; operations run one after the other.

    >>> flambeau.set_num_interop_threads(1)
    """
    if n < 1:
        raise RuntimeError(f"[set_num_interop_threads] expected a positive number of threads, got {n}")
    _state["interop"] = n


def get_default_device():
    """The device of new tensors.

    >>> flambeau.get_default_device()
    device(type='cpu')
    """
    from .. import _default_device

    return _default_device.current()


def set_default_device(device):
    """Set the device of new tensors: the CPU or "meta", whose tensors have a shape and no values. None: the CPU.

    >>> flambeau.set_default_device("meta")
    >>> flambeau.ones(2)
    tensor(..., device='meta', size=(2,))
    >>> flambeau.set_default_device(None)
    """
    from .. import _default_device

    _default_device.set_default(device)


def compile(model=None, *, fullgraph=False, dynamic=None, backend="inductor", mode=None, options=None, disable=False):
    """The model or function itself: it runs eagerly, at once. Also a decorator.

    >>> flambeau.compile(abs) is abs
    True
    """
    return (lambda model: model) if model is None else model


def typename(obj):
    """The name of an object's type; of tensors, their old type names.

    >>> flambeau.typename(flambeau.ones(1))
    'torch.FloatTensor'
    """
    if isinstance(obj, _C.Tensor):
        return obj.type()
    kind = obj if isinstance(obj, type) else type(obj)
    module = "" if kind.__module__ in ("builtins", "__builtin__") else f"{kind.__module__}."
    return module + kind.__qualname__


def use_deterministic_algorithms(mode, *, warn_only=False):
    """Results never depend on threads or timing: there is nothing to switch.

    >>> flambeau.use_deterministic_algorithms(True)
    """
    _state["deterministic"], _state["warn_only"] = bool(mode), bool(warn_only)


def are_deterministic_algorithms_enabled():
    """What use_deterministic_algorithms was last told.

    >>> isinstance(flambeau.are_deterministic_algorithms_enabled(), bool)
    True
    """
    return _state["deterministic"]


def is_deterministic_algorithms_warn_only_enabled():
    """The warn_only of use_deterministic_algorithms.

    >>> flambeau.is_deterministic_algorithms_warn_only_enabled()
    False
    """
    return _state["warn_only"]


def get_float32_matmul_precision():
    """What set_float32_matmul_precision was last told.

    >>> flambeau.get_float32_matmul_precision()
    'highest'
    """
    return _state["precision"]


def set_float32_matmul_precision(precision):
    """Say how exact float32 products must be; they are always computed in full precision.

    >>> flambeau.set_float32_matmul_precision("highest")
    """
    if precision not in ("highest", "high", "medium"):
        raise RuntimeError(f"[set_float32_matmul_precision] expected 'highest', 'high' or 'medium', got {precision!r}")
    _state["precision"] = precision


def is_warn_always_enabled():
    """What set_warn_always was last told.

    >>> flambeau.is_warn_always_enabled()
    False
    """
    return _state["warn_always"]


def set_warn_always(b):
    """Accepted for torch's sake: warnings follow Python's filters.

    >>> flambeau.set_warn_always(False)
    """
    _state["warn_always"] = bool(b)


def set_flush_denormal(mode):
    """Whether subnormal numbers may be flushed to zero; they never are, so True is refused with False.

    >>> flambeau.set_flush_denormal(False)
    True
    """
    return not mode


def get_deterministic_debug_mode():
    """0, 1 or 2: whether use_deterministic_algorithms was told nothing, to warn, or to fail.

    >>> flambeau.set_deterministic_debug_mode("default")
    >>> flambeau.get_deterministic_debug_mode()
    0
    """
    return 0 if not _state["deterministic"] else 1 if _state["warn_only"] else 2


def set_deterministic_debug_mode(debug_mode):
    """use_deterministic_algorithms by a number or a word: 0 "default", 1 "warn", 2 "error".

    >>> flambeau.set_deterministic_debug_mode("default")
    """
    words = {"default": 0, "warn": 1, "error": 2}
    mode = words.get(debug_mode, debug_mode)
    if mode not in (0, 1, 2):
        raise RuntimeError(
            f"[set_deterministic_debug_mode] expected 0, 1, 2, 'default', 'warn' or 'error', got {debug_mode!r}"
        )
    use_deterministic_algorithms(mode > 0, warn_only=mode == 1)


def get_device_module(device=None):
    """The module about a kind of device, such as flambeau.cpu; of the default device if None.

    >>> flambeau.get_device_module("cpu").__name__
    'flambeau.cpu'
    """
    import importlib

    kind = "cpu" if device is None else _C.device(device).type if isinstance(device, str) else device.type
    try:
        return importlib.import_module(f"flambeau.{kind}")
    except ModuleNotFoundError:
        raise RuntimeError(f"[get_device_module] there is no module flambeau.{kind}") from None


def to_dlpack(tensor):
    """The tensor as a DLPack capsule, for another library; its `from_dlpack(tensor)` is simpler.

    >>> flambeau.from_dlpack(flambeau.ones(2))
    tensor([1., 1.])
    >>> type(flambeau.to_dlpack(flambeau.ones(2))).__name__
    'PyCapsule'
    """
    return tensor.detach().__dlpack__()


def from_file(filename, shared=None, size=0, *, dtype=None, layout=None, device=None, pin_memory=False):
    """A vector on the bytes of a file.

    Args:
        filename: path of the file.
        shared: whether writes reach the file; it is made, and as long as needed, if so.
        size: number of elements.
        dtype: of the elements; the default floating-point type if None.

    >>> import os, tempfile
    >>> path = os.path.join(tempfile.mkdtemp(), "numbers")
    >>> flambeau.from_file(path, shared=True, size=3).fill_(2.0)
    tensor([2., 2., 2.])
    >>> flambeau.from_file(path, size=2)
    tensor([2., 2.])
    """
    import mmap
    import os

    from .creation import frombuffer

    dtype = _C.get_default_dtype() if dtype is None else dtype
    length = size * dtype.itemsize
    if not length:
        return _C.empty((0,), dtype)
    flags = (os.O_RDWR | os.O_CREAT) if shared else os.O_RDONLY
    handle = os.open(filename, flags, 0o666)
    try:
        have = os.fstat(handle).st_size
        if have < length and not shared:
            raise RuntimeError(f"[from_file] file {filename} has {have} bytes, {length} are needed")
        if have < length:
            os.ftruncate(handle, length)
        block = mmap.mmap(handle, length, access=mmap.ACCESS_WRITE if shared else mmap.ACCESS_COPY)
    finally:
        os.close(handle)
    return frombuffer(block, dtype=dtype, count=size)
