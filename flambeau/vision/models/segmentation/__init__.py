"""Networks that give each pixel a class."""

from .deeplabv3 import *
from .fcn import *
from .lraspp import *

__all__ = [name for name in dir() if not name.startswith("_") and callable(globals()[name])]
