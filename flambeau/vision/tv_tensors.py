"""Tensors that know what they are: pictures, videos, masks, boxes and points of a sample.

What is computed from them are plain tensors, except by clone, to, detach and requires_grad_.
"""

import contextlib
from enum import Enum

import flambeau
from flambeau.overrides import DisableTorchFunctionSubclass

__all__ = [
    "BoundingBoxFormat",
    "BoundingBoxes",
    "Image",
    "KeyPoints",
    "Mask",
    "TVTensor",
    "Video",
    "is_rotated_bounding_format",
    "set_return_type",
    "wrap",
]

_keeping = [False]
_KEEP = (flambeau.Tensor.clone, flambeau.Tensor.to, flambeau.Tensor.detach, flambeau.Tensor.requires_grad_)


class set_return_type(contextlib.ContextDecorator):
    """Whether operations give "Tensor" (as at first) or "TVTensor": at once, or inside a with statement.

    >>> image = flambeau.vision.tv_tensors.Image(flambeau.zeros(1, 2, 2))
    >>> with flambeau.vision.tv_tensors.set_return_type("TVTensor"):
    ...     type(image + 1).__name__
    'Image'
    >>> type(image + 1).__name__
    'Tensor'
    """

    def __init__(self, return_type):
        kinds = {"tensor": False, "tvtensor": True}
        if return_type.lower() not in kinds:
            raise ValueError(f"return_type must be 'TVTensor' or 'Tensor', got {return_type}")
        self.before, _keeping[0] = _keeping[0], kinds[return_type.lower()]

    def __enter__(self):
        return self

    def __exit__(self, *error):
        _keeping[0] = self.before


class TVTensor(flambeau.Tensor):
    """What all of these tensors are.

    >>> isinstance(flambeau.vision.tv_tensors.Mask([[1]]), flambeau.vision.tv_tensors.TVTensor)
    True
    """

    @staticmethod
    def _to_tensor(data, dtype=None, device=None, requires_grad=None):
        if requires_grad is None:
            requires_grad = data.requires_grad if isinstance(data, flambeau.Tensor) else False
        return flambeau.as_tensor(data, dtype=dtype, device=device).requires_grad_(requires_grad)

    @classmethod
    def _like(cls, tensor, like):
        """The tensor as one of this class, with what `like` knows."""
        return tensor.as_subclass(cls)

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        if not all(issubclass(cls, t) for t in types):
            return NotImplemented
        with DisableTorchFunctionSubclass():
            out = func(*args, **(kwargs or {}))
            keeps = _keeping[0] or (func in _KEEP and isinstance(args[0], cls))
            if keeps:
                first = next((a for a in args if isinstance(a, cls)), None)
                return cls._wrapped(out, first)
            return out.as_subclass(flambeau.Tensor) if isinstance(out, cls) else out

    @classmethod
    def _wrapped(cls, out, like):
        if isinstance(out, tuple | list):
            return type(out)(cls._wrapped(part, like) for part in out)
        return cls._like(out, like) if isinstance(out, flambeau.Tensor) and like is not None else out

    def __deepcopy__(self, memo):
        return self.detach().clone().requires_grad_(self.requires_grad)

    def _shown(self, **facts):
        with DisableTorchFunctionSubclass():
            inner = repr(self.as_subclass(flambeau.Tensor))[len("tensor(") : -1]
        return f"{type(self).__name__}({', '.join([inner, *(f'{k}={v}' for k, v in facts.items())])})"

    def __repr__(self, *, tensor_contents=None):
        return self._shown()


def _picture(data, dtype, device, requires_grad):
    import sys

    if "PIL.Image" in sys.modules and isinstance(data, sys.modules["PIL.Image"].Image):
        from .transforms.functional import pil_to_tensor

        data = pil_to_tensor(data)
    return TVTensor._to_tensor(data, dtype, device, requires_grad)


class Image(TVTensor):
    """A picture, (..., C, H, W), or (H, W).

    Args:
        data: a tensor, or what becomes one; Pillow's picture.
        dtype, device, requires_grad: of the tensor.

    >>> flambeau.vision.tv_tensors.Image(flambeau.zeros(2, 3)).shape
    torch.Size([1, 2, 3])
    """

    def __new__(cls, data, *, dtype=None, device=None, requires_grad=None):
        tensor = _picture(data, dtype, device, requires_grad)
        if tensor.ndim < 2:
            raise ValueError(f"an image has at least two dimensions, got {tuple(tensor.shape)}")
        return (tensor.unsqueeze(0) if tensor.ndim == 2 else tensor).as_subclass(cls)


class Video(TVTensor):
    """Pictures in time, (..., T, C, H, W).

    Args:
        data: a tensor, or what becomes one.
        dtype, device, requires_grad: of the tensor.

    >>> flambeau.vision.tv_tensors.Video(flambeau.zeros(4, 3, 2, 2)).shape
    torch.Size([4, 3, 2, 2])
    """

    def __new__(cls, data, *, dtype=None, device=None, requires_grad=None):
        tensor = TVTensor._to_tensor(data, dtype, device, requires_grad)
        if tensor.ndim < 4:
            raise ValueError(f"a video has at least four dimensions, got {tuple(tensor.shape)}")
        return tensor.as_subclass(cls)


class Mask(TVTensor):
    """Areas, (..., H, W).

    Args:
        data: a tensor, or what becomes one; Pillow's picture.
        dtype, device, requires_grad: of the tensor.

    >>> flambeau.vision.tv_tensors.Mask([[0, 1]])
    Mask([[0, 1]])
    """

    def __new__(cls, data, *, dtype=None, device=None, requires_grad=None):
        return _picture(data, dtype, device, requires_grad).as_subclass(cls)


class BoundingBoxFormat(Enum):
    """What the numbers of a box are.

    >>> flambeau.vision.tv_tensors.BoundingBoxFormat("XYXY").name
    'XYXY'
    """

    XYXY = "XYXY"
    XYWH = "XYWH"
    CXCYWH = "CXCYWH"
    XYWHR = "XYWHR"
    CXCYWHR = "CXCYWHR"
    XYXYXYXY = "XYXYXYXY"


def is_rotated_bounding_format(format):
    """Whether boxes of a format may be turned.

    >>> flambeau.vision.tv_tensors.is_rotated_bounding_format("XYWHR")
    True
    """
    format = BoundingBoxFormat[format.upper()] if isinstance(format, str) else format
    return format in (BoundingBoxFormat.XYWHR, BoundingBoxFormat.CXCYWHR, BoundingBoxFormat.XYXYXYXY)


class BoundingBoxes(TVTensor):
    """Boxes on a picture, (N, 4) or (4,).

    Args:
        data: a tensor, or what becomes one.
        format: a BoundingBoxFormat, or its name.
        canvas_size: (height, width) of the picture.
        clamping_mode: "soft", "hard" or None: whether transforms cut the boxes off at the picture's edges.
        dtype, device, requires_grad: of the tensor.

    >>> flambeau.vision.tv_tensors.BoundingBoxes([[1, 2, 3, 4]], format="XYXY", canvas_size=(10, 20)).canvas_size
    (10, 20)
    """

    def __new__(
        cls,
        data,
        *,
        format,
        canvas_size,
        clamping_mode="soft",
        dtype=None,
        device=None,
        requires_grad=None,
    ):
        tensor = TVTensor._to_tensor(data, dtype, device, requires_grad)
        format = BoundingBoxFormat[format.upper()] if isinstance(format, str) else format
        if clamping_mode not in ("soft", "hard", None):
            raise ValueError(f"clamping_mode must be soft, hard or None, got {clamping_mode}.")
        tensor = tensor.unsqueeze(0) if tensor.ndim == 1 else tensor
        if tensor.ndim != 2:
            raise ValueError(f"Expected a 1D or 2D tensor, got {tensor.ndim}D")
        if is_rotated_bounding_format(format) and not tensor.is_floating_point():
            raise ValueError(f"Rotated bounding boxes should be floating point tensors, got {tensor.dtype}.")
        return cls._made(tensor, format, canvas_size, clamping_mode)

    @classmethod
    def _made(cls, tensor, format, canvas_size, clamping_mode):
        boxes = tensor.as_subclass(cls)
        boxes.format, boxes.canvas_size, boxes.clamping_mode = format, canvas_size, clamping_mode
        return boxes

    @classmethod
    def _like(cls, tensor, like):
        return cls._made(tensor, like.format, like.canvas_size, like.clamping_mode)

    def __repr__(self, *, tensor_contents=None):
        return self._shown(format=self.format, canvas_size=self.canvas_size, clamping_mode=self.clamping_mode)


class KeyPoints(TVTensor):
    """Points (x, y) on a picture, (..., 2).

    Args:
        data: a tensor, or what becomes one.
        canvas_size: (height, width) of the picture.
        dtype, device, requires_grad: of the tensor.

    >>> flambeau.vision.tv_tensors.KeyPoints([[1, 2]], canvas_size=(10, 20)).canvas_size
    (10, 20)
    """

    def __new__(cls, data, *, canvas_size, dtype=None, device=None, requires_grad=None):
        tensor = TVTensor._to_tensor(data, dtype, device, requires_grad)
        if tensor.ndim == 0 or tensor.shape[-1] != 2:
            raise ValueError(f"Expected a tensor of shape (..., 2), not {tuple(tensor.shape)}")
        return cls._made(tensor.unsqueeze(0) if tensor.ndim == 1 else tensor, canvas_size)

    @classmethod
    def _made(cls, tensor, canvas_size):
        points = tensor.as_subclass(cls)
        points.canvas_size = canvas_size
        return points

    @classmethod
    def _like(cls, tensor, like):
        return cls._made(tensor, like.canvas_size)

    def __repr__(self, *, tensor_contents=None):
        return self._shown(canvas_size=self.canvas_size)


def wrap(wrappee, *, like, **kwargs):
    """A tensor as what another one is.

    Args:
        wrappee: the tensor.
        like: a TVTensor.
        **kwargs: facts that are to be others (format, canvas_size, clamping_mode).

    >>> mask = flambeau.vision.tv_tensors.Mask([[0, 1]])
    >>> flambeau.vision.tv_tensors.wrap(mask + 1, like=mask)
    Mask([[1, 2]])
    """
    with DisableTorchFunctionSubclass():
        made = type(like)._like(wrappee.as_subclass(flambeau.Tensor), like)
        for name, value in kwargs.items():
            named = name == "format" and isinstance(value, str)
            setattr(made, name, BoundingBoxFormat[value.upper()] if named else value)
        return made
