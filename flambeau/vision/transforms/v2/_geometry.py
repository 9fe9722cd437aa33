"""Transforms that move things."""

import warnings
from collections.abc import Sequence

import flambeau

from ... import ops, tv_tensors
from .. import _functional_tensor as F_t
from .. import transforms as V1
from ..functional import _sides
from . import functional as F
from ._transform import Transform, _RandomApplyTransform, fill_for, fills, get_bounding_boxes, query_size

__all__ = [
    "CenterCrop", "ElasticTransform", "FiveCrop", "Pad", "RandomAffine", "RandomCrop", "RandomHorizontalFlip", "RandomIoUCrop",
    "RandomPerspective", "RandomResize", "RandomResizedCrop", "RandomRotation", "RandomShortestSize", "RandomVerticalFlip", "RandomZoomOut",
    "Resize", "ScaleJitter", "TenCrop",
]  # fmt: skip


def _uniform(low, high):
    return flambeau.empty(1).uniform_(float(low), float(high)).item()


def _below(low, high, size=(1,)):
    return int(flambeau.randint(low, high, size=size))


class RandomHorizontalFlip(_RandomApplyTransform):
    """Left and right exchanged, with a probability.

    Args:
        p: the probability.

    >>> flambeau.vision.transforms.v2.RandomHorizontalFlip(1.0)(flambeau.arange(2.0).reshape(1, 1, 2))
    tensor([[[1., 0.]]])
    """

    def transform(self, inpt, params):
        return self._call_kernel(F.horizontal_flip, inpt)


class RandomVerticalFlip(_RandomApplyTransform):
    """Top and bottom exchanged, with a probability.

    Args:
        p: the probability.

    >>> flambeau.vision.transforms.v2.RandomVerticalFlip(1.0)(flambeau.arange(2.0).reshape(1, 2, 1)).flatten()
    tensor([1., 0.])
    """

    def transform(self, inpt, params):
        return self._call_kernel(F.vertical_flip, inpt)


def _checked_size(size):
    if isinstance(size, int):
        return [size]
    if not isinstance(size, Sequence):
        raise TypeError(f"size can be an integer, a sequence of one or two integers, or None, but got {size} instead.")
    if len(size) not in (1, 2):
        raise ValueError(f"size can be an integer, a sequence of one or two integers, or None, but got {size} instead.")
    return list(size)


class Resize(Transform):
    """The sample in another size.

    Args:
        size: (height, width), the length of the shorter side, or None for max_size only.
        interpolation: an InterpolationMode.
        max_size: limit of the longer side.
        antialias: a wider filter where a tensor becomes smaller.

    >>> flambeau.vision.transforms.v2.Resize(2)(flambeau.zeros(3, 4, 8)).shape
    torch.Size([3, 2, 4])
    """

    def __init__(self, size, interpolation="bilinear", max_size=None, antialias=True):
        super().__init__()
        if size is None and not isinstance(max_size, int):
            raise ValueError(f"max_size must be an integer when size is None, but got {max_size} instead.")
        self.size = None if size is None else _checked_size(size)
        self.interpolation, self.max_size, self.antialias = interpolation, max_size, antialias

    def transform(self, inpt, params):
        options = (self.interpolation, self.max_size, self.antialias)
        return self._call_kernel(F.resize, inpt, self.size, *options)


class CenterCrop(Transform):
    """The middle of the sample.

    Args:
        size: (height, width), or one number for both.

    >>> flambeau.vision.transforms.v2.CenterCrop(2)(flambeau.zeros(1, 4, 6)).shape
    torch.Size([1, 2, 2])
    """

    def __init__(self, size):
        super().__init__()
        self.size = V1._two(size)

    def transform(self, inpt, params):
        return self._call_kernel(F.center_crop, inpt, output_size=self.size)


class RandomResizedCrop(Transform):
    """A part of the sample of any size and shape, resized.

    Args:
        size: (height, width), or one number for both.
        scale: limits of the part's share of the area.
        ratio: limits of its width over its height.
        interpolation, antialias: as in Resize.

    >>> flambeau.vision.transforms.v2.RandomResizedCrop(2)(flambeau.zeros(3, 8, 8)).shape
    torch.Size([3, 2, 2])
    """

    def __init__(
        self,
        size,
        scale=(0.08, 1.0),
        ratio=(3.0 / 4.0, 4.0 / 3.0),
        interpolation="bilinear",
        antialias=True,
    ):
        super().__init__()
        if not isinstance(scale, Sequence) or not isinstance(ratio, Sequence):
            raise TypeError("Scale and ratio should be sequences")
        if scale[0] > scale[1] or ratio[0] > ratio[1]:
            warnings.warn("Scale and ratio should be of kind (min, max)")
        self.size, self.scale, self.ratio = V1._two(size), scale, ratio
        self.interpolation, self.antialias = interpolation, antialias

    def make_params(self, flat_inputs):
        canvas = flambeau.empty(0, *query_size(flat_inputs))
        top, left, height, width = V1.RandomResizedCrop.get_params(canvas, self.scale, self.ratio)
        return {"top": top, "left": left, "height": height, "width": width}

    def transform(self, inpt, params):
        options = {"size": self.size, "interpolation": self.interpolation, "antialias": self.antialias}
        return self._call_kernel(F.resized_crop, inpt, **params, **options)


class FiveCrop(Transform):
    """The four corners and the middle of the picture.

    Args:
        size: (height, width), or one number for both.

    >>> len(flambeau.vision.transforms.v2.FiveCrop(2)(flambeau.zeros(1, 4, 4)))
    5
    """

    def __init__(self, size):
        super().__init__()
        self.size = V1._two(size)

    def transform(self, inpt, params):
        return self._call_kernel(F.five_crop, inpt, self.size)


class TenCrop(Transform):
    """The four corners and the middle, of the picture and of the flipped one.

    Args:
        size: (height, width), or one number for both.
        vertical_flip: exchange top and bottom, not left and right.

    >>> len(flambeau.vision.transforms.v2.TenCrop(2)(flambeau.zeros(1, 4, 4)))
    10
    """

    def __init__(self, size, vertical_flip=False):
        super().__init__()
        self.size, self.vertical_flip = V1._two(size), vertical_flip

    def transform(self, inpt, params):
        return self._call_kernel(F.ten_crop, inpt, self.size, vertical_flip=self.vertical_flip)


class Pad(Transform):
    """The sample with more around it.

    Args:
        padding: pixels on each side, (left and right, top and bottom), or (left, top, right, bottom).
        fill: value around it, or {class: value}.
        padding_mode: "constant", "edge", "reflect" or "symmetric".

    >>> flambeau.vision.transforms.v2.Pad((1, 0), fill=2)(flambeau.ones(1, 1, 1))
    tensor([[[2., 1., 2.]]])
    """

    def __init__(self, padding, fill=0, padding_mode="constant"):
        super().__init__()
        if not isinstance(padding, int | tuple | list):
            raise ValueError(f"Padding must be an int or a 1, 2, or 4 element of tuple or list, got {padding}.")
        _sides(padding)
        if padding_mode not in ("constant", "edge", "reflect", "symmetric"):
            raise ValueError("Padding mode should be either constant, edge, reflect or symmetric")
        self.padding, self.fill, self._fill, self.padding_mode = padding, fill, fills(fill), padding_mode

    def transform(self, inpt, params):
        fill = fill_for(self._fill, inpt)
        return self._call_kernel(F.pad, inpt, padding=self.padding, fill=fill, padding_mode=self.padding_mode)


class RandomZoomOut(_RandomApplyTransform):
    """The sample somewhere on a larger canvas, with a probability.

    Args:
        fill: value around it, or {class: value}.
        side_range: limits of the factor of its sides.
        p: the probability.

    >>> flambeau.vision.transforms.v2.RandomZoomOut(side_range=(2.0, 2.0), p=1.0)(flambeau.zeros(1, 4, 4)).shape
    torch.Size([1, 8, 8])
    """

    def __init__(self, fill=0, side_range=(1.0, 4.0), p=0.5):
        super().__init__(p=p)
        if side_range[0] < 1.0 or side_range[0] > side_range[1]:
            raise ValueError(f"Invalid side range provided {side_range}.")
        self.fill, self._fill, self.side_range = fill, fills(fill), side_range

    def make_params(self, flat_inputs):
        height, width = query_size(flat_inputs)
        factor = self.side_range[0] + flambeau.rand(1) * (self.side_range[1] - self.side_range[0])
        wide, high = int(width * factor), int(height * factor)
        share = flambeau.rand(2)
        left, top = int((wide - width) * share[0]), int((high - height) * share[1])
        return {"padding": [left, top, wide - (left + width), high - (top + height)]}

    def transform(self, inpt, params):
        return self._call_kernel(F.pad, inpt, **params, fill=fill_for(self._fill, inpt))


class RandomRotation(Transform):
    """The sample turned by any angle.

    Args:
        degrees: between these two, or between -x and x.
        interpolation: an InterpolationMode.
        expand: make it large enough to hold all.
        center: (x, y), the middle if None.
        fill: value outside, or {class: value}.

    >>> flambeau.vision.transforms.v2.RandomRotation(10)(flambeau.zeros(1, 4, 4)).shape
    torch.Size([1, 4, 4])
    """

    def __init__(self, degrees, interpolation="nearest", expand=False, center=None, fill=0):
        super().__init__()
        self.degrees = V1._checked_angles(degrees, "degrees")
        self.interpolation, self.expand = interpolation, expand
        self.fill, self._fill, self.center = fill, fills(fill), center

    def make_params(self, flat_inputs):
        return {"angle": _uniform(*self.degrees)}

    def transform(self, inpt, params):
        options = {"interpolation": self.interpolation, "expand": self.expand, "center": self.center}
        return self._call_kernel(F.rotate, inpt, **params, **options, fill=fill_for(self._fill, inpt))


class RandomAffine(Transform):
    """The sample turned, moved, scaled and sheared.

    Args:
        degrees: between these two, or between -x and x.
        translate: largest shares of width and height that it moves by, or None.
        scale: limits of the factor, or None.
        shear: degrees along x (one number or two), or along x and y (four), or None.
        interpolation: an InterpolationMode.
        fill: value outside, or {class: value}.
        center: (x, y), the middle if None.

    >>> flambeau.vision.transforms.v2.RandomAffine(10, scale=(0.5, 2.0))(flambeau.zeros(1, 4, 4)).shape
    torch.Size([1, 4, 4])
    """

    def __init__(
        self,
        degrees,
        translate=None,
        scale=None,
        shear=None,
        interpolation="nearest",
        fill=0,
        center=None,
    ):
        super().__init__()
        self.degrees = V1._checked_angles(degrees, "degrees")
        if translate is not None and not all(0.0 <= t <= 1.0 for t in translate):
            raise ValueError("translation values should be between 0 and 1")
        if scale is not None and min(scale) <= 0:
            raise ValueError("scale values should be positive")
        self.translate, self.scale = translate, scale
        self.shear = None if shear is None else V1._checked_angles(shear, "shear", (2, 4))
        self.interpolation, self.fill, self._fill, self.center = interpolation, fill, fills(fill), center

    def make_params(self, flat_inputs):
        height, width = query_size(flat_inputs)
        limits = (self.degrees, self.translate, self.scale, self.shear)
        return dict(zip(("angle", "translate", "scale", "shear"), V1.RandomAffine.get_params(*limits, [width, height])))

    def transform(self, inpt, params):
        options = {"interpolation": self.interpolation, "fill": fill_for(self._fill, inpt), "center": self.center}
        return self._call_kernel(F.affine, inpt, **params, **options)


class RandomCrop(Transform):
    """A part of the sample, at any place.

    Args:
        size: (height, width), or one number for both.
        padding: what is put around it before, as in Pad, or None.
        pad_if_needed: pad a sample that is too small.
        fill, padding_mode: as in Pad.

    >>> flambeau.vision.transforms.v2.RandomCrop(2)(flambeau.zeros(1, 4, 6)).shape
    torch.Size([1, 2, 2])
    """

    def __init__(self, size, padding=None, pad_if_needed=False, fill=0, padding_mode="constant"):
        super().__init__()
        self.size = V1._two(size)
        self.padding = None if padding is None else _sides(padding)
        self.pad_if_needed = pad_if_needed
        self.fill, self._fill, self.padding_mode = fill, fills(fill), padding_mode

    def make_params(self, flat_inputs):
        size = list(query_size(flat_inputs))
        left, top, right, bottom = self.padding or (0, 0, 0, 0)
        size = [size[0] + top + bottom, size[1] + left + right]
        more = [max(want - have, 0) if self.pad_if_needed else 0 for want, have in zip(self.size, size)]
        size = [have + 2 * extra for have, extra in zip(size, more)]
        if any(have < want for want, have in zip(self.size, size)):
            named = "padded " if self.padding is not None else ""
            raise ValueError(
                f"Required crop size {tuple(self.size)} is larger than {named}input image size {tuple(size)}."
            )
        padding = [left + more[1], top + more[0], right + more[1], bottom + more[0]]
        places = [_below(0, have - want + 1, ()) if have > want else 0 for want, have in zip(self.size, size)]
        needs = any(have > want for want, have in zip(self.size, size))
        return {"needs_crop": needs, "top": places[0], "left": places[1], "padding": padding}

    def transform(self, inpt, params):
        if any(params["padding"]):
            options = {"fill": fill_for(self._fill, inpt), "padding_mode": self.padding_mode}
            inpt = self._call_kernel(F.pad, inpt, padding=params["padding"], **options)
        if not params["needs_crop"]:
            return inpt
        height, width = self.size
        return self._call_kernel(F.crop, inpt, top=params["top"], left=params["left"], height=height, width=width)


class RandomPerspective(_RandomApplyTransform):
    """The sample seen from another place, with a probability.

    Args:
        distortion_scale: from 0 to 1.
        p: the probability.
        interpolation: an InterpolationMode.
        fill: value outside, or {class: value}.

    >>> flambeau.vision.transforms.v2.RandomPerspective(p=1.0)(flambeau.zeros(1, 4, 4)).shape
    torch.Size([1, 4, 4])
    """

    def __init__(self, distortion_scale=0.5, p=0.5, interpolation="bilinear", fill=0):
        super().__init__(p=p)
        if not 0 <= distortion_scale <= 1:
            raise ValueError("Argument distortion_scale value should be between 0 and 1")
        self.distortion_scale, self.interpolation, self.fill, self._fill = (
            distortion_scale,
            interpolation,
            fill,
            fills(fill),
        )

    def make_params(self, flat_inputs):
        height, width = query_size(flat_inputs)
        corners = V1.RandomPerspective.get_params(width, height, self.distortion_scale)
        return {"coefficients": F_t.solve_perspective(*corners)}

    def transform(self, inpt, params):
        options = {"fill": fill_for(self._fill, inpt), "interpolation": self.interpolation}
        return self._call_kernel(F.perspective, inpt, startpoints=None, endpoints=None, **options, **params)


class ElasticTransform(Transform):
    """Each pixel taken from a place nearby, smoothly, as if the picture were on rubber.

    Args:
        alpha: how far (x, y).
        sigma: how smoothly (x, y).
        interpolation: NEAREST or BILINEAR.
        fill: value outside, or {class: value}.

    >>> flambeau.vision.transforms.v2.ElasticTransform(1.0, 0.5)(flambeau.zeros(1, 8, 8)).shape
    torch.Size([1, 8, 8])
    """

    def __init__(self, alpha=50.0, sigma=5.0, interpolation="bilinear", fill=0):
        super().__init__()
        self.alpha = V1.ElasticTransform._both(alpha, "alpha")
        self.sigma = V1.ElasticTransform._both(sigma, "sigma")
        self.interpolation, self.fill, self._fill = interpolation, fill, fills(fill)

    def make_params(self, flat_inputs):
        return {"displacement": V1.ElasticTransform.get_params(self.alpha, self.sigma, list(query_size(flat_inputs)))}

    def transform(self, inpt, params):
        options = {"fill": fill_for(self._fill, inpt), "interpolation": self.interpolation}
        return self._call_kernel(F.elastic, inpt, **params, **options)


class RandomIoUCrop(Transform):
    """A part of the sample with enough of its boxes in it (arXiv 1512.02325).

    Args:
        min_scale, max_scale: limits of the part's sides, as shares.
        min_aspect_ratio, max_aspect_ratio: limits of its width over its height.
        sampler_options: least overlaps with a box, of which one is drawn; 1 or more leaves the sample as it is.
        trials: how often to try.

    >>> boxes = flambeau.vision.tv_tensors.BoundingBoxes([[1, 1, 6, 6]], format="XYXY", canvas_size=(8, 8))
    >>> image, _ = flambeau.vision.transforms.v2.RandomIoUCrop()(flambeau.zeros(3, 8, 8), boxes)
    >>> image.ndim
    3
    """

    def __init__(
        self,
        min_scale=0.3,
        max_scale=1.0,
        min_aspect_ratio=0.5,
        max_aspect_ratio=2.0,
        sampler_options=None,
        trials=40,
    ):
        super().__init__()
        self.min_scale, self.max_scale = min_scale, max_scale
        self.min_aspect_ratio, self.max_aspect_ratio = min_aspect_ratio, max_aspect_ratio
        self.options = [0.0, 0.1, 0.3, 0.5, 0.7, 0.9, 1.0] if sampler_options is None else sampler_options
        self.trials = trials

    def check_inputs(self, flat_inputs):
        from ._transform import _PICTURES, has_any

        if not (has_any(flat_inputs, *_PICTURES) and has_any(flat_inputs, tv_tensors.BoundingBoxes)):
            raise TypeError("RandomIoUCrop() requires input sample to contain an image and bounding boxes")

    def _part(self, height, width):
        """A part (left, top, right, bottom), or None."""
        share = self.min_scale + (self.max_scale - self.min_scale) * flambeau.rand(2)
        w, h = int(width * share[0]), int(height * share[1])
        if not h or not self.min_aspect_ratio <= w / h <= self.max_aspect_ratio:
            return None
        share = flambeau.rand(2)
        left, top = int((width - w) * share[0]), int((height - h) * share[1])
        return None if w == 0 else (left, top, left + w, top + h)

    def _try(self, boxes, part, least):
        left, top, right, bottom = part
        x, y = 0.5 * (boxes[..., 0] + boxes[..., 2]), 0.5 * (boxes[..., 1] + boxes[..., 3])
        inside = (left < x) & (x < right) & (top < y) & (y < bottom)
        if not inside.any() or ops.box_iou(boxes[inside], flambeau.tensor([part]).to(boxes.dtype)).max() < least:
            return None
        place = {"top": top, "left": left, "height": bottom - top, "width": right - left}
        return {**place, "is_within_crop_area": inside}

    def make_params(self, flat_inputs):
        height, width = query_size(flat_inputs)
        found = get_bounding_boxes(flat_inputs)
        boxes = F.convert_bounding_box_format(found.as_subclass(flambeau.Tensor), found.format, "XYXY")
        while True:
            least = self.options[_below(0, len(self.options))]
            if least >= 1.0:
                return {}
            for _ in range(self.trials):
                part = self._part(height, width)
                params = part and self._try(boxes, part, least)
                if params:
                    return params

    def transform(self, inpt, params):
        if not params:
            return inpt
        inside = params["is_within_crop_area"]
        out = self._call_kernel(F.crop, inpt, **{k: v for k, v in params.items() if k != "is_within_crop_area"})
        if isinstance(out, tv_tensors.BoundingBoxes):
            out[~inside] = 0
        return out


class ScaleJitter(Transform):
    """The sample in a size near another one (arXiv 2012.07177).

    Args:
        target_size: the other size, (height, width).
        scale_range: limits of the factor of that size.
        interpolation, antialias: as in Resize.

    >>> flambeau.vision.transforms.v2.ScaleJitter((8, 8), (1.0, 1.0))(flambeau.zeros(3, 4, 4)).shape
    torch.Size([3, 8, 8])
    """

    def __init__(self, target_size, scale_range=(0.1, 2.0), interpolation="bilinear", antialias=True):
        super().__init__()
        self.target_size, self.scale_range = target_size, scale_range
        self.interpolation, self.antialias = interpolation, antialias

    def make_params(self, flat_inputs):
        height, width = query_size(flat_inputs)
        scale = self.scale_range[0] + flambeau.rand(1) * (self.scale_range[1] - self.scale_range[0])
        r = min(self.target_size[1] / height, self.target_size[0] / width) * scale
        return {"size": (int(height * r), int(width * r))}

    def transform(self, inpt, params):
        options = {"interpolation": self.interpolation, "antialias": self.antialias}
        return self._call_kernel(F.resize, inpt, size=params["size"], **options)


class RandomShortestSize(Transform):
    """The sample with a shorter side of a length that is drawn.

    Args:
        min_size: the lengths, or one.
        max_size: limit of the longer side.
        interpolation, antialias: as in Resize.

    >>> flambeau.vision.transforms.v2.RandomShortestSize(2)(flambeau.zeros(3, 4, 8)).shape
    torch.Size([3, 2, 4])
    """

    def __init__(self, min_size, max_size=None, interpolation="bilinear", antialias=True):
        super().__init__()
        self.min_size = [min_size] if isinstance(min_size, int) else list(min_size)
        self.max_size, self.interpolation, self.antialias = max_size, interpolation, antialias

    def make_params(self, flat_inputs):
        height, width = query_size(flat_inputs)
        r = self.min_size[_below(0, len(self.min_size), ())] / min(height, width)
        if self.max_size is not None:
            r = min(r, self.max_size / max(height, width))
        return {"size": (int(height * r), int(width * r))}

    def transform(self, inpt, params):
        options = {"interpolation": self.interpolation, "antialias": self.antialias}
        return self._call_kernel(F.resize, inpt, size=params["size"], **options)


class RandomResize(Transform):
    """The sample with a shorter side of any length.

    Args:
        min_size, max_size: limits of the length; the second is not reached.
        interpolation, antialias: as in Resize.

    >>> flambeau.vision.transforms.v2.RandomResize(2, 3)(flambeau.zeros(3, 4, 8)).shape
    torch.Size([3, 2, 4])
    """

    def __init__(self, min_size, max_size, interpolation="bilinear", antialias=True):
        super().__init__()
        self.min_size, self.max_size = min_size, max_size
        self.interpolation, self.antialias = interpolation, antialias

    def make_params(self, flat_inputs):
        return {"size": [_below(self.min_size, self.max_size, ())]}

    def transform(self, inpt, params):
        options = {"interpolation": self.interpolation, "antialias": self.antialias}
        return self._call_kernel(F.resize, inpt, params["size"], **options)
