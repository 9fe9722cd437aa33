"""Boxes, regions and layers of models that look at pictures."""

from .boxes import *
from .ciou_loss import *
from .deform_conv import *
from .diou_loss import *
from .drop_block import *
from .feature_pyramid_network import *
from .focal_loss import *
from .giou_loss import *
from .misc import *
from .poolers import *
from .ps_roi_align import *
from .ps_roi_pool import *
from .roi_align import *
from .roi_pool import *
from .stochastic_depth import *

__all__ = [name for name in dir() if not name.startswith("_") and callable(globals()[name])]
