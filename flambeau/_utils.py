"""Helpers that torch keeps for itself and that public code uses."""

import sys
import traceback
import typing

from . import _C
from .serialization.allowed import _rebuild_parameter, _rebuild_parameter_with_state  # noqa: F401
from .serialization.allowed import _rebuild_sparse as _rebuild_sparse_tensor  # noqa: F401
from .serialization.allowed import _rebuild_v1 as _rebuild_tensor  # noqa: F401
from .serialization.allowed import _rebuild_v3 as _rebuild_tensor_v3  # noqa: F401
from .serialization.allowed import rebuild_tensor as _rebuild_tensor_v2  # noqa: F401


def _flatten_dense_tensors(tensors):
    """One flat tensor of several."""
    from .ops import cat

    return tensors[0].contiguous().view(-1) if len(tensors) == 1 else cat([t.contiguous().view(-1) for t in tensors])


def _unflatten_dense_tensors(flat, tensors):
    """Parts of a flat tensor, in the shapes of others."""
    made, start = [], 0
    for tensor in tensors:
        made.append(flat.narrow(0, start, tensor.numel()).view_as(tensor))
        start += tensor.numel()
    return tuple(made)


def _take_tensors(tensors, size_limit):
    """Groups of tensors of one dtype, of at most size_limit bytes each."""
    groups = {}
    for tensor in tensors:
        size = tensor.numel() * tensor.element_size()
        group, taken = groups.setdefault(tensor.dtype, ([], 0))
        if taken + size > size_limit and taken > 0:
            yield group
            group, taken = [], 0
        group.append(tensor)
        groups[tensor.dtype] = (group, taken + size)
    for group, _ in groups.values():
        if group:
            yield group


def _reorder_tensors_as(tensors, ordered_tensors):
    """Tensors in the order of others, by dtype."""
    waiting = {}
    for tensor in tensors:
        waiting.setdefault(tensor.type(), []).append(tensor)
    iterators = {kind: iter(group) for kind, group in waiting.items()}
    return tuple(next(iterators[tensor.type()]) for tensor in ordered_tensors)


def _element_size(dtype):
    return dtype.itemsize


def _get_device_index(device, optional=False, allow_cpu=False):
    """The index of a device; -1 for the CPU, where that is allowed."""
    if isinstance(device, str):
        device = _C.device(device)
    if isinstance(device, _C.device):
        if not allow_cpu and device.type == "cpu":
            raise ValueError(f"Expected a non cpu device, but got: {device}")
        return -1 if device.type == "cpu" else device.index
    if isinstance(device, int):
        return device
    if device is None and optional:
        return -1
    raise ValueError(f"Expected a torch.device with a specified index or an integer, but got:{device}")


def _get_available_device_type():
    return None


def _get_all_device_indices():
    return []


def _get_device_module(device_type):
    import flambeau

    return getattr(flambeau, device_type)


def _import_dotted_name(name):
    import importlib

    parts = name.split(".")
    found = importlib.import_module(parts[0])
    for part in parts[1:]:
        found = getattr(found, part)
    return found


def is_compiling():
    """Whether the code runs in order to be compiled: no."""
    return False


class KeyErrorMessage(str):
    """A message whose repr is its text, as KeyError shows it."""

    __slots__ = ()

    def __repr__(self):
        return str(self)


class ExceptionWrapper:
    """An exception with its traceback as text, to be raised again in another thread or process."""

    def __init__(self, exc_info=None, where="in background"):
        kind, value, trace = sys.exc_info() if exc_info is None else exc_info
        self.exc_type = kind
        self.exc_msg = "".join(traceback.format_exception(kind, value, trace))
        self.where = where

    def reraise(self):
        """Raise it, with the first traceback in its text."""
        text = f"Caught {self.exc_type.__name__} {self.where}.\nOriginal {self.exc_msg}"
        if self.exc_type is KeyError:
            text = KeyErrorMessage(text)
        elif getattr(self.exc_type, "message", None):
            raise self.exc_type(message=text)
        try:
            error = self.exc_type(text)
        except Exception:
            raise RuntimeError(text) from None
        raise error


class _ClassPropertyDescriptor:
    def __init__(self, fget, fset=None):
        self.fget = fget

    def __get__(self, instance, owner=None):
        owner = type(instance) if owner is None else owner
        return self.fget.__get__(instance, owner)()


def classproperty(func):
    """A property of a class."""
    return _ClassPropertyDescriptor(func if isinstance(func, (classmethod, staticmethod)) else classmethod(func))


_P = typing.TypeVar("_P")


class CallbackRegistry(typing.Generic[_P]):
    """Functions that are called together."""

    def __init__(self, name):
        self.name = name
        self.callback_list = []

    def add_callback(self, cb):
        self.callback_list.append(cb)

    def fire_callbacks(self, *args, **kwargs):
        for callback in self.callback_list:
            callback(*args, **kwargs)


def render_call(fn, args, kwargs):
    """A call as text."""
    from .overrides import resolve_name

    name = resolve_name(fn) or getattr(fn, "__name__", str(fn))
    words = [str(a) for a in args] + [f"{k}={v}" for k, v in kwargs.items()]
    return f"{name}({', '.join(words)})"


def try_import(module_name):
    """A module, or None if it is not there."""
    import importlib

    try:
        return importlib.import_module(module_name)
    except ImportError:
        return None
