"""Changes of pictures, Pillow's or tensors: classes that are called, and functions."""

from . import functional
from .autoaugment import *
from .transforms import *

__all__ = [name for name in dir() if not name.startswith("_") and callable(globals()[name])]
