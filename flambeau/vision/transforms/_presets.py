"""What published weights want done to pictures."""

import flambeau
from flambeau import nn

from . import functional as F
from .functional import InterpolationMode

__all__ = ["ImageClassification", "ObjectDetection", "OpticalFlow", "SemanticSegmentation", "VideoClassification"]

_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class _Preset(nn.Module):
    """A preparation that shows its settings."""

    def __repr__(self):
        rows = "".join(f"    {key}={getattr(self, key)}\n" for key in self.settings)
        return f"{self.__class__.__name__}(\n{rows})" if rows else f"{self.__class__.__name__}()"


class ObjectDetection(_Preset):
    """Floats in [0, 1]."""

    settings = ()

    def forward(self, img):
        img = img if isinstance(img, flambeau.Tensor) else F.pil_to_tensor(img)
        return F.convert_image_dtype(img, flambeau.float32)


class ImageClassification(_Preset):
    """Resized, cropped in the middle, and normalized."""

    settings = ("crop_size", "resize_size", "mean", "std", "interpolation")

    def __init__(
        self,
        *,
        crop_size,
        resize_size=256,
        mean=_MEAN,
        std=_STD,
        interpolation=InterpolationMode.BILINEAR,
        antialias=True,
    ):
        super().__init__()
        self.crop_size, self.resize_size = [crop_size], [resize_size]
        self.mean, self.std = list(mean), list(std)
        self.interpolation, self.antialias = interpolation, antialias

    def forward(self, img):
        img = F.resize(img, self.resize_size, interpolation=self.interpolation, antialias=self.antialias)
        img = F.center_crop(img, self.crop_size)
        img = img if isinstance(img, flambeau.Tensor) else F.pil_to_tensor(img)
        return F.normalize(F.convert_image_dtype(img, flambeau.float32), mean=self.mean, std=self.std)


class VideoClassification(_Preset):
    """Frames (..., T, C, H, W) resized, cropped and normalized, as (..., C, T, H, W)."""

    settings = ("crop_size", "resize_size", "mean", "std", "interpolation")

    def __init__(
        self,
        *,
        crop_size,
        resize_size,
        mean=(0.43216, 0.394666, 0.37645),
        std=(0.22803, 0.22145, 0.216989),
        interpolation=InterpolationMode.BILINEAR,
    ):
        super().__init__()
        self.crop_size, self.resize_size = list(crop_size), list(resize_size)
        self.mean, self.std, self.interpolation = list(mean), list(std), interpolation

    def forward(self, vid):
        single = vid.ndim < 5
        vid = vid.unsqueeze(0) if single else vid
        batch, frames = vid.shape[:2]
        vid = vid.reshape(-1, *vid.shape[2:])
        vid = F.resize(vid, self.resize_size, interpolation=self.interpolation, antialias=False)
        vid = F.convert_image_dtype(F.center_crop(vid, self.crop_size), flambeau.float32)
        vid = F.normalize(vid, mean=self.mean, std=self.std)
        vid = vid.reshape(batch, frames, *vid.shape[1:]).permute(0, 2, 1, 3, 4)
        return vid.squeeze(0) if single else vid


class SemanticSegmentation(_Preset):
    """Resized and normalized."""

    settings = ("resize_size", "mean", "std", "interpolation")

    def __init__(self, *, resize_size, mean=_MEAN, std=_STD, interpolation=InterpolationMode.BILINEAR, antialias=True):
        super().__init__()
        self.resize_size = [resize_size] if resize_size is not None else None
        self.mean, self.std = list(mean), list(std)
        self.interpolation, self.antialias = interpolation, antialias

    def forward(self, img):
        if self.resize_size is not None:
            img = F.resize(img, self.resize_size, interpolation=self.interpolation, antialias=self.antialias)
        img = img if isinstance(img, flambeau.Tensor) else F.pil_to_tensor(img)
        return F.normalize(F.convert_image_dtype(img, flambeau.float32), mean=self.mean, std=self.std)


class OpticalFlow(_Preset):
    """Two pictures as floats in [-1, 1]."""

    settings = ()

    def forward(self, img1, img2):
        pair = [x if isinstance(x, flambeau.Tensor) else F.pil_to_tensor(x) for x in (img1, img2)]
        pair = [F.normalize(F.convert_image_dtype(x, flambeau.float32), [0.5] * 3, [0.5] * 3) for x in pair]
        return tuple(x.contiguous() for x in pair)
