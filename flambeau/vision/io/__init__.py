"""Pictures read from and written to files."""

from .image import *

__all__ = [name for name in dir() if not name.startswith("_") and callable(globals()[name])]
