"""Data sets of pictures; what is not there is fetched where `download=True` asks for it."""

from . import utils
from .cifar import *
from .fakedata import *
from .folder import *
from .mnist import *
from .vision import VisionDataset

__all__ = [name for name in dir() if not name.startswith("_") and callable(globals()[name])]
