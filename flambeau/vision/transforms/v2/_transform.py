"""What all transforms are: a sample is taken apart, its parts are changed by one draw of numbers, and put together."""

import enum

import flambeau
from flambeau import nn
from flambeau.utils._pytree import tree_flatten, tree_unflatten

from ... import tv_tensors
from ..functional import _is_pil_image
from . import functional as F
from .functional._dispatch import call, has_kernel, is_pure_tensor


def check_type(obj, types_or_checks):
    """Whether it is of one of the classes, or a check says so.

    >>> flambeau.vision.transforms.v2.check_type(1, (str, lambda x: x == 1))
    True
    """
    return any(isinstance(obj, t) if isinstance(t, type) else t(obj) for t in types_or_checks)


def has_any(flat_inputs, *types_or_checks):
    """Whether one of the inputs is of one of the classes.

    >>> flambeau.vision.transforms.v2.has_any([1, "a"], str)
    True
    """
    return any(check_type(one, types_or_checks) for one in flat_inputs)


def has_all(flat_inputs, *types_or_checks):
    """Whether there is an input of each of the classes.

    >>> flambeau.vision.transforms.v2.has_all([1, "a"], str, float)
    False
    """
    return all(has_any(flat_inputs, t) for t in types_or_checks)


_PICTURES = (is_pure_tensor, tv_tensors.Image, tv_tensors.Video, _is_pil_image)
_SIZED = (*_PICTURES, tv_tensors.Mask, tv_tensors.BoundingBoxes, tv_tensors.KeyPoints)


def _the_one(values, missing, title):
    if not values:
        raise TypeError(f"No {missing} was found in the sample")
    if len(values) > 1:
        raise ValueError(f"Found multiple {title} dimensions in the sample: {', '.join(map(str, sorted(values)))}")
    return values.pop()


def query_chw(flat_inputs):
    """(channels, height, width) of the pictures of a sample.

    >>> flambeau.vision.transforms.v2.query_chw([flambeau.zeros(3, 4, 6)])
    (3, 4, 6)
    """
    found = {tuple(F.get_dimensions(x)) for x in flat_inputs if check_type(x, _PICTURES)}
    return _the_one(found, "image or video", "CxHxW")


def query_size(flat_inputs):
    """(height, width) of a sample.

    >>> flambeau.vision.transforms.v2.query_size([flambeau.zeros(3, 4, 6)])
    (4, 6)
    """
    found = {tuple(F.get_size(x)) for x in flat_inputs if check_type(x, _SIZED)}
    return _the_one(found, "image, video, mask, bounding box of keypoint", "HxW")


def _first(flat_inputs, kind, title):
    found = next((x for x in flat_inputs if isinstance(x, kind)), None)
    if found is None:
        raise ValueError(f"No {title} were found in the sample")
    return found


def get_bounding_boxes(flat_inputs):
    """The boxes of a sample.

    >>> boxes = flambeau.vision.tv_tensors.BoundingBoxes([[0, 0, 1, 1]], format="XYXY", canvas_size=(4, 6))
    >>> flambeau.vision.transforms.v2.get_bounding_boxes([1, boxes]) is boxes
    True
    """
    return _first(flat_inputs, tv_tensors.BoundingBoxes, "bounding boxes")


def get_keypoints(flat_inputs):
    """The points of a sample.

    >>> points = flambeau.vision.tv_tensors.KeyPoints([[0, 0]], canvas_size=(4, 6))
    >>> flambeau.vision.transforms.v2.get_keypoints([1, points]) is points
    True
    """
    return _first(flat_inputs, tv_tensors.KeyPoints, "keypoints")


class Transform(nn.Module):
    """A change of a sample: pictures, videos, masks, boxes and points in it change together, all else stays.

    A subclass has `transform(inpt, params)`, and `make_params(flat_inputs)` if it draws numbers. A tensor that is not
    marked is the picture if it comes first and there is no other.

    >>> class Double(flambeau.vision.transforms.v2.Transform):
    ...     def transform(self, inpt, params):
    ...         return inpt * 2
    >>> Double()({"image": flambeau.ones(1), "label": 3})
    {'image': tensor([2.]), 'label': 3}
    """

    _transformed_types: tuple = (flambeau.Tensor, _is_pil_image)

    def check_inputs(self, flat_inputs):
        """Refuse a sample that does not suit."""

    def make_params(self, flat_inputs):
        """Numbers that all parts of the sample share."""
        return {}

    def _call_kernel(self, functional, inpt, *args, **kwargs):
        op = functional if isinstance(functional, str) else functional.__name__
        return call(op, inpt, *args, **kwargs) if has_kernel(op, inpt) else inpt

    def transform(self, inpt, params):
        """One part of the sample, changed."""
        raise NotImplementedError

    def _changed(self, inputs):
        flat, spec = tree_flatten(inputs)
        wanted = self._needs_transform_list(flat)
        params = self.make_params([x for x, want in zip(flat, wanted) if want])
        return tree_unflatten([self.transform(x, params) if want else x for x, want in zip(flat, wanted)], spec)

    def forward(self, *inputs):
        inputs = inputs if len(inputs) > 1 else inputs[0]
        self.check_inputs(tree_flatten(inputs)[0])
        return self._changed(inputs)

    def _needs_transform_list(self, flat_inputs):
        first = not has_any(flat_inputs, tv_tensors.Image, tv_tensors.Video, _is_pil_image)
        wanted = []
        for inpt in flat_inputs:
            want = check_type(inpt, self._transformed_types)
            if want and is_pure_tensor(inpt):
                want, first = first, False
            wanted.append(want)
        return wanted

    def extra_repr(self):
        shown = (bool, int, float, str, tuple, list, enum.Enum)
        facts = ((k, v) for k, v in vars(self).items() if not k.startswith("_") and k != "training")
        return ", ".join(f"{name}={value}" for name, value in facts if isinstance(value, shown))


class _RandomApplyTransform(Transform):
    """A change that is made with probability p."""

    def __init__(self, p=0.5):
        if not 0.0 <= p <= 1.0:
            raise ValueError("`p` should be a floating point value in the interval [0.0, 1.0].")
        super().__init__()
        self.p = p

    def forward(self, *inputs):
        inputs = inputs if len(inputs) > 1 else inputs[0]
        self.check_inputs(tree_flatten(inputs)[0])
        return inputs if flambeau.rand(1) >= self.p else self._changed(inputs)


def fills(fill):
    """{class or "others": value}."""
    if isinstance(fill, dict):
        return {key: fills(value)["others"] for key, value in fill.items()}
    if fill is not None and not isinstance(fill, int | float | tuple | list):
        raise TypeError("Got inappropriate fill arg, only Numbers, tuples, lists and dicts are allowed.")
    return {"others": [float(x) for x in fill] if isinstance(fill, tuple | list) else fill}


def fill_for(table, inpt):
    """The value for an input."""
    return table.get(type(inpt), table.get("others"))


def labels_of(inputs):
    """The labels of a sample: its second part, or what has a name such as "labels" there."""
    second = inputs[1] if isinstance(inputs, tuple | list) else inputs
    if is_pure_tensor(second):
        return second
    if not hasattr(second, "keys"):
        raise ValueError(
            "When using the default labels_getter, the input passed to forward must be a dictionary or a two-tuple "
            f"whose second item is a dictionary or a tensor, but got {inputs} instead."
        )
    exact = [key for key in second if key.lower() == "labels"]
    near = exact or [key for key in second if "label" in key.lower()]
    if not near:
        raise ValueError(
            "Could not infer where the labels are in the sample: pass a function as labels_getter, or None"
        )
    return second[near[0]]


def labels_getter(value):
    """A function that finds the labels of a sample."""
    if value == "default":
        return labels_of
    if value is None:
        return lambda inputs: None
    if not callable(value):
        raise ValueError(f"labels_getter should either be 'default', a callable, or None, but got {value}.")
    return value
