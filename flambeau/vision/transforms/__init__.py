"""Changes of pictures, Pillow's or tensors: classes that are called, and functions."""

from . import functional
from .autoaugment import *
from .transforms import *

__all__ = [name for name in dir() if not name.startswith("_") and callable(globals()[name])]


def __getattr__(name):
    if name == "v2":  # loaded when first used
        import importlib

        return importlib.import_module(f"{__name__}.v2")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
