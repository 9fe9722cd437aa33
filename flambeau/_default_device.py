"""The device of new tensors: `with flambeau.device("meta"):` and `set_default_device`."""

import functools
import importlib

from . import _C, overrides
from .ops.copies import check_device

__all__ = ["DeviceContext"]

_CONSTRUCTORS = (
    "empty", "empty_permuted", "empty_strided", "ones", "arange", "bartlett_window", "blackman_window", "eye", "full", "hamming_window",
    "hann_window", "kaiser_window", "linspace", "logspace", "zeros", "randint", "randn", "rand", "randperm", "range", "sparse_coo_tensor",
    "sparse_compressed_tensor", "sparse_csr_tensor", "sparse_csc_tensor", "tril_indices", "triu_indices", "tensor", "as_tensor",
    "scalar_tensor", "asarray",
)  # fmt: skip
_contexts: list = []  # the last one counts


@functools.cache
def _device_constructors():
    """The functions that take the device from the context they are called in."""
    flambeau = importlib.import_module("flambeau")  # the facade, above this room
    functions = {getattr(flambeau, name) for name in _CONSTRUCTORS}
    return functions | {flambeau.fft.fftfreq, flambeau.fft.rfftfreq, flambeau.nested.nested_tensor}


class DeviceContext(overrides.TorchFunctionMode):
    """A mode in which constructors that are given no device make their tensors on this one.

    >>> with flambeau.utils._device.DeviceContext("meta"):
    ...     flambeau.ones(2, 3)
    tensor(..., device='meta', size=(2, 3))
    """

    def __init__(self, device):
        self.device = _C.device(device)
        check_device(self.device, "device")

    def __enter__(self):
        _contexts.append(self.device)
        return super().__enter__()

    def __exit__(self, *exception):
        _contexts.pop()
        return super().__exit__(*exception)


def _answer(self, func, types, args=(), kwargs=None):
    kwargs = kwargs or {}
    if kwargs.get("device") is None and func in _device_constructors():
        kwargs = {**kwargs, "device": self.device}
    return func(*args, **kwargs)


setattr(DeviceContext, "__torch_function__", _answer)  # noqa: B010 -- not in the class statement, which would be noticed


def current():
    """The device of new tensors."""
    return _contexts[-1] if _contexts else _C.device("cpu")


_entered: list = []  # what `with device:` has to leave
_default: list = []  # the context of `set_default_device`


def enter(device):
    """What `with device:` does at its start."""
    needless = not _contexts and _C.device(device).type == "cpu"
    _entered.append(None if needless else DeviceContext(device).__enter__())


def leave():
    """What `with device:` does at its end."""
    context = _entered.pop()
    if context is not None:
        context.__exit__(None, None, None)


def set_default(device):
    """Make `device` the device of new tensors outside of contexts; None: the CPU."""
    stack = overrides._stack()
    while _default:
        stack.remove(_default.pop())
        del _contexts[0]
    if device is not None and _C.device(device).type != "cpu":
        _default.append(DeviceContext(device))
        _contexts.insert(0, _default[0].device)
        overrides.enable()
        stack.insert(0, _default[0])
    _C.set_function_modes(len(stack))
