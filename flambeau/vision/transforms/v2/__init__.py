"""Changes of whole samples: pictures, videos, masks, boxes and points together."""

from .. import InterpolationMode
from ..autoaugment import AutoAugmentPolicy
from . import functional
from ._augment import *
from ._auto_augment import *
from ._color import *
from ._geometry import *
from ._misc import *
from ._transform import (
    Transform,
    check_type,
    get_bounding_boxes,
    get_keypoints,
    has_all,
    has_any,
    query_chw,
    query_size,
)

__all__ = [name for name in dir() if not name.startswith("_") and callable(globals()[name])]
