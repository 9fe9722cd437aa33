"""Networks that give videos (N, C, T, H, W) a class."""

from .mvit import *
from .resnet import *
from .s3d import *
from .swin_transformer import *

__all__ = [name for name in dir() if not name.startswith("_") and callable(globals()[name])]
