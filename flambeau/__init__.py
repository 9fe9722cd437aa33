"""flambeau: PyTorch's API, semantics and random streams on a native core small enough to read."""

import importlib as _importlib

from . import _C, ops
from ._C import DTypeError, LinAlgError, OutOfMemoryError, OutOfRangeError, ShapeError, Size, device, dtype
from ._types import *
from ._printing import set_printoptions
from .tensor import Tensor  # before the ops, one of which is called tensor
from .ops import *
from .ops.creation import tensor  # for type checkers: not the module of that name
from .autograd.grad_mode import enable_grad, inference_mode, no_grad, set_grad_enabled

__version__ = "2.13.0+flambeau"

is_anomaly_enabled, set_anomaly_enabled = _C.is_anomaly_enabled, _C.set_anomaly_enabled

# Loaded when first used: `import flambeau` stays fast.
_SUBMODULES = (
    "autograd",
    "cuda",
    "fft",
    "func",
    "linalg",
    "masked",
    "nn",
    "optim",
    "serialization",
    "signal",
    "special",
    "utils",
)
_LAZY = {"save": "serialization", "load": "serialization"}


def __getattr__(name):
    if name in _SUBMODULES:
        try:
            return _importlib.import_module(f"{__name__}.{name}")
        except ModuleNotFoundError as error:
            if error.name != f"{__name__}.{name}":
                raise
    elif name in _LAZY:
        return getattr(_importlib.import_module(f"{__name__}.{_LAZY[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


_C.enable_locations()
__all__ = [name for name in dir() if not name.startswith("_")]
