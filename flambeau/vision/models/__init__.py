"""Networks for pictures, under torchvision's names, and their published weights."""

from . import _api, _utils
from ._api import *
from .alexnet import *
from .convnext import *
from .densenet import *
from .efficientnet import *
from .googlenet import *
from .inception import *
from .maxvit import *
from .mnasnet import *
from .mobilenet import *
from .regnet import *
from .resnet import *
from .shufflenetv2 import *
from .squeezenet import *
from .swin_transformer import *
from .vgg import *
from .vision_transformer import *
from . import detection, optical_flow, segmentation, video

__all__ = [name for name in dir() if not name.startswith("__") and callable(globals()[name])]
