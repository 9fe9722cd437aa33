"""Networks that find things in pictures: boxes, classes, masks and key points."""

from . import image_list
from .faster_rcnn import *
from .fcos import *
from .keypoint_rcnn import *
from .mask_rcnn import *
from .retinanet import *
from .ssd import *
from .ssdlite import *

__all__ = [name for name in dir() if not name.startswith("_") and callable(globals()[name])]
