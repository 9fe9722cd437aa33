"""Which function answers for which kind of input."""

import functools
import inspect

import flambeau

from .... import tv_tensors
from ... import functional as V1
from . import _images, _places

GEOMETRY = (
    "affine", "center_crop", "crop", "elastic", "horizontal_flip", "pad", "perspective", "resize", "resized_crop", "rotate", "vertical_flip",
)  # fmt: skip
# Where the second version does what the first one did, under another name.
_RENAMED = {"horizontal_flip": "hflip", "vertical_flip": "vflip"}
_registered: dict = {}


def is_pure_tensor(inpt):
    """Whether it is a tensor that does not know what it is.

    >>> flambeau.vision.transforms.v2.functional.is_pure_tensor(flambeau.zeros(1))
    True
    """
    return isinstance(inpt, flambeau.Tensor) and not isinstance(inpt, tv_tensors.TVTensor)


def image_kernel(op):
    """The function for pictures, Pillow's and tensors."""
    return getattr(_images, op, None) or getattr(V1, _RENAMED.get(op, op))


@functools.cache
def _names(op):
    return list(inspect.signature(image_kernel(op)).parameters)[1:]


def _named(op, args, kwargs):
    return {**dict(zip(_names(op), args)), **kwargs}


def register_kernel(functional, tv_tensor_cls):
    """A decorator: a function for a class of tensors of your own.

    Args:
        functional: a function of this module, or its name.
        tv_tensor_cls: a subclass of TVTensor.

    >>> F = flambeau.vision.transforms.v2.functional
    >>> class Depth(flambeau.vision.tv_tensors.TVTensor):
    ...     pass
    >>> @F.register_kernel(F.horizontal_flip, Depth)
    ... def flip(depth):
    ...     return flambeau.vision.tv_tensors.wrap(depth.flip(-1), like=depth)
    >>> F.horizontal_flip(flambeau.arange(3).as_subclass(Depth))
    Depth([2, 1, 0])
    """
    name = functional if isinstance(functional, str) else functional.__name__

    def decorate(kernel):
        _registered[name, tv_tensor_cls] = kernel
        return kernel

    return decorate


def has_kernel(op, inpt):
    """Whether something answers for this input; other TVTensors pass through transforms."""
    if (op, type(inpt)) in _registered or not isinstance(inpt, tv_tensors.TVTensor):
        return True
    if isinstance(inpt, tv_tensors.Image | tv_tensors.Video):
        return True
    known = isinstance(inpt, tv_tensors.Mask | tv_tensors.BoundingBoxes | tv_tensors.KeyPoints)
    return known and op in GEOMETRY


def call(op, inpt, *args, **kwargs):
    """Do what `op` says to an input of any kind."""
    if (op, type(inpt)) in _registered:
        return _registered[op, type(inpt)](inpt, *args, **kwargs)
    if not has_kernel(op, inpt):
        raise TypeError(f"Functional F.{op} supports inputs of type Tensor, Image, Video and PIL's, got {type(inpt)}")
    if isinstance(inpt, tv_tensors.Mask):
        return _places.MASKS[op](inpt, *args, **kwargs)
    if isinstance(inpt, tv_tensors.BoundingBoxes):
        return _places.move_boxes(op, inpt, _named(op, args, kwargs))
    if isinstance(inpt, tv_tensors.KeyPoints):
        return _places.move_points(op, inpt, _named(op, args, kwargs))
    kernel = image_kernel(op)
    if not isinstance(inpt, tv_tensors.TVTensor):
        return kernel(inpt, *args, **kwargs)
    out = kernel(_places.plain(inpt), *args, **kwargs)
    if isinstance(out, tuple):
        return tuple(tv_tensors.wrap(one, like=inpt) for one in out)
    return tv_tensors.wrap(out, like=inpt) if isinstance(out, flambeau.Tensor) else out
