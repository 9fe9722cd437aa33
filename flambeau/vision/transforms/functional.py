"""Operations on pictures: Pillow's, or tensors (..., C, H, W)."""

import numbers
import sys
from enum import Enum

import flambeau

from . import _functional_pil as F_pil
from . import _functional_tensor as F_t

__all__ = [
    "InterpolationMode", "adjust_brightness", "adjust_contrast", "adjust_gamma", "adjust_hue", "adjust_saturation", "adjust_sharpness", "affine",
    "autocontrast", "center_crop", "convert_image_dtype", "crop", "elastic_transform", "equalize", "erase", "five_crop", "gaussian_blur",
    "get_dimensions", "get_image_num_channels", "get_image_size", "hflip", "invert", "normalize", "pad", "perspective", "pil_to_tensor",
    "posterize", "resize", "resized_crop", "rgb_to_grayscale", "rotate", "solarize", "ten_crop", "to_grayscale", "to_pil_image", "to_tensor",
    "vflip",
]  # fmt: skip


class InterpolationMode(Enum):
    """How values between pixels are found; BOX, HAMMING and LANCZOS are for Pillow's pictures only.

    >>> flambeau.vision.transforms.InterpolationMode.BILINEAR.value
    'bilinear'
    """

    NEAREST = "nearest"
    NEAREST_EXACT = "nearest-exact"
    BILINEAR = "bilinear"
    BICUBIC = "bicubic"
    BOX = "box"
    HAMMING = "hamming"
    LANCZOS = "lanczos"


# Pillow's numbers of the modes.
pil_modes_mapping = {
    InterpolationMode.NEAREST: 0,
    InterpolationMode.BILINEAR: 2,
    InterpolationMode.BICUBIC: 3,
    InterpolationMode.NEAREST_EXACT: 0,
    InterpolationMode.BOX: 4,
    InterpolationMode.HAMMING: 5,
    InterpolationMode.LANCZOS: 1,
}
_BY_NUMBER = {number: mode for mode, number in pil_modes_mapping.items() if mode is not InterpolationMode.NEAREST_EXACT}


def _mode(interpolation):
    """An InterpolationMode, also from Pillow's number."""
    if isinstance(interpolation, int):
        interpolation = _BY_NUMBER[interpolation]
    if not isinstance(interpolation, InterpolationMode):
        raise TypeError(
            "Argument interpolation should be a InterpolationMode or a corresponding Pillow integer constant"
        )
    return interpolation


def _is_tensor(img):
    return isinstance(img, flambeau.Tensor)


def _is_pil_image(img):
    """Whether it is Pillow's; Pillow is imported by whoever made one."""
    module = sys.modules.get("PIL.Image")
    return module is not None and isinstance(img, module.Image)


def _kind(img):
    """The functions for this kind of picture."""
    if _is_tensor(img):
        return F_t
    if not _is_pil_image(img):
        raise TypeError(f"img should be PIL Image or Tensor. Got {type(img)}")
    return F_pil


def get_dimensions(img):
    """Channels, height and width of a picture.

    >>> flambeau.vision.transforms.functional.get_dimensions(flambeau.zeros(3, 4, 5))
    [3, 4, 5]
    """
    return _kind(img).get_dimensions(img)


def get_image_size(img):
    """Width and height of a picture.

    >>> flambeau.vision.transforms.functional.get_image_size(flambeau.zeros(3, 4, 5))
    [5, 4]
    """
    return get_dimensions(img)[:0:-1]


def get_image_num_channels(img):
    """Channels of a picture.

    >>> flambeau.vision.transforms.functional.get_image_num_channels(flambeau.zeros(3, 4, 5))
    3
    """
    return get_dimensions(img)[0]


def _pixels(pic, **options):
    """A tensor (C, H, W) of the values of a Pillow picture, in memory of its own."""
    import numpy as np

    array = np.array(pic, copy=True, **options)
    if array.dtype.byteorder == ">":
        array = array.astype(array.dtype.newbyteorder("="))
    channels = len(pic.getbands())
    return flambeau.from_numpy(array).reshape(pic.height, pic.width, channels).permute(2, 0, 1)


def to_tensor(pic):
    """A tensor (C, H, W) of a picture; bytes become floats in [0, 1].

    Args:
        pic: Pillow's picture, or an array (H, W) or (H, W, C).

    >>> flambeau.vision.transforms.functional.to_tensor(np.full((1, 2, 3), 51, dtype=np.uint8))[0]
    tensor([[0.2000, 0.2000]])
    """
    import numpy as np

    if isinstance(pic, np.ndarray):
        if pic.ndim not in (2, 3):
            raise ValueError(f"pic should be 2/3 dimensional. Got {pic.ndim} dimensions.")
        pic = pic[:, :, None] if pic.ndim == 2 else pic
        img = flambeau.from_numpy(np.ascontiguousarray(pic.transpose((2, 0, 1))))
    elif _is_pil_image(pic):
        kinds = {"I": np.int32, "I;16": np.int16, "I;16B": np.int16, "F": np.float32}
        img = _pixels(pic, dtype=kinds.get(pic.mode, np.uint8))
        img = (255 * img if pic.mode == "1" else img).contiguous()
    else:
        raise TypeError(f"pic should be PIL Image or ndarray. Got {type(pic)}")
    return img.to(flambeau.get_default_dtype()).div(255) if img.dtype == flambeau.uint8 else img


def pil_to_tensor(pic):
    """A tensor (C, H, W) of a Pillow picture, with its values as they are.

    >>> from PIL import Image
    >>> flambeau.vision.transforms.functional.pil_to_tensor(Image.new("L", (2, 1), 7))
    tensor([[[7, 7]]], dtype=torch.uint8)
    """
    if not _is_pil_image(pic):
        raise TypeError(f"pic should be PIL Image. Got {type(pic)}")
    return _pixels(pic)


def convert_image_dtype(image, dtype=flambeau.float32):
    """The picture in another dtype, where 1 is white for floats and the largest number for integers.

    Args:
        image: a tensor.
        dtype: the dtype.

    >>> flambeau.vision.transforms.functional.convert_image_dtype(flambeau.tensor([255], dtype=flambeau.uint8))
    tensor([1.])
    """
    if not _is_tensor(image):
        raise TypeError("Input img should be Tensor Image")
    return F_t.convert_image_dtype(image, dtype)


_MODES = {2: ("LA",), 3: ("RGB", "YCbCr", "HSV"), 4: ("RGBA", "CMYK", "RGBX")}


def _mode_of(array, mode):
    """The Pillow mode of an array (H, W, C), checked against the one asked for."""
    channels, kind = array.shape[2], str(array.dtype)
    if channels == 1:
        wide = "I;16" if sys.byteorder == "little" else "I;16B"
        expected = {"uint8": "L", "int16": wide, "int32": "I", "float32": "F"}.get(kind)
        if mode not in (None, expected):
            raise ValueError(f"Incorrect mode ({mode}) supplied for input type {kind}. Should be {expected}")
        mode = expected
    else:
        if mode is not None and mode not in _MODES[channels]:
            raise ValueError(f"Only modes {list(_MODES[channels])} are supported for {channels}D inputs")
        mode = _MODES[channels][0] if mode is None and kind == "uint8" else mode
    if mode is None:
        raise TypeError(f"Input type {kind} is not supported")
    return mode


def to_pil_image(pic, mode=None):
    """A Pillow picture of a tensor or an array; floats in [0, 1] become bytes.

    Args:
        pic: a tensor (C, H, W) or an array (H, W, C), without C for gray.
        mode: Pillow's mode, if it does not follow from channels and dtype.

    >>> flambeau.vision.transforms.functional.to_pil_image(flambeau.ones(3, 4, 5)).size
    (5, 4)
    """
    import numpy as np
    from PIL import Image

    if _is_tensor(pic):
        pic = (pic.permute(1, 2, 0) if pic.ndim == 3 else pic).numpy(force=True)
    elif not isinstance(pic, np.ndarray):
        raise TypeError(f"pic should be Tensor or ndarray. Got {type(pic)}.")
    pic = pic[:, :, None] if pic.ndim == 2 else pic
    if pic.ndim != 3:
        raise ValueError(f"pic should be 2/3 dimensional. Got {pic.ndim} dimensions.")
    if pic.shape[-1] > 4:
        raise ValueError(f"pic should not have > 4 channels. Got {pic.shape[-1]} channels.")
    if np.issubdtype(pic.dtype, np.floating) and mode != "F":
        pic = (pic * 255).astype(np.uint8)
    mode = _mode_of(pic, mode)
    pic = np.ascontiguousarray(pic[:, :, 0] if pic.shape[2] == 1 else pic)
    return Image.frombytes(mode, (pic.shape[1], pic.shape[0]), pic.tobytes())


def normalize(tensor, mean, std, inplace=False):
    """(x - mean) / std, channel by channel.

    Args:
        tensor: floats (..., C, H, W).
        mean, std: C numbers.
        inplace: write into the tensor.

    >>> flambeau.vision.transforms.functional.normalize(flambeau.ones(1, 1, 2), [0.5], [0.5])
    tensor([[[1., 1.]]])
    """
    if not _is_tensor(tensor):
        raise TypeError(f"img should be Tensor Image. Got {type(tensor)}")
    return F_t.normalize(tensor, mean, std, inplace)


def _compute_resized_output_size(image_size, size, max_size=None, allow_size_none=False):
    """(height, width) after resize: two numbers are taken as they are, one is the shorter side."""
    height, width = image_size
    short, long = min(height, width), max(height, width)
    if size is None:
        if not allow_size_none:
            raise ValueError("This should never happen!!")
        new_short, new_long = int(max_size * short / long), max_size
    else:
        size = [size] if isinstance(size, int) else list(size)
        if len(size) == 2:
            return size
        new_short, new_long = size[0], int(size[0] * long / short)
        if max_size is not None:
            if max_size <= size[0]:
                raise ValueError(
                    f"max_size = {max_size} must be strictly greater than the requested "
                    f"size for the smaller edge size = {size}"
                )
            if new_long > max_size:
                new_short, new_long = int(max_size * new_short / new_long), max_size
    return [new_long, new_short] if width <= height else [new_short, new_long]


def _check_size(size, max_size):
    if isinstance(size, list | tuple):
        if len(size) not in (1, 2):
            raise ValueError(
                f"Size must be an int or a 1 or 2 element tuple/list, not a {len(size)} element tuple/list"
            )
        if max_size is not None and len(size) != 1:
            raise ValueError(
                "max_size should only be passed if size specifies the length of the smaller edge, "
                "i.e. size should be an int or a sequence of length 1 in torchscript mode."
            )


def resize(img, size, interpolation=InterpolationMode.BILINEAR, max_size=None, antialias=True):
    """The picture in another size.

    Args:
        img: a picture.
        size: (height, width), or the length of the shorter side.
        interpolation: an InterpolationMode.
        max_size: limit of the longer side.
        antialias: a wider filter where a tensor becomes smaller (Pillow always does).

    >>> flambeau.vision.transforms.functional.resize(flambeau.zeros(3, 4, 8), 2).shape
    torch.Size([3, 2, 4])
    """
    mode, functions = _mode(interpolation), _kind(img)
    _check_size(size, max_size)
    before = get_dimensions(img)[1:]
    after = _compute_resized_output_size(before, size, max_size)
    if before == list(after):
        return img
    if functions is F_pil:
        return F_pil.resize(img, after, pil_modes_mapping[mode])
    if mode in (InterpolationMode.BOX, InterpolationMode.HAMMING, InterpolationMode.LANCZOS):
        raise ValueError(f"interpolation mode {mode.value} is for PIL images only")
    return F_t.resize(img, list(after), mode.value, antialias)


def _sides(padding):
    """[left, top, right, bottom] of 1, 2 or 4 numbers."""
    if isinstance(padding, numbers.Number):
        padding = [padding]
    if not isinstance(padding, list | tuple):
        raise TypeError("Got inappropriate padding arg")
    if len(padding) not in (1, 2, 4):
        raise ValueError(f"Padding must be an int or a 1, 2, or 4 element tuple, not a {len(padding)} element tuple")
    return list(padding) * (4 // len(padding))


def pad(img, padding, fill=0, padding_mode="constant"):
    """The picture with more around it.

    Args:
        img: a picture.
        padding: pixels on each side, (left and right, top and bottom), or (left, top, right, bottom).
        fill: value around it.
        padding_mode: "constant", "edge", "reflect" or "symmetric".

    >>> flambeau.vision.transforms.functional.pad(flambeau.ones(1, 1, 1), (1, 0), fill=2)
    tensor([[[2., 1., 2.]]])
    """
    functions, sides = _kind(img), _sides(padding)
    if not isinstance(padding_mode, str):
        raise TypeError("Got inappropriate padding_mode arg")
    if padding_mode not in ("constant", "edge", "reflect", "symmetric"):
        raise ValueError("Padding mode should be either constant, edge, reflect or symmetric")
    if functions is F_t and not isinstance(fill, int | float):
        raise TypeError("Got inappropriate fill arg: a number is expected for a tensor")
    return functions.pad(img, sides, fill, padding_mode)


def crop(img, top, left, height, width):
    """A part of the picture; what lies outside is 0.

    >>> flambeau.vision.transforms.functional.crop(flambeau.ones(1, 2, 2), 1, 1, 1, 2)
    tensor([[[1., 0.]]])
    """
    return _kind(img).crop(img, top, left, height, width)


def _pair(size):
    size = [size] if isinstance(size, numbers.Number) else list(size)
    return [int(size[0])] * 2 if len(size) == 1 else size


def center_crop(img, output_size):
    """The middle of the picture, which is padded with 0 if it is smaller.

    Args:
        img: a picture.
        output_size: (height, width), or one number for both.

    >>> flambeau.vision.transforms.functional.center_crop(flambeau.arange(4.0).reshape(1, 1, 4), (1, 2))
    tensor([[[1., 2.]]])
    """
    (_, height, width), (new_height, new_width) = get_dimensions(img), _pair(output_size)
    if new_width > width or new_height > height:
        more, higher = max(new_width - width, 0), max(new_height - height, 0)
        img = pad(img, [more // 2, higher // 2, (more + 1) // 2, (higher + 1) // 2])
        _, height, width = get_dimensions(img)
        if new_width == width and new_height == height:
            return img
    return crop(img, round((height - new_height) / 2.0), round((width - new_width) / 2.0), new_height, new_width)


def resized_crop(img, top, left, height, width, size, interpolation=InterpolationMode.BILINEAR, antialias=True):
    """A part of the picture, in another size.

    >>> flambeau.vision.transforms.functional.resized_crop(flambeau.ones(1, 4, 4), 0, 0, 2, 2, [1, 3])
    tensor([[[1., 1., 1.]]])
    """
    return resize(crop(img, top, left, height, width), size, interpolation, antialias=antialias)


def hflip(img):
    """Left and right exchanged.

    >>> flambeau.vision.transforms.functional.hflip(flambeau.arange(2.0).reshape(1, 1, 2))
    tensor([[[1., 0.]]])
    """
    return img.flip(-1) if _kind(img) is F_t else F_pil.hflip(img)


def vflip(img):
    """Top and bottom exchanged.

    >>> flambeau.vision.transforms.functional.vflip(flambeau.arange(2.0).reshape(1, 2, 1)).flatten()
    tensor([1., 0.])
    """
    return img.flip(-2) if _kind(img) is F_t else F_pil.vflip(img)


def perspective(img, startpoints, endpoints, interpolation=InterpolationMode.BILINEAR, fill=None):
    """The picture seen from another place.

    Args:
        img: a picture.
        startpoints: four corners [x, y].
        endpoints: where they go.
        interpolation: NEAREST or BILINEAR for tensors.
        fill: value outside.

    >>> corners = [[0, 0], [1, 0], [1, 1], [0, 1]]
    >>> flambeau.vision.transforms.functional.perspective(flambeau.ones(1, 2, 2), corners, corners).round()
    tensor([[[1., 1.],
             [1., 1.]]])
    """
    mode, numbers_ = _mode(interpolation), F_t.solve_perspective(startpoints, endpoints)
    if _kind(img) is F_pil:
        return F_pil.perspective(img, numbers_, pil_modes_mapping[mode], fill)
    return F_t.perspective(img, numbers_, mode.value, fill)


def five_crop(img, size):
    """The four corners and the middle of the picture.

    Args:
        img: a picture.
        size: (height, width), or one number for both.

    >>> len(flambeau.vision.transforms.functional.five_crop(flambeau.zeros(1, 4, 4), 2))
    5
    """
    (_, height, width), (h, w) = get_dimensions(img), _pair(size)
    if w > width or h > height:
        raise ValueError(f"Requested crop size {[h, w]} is bigger than input size {(height, width)}")
    corners = [(0, 0), (0, width - w), (height - h, 0), (height - h, width - w)]
    return (*(crop(img, top, left, h, w) for top, left in corners), center_crop(img, [h, w]))


def ten_crop(img, size, vertical_flip=False):
    """The four corners and the middle, of the picture and of the flipped one.

    Args:
        img: a picture.
        size: (height, width), or one number for both.
        vertical_flip: exchange top and bottom, not left and right.

    >>> len(flambeau.vision.transforms.functional.ten_crop(flambeau.zeros(1, 4, 4), 2))
    10
    """
    flipped = vflip(img) if vertical_flip else hflip(img)
    return five_crop(img, size) + five_crop(flipped, size)


def adjust_brightness(img, brightness_factor):
    """Brighter by a factor; 0 gives black.

    >>> flambeau.vision.transforms.functional.adjust_brightness(flambeau.full((1, 1, 1), 0.25), 2)
    tensor([[[0.5000]]])
    """
    if brightness_factor < 0:
        raise ValueError(f"brightness_factor ({brightness_factor}) is not non-negative.")
    return _kind(img).adjust_brightness(img, brightness_factor)


def adjust_contrast(img, contrast_factor):
    """More contrast by a factor; 0 gives gray.

    >>> flambeau.vision.transforms.functional.adjust_contrast(flambeau.tensor([[[0.25, 0.75]]]), 0)
    tensor([[[0.5000, 0.5000]]])
    """
    if contrast_factor < 0:
        raise ValueError(f"contrast_factor ({contrast_factor}) is not non-negative.")
    return _kind(img).adjust_contrast(img, contrast_factor)


def adjust_saturation(img, saturation_factor):
    """More colour by a factor; 0 gives a black and white picture.

    >>> flambeau.vision.transforms.functional.adjust_saturation(flambeau.eye(3)[0].reshape(3, 1, 1), 0).flatten()
    tensor([0.2989, 0.2989, 0.2989])
    """
    if saturation_factor < 0:
        raise ValueError(f"saturation_factor ({saturation_factor}) is not non-negative.")
    return _kind(img).adjust_saturation(img, saturation_factor)


def adjust_hue(img, hue_factor):
    """Other colours: all are turned by a share of the circle of colours, from -0.5 to 0.5.

    >>> flambeau.vision.transforms.functional.adjust_hue(flambeau.eye(3)[0].reshape(3, 1, 1), 1 / 3).flatten().round()
    tensor([0., 1., 0.])
    """
    if not -0.5 <= hue_factor <= 0.5:
        raise ValueError(f"hue_factor ({hue_factor}) is not in [-0.5, 0.5].")
    return _kind(img).adjust_hue(img, hue_factor)


def adjust_gamma(img, gamma, gain=1):
    """gain * x^gamma, for x in [0, 1].

    >>> flambeau.vision.transforms.functional.adjust_gamma(flambeau.full((1, 1, 1), 0.5), 2)
    tensor([[[0.2500]]])
    """
    if gamma < 0:
        raise ValueError("Gamma should be a non-negative real number")
    return _kind(img).adjust_gamma(img, gamma, gain)


def adjust_sharpness(img, sharpness_factor):
    """Sharper by a factor; 0 gives a blurred picture.

    >>> flambeau.vision.transforms.functional.adjust_sharpness(flambeau.ones(1, 4, 4), 2).sum()
    tensor(16.)
    """
    if sharpness_factor < 0:
        raise ValueError(f"sharpness_factor ({sharpness_factor}) is not non-negative.")
    return _kind(img).adjust_sharpness(img, sharpness_factor)


def _get_inverse_affine_matrix(center, angle, translate, scale, shear, inverted=True):
    return F_t.affine_matrix(center, angle, translate, scale, shear, inverted)


def rotate(img, angle, interpolation=InterpolationMode.NEAREST, expand=False, center=None, fill=None):
    """The picture turned against the clock.

    Args:
        img: a picture.
        angle: degrees.
        interpolation: NEAREST or BILINEAR for tensors.
        expand: make it large enough to hold all.
        center: (x, y), the middle if None.
        fill: value outside.

    >>> flambeau.vision.transforms.functional.rotate(flambeau.arange(4.0).reshape(1, 2, 2), 90)
    tensor([[[1., 3.],
             [0., 2.]]])
    """
    mode = _mode(interpolation)
    if not isinstance(angle, int | float):
        raise TypeError("Argument angle should be int or float")
    if center is not None and not isinstance(center, list | tuple):
        raise TypeError("Argument center should be a sequence")
    if _kind(img) is F_pil:
        return F_pil.rotate(img, angle, pil_modes_mapping[mode], expand, center, fill)
    _, height, width = get_dimensions(img)
    middle = [0.0, 0.0] if center is None else [c - s * 0.5 for c, s in zip(center, [width, height])]
    matrix = F_t.affine_matrix(middle, -angle, [0.0, 0.0], 1.0, [0.0, 0.0])
    return F_t.rotate(img, matrix, mode.value, expand, fill)


def _check_affine(angle, translate, scale, shear, center):
    if not isinstance(angle, int | float):
        raise TypeError("Argument angle should be int or float")
    if not isinstance(translate, list | tuple):
        raise TypeError("Argument translate should be a sequence")
    if len(translate) != 2:
        raise ValueError("Argument translate should be a sequence of length 2")
    if scale <= 0.0:
        raise ValueError("Argument scale should be positive")
    if not isinstance(shear, numbers.Number | list | tuple):
        raise TypeError("Shear should be either a single value or a sequence of two values")
    shear = [shear, 0.0] if isinstance(shear, numbers.Number) else list(shear)
    shear = [shear[0], shear[0]] if len(shear) == 1 else shear
    if len(shear) != 2:
        raise ValueError(f"Shear should be a sequence containing two values. Got {shear}")
    if center is not None and not isinstance(center, list | tuple):
        raise TypeError("Argument center should be a sequence")
    return shear


def affine(img, angle, translate, scale, shear, interpolation=InterpolationMode.NEAREST, fill=None, center=None):
    """The picture turned with the clock, scaled, sheared and moved.

    Args:
        img: a picture.
        angle: degrees.
        translate: pixels (x, y).
        scale: a factor.
        shear: degrees (x, y), or x.
        interpolation: NEAREST or BILINEAR for tensors.
        fill: value outside.
        center: (x, y), the middle if None.

    >>> flambeau.vision.transforms.functional.affine(flambeau.ones(1, 1, 3), 0, [1, 0], 1.0, [0.0, 0.0])
    tensor([[[0., 1., 1.]]])
    """
    mode, shear = _mode(interpolation), _check_affine(angle, translate, scale, shear, center)
    _, height, width = get_dimensions(img)
    if _kind(img) is F_pil:
        center = [width * 0.5, height * 0.5] if center is None else center
        matrix = F_t.affine_matrix(center, angle, translate, scale, shear)
        return F_pil.affine(img, matrix, pil_modes_mapping[mode], fill)
    middle = [0.0, 0.0] if center is None else [c - s * 0.5 for c, s in zip(center, [width, height])]
    matrix = F_t.affine_matrix(middle, angle, [float(t) for t in translate], scale, shear)
    return F_t.affine(img, matrix, mode.value, fill)


def to_grayscale(img, num_output_channels=1):
    """A Pillow picture in black and white.

    Args:
        img: a Pillow picture.
        num_output_channels: 1, or 3 equal ones.

    >>> from PIL import Image
    >>> flambeau.vision.transforms.functional.to_grayscale(Image.new("RGB", (2, 1))).mode
    'L'
    """
    if not _is_pil_image(img):
        raise TypeError("Input should be PIL Image")
    return F_pil.to_grayscale(img, num_output_channels)


def rgb_to_grayscale(img, num_output_channels=1):
    """The picture in black and white: 0.2989 r + 0.587 g + 0.114 b.

    Args:
        img: a picture.
        num_output_channels: 1, or 3 equal ones.

    >>> flambeau.vision.transforms.functional.rgb_to_grayscale(flambeau.ones(3, 1, 1)).shape
    torch.Size([1, 1, 1])
    """
    if _kind(img) is F_pil:
        return F_pil.to_grayscale(img, num_output_channels)
    return F_t.rgb_to_grayscale(img, num_output_channels)


def erase(img, i, j, h, w, v, inplace=False):
    """The picture with a rectangle set to a value.

    Args:
        img: a tensor.
        i, j, h, w: top, left, height and width.
        v: the value, which broadcasts to (C, h, w).
        inplace: write into the tensor.

    >>> flambeau.vision.transforms.functional.erase(flambeau.ones(1, 1, 3), 0, 1, 1, 1, flambeau.tensor(0.0))
    tensor([[[1., 0., 1.]]])
    """
    if not _is_tensor(img):
        raise TypeError(f"img should be Tensor Image. Got {type(img)}")
    return F_t.erase(img, i, j, h, w, v, inplace)


def _check_blur(kernel_size, sigma):
    if not isinstance(kernel_size, int | list | tuple):
        raise TypeError(f"kernel_size should be int or a sequence of integers. Got {type(kernel_size)}")
    sizes = [kernel_size, kernel_size] if isinstance(kernel_size, int) else list(kernel_size)
    if len(sizes) != 2:
        raise ValueError(f"If kernel_size is a sequence its length should be 2. Got {len(sizes)}")
    for size in sizes:
        if size % 2 == 0 or size < 0:
            raise ValueError(f"kernel_size should have odd and positive integers. Got {sizes}")
    if sigma is None:
        return sizes, [size * 0.15 + 0.35 for size in sizes]
    if not isinstance(sigma, int | float | list | tuple):
        raise TypeError(f"sigma should be either float or sequence of floats. Got {type(sigma)}")
    widths = [float(sigma)] * 2 if isinstance(sigma, int | float) else list(sigma)
    widths = widths * 2 if len(widths) == 1 else widths
    if len(widths) != 2:
        raise ValueError(f"If sigma is a sequence, its length should be 2. Got {len(widths)}")
    if min(widths) <= 0.0:
        raise ValueError(f"sigma should have positive values. Got {widths}")
    return sizes, widths


def gaussian_blur(img, kernel_size, sigma=None):
    """The picture out of focus: the mean over a bell.

    Args:
        img: a picture.
        kernel_size: odd, or (x, y).
        sigma: width of the bell, or (x, y); 0.15 of the size plus 0.35 if None.

    >>> flambeau.vision.transforms.functional.gaussian_blur(flambeau.zeros(1, 4, 4), 3).sum()
    tensor(0.)
    """
    sizes, widths = _check_blur(kernel_size, sigma)
    if _kind(img) is F_t:
        return F_t.gaussian_blur(img, sizes, widths)
    return to_pil_image(F_t.gaussian_blur(pil_to_tensor(img), sizes, widths), mode=img.mode)


def invert(img):
    """The negative.

    >>> flambeau.vision.transforms.functional.invert(flambeau.tensor([[[0, 255]]], dtype=flambeau.uint8)).tolist()
    [[[255, 0]]]
    """
    return _kind(img).invert(img)


def posterize(img, bits):
    """Only the first bits of each byte.

    >>> flambeau.vision.transforms.functional.posterize(flambeau.full((1, 1, 1), 255, dtype=flambeau.uint8), 1).item()
    128
    """
    if not 0 <= bits <= 8:
        raise ValueError(f"The number if bits should be between 0 and 8. Got {bits}")
    return _kind(img).posterize(img, bits)


def solarize(img, threshold):
    """The negative where it is at least as bright as the threshold.

    >>> flambeau.vision.transforms.functional.solarize(flambeau.tensor([[[0.25, 0.75]]]), 0.5)
    tensor([[[0.2500, 0.2500]]])
    """
    return _kind(img).solarize(img, threshold)


def autocontrast(img):
    """Each channel stretched from black to white.

    >>> flambeau.vision.transforms.functional.autocontrast(flambeau.tensor([[[0.25, 0.75]]]))
    tensor([[[0., 1.]]])
    """
    return _kind(img).autocontrast(img)


def equalize(img):
    """Each channel with all levels as frequent as can be.

    >>> flambeau.vision.transforms.functional.equalize(flambeau.zeros(1, 2, 2, dtype=flambeau.uint8)).sum().item()
    0
    """
    return _kind(img).equalize(img)


def elastic_transform(img, displacement, interpolation=InterpolationMode.BILINEAR, fill=None):
    """Each pixel taken from another place.

    Args:
        img: a picture.
        displacement: (1, H, W, 2), by how much x and y change, where 2 is the whole picture.
        interpolation: NEAREST or BILINEAR.
        fill: value outside.

    >>> flambeau.vision.transforms.functional.elastic_transform(flambeau.ones(1, 2, 2), flambeau.zeros(1, 2, 2, 2)).sum()
    tensor(4.)
    """
    mode = _mode(interpolation)
    if not _is_tensor(displacement):
        raise TypeError("Argument displacement should be a Tensor")
    _, height, width = get_dimensions(img)
    if tuple(displacement.shape) != (1, height, width, 2):
        raise ValueError(
            f"Argument displacement shape should be {(1, height, width, 2)}, but given {tuple(displacement.shape)}"
        )
    if _kind(img) is F_t:
        return F_t.elastic_transform(img, displacement, mode.value, fill)
    return to_pil_image(F_t.elastic_transform(pil_to_tensor(img), displacement, mode.value, fill), mode=img.mode)
