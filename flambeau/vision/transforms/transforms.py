"""Changes of pictures as objects that are called; those with chance draw from flambeau's random numbers."""

import math
import numbers
import random
import warnings
from collections.abc import Sequence

import flambeau
from flambeau import nn

from . import functional as F
from ._color import (
    ColorJitter,
    GaussianBlur,
    Grayscale,
    RandomAdjustSharpness,
    RandomAutocontrast,
    RandomEqualize,
    RandomGrayscale,
    RandomHorizontalFlip,
    RandomInvert,
    RandomPosterize,
    RandomSolarize,
    RandomVerticalFlip,
    _below,
    _show,
    _two,
    _uniform,
)
from .functional import InterpolationMode, _mode

__all__ = [
    "CenterCrop", "ColorJitter", "Compose", "ConvertImageDtype", "ElasticTransform", "FiveCrop", "GaussianBlur", "Grayscale",
    "InterpolationMode", "Lambda", "LinearTransformation", "Normalize", "PILToTensor", "Pad", "RandomAdjustSharpness", "RandomAffine",
    "RandomApply", "RandomAutocontrast", "RandomChoice", "RandomCrop", "RandomEqualize", "RandomErasing", "RandomGrayscale",
    "RandomHorizontalFlip", "RandomInvert", "RandomOrder", "RandomPerspective", "RandomPosterize", "RandomResizedCrop", "RandomRotation",
    "RandomSolarize", "RandomVerticalFlip", "Resize", "TenCrop", "ToPILImage", "ToTensor",
]  # fmt: skip


class Compose:
    """Several transforms, one behind the other.

    Args:
        transforms: a list of them.

    >>> flambeau.vision.transforms.Compose([lambda x: x + 1, lambda x: 2 * x])(1)
    4
    """

    def __init__(self, transforms):
        self.transforms = transforms

    def __call__(self, img):
        for transform in self.transforms:
            img = transform(img)
        return img

    def __repr__(self):
        inner = "".join(f"\n    {t}" for t in self.transforms)
        return f"{self.__class__.__name__}({inner}\n)"


class ToTensor:
    """A tensor (C, H, W) of Pillow's picture or an array (H, W, C); bytes become floats in [0, 1].

    >>> flambeau.vision.transforms.ToTensor()(np.full((1, 2, 3), 255, dtype=np.uint8)).shape
    torch.Size([3, 1, 2])
    """

    def __call__(self, pic):
        return F.to_tensor(pic)

    def __repr__(self):
        return f"{self.__class__.__name__}()"


class PILToTensor:
    """A tensor (C, H, W) of Pillow's picture, with its values as they are.

    >>> from PIL import Image
    >>> flambeau.vision.transforms.PILToTensor()(Image.new("L", (2, 1), 7))
    tensor([[[7, 7]]], dtype=torch.uint8)
    """

    def __call__(self, pic):
        return F.pil_to_tensor(pic)

    def __repr__(self):
        return f"{self.__class__.__name__}()"


class ConvertImageDtype(nn.Module):
    """The tensor in another dtype, with white as its white.

    Args:
        dtype: the dtype.

    >>> flambeau.vision.transforms.ConvertImageDtype(flambeau.float32)(flambeau.tensor([255], dtype=flambeau.uint8))
    tensor([1.])
    """

    def __init__(self, dtype):
        super().__init__()
        self.dtype = dtype

    def forward(self, image):
        return F.convert_image_dtype(image, self.dtype)


class ToPILImage:
    """Pillow's picture of a tensor (C, H, W) or an array (H, W, C).

    Args:
        mode: Pillow's mode, if it does not follow from channels and dtype.

    >>> flambeau.vision.transforms.ToPILImage()(flambeau.ones(3, 4, 5)).size
    (5, 4)
    """

    def __init__(self, mode=None):
        self.mode = mode

    def __call__(self, pic):
        return F.to_pil_image(pic, self.mode)

    def __repr__(self):
        return f"{self.__class__.__name__}({'' if self.mode is None else f'mode={self.mode}'})"


class Normalize(nn.Module):
    """(x - mean) / std, channel by channel.

    Args:
        mean, std: a number per channel.
        inplace: write into the tensor.

    >>> flambeau.vision.transforms.Normalize([0.5], [0.5])(flambeau.ones(1, 1, 2))
    tensor([[[1., 1.]]])
    """

    def __init__(self, mean, std, inplace=False):
        super().__init__()
        self.mean, self.std, self.inplace = mean, std, inplace

    def forward(self, tensor):
        return F.normalize(tensor, self.mean, self.std, self.inplace)

    def __repr__(self):
        return _show(self, "mean", "std")


class Resize(nn.Module):
    """The picture in another size.

    Args:
        size: (height, width), or the length of the shorter side.
        interpolation: an InterpolationMode.
        max_size: limit of the longer side.
        antialias: a wider filter where a tensor becomes smaller (Pillow always does).

    >>> flambeau.vision.transforms.Resize(2)(flambeau.zeros(3, 4, 8)).shape
    torch.Size([3, 2, 4])
    """

    def __init__(self, size, interpolation=InterpolationMode.BILINEAR, max_size=None, antialias=True):
        super().__init__()
        if not isinstance(size, int | Sequence):
            raise TypeError(f"Size should be int or sequence. Got {type(size)}")
        if isinstance(size, Sequence) and len(size) not in (1, 2):
            raise ValueError("If size is a sequence, it should have 1 or 2 values")
        self.size, self.max_size, self.antialias = size, max_size, antialias
        self.interpolation = _mode(interpolation)

    def forward(self, img):
        return F.resize(img, self.size, self.interpolation, self.max_size, self.antialias)

    def __repr__(self):
        return _show(self, "size", "interpolation", "max_size", "antialias")


class CenterCrop(nn.Module):
    """The middle of the picture, which is padded with 0 if it is smaller.

    Args:
        size: (height, width), or one number for both.

    >>> flambeau.vision.transforms.CenterCrop(2)(flambeau.zeros(1, 4, 6)).shape
    torch.Size([1, 2, 2])
    """

    def __init__(self, size):
        super().__init__()
        self.size = _two(size)

    def forward(self, img):
        return F.center_crop(img, self.size)

    def __repr__(self):
        return _show(self, "size")


class Pad(nn.Module):
    """The picture with more around it.

    Args:
        padding: pixels on each side, (left and right, top and bottom), or (left, top, right, bottom).
        fill: value around it.
        padding_mode: "constant", "edge", "reflect" or "symmetric".

    >>> flambeau.vision.transforms.Pad((1, 0), fill=2)(flambeau.ones(1, 1, 1))
    tensor([[[2., 1., 2.]]])
    """

    def __init__(self, padding, fill=0, padding_mode="constant"):
        super().__init__()
        F._sides(padding)
        if not isinstance(fill, numbers.Number | str | tuple | list):
            raise TypeError("Got inappropriate fill arg")
        if padding_mode not in ("constant", "edge", "reflect", "symmetric"):
            raise ValueError("Padding mode should be either constant, edge, reflect or symmetric")
        self.padding, self.fill, self.padding_mode = padding, fill, padding_mode

    def forward(self, img):
        return F.pad(img, self.padding, self.fill, self.padding_mode)

    def __repr__(self):
        return _show(self, "padding", "fill", "padding_mode")


class Lambda:
    """A function as a transform.

    Args:
        lambd: the function.

    >>> flambeau.vision.transforms.Lambda(lambda x: x + 1)(1)
    2
    """

    def __init__(self, lambd):
        if not callable(lambd):
            raise TypeError(f"Argument lambd should be callable, got {type(lambd).__name__!r}")
        self.lambd = lambd

    def __call__(self, img):
        return self.lambd(img)

    def __repr__(self):
        return f"{self.__class__.__name__}()"


def _transforms_repr(self, first=""):
    inner = "".join(f"\n    {t}" for t in self.transforms)
    return f"{self.__class__.__name__}({first}{inner}\n)"


class RandomTransforms:
    """Several transforms, from which chance chooses.

    Args:
        transforms: a list of them.
    """

    def __init__(self, transforms):
        if not isinstance(transforms, Sequence):
            raise TypeError("Argument transforms should be a sequence")
        self.transforms = transforms

    def __call__(self, *args, **kwargs):
        raise NotImplementedError

    def __repr__(self):
        return _transforms_repr(self)


class RandomApply(nn.Module):
    """All transforms of a list, with a probability.

    Args:
        transforms: a list of them.
        p: the probability.

    >>> flambeau.vision.transforms.RandomApply([lambda x: x + 1], p=1.0)(1)
    2
    """

    def __init__(self, transforms, p=0.5):
        super().__init__()
        self.transforms, self.p = transforms, p

    def forward(self, img):
        if self.p < flambeau.rand(1):
            return img
        for transform in self.transforms:
            img = transform(img)
        return img

    def __repr__(self):
        return _transforms_repr(self, f"\n    p={self.p}")


class RandomOrder(RandomTransforms):
    """All transforms of a list, in an order from Python's random numbers.

    Args:
        transforms: a list of them.

    >>> flambeau.vision.transforms.RandomOrder([lambda x: x + 1, lambda x: x + 2])(1)
    4
    """

    def __call__(self, img):
        order = list(range(len(self.transforms)))
        random.shuffle(order)
        for i in order:
            img = self.transforms[i](img)
        return img


class RandomChoice(RandomTransforms):
    """One transform of a list, chosen by Python's random numbers.

    Args:
        transforms: a list of them.
        p: their weights.

    >>> flambeau.vision.transforms.RandomChoice([lambda x: x + 1])(1)
    2
    """

    def __init__(self, transforms, p=None):
        super().__init__(transforms)
        if p is not None and not isinstance(p, Sequence):
            raise TypeError("Argument p should be a sequence")
        self.p = p

    def __call__(self, *args):
        return random.choices(self.transforms, weights=self.p)[0](*args)

    def __repr__(self):
        return f"{super().__repr__()}(p={self.p})"


class RandomCrop(nn.Module):
    """A part of the picture, at any place.

    Args:
        size: (height, width), or one number for both.
        padding: what is put around it before, as in Pad, or None.
        pad_if_needed: pad a picture that is too small.
        fill, padding_mode: as in Pad.

    >>> flambeau.vision.transforms.RandomCrop(2)(flambeau.zeros(1, 4, 6)).shape
    torch.Size([1, 2, 2])
    """

    @staticmethod
    def get_params(img, output_size):
        """(top, left, height, width) of a part."""
        _, height, width = F.get_dimensions(img)
        h, w = output_size
        if height < h or width < w:
            raise ValueError(f"Required crop size {(h, w)} is larger than input image size {(height, width)}")
        if (height, width) == (h, w):
            return 0, 0, height, width
        return _below(0, height - h + 1), _below(0, width - w + 1), h, w

    def __init__(self, size, padding=None, pad_if_needed=False, fill=0, padding_mode="constant"):
        super().__init__()
        self.size = tuple(_two(size))
        self.padding, self.pad_if_needed, self.fill, self.padding_mode = padding, pad_if_needed, fill, padding_mode

    def forward(self, img):
        if self.padding is not None:
            img = F.pad(img, self.padding, self.fill, self.padding_mode)
        _, height, width = F.get_dimensions(img)
        if self.pad_if_needed and width < self.size[1]:
            img = F.pad(img, [self.size[1] - width, 0], self.fill, self.padding_mode)
        if self.pad_if_needed and height < self.size[0]:
            img = F.pad(img, [0, self.size[0] - height], self.fill, self.padding_mode)
        return F.crop(img, *self.get_params(img, self.size))

    def __repr__(self):
        return _show(self, "size", "padding")


class RandomPerspective(nn.Module):
    """The picture seen from another place, with a probability.

    Args:
        distortion_scale: from 0 to 1.
        p: the probability.
        interpolation: an InterpolationMode.
        fill: value outside.

    >>> flambeau.vision.transforms.RandomPerspective(p=1.0)(flambeau.zeros(1, 4, 4)).shape
    torch.Size([1, 4, 4])
    """

    def __init__(self, distortion_scale=0.5, p=0.5, interpolation=InterpolationMode.BILINEAR, fill=0):
        super().__init__()
        self.p, self.distortion_scale, self.interpolation = p, distortion_scale, _mode(interpolation)
        self.fill = _checked_fill(fill)

    def forward(self, img):
        if flambeau.rand(1) >= self.p:
            return img
        channels, height, width = F.get_dimensions(img)
        corners = self.get_params(width, height, self.distortion_scale)
        return F.perspective(img, *corners, self.interpolation, _fill_of(img, self.fill, channels))

    @staticmethod
    def get_params(width, height, distortion_scale):
        """(corners, where they go)."""
        x, y = int(distortion_scale * (width // 2)), int(distortion_scale * (height // 2))
        ends = [
            [_below(0, x + 1), _below(0, y + 1)],
            [_below(width - x - 1, width), _below(0, y + 1)],
            [_below(width - x - 1, width), _below(height - y - 1, height)],
            [_below(0, x + 1), _below(height - y - 1, height)],
        ]
        return [[0, 0], [width - 1, 0], [width - 1, height - 1], [0, height - 1]], ends

    def __repr__(self):
        return f"{self.__class__.__name__}(p={self.p})"


def _checked_fill(fill):
    if fill is None:
        return 0
    if not isinstance(fill, Sequence | numbers.Number):
        raise TypeError("Fill should be either a sequence or a number.")
    return fill


def _fill_of(img, fill, channels):
    """For tensors, a number per channel."""
    if not isinstance(img, flambeau.Tensor):
        return fill
    return [float(fill)] * channels if isinstance(fill, numbers.Number) else [float(x) for x in fill]


class RandomResizedCrop(nn.Module):
    """A part of the picture of any size and shape, resized.

    Args:
        size: (height, width), or one number for both.
        scale: limits of the part's share of the area.
        ratio: limits of its width over its height.
        interpolation, antialias: as in Resize.

    >>> flambeau.vision.transforms.RandomResizedCrop(2)(flambeau.zeros(3, 8, 8)).shape
    torch.Size([3, 2, 2])
    """

    def __init__(
        self,
        size,
        scale=(0.08, 1.0),
        ratio=(3.0 / 4.0, 4.0 / 3.0),
        interpolation=InterpolationMode.BILINEAR,
        antialias=True,
    ):
        super().__init__()
        for name, value in (("Scale", scale), ("Ratio", ratio)):
            if not isinstance(value, Sequence):
                raise TypeError(f"{name} should be a sequence")
        if scale[0] > scale[1] or ratio[0] > ratio[1]:
            warnings.warn("Scale and ratio should be of kind (min, max)")
        self.size, self.scale, self.ratio = _two(size), scale, ratio
        self.interpolation, self.antialias = _mode(interpolation), antialias

    @staticmethod
    def get_params(img, scale, ratio):
        """(top, left, height, width) of a part; after ten tries the largest one in the middle."""
        _, height, width = F.get_dimensions(img)
        low, high = flambeau.log(flambeau.tensor(ratio)).tolist()
        for _ in range(10):
            area = height * width * _uniform(*scale)
            shape = flambeau.exp(flambeau.empty(1).uniform_(low, high)).item()
            w, h = round(math.sqrt(area * shape)), round(math.sqrt(area / shape))
            if 0 < w <= width and 0 < h <= height:
                return _below(0, height - h + 1), _below(0, width - w + 1), h, w
        w, h = width, height
        if width / height < min(ratio):
            h = round(w / min(ratio))
        elif width / height > max(ratio):
            w = round(h * max(ratio))
        return (height - h) // 2, (width - w) // 2, h, w

    def forward(self, img):
        place = self.get_params(img, self.scale, self.ratio)
        return F.resized_crop(img, *place, self.size, self.interpolation, antialias=self.antialias)

    def __repr__(self):
        scale, ratio = (tuple(round(x, 4) for x in pair) for pair in (self.scale, self.ratio))
        rest = f"interpolation={self.interpolation.value}, antialias={self.antialias}"
        return f"{self.__class__.__name__}(size={self.size}, scale={scale}, ratio={ratio}, {rest})"


class FiveCrop(nn.Module):
    """The four corners and the middle of the picture.

    Args:
        size: (height, width), or one number for both.

    >>> len(flambeau.vision.transforms.FiveCrop(2)(flambeau.zeros(1, 4, 4)))
    5
    """

    def __init__(self, size):
        super().__init__()
        self.size = _two(size)

    def forward(self, img):
        return F.five_crop(img, self.size)

    def __repr__(self):
        return _show(self, "size")


class TenCrop(nn.Module):
    """The four corners and the middle, of the picture and of the flipped one.

    Args:
        size: (height, width), or one number for both.
        vertical_flip: exchange top and bottom, not left and right.

    >>> len(flambeau.vision.transforms.TenCrop(2)(flambeau.zeros(1, 4, 4)))
    10
    """

    def __init__(self, size, vertical_flip=False):
        super().__init__()
        self.size, self.vertical_flip = _two(size), vertical_flip

    def forward(self, img):
        return F.ten_crop(img, self.size, self.vertical_flip)

    def __repr__(self):
        return _show(self, "size", "vertical_flip")


class LinearTransformation(nn.Module):
    """(x - mean) @ matrix of the flattened picture, as for whitening.

    Args:
        transformation_matrix: (D, D) with D = C x H x W.
        mean_vector: (D,).

    >>> flambeau.vision.transforms.LinearTransformation(2 * flambeau.eye(2), flambeau.zeros(2))(flambeau.ones(1, 1, 2))
    tensor([[[2., 2.]]])
    """

    def __init__(self, transformation_matrix, mean_vector):
        super().__init__()
        if transformation_matrix.shape[0] != transformation_matrix.shape[1]:
            raise ValueError(
                f"transformation_matrix should be square. Got {list(transformation_matrix.shape)} rectangular matrix."
            )
        if mean_vector.shape[0] != transformation_matrix.shape[0]:
            raise ValueError(
                f"mean_vector should have the same length {mean_vector.shape[0]} as any one of the dimensions of the "
                f"transformation_matrix [{tuple(transformation_matrix.shape)}]"
            )
        self.transformation_matrix, self.mean_vector = transformation_matrix, mean_vector

    def forward(self, tensor):
        count = math.prod(tensor.shape[-3:])
        if count != self.transformation_matrix.shape[0]:
            raise ValueError(
                "Input tensor and transformation matrix have incompatible shape."
                f"[{tensor.shape[-3]} x {tensor.shape[-2]} x {tensor.shape[-1]}] != {self.transformation_matrix.shape[0]}"
            )
        flat = tensor.reshape(-1, count) - self.mean_vector
        return flat.mm(self.transformation_matrix).reshape(tensor.shape)

    def __repr__(self):
        matrix, mean = self.transformation_matrix.tolist(), self.mean_vector.tolist()
        return f"{self.__class__.__name__}(transformation_matrix={matrix}, mean_vector={mean})"


def _angles(value, name):
    """(low, high) of two numbers, or of one that is not negative."""
    if isinstance(value, numbers.Number):
        if value < 0:
            raise ValueError(f"If {name} is a single number, it must be positive.")
        return [-float(value), float(value)]
    if not isinstance(value, Sequence):
        raise TypeError(f"{name} should be a sequence of length 2.")
    return [float(x) for x in value]


def _checked_angles(value, name, lengths=(2,)):
    value = _angles(value, name)
    if len(value) not in lengths:
        raise ValueError(f"{name} should be a sequence of length {' or '.join(map(str, lengths))}.")
    return value


class RandomRotation(nn.Module):
    """The picture turned by any angle.

    Args:
        degrees: between these two, or between -x and x.
        interpolation: an InterpolationMode.
        expand: make it large enough to hold all.
        center: (x, y), the middle if None.
        fill: value outside.

    >>> flambeau.vision.transforms.RandomRotation(10)(flambeau.zeros(1, 4, 4)).shape
    torch.Size([1, 4, 4])
    """

    def __init__(self, degrees, interpolation=InterpolationMode.NEAREST, expand=False, center=None, fill=0):
        super().__init__()
        self.interpolation, self.degrees = _mode(interpolation), _checked_angles(degrees, "degrees")
        if center is not None and len(center) != 2:
            raise ValueError("center should be a sequence of length 2.")
        self.center, self.resample, self.expand, self.fill = center, self.interpolation, expand, _checked_fill(fill)

    @staticmethod
    def get_params(degrees):
        """An angle."""
        return _uniform(*degrees)

    def forward(self, img):
        fill = _fill_of(img, self.fill, F.get_dimensions(img)[0])
        return F.rotate(img, self.get_params(self.degrees), self.interpolation, self.expand, self.center, fill)

    def __repr__(self):
        names = ["degrees", "interpolation", "expand"]
        names += ["center"] if self.center is not None else []
        return _show(self, *names, *(["fill"] if self.fill is not None else []))


class RandomAffine(nn.Module):
    """The picture turned, moved, scaled and sheared.

    Args:
        degrees: between these two, or between -x and x.
        translate: largest shares of width and height that it moves by, or None.
        scale: limits of the factor, or None.
        shear: degrees along x (one number or two), or along x and y (four), or None.
        interpolation: an InterpolationMode.
        fill: value outside.
        center: (x, y), the middle if None.

    >>> flambeau.vision.transforms.RandomAffine(10, scale=(0.5, 2.0))(flambeau.zeros(1, 4, 4)).shape
    torch.Size([1, 4, 4])
    """

    def __init__(
        self,
        degrees,
        translate=None,
        scale=None,
        shear=None,
        interpolation=InterpolationMode.NEAREST,
        fill=0,
        center=None,
    ):
        super().__init__()
        self.interpolation, self.degrees = _mode(interpolation), _checked_angles(degrees, "degrees")
        if translate is not None and not all(0.0 <= t <= 1.0 for t in translate):
            raise ValueError("translation values should be between 0 and 1")
        if scale is not None and min(scale) <= 0:
            raise ValueError("scale values should be positive")
        self.translate, self.scale = translate, scale
        self.shear = None if shear is None else _checked_angles(shear, "shear", (2, 4))
        self.resample, self.fill = self.interpolation, _checked_fill(fill)
        if center is not None and len(center) != 2:
            raise ValueError("center should be a sequence of length 2.")
        self.center = center

    @staticmethod
    def get_params(degrees, translate, scale_ranges, shears, img_size):
        """(angle, (x, y), scale, (shear x, shear y)); `img_size` is (width, height)."""
        angle, moves, scale, shear = _uniform(*degrees), (0, 0), 1.0, [0.0, 0.0]
        if translate is not None:
            limits = [float(t * s) for t, s in zip(translate, img_size)]
            moves = tuple(round(_uniform(-limit, limit)) for limit in limits)
        if scale_ranges is not None:
            scale = _uniform(*scale_ranges)
        if shears is not None:
            shear[0] = _uniform(shears[0], shears[1])
            shear[1] = _uniform(shears[2], shears[3]) if len(shears) == 4 else 0.0
        return angle, moves, scale, tuple(shear)

    def forward(self, img):
        channels, height, width = F.get_dimensions(img)
        drawn = self.get_params(self.degrees, self.translate, self.scale, self.shear, [width, height])
        fill = _fill_of(img, self.fill, channels)
        return F.affine(img, *drawn, interpolation=self.interpolation, fill=fill, center=self.center)

    def __repr__(self):
        names = ["degrees", *(n for n in ("translate", "scale", "shear") if getattr(self, n) is not None)]
        names += ["interpolation"] if self.interpolation is not InterpolationMode.NEAREST else []
        names += ["fill"] if self.fill != 0 else []
        return _show(self, *names, *(["center"] if self.center is not None else []))


class RandomErasing(nn.Module):
    """A rectangle of the tensor set to a value, with a probability (arXiv 1708.04896).

    Args:
        p: the probability.
        scale: limits of the rectangle's share of the area.
        ratio: limits of its height over its width.
        value: a number, one per channel, or "random".
        inplace: write into the tensor.

    >>> flambeau.vision.transforms.RandomErasing(p=0.0)(flambeau.ones(1, 2, 2)).sum()
    tensor(4.)
    """

    def __init__(self, p=0.5, scale=(0.02, 0.33), ratio=(0.3, 3.3), value=0, inplace=False):
        super().__init__()
        if not isinstance(value, numbers.Number | str | tuple | list):
            raise TypeError("Argument value should be either a number or str or a sequence")
        if isinstance(value, str) and value != "random":
            raise ValueError("If value is str, it should be 'random'")
        for name, pair in (("Scale", scale), ("Ratio", ratio)):
            if not isinstance(pair, Sequence):
                raise TypeError(f"{name} should be a sequence")
        if scale[0] > scale[1] or ratio[0] > ratio[1]:
            warnings.warn("Scale and ratio should be of kind (min, max)")
        if scale[0] < 0 or scale[1] > 1:
            raise ValueError("Scale should be between 0 and 1")
        if not 0 <= p <= 1:
            raise ValueError("Random erasing probability should be between 0 and 1")
        self.p, self.scale, self.ratio, self.value, self.inplace = p, scale, ratio, value, inplace

    @staticmethod
    def get_params(img, scale, ratio, value=None):
        """(top, left, height, width, value) of a rectangle; after ten tries the picture itself."""
        channels, height, width = img.shape[-3:]
        low, high = flambeau.log(flambeau.tensor(ratio)).tolist()
        for _ in range(10):
            area = height * width * _uniform(*scale)
            shape = flambeau.exp(flambeau.empty(1).uniform_(low, high)).item()
            h, w = round(math.sqrt(area * shape)), round(math.sqrt(area / shape))
            if not (h < height and w < width):
                continue
            if value is None:
                v = flambeau.empty([channels, h, w], dtype=flambeau.float32).normal_()
            else:
                v = flambeau.tensor(value)[:, None, None]
            return _below(0, height - h + 1), _below(0, width - w + 1), h, w, v
        return 0, 0, height, width, img

    def forward(self, img):
        if flambeau.rand(1) >= self.p:
            return img
        value = self.value
        if isinstance(value, numbers.Number):
            value = [float(value)]
        elif isinstance(value, str):
            value = None
        else:
            value = [float(v) for v in value]
        if value is not None and len(value) not in (1, img.shape[-3]):
            raise ValueError(
                "If value is a sequence, it should have either a single value or "
                f"{img.shape[-3]} (number of input channels)"
            )
        return F.erase(img, *self.get_params(img, self.scale, self.ratio, value), self.inplace)

    def __repr__(self):
        return _show(self, "p", "scale", "ratio", "value", "inplace")


class ElasticTransform(nn.Module):
    """Each pixel taken from a place nearby, smoothly, as if the picture were on rubber.

    Args:
        alpha: how far (x, y).
        sigma: how smoothly (x, y).
        interpolation: NEAREST or BILINEAR.
        fill: value outside.

    >>> flambeau.vision.transforms.ElasticTransform(1.0, 0.5)(flambeau.zeros(1, 8, 8)).shape
    torch.Size([1, 8, 8])
    """

    def __init__(self, alpha=50.0, sigma=5.0, interpolation=InterpolationMode.BILINEAR, fill=0):
        super().__init__()
        self.alpha, self.sigma = self._both(alpha, "alpha"), self._both(sigma, "sigma")
        self.interpolation = _mode(interpolation)
        self.fill = [float(fill)] if isinstance(fill, int | float) else [float(f) for f in fill]

    @staticmethod
    def _both(value, name):
        if not isinstance(value, float | int | Sequence):
            raise TypeError(f"{name} should be float or a sequence of floats. Got {type(value)}")
        values = [float(value)] * 2 if isinstance(value, float | int) else list(value)
        values = values * 2 if len(values) == 1 else values
        if len(values) != 2:
            raise ValueError(f"{name} is a sequence its length should be one of 2. Got {len(values)}")
        return values

    @staticmethod
    def get_params(alpha, sigma, size):
        """Displacements (1, H, W, 2)."""
        sides = []
        for far, smooth, side in zip(alpha, sigma, reversed(size)):
            move = flambeau.rand([1, 1, *size]) * 2 - 1
            if smooth > 0.0:
                width = int(8 * smooth + 1)
                move = F.gaussian_blur(move, [width + 1 - width % 2] * 2, sigma)
            sides.append(move * far / side)
        return flambeau.cat(sides, 1).permute(0, 2, 3, 1)

    def forward(self, tensor):
        _, height, width = F.get_dimensions(tensor)
        displacement = self.get_params(self.alpha, self.sigma, [height, width])
        return F.elastic_transform(tensor, displacement, self.interpolation, self.fill)

    def __repr__(self):
        shown = f"alpha={self.alpha}, sigma={self.sigma}, interpolation={self.interpolation}, fill={self.fill}"
        return f"{self.__class__.__name__}({shown})"
