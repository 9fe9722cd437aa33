"""Boxes, regions and layers of models that look at pictures."""

from .boxes import *
from .drop_block import *
from .misc import *
from .stochastic_depth import *

__all__ = [name for name in dir() if not name.startswith("_") and callable(globals()[name])]
