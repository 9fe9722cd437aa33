"""Rectangles left out, samples mixed, compression."""

import math
from collections.abc import Sequence

import flambeau
from flambeau.utils._pytree import tree_flatten, tree_unflatten

from ... import tv_tensors
from .. import transforms as V1
from ..functional import _is_pil_image
from . import functional as F
from ._transform import (
    Transform,
    _RandomApplyTransform,
    has_any,
    is_pure_tensor,
    query_chw,
    query_size,
)
from ._transform import labels_getter as find_labels

__all__ = ["JPEG", "CutMix", "MixUp", "RandomErasing"]


class RandomErasing(_RandomApplyTransform):
    """A rectangle of the picture set to a value, with a probability (arXiv 1708.04896).

    Args:
        p: the probability.
        scale: limits of the rectangle's share of the area.
        ratio: limits of its height over its width.
        value: a number, one per channel, or "random".
        inplace: write into the tensor.

    >>> flambeau.vision.transforms.v2.RandomErasing(p=0.0)(flambeau.ones(1, 2, 2)).sum()
    tensor(4.)
    """

    def __init__(self, p=0.5, scale=(0.02, 0.33), ratio=(0.3, 3.3), value=0.0, inplace=False):
        super().__init__(p=p)
        V1.RandomErasing(p, scale, ratio, value, inplace)
        self.scale, self.ratio = scale, ratio
        if isinstance(value, str):
            self.value = None
        else:
            self.value = [float(v) for v in value] if isinstance(value, Sequence) else [float(value)]
        self.inplace = inplace

    def make_params(self, flat_inputs):
        channels, height, width = query_chw(flat_inputs)
        if self.value is not None and len(self.value) not in (1, channels):
            raise ValueError(
                f"If value is a sequence, it should have either a single value or {channels} (number of inpt channels)"
            )
        canvas = flambeau.empty(channels, height, width)
        *place, value = V1.RandomErasing.get_params(canvas, self.scale, self.ratio, self.value)
        return {"place": None if value is canvas else place, "v": value}

    def transform(self, inpt, params):
        if params["place"] is None:
            return inpt
        return self._call_kernel(F.erase, inpt, *params["place"], params["v"], self.inplace)


class _Mix(Transform):
    """What MixUp and CutMix share: a batch is mixed with itself, rolled by one."""

    def __init__(self, *, alpha=1.0, num_classes=None, labels_getter="default"):
        super().__init__()
        self.alpha, self.num_classes = float(alpha), num_classes
        self._find = find_labels(labels_getter)

    def _share(self):
        beta = flambeau.distributions.Beta(flambeau.tensor([self.alpha]), flambeau.tensor([self.alpha]))
        return float(beta.sample(()))

    def _checked_labels(self, inputs):
        labels = self._find(inputs)
        if not isinstance(labels, flambeau.Tensor):
            raise ValueError(f"The labels must be a tensor, but got {type(labels)} instead.")
        if labels.ndim not in (1, 2):
            raise ValueError(
                "labels should be index based with shape (batch_size,) or probability based with shape (batch_size, "
                f"num_classes), but got a tensor of shape {labels.shape} instead."
            )
        if labels.ndim == 2 and self.num_classes not in (None, labels.shape[-1]):
            raise ValueError(
                "When passing 2D labels, the number of elements in last dimension must match num_classes: "
                f"{labels.shape[-1]} != {self.num_classes}. You can Leave num_classes to None."
            )
        if labels.ndim == 1 and self.num_classes is None:
            raise ValueError("num_classes must be passed if the labels are index-based (1D)")
        return labels

    def forward(self, *inputs):
        inputs = inputs if len(inputs) > 1 else inputs[0]
        flat, spec = tree_flatten(inputs)
        if has_any(flat, _is_pil_image, tv_tensors.BoundingBoxes, tv_tensors.Mask, tv_tensors.KeyPoints):
            name = type(self).__name__
            raise ValueError(f"{name}() does not support PIL images, bounding boxes, keypoints and masks.")
        wanted, labels = self._needs_transform_list(flat), self._checked_labels(inputs)
        params = self.make_params([x for x, want in zip(flat, wanted) if want])
        out = []
        for x, want in zip(flat, wanted):
            if x is labels:
                x = self._mixed_labels(x, params["share"])
            elif want and (is_pure_tensor(x) or isinstance(x, tv_tensors.Image | tv_tensors.Video)):
                x = self._mixed(x, params, len(labels))
            out.append(x)
        return tree_unflatten(out, spec)

    def _mixed_labels(self, labels, share):
        if labels.ndim == 1:
            labels = flambeau.nn.functional.one_hot(labels, num_classes=self.num_classes)
        labels = labels if labels.dtype.is_floating_point else labels.float()
        return labels.roll(1, 0) * (1.0 - share) + labels * share

    def _mixed(self, x, params, count):
        expected = 5 if isinstance(x, tv_tensors.Video) else 4
        if x.ndim != expected:
            raise ValueError(f"Expected a batched input with {expected} dims, but got {x.ndim} dimensions instead.")
        if x.shape[0] != count:
            raise ValueError(
                f"The batch size of the image or video does not match the batch size of the labels: {x.shape[0]} != {count}."
            )
        out = self.transform(x.as_subclass(flambeau.Tensor), params)
        return tv_tensors.wrap(out, like=x) if isinstance(x, tv_tensors.TVTensor) else out


class MixUp(_Mix):
    """Each sample of a batch mixed with the one before it, pictures and labels (arXiv 1710.09412).

    Args:
        alpha: of the Beta distribution of the share.
        num_classes: how many, for labels that are numbers.
        labels_getter: a function that finds the labels in the sample, or "default".

    >>> mix = flambeau.vision.transforms.v2.MixUp(num_classes=3)
    >>> images, labels = mix(flambeau.rand(2, 3, 4, 4), flambeau.tensor([0, 2]))
    >>> labels.sum(1)
    tensor([1., 1.])
    """

    def make_params(self, flat_inputs):
        return {"share": self._share()}

    def transform(self, inpt, params):
        return inpt.roll(1, 0).mul_(1.0 - params["share"]).add_(inpt.mul(params["share"]))


class CutMix(_Mix):
    """A rectangle of each picture of a batch taken from the one before it, labels in proportion (arXiv 1905.04899).

    Args:
        alpha: of the Beta distribution of the share.
        num_classes: how many, for labels that are numbers.
        labels_getter: a function that finds the labels in the sample, or "default".

    >>> mix = flambeau.vision.transforms.v2.CutMix(num_classes=3)
    >>> images, labels = mix(flambeau.rand(2, 3, 4, 4), flambeau.tensor([0, 2]))
    >>> images.shape
    torch.Size([2, 3, 4, 4])
    """

    def make_params(self, flat_inputs):
        share = self._share()
        height, width = query_size(flat_inputs)
        x, y = int(flambeau.randint(width, size=(1,))), int(flambeau.randint(height, size=(1,)))
        half = 0.5 * math.sqrt(1.0 - share)
        w, h = int(half * width), int(half * height)
        x1, y1, x2, y2 = max(x - w, 0), max(y - h, 0), min(x + w, width), min(y + h, height)
        return {"box": (x1, y1, x2, y2), "share": float(1.0 - (x2 - x1) * (y2 - y1) / (width * height))}

    def transform(self, inpt, params):
        x1, y1, x2, y2 = params["box"]
        out = inpt.clone()
        out[..., y1:y2, x1:x2] = inpt.roll(1, 0)[..., y1:y2, x1:x2]
        return out


class JPEG(Transform):
    """The picture as it is after compression.

    Args:
        quality: 1 to 100, or limits of it.

    >>> flambeau.vision.transforms.v2.JPEG(50)(flambeau.zeros(3, 8, 8, dtype=flambeau.uint8)).shape
    torch.Size([3, 8, 8])
    """

    def __init__(self, quality):
        super().__init__()
        self.quality = [quality, quality] if isinstance(quality, int) else list(quality)
        if len(self.quality) != 2 or not all(isinstance(q, int) for q in self.quality):
            raise ValueError(f"quality must be an integer or two, got {quality}")
        if not 1 <= self.quality[0] <= self.quality[1] <= 100:
            raise ValueError(f"quality must be an integer from 1 to 100, got {quality}")

    def make_params(self, flat_inputs):
        return {"quality": flambeau.randint(self.quality[0], self.quality[1] + 1, ()).item()}

    def transform(self, inpt, params):
        return self._call_kernel(F.jpeg, inpt, quality=params["quality"])
