"""Networks that find where each pixel moves."""

from .raft import *

__all__ = [name for name in dir() if not name.startswith("_") and callable(globals()[name])]
