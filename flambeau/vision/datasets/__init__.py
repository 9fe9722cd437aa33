"""Data sets of pictures; what is not there is fetched where `download=True` asks for it."""

from . import utils
from .caltech import *
from .celeba import *
from .characters import *
from .cifar import *
from .coco import *
from .fakedata import *
from .fer2013 import *
from .folder import *
from .imagenet import *
from .listed import *
from .mnist import *
from .pets import *
from .stl10 import *
from .svhn import *
from .usps import *
from .vision import VisionDataset
from .voc import *

__all__ = [name for name in dir() if not name.startswith("_") and callable(globals()[name])]
