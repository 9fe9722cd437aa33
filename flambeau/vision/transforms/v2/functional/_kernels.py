"""The functions for one kind of input alone: boxes and points as plain tensors, with what a tv_tensor would know."""

import inspect

from .... import tv_tensors
from . import _dispatch, _places

_XYXY = tv_tensors.BoundingBoxFormat.XYXY
_SIZED = ("resize", "crop", "center_crop", "pad", "resized_crop", "rotate")  # the picture gets another size

# What comes after the tensor (and the format of boxes); ... is what must be given.
_ARGUMENTS = {
    "horizontal_flip": {"canvas_size": ...},
    "vertical_flip": {"canvas_size": ...},
    "affine": {"canvas_size": ..., "angle": ..., "translate": ..., "scale": ..., "shear": ..., "center": None},
    "rotate": {"canvas_size": ..., "angle": ..., "expand": False, "center": None},
    "pad": {"canvas_size": ..., "padding": ..., "padding_mode": "constant"},
    "crop": {"top": ..., "left": ..., "height": ..., "width": ...},
    "perspective": {"canvas_size": ..., "startpoints": ..., "endpoints": ..., "coefficients": None},
    "elastic": {"canvas_size": ..., "displacement": ...},
    "center_crop": {"canvas_size": ..., "output_size": ...},
    "resized_crop": {"top": ..., "left": ..., "height": ..., "width": ..., "size": ...},
}
_RESIZE = {
    "boxes": {"canvas_size": ..., "size": ..., "max_size": None, "format": _XYXY},
    "points": {"size": ..., "canvas_size": ..., "max_size": None},
}


def _signature(first, arguments):
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    names = {first: ..., **arguments}
    return inspect.Signature(
        [inspect.Parameter(n, kind, default=inspect.Parameter.empty if v is ... else v) for n, v in names.items()]
    )


def _kernel(op, name, first, arguments, wrapped):
    """A function of a plain tensor; `wrapped` makes the tv_tensor of it and of what is known."""
    signature = _signature(first, arguments)

    def kernel(*args, **kwargs):
        bound = signature.bind(*args, **kwargs)
        bound.apply_defaults()
        given = dict(bound.arguments)
        tensor = given.pop(first)
        known = {key: given.pop(key) for key in ("format", "canvas_size", "clamping_mode") if key in given}
        known.setdefault("canvas_size", (given.get("height"), given.get("width")))  # crops do not depend on it
        out = _dispatch.call(op, wrapped(tensor, **known), **given)
        plain = _places.plain(out)
        sized = op in _SIZED or name == "affine_keypoints"
        return (plain, tuple(out.canvas_size)) if sized else plain

    kernel.__name__ = kernel.__qualname__ = name
    kernel.__signature__ = signature
    return kernel


def _boxes(tensor, format=_XYXY, **known):
    return tv_tensors.BoundingBoxes(_places.plain(tensor), format=format, **known)


def _points(tensor, **known):
    return tv_tensors.KeyPoints(_places.plain(tensor), **known)


def kernel(op, kind):
    """The function of an operation for "bounding_boxes" or "keypoints"."""
    name, cut = f"{op}_{kind}", {} if op.endswith("flip") else {"clamping_mode": "soft"}
    if kind == "keypoints":
        return _kernel(op, name, "keypoints", _RESIZE["points"] if op == "resize" else _ARGUMENTS[op], _points)
    arguments = _RESIZE["boxes"] if op == "resize" else {"format": ..., **_ARGUMENTS[op]}
    return _kernel(op, name, "bounding_boxes", {**arguments, **cut}, _boxes)


def all_kernels():
    """{name: function} for boxes and points, and the sizes of what is marked."""
    ops = [*_ARGUMENTS, "resize"]
    found = {f"{op}_{kind}": kernel(op, kind) for op in ops for kind in ("bounding_boxes", "keypoints")}
    sizes = {f"get_size_{kind}": lambda inpt: list(inpt.canvas_size) for kind in ("bounding_boxes", "keypoints")}
    return {**found, **sizes, "get_size_mask": lambda mask: list(mask.shape[-2:])}
