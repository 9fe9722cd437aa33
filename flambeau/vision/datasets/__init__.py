"""Data sets of pictures; what is not there is fetched where `download=True` asks for it."""

import sys as _sys

from . import characters, listed, pets, roads, stores, utils
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
from .roads import *
from .stl10 import *
from .stores import *
from .svhn import *
from .usps import *
from .vision import VisionDataset
from .voc import *
from ._wrapped import wrap_dataset_for_transforms_v2

__all__ = [name for name in dir() if not name.startswith("_") and callable(globals()[name])]

# The names under which torchvision keeps what stands together here.
_HOMES = {
    characters: ("moving_mnist", "omniglot", "semeion"),
    listed: ("clevr", "country211", "dtd", "eurosat", "fgvc_aircraft", "flowers102", "food101", "gtsrb", "imagenette", "rendered_sst2",
             "stanford_cars", "sun397"),
    pets: ("oxford_iiit_pet",),
    roads: ("kitti", "widerface"),
    stores: ("lsun", "pcam"),
}  # fmt: skip
_sys.modules.update({f"{__name__}.{name}": home for home, names in _HOMES.items() for name in names})
