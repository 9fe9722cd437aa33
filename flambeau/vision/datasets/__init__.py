"""Data sets of pictures; what is not there is fetched where `download=True` asks for it."""

from . import utils
from .cifar import *
from .coco import *
from .fakedata import *
from .folder import *
from .mnist import *
from .stl10 import *
from .svhn import *
from .usps import *
from .vision import VisionDataset

__all__ = [name for name in dir() if not name.startswith("_") and callable(globals()[name])]
