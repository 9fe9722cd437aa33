"""Operations on pictures, videos, masks, boxes and points: each kind of input is changed as it must be.

Arguments are those of flambeau.vision.transforms.functional; boxes and points take the geometric ones only.
"""

import inspect

import flambeau

from .... import ops, tv_tensors
from ... import functional as V1
from ... import InterpolationMode
from . import _images, _kernels, _places
from ._dispatch import call, image_kernel, is_pure_tensor, register_kernel

_IMAGE = "flambeau.zeros(3, 4, 6)"


def _function(op, title, arguments, shown, image=_IMAGE, ending=".shape"):
    """A function of any input, with an example."""

    def function(inpt, *args, **kwargs):
        return call(op, inpt, *args, **kwargs)

    names = list(inspect.signature(image_kernel(op)).parameters.values())
    function.__name__ = function.__qualname__ = op
    function.__signature__ = inspect.Signature([names[0].replace(name="inpt"), *names[1:]])
    inner = f"{image}, {arguments}" if arguments else image
    example = f">>> flambeau.vision.transforms.v2.functional.{op}({inner}){ending}\n{shown}"
    function.__doc__ = f"{title}.\n\nArgs:\n    inpt: a picture or what belongs to it.\n    *args, **kwargs: as in the first version.\n\n{example}\n"
    return function


def _size(*numbers):
    return f"torch.Size({list(numbers)})"


_SAME = _size(3, 4, 6)
_BYTES = "flambeau.zeros(3, 4, 6, dtype=flambeau.uint8)"
_CORNERS = "[[0, 0], [5, 0], [5, 3], [0, 3]]"
resize = _function("resize", "The input in another size", "[2, 3]", _size(3, 2, 3))
crop = _function("crop", "A part of the input", "0, 1, 2, 3", _size(3, 2, 3))
center_crop = _function("center_crop", "The middle of the input", "[2, 2]", _size(3, 2, 2))
resized_crop = _function("resized_crop", "A part of the input in another size", "0, 1, 2, 3, [4, 4]", _size(3, 4, 4))
pad = _function("pad", "The input with more around it", "[1, 2]", _size(3, 8, 8))
horizontal_flip = _function("horizontal_flip", "Left and right exchanged", "", _SAME)
vertical_flip = _function("vertical_flip", "Top and bottom exchanged", "", _SAME)
affine = _function("affine", "The input turned, moved, scaled and sheared", "10, [1, 0], 1.5, [0.0, 0.0]", _SAME)
rotate = _function("rotate", "The input turned against the clock", "30, expand=True", _size(3, 8, 8))
perspective = _function("perspective", "The input seen from another place", f"{_CORNERS}, {_CORNERS}", _SAME)
elastic = _function("elastic", "Each pixel taken from another place", "flambeau.zeros(1, 4, 6, 2)", _SAME)
elastic_transform = elastic
five_crop = _function("five_crop", "The four corners and the middle of the picture", "[2, 2]", "5", ending=".__len__()")
ten_crop = _function("ten_crop", "five_crop of the picture and of the flipped one", "[2, 2]", "10", ending=".__len__()")
adjust_brightness = _function("adjust_brightness", "Brighter by a factor", "2.0", _SAME)
adjust_contrast = _function("adjust_contrast", "More contrast by a factor", "2.0", _SAME)
adjust_saturation = _function("adjust_saturation", "More colour by a factor", "2.0", _SAME)
adjust_hue = _function("adjust_hue", "Other colours", "0.1", _SAME)
adjust_gamma = _function("adjust_gamma", "gain * x^gamma", "2.0", _SAME)
adjust_sharpness = _function("adjust_sharpness", "Sharper by a factor", "2.0", _SAME)
autocontrast = _function("autocontrast", "Each channel stretched from black to white", "", _SAME)
equalize = _function("equalize", "Each channel with all levels as frequent as can be", "", _SAME, _BYTES)
invert = _function("invert", "The negative", "", _SAME)
posterize = _function("posterize", "Only the first bits of each number", "2", _SAME, _BYTES)
solarize = _function("solarize", "The negative where it is bright", "0.5", _SAME)
gaussian_blur = _function("gaussian_blur", "The picture out of focus", "3", _SAME)
gaussian_noise = _function("gaussian_noise", "The picture with noise added", "0.0, 0.1", _SAME)
erase = _function("erase", "A rectangle set to a value", "0, 1, 2, 2, 1.0", _SAME)
rgb_to_grayscale = _function("rgb_to_grayscale", "The picture in black and white", "", _size(1, 4, 6))
grayscale_to_rgb = _function("grayscale_to_rgb", "Three equal channels", "", _SAME, "flambeau.zeros(1, 4, 6)")
permute_channels = _function("permute_channels", "Channels in another order", "[2, 1, 0]", _SAME)
normalize = _function("normalize", "(x - mean) / std, channel by channel", "[0.5] * 3, [0.5] * 3", _SAME)
to_dtype = _function(
    "to_dtype", "The input in another dtype, with white as its white if `scale`", "flambeau.float64", _SAME
)
jpeg = _function(
    "jpeg",
    "The picture as it is after compression",
    "50",
    _size(3, 8, 8),
    "flambeau.zeros(3, 8, 8, dtype=flambeau.uint8)",
)
uniform_temporal_subsample = _function(
    "uniform_temporal_subsample", "Frames at equal distances", "2", _size(2, 3, 4, 6), "flambeau.zeros(5, 3, 4, 6)"
)  # fmt: skip
hflip, vflip = horizontal_flip, vertical_flip
pil_to_tensor, to_pil_image, to_tensor = V1.pil_to_tensor, V1.to_pil_image, V1.to_tensor


def to_grayscale(inpt, num_output_channels=1):
    """The picture in black and white.

    >>> flambeau.vision.transforms.v2.functional.to_grayscale(flambeau.zeros(3, 4, 6)).shape
    torch.Size([1, 4, 6])
    """
    return rgb_to_grayscale(inpt, num_output_channels)


def convert_image_dtype(image, dtype=flambeau.float32):
    """The picture in another dtype, with white as its white.

    >>> flambeau.vision.transforms.v2.functional.convert_image_dtype(flambeau.ones(1, 1, 1), flambeau.uint8).item()
    255
    """
    return to_dtype(image, dtype, True)


def to_image(inpt):
    """A tensor that is a picture, of Pillow's, an array (H, W, C) or a tensor.

    >>> flambeau.vision.transforms.v2.functional.to_image(np.zeros((4, 6, 3), dtype=np.uint8)).shape
    torch.Size([3, 4, 6])
    """
    import numpy as np

    if isinstance(inpt, np.ndarray):
        if inpt.ndim not in (2, 3):
            raise ValueError(f"an array (H, W) or (H, W, C) is expected, got {inpt.shape}")
        array = np.atleast_3d(inpt).transpose((2, 0, 1))
        return tv_tensors.Image(flambeau.from_numpy(np.ascontiguousarray(array)))
    if isinstance(inpt, flambeau.Tensor):
        return tv_tensors.Image(_places.plain(inpt))
    if not V1._is_pil_image(inpt):
        raise TypeError(
            f"Input can either be a pure Tensor, a numpy array, or a PIL image, but got {type(inpt)} instead."
        )
    return tv_tensors.Image(V1.pil_to_tensor(inpt))


def get_size(inpt):
    """[height, width] of an input, or of the picture that it belongs to.

    >>> flambeau.vision.transforms.v2.functional.get_size(flambeau.zeros(3, 4, 6))
    [4, 6]
    """
    if isinstance(inpt, tv_tensors.BoundingBoxes | tv_tensors.KeyPoints):
        return list(inpt.canvas_size)
    return list(inpt.shape[-2:]) if isinstance(inpt, flambeau.Tensor) else V1.get_dimensions(inpt)[1:]


def get_dimensions(inpt):
    """[channels, height, width] of a picture.

    >>> flambeau.vision.transforms.v2.functional.get_dimensions(flambeau.zeros(3, 4, 6))
    [3, 4, 6]
    """
    return V1.get_dimensions(_places.plain(inpt) if isinstance(inpt, flambeau.Tensor) else inpt)


def get_num_channels(inpt):
    """Channels of a picture.

    >>> flambeau.vision.transforms.v2.functional.get_num_channels(flambeau.zeros(3, 4, 6))
    3
    """
    return get_dimensions(inpt)[0]


get_image_num_channels = get_num_channels


def get_image_size(inpt):
    """[width, height] of a picture.

    >>> flambeau.vision.transforms.v2.functional.get_image_size(flambeau.zeros(3, 4, 6))
    [6, 4]
    """
    return get_dimensions(inpt)[:0:-1]


def get_num_frames(inpt):
    """Frames of a video.

    >>> flambeau.vision.transforms.v2.functional.get_num_frames(flambeau.zeros(5, 3, 4, 6))
    5
    """
    return inpt.shape[-4]


def _format(value):
    return tv_tensors.BoundingBoxFormat[value.upper()] if isinstance(value, str) else value


def convert_bounding_box_format(inpt, old_format=None, new_format=None, inplace=False):
    """Boxes in another format.

    Args:
        inpt: BoundingBoxes, or a tensor and
        old_format: its format.
        new_format: a BoundingBoxFormat, or its name.
        inplace: write into the input.

    >>> F = flambeau.vision.transforms.v2.functional
    >>> F.convert_bounding_box_format(flambeau.tensor([[1, 2, 5, 8]]), "XYXY", "XYWH")
    tensor([[1, 2, 4, 6]])
    """
    if new_format is None:
        raise TypeError("convert_bounding_box_format() missing 1 required argument: 'new_format'")
    boxed = isinstance(inpt, tv_tensors.BoundingBoxes)
    if boxed == (old_format is not None):
        raise ValueError("old_format is for pure tensors, and necessary for them; BoundingBoxes know theirs")
    before, after = inpt.format if boxed else _format(old_format), _format(new_format)
    x = _places.plain(inpt)
    out = _places.convert(x, before, after).to(x.dtype)
    out = x.copy_(out) if inplace else out
    return tv_tensors.wrap(out, like=inpt, format=after) if boxed else out


def clamp_bounding_boxes(inpt, format=None, canvas_size=None, clamping_mode="auto"):
    """Boxes cut off at the edges of the picture.

    Args:
        inpt: BoundingBoxes, or a tensor and
        format, canvas_size: its format and the picture's size.
        clamping_mode: "soft" and "hard" cut, None does not, "auto" is what the boxes say.

    >>> F = flambeau.vision.transforms.v2.functional
    >>> F.clamp_bounding_boxes(flambeau.tensor([[-1, 2, 50, 8]]), "XYXY", (10, 20))
    tensor([[ 0,  2, 20,  8]])
    """
    boxed = isinstance(inpt, tv_tensors.BoundingBoxes)
    if not boxed and (format is None or canvas_size is None):
        raise ValueError("For pure tensor inputs, `format` and `canvas_size` have to be passed.")
    format = inpt.format if boxed else _format(format)
    mode = getattr(inpt, "clamping_mode", "soft") if clamping_mode == "auto" else clamping_mode
    if mode is None:
        return inpt.clone()
    if tv_tensors.is_rotated_bounding_format(format):
        raise NotImplementedError("turned boxes are not cut off: convert them, or use clamping_mode=None")
    x = _places.plain(inpt)
    sides = ops.clip_boxes_to_image(
        _places.convert(x, format, _places.XYXY), inpt.canvas_size if boxed else canvas_size
    )
    out = _places.convert(sides, _places.XYXY, format).to(x.dtype)
    return tv_tensors.wrap(out, like=inpt) if boxed else out


def clamp_keypoints(inpt, canvas_size=None):
    """Points moved into the picture.

    Args:
        inpt: KeyPoints, or a tensor and
        canvas_size: the picture's size.

    >>> flambeau.vision.transforms.v2.functional.clamp_keypoints(flambeau.tensor([[-1, 50]]), (10, 20))
    tensor([[0, 9]])
    """
    known = isinstance(inpt, tv_tensors.KeyPoints)
    out = _places.clamp_points(_places.plain(inpt), inpt.canvas_size if known else canvas_size)
    return tv_tensors.wrap(out, like=inpt) if known else out


def _good_boxes(x, format, canvas_size, min_size, min_area):
    x1, y1, x2, y2 = _places.convert(x, format, _places.XYXY).unbind(-1)
    width, height = x2 - x1, y2 - y1
    large = (width >= min_size) & (height >= min_size) & (width * height >= min_area)
    return large & (x1 >= 0) & (y1 >= 0) & (x2 <= canvas_size[1]) & (y2 <= canvas_size[0])


def sanitize_bounding_boxes(bounding_boxes, format=None, canvas_size=None, min_size=1.0, min_area=1.0):
    """(boxes that are large enough and lie within the picture, which these are).

    Args:
        bounding_boxes: BoundingBoxes, or a tensor and
        format, canvas_size: its format and the picture's size.
        min_size, min_area: least side and area.

    >>> F = flambeau.vision.transforms.v2.functional
    >>> F.sanitize_bounding_boxes(flambeau.tensor([[0, 0, 5, 5], [3, 3, 3, 9]]), "XYXY", (10, 20))[1]
    tensor([ True, False])
    """
    boxed = isinstance(bounding_boxes, tv_tensors.BoundingBoxes)
    if not boxed and (format is None or canvas_size is None):
        raise ValueError("format and canvas_size cannot be None if bounding_boxes is a pure tensor")
    format = bounding_boxes.format if boxed else _format(format)
    size, x = bounding_boxes.canvas_size if boxed else canvas_size, _places.plain(bounding_boxes)
    good = _good_boxes(x, format, size, min_size, min_area)
    return (tv_tensors.wrap(x[good], like=bounding_boxes) if boxed else x[good]), good


def sanitize_keypoints(key_points, canvas_size=None):
    """(points within the picture, which these are).

    Args:
        key_points: KeyPoints, or a tensor and
        canvas_size: the picture's size.

    >>> flambeau.vision.transforms.v2.functional.sanitize_keypoints(flambeau.tensor([[1, 2], [30, 2]]), (10, 20))[1]
    tensor([ True, False])
    """
    known = isinstance(key_points, tv_tensors.KeyPoints)
    x, (height, width) = _places.plain(key_points), key_points.canvas_size if known else canvas_size
    inside = (x[..., 0] >= 0) & (x[..., 0] < width) & (x[..., 1] >= 0) & (x[..., 1] < height)
    good = inside.flatten(1).all(1) if inside.ndim > 1 else inside
    return (tv_tensors.wrap(x[good], like=key_points) if known else x[good]), good


def __getattr__(name):
    """What answers for one kind of input alone: resize_image and resize_video for plain tensors, resize_mask,
    resize_bounding_boxes and resize_keypoints."""
    if name.endswith(("_mask", "_bounding_boxes", "_keypoints")):
        globals().update(_kernels.all_kernels())
        if name in globals():
            return globals()[name]
    op, _, kind = name.rpartition("_")
    own = globals().get(op)
    if kind in ("image", "video") and callable(own):
        return own
    if kind == "mask" and op in _places.MASKS:
        return lambda mask, *args, **kwargs: _places.plain(own(tv_tensors.Mask(mask), *args, **kwargs))
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = [
    name
    for name in dir()
    if not name.startswith("_") and callable(globals()[name]) and name not in ("call", "image_kernel")
]
