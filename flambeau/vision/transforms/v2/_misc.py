"""Transforms of dtypes and kinds, several in a row, and what cleans a sample."""

import warnings

import flambeau
from flambeau.utils._pytree import tree_flatten, tree_unflatten

from ... import tv_tensors
from .. import transforms as V1
from ..functional import _is_pil_image
from . import functional as F
from ._transform import Transform, get_bounding_boxes, get_keypoints, is_pure_tensor, labels_getter

__all__ = [
    "ClampBoundingBoxes", "ClampKeyPoints", "Compose", "ConvertBoundingBoxFormat", "ConvertImageDtype", "Identity", "Lambda",
    "LinearTransformation", "Normalize", "PILToTensor", "RandomApply", "RandomChoice", "RandomOrder", "SanitizeBoundingBoxes",
    "SanitizeKeyPoints", "SetClampingMode", "ToDtype", "ToImage", "ToPILImage", "ToPureTensor", "ToTensor", "UniformTemporalSubsample",
]  # fmt: skip


def _checked(transforms):
    if not isinstance(transforms, list | tuple | flambeau.nn.ModuleList):
        raise TypeError("Argument transforms should be a sequence of callables")
    if not len(transforms):
        raise ValueError("Pass at least one transform")
    return transforms


class _Several(Transform):
    """Transforms one behind the other."""

    def _in_row(self, transforms, inputs):
        several = len(inputs) > 1
        for transform in transforms:
            outputs = transform(*inputs)
            inputs = outputs if several else (outputs,)
        return inputs if several else inputs[0]


class _Listed(_Several):
    """Transforms that are shown one below the other."""

    def extra_repr(self):
        return "\n".join(f"    {t}" for t in self.transforms)


class Compose(_Listed):
    """Several transforms, one behind the other.

    Args:
        transforms: a list of them.

    >>> flambeau.vision.transforms.v2.Compose([lambda x: x + 1, lambda x: 2 * x])(1)
    4
    """

    def __init__(self, transforms):
        super().__init__()
        self.transforms = _checked(transforms)

    def forward(self, *inputs):
        return self._in_row(self.transforms, inputs)


class RandomApply(_Listed):
    """All transforms of a list, with a probability.

    Args:
        transforms: a list of them.
        p: the probability.

    >>> flambeau.vision.transforms.v2.RandomApply([lambda x: x + 1], p=1.0)(1)
    2
    """

    def __init__(self, transforms, p=0.5):
        super().__init__()
        if not 0.0 <= p <= 1.0:
            raise ValueError("`p` should be a floating point value in the interval [0.0, 1.0].")
        self.transforms, self.p = _checked(transforms), p

    def forward(self, *inputs):
        if flambeau.rand(1) >= self.p:
            return inputs if len(inputs) > 1 else inputs[0]
        return self._in_row(self.transforms, inputs)


class RandomChoice(_Several):
    """One transform of a list.

    Args:
        transforms: a list of them.
        p: their weights.

    >>> flambeau.vision.transforms.v2.RandomChoice([lambda x: x + 1])(1)
    2
    """

    def __init__(self, transforms, p=None):
        super().__init__()
        self.transforms = _checked(transforms)
        weights = [1] * len(transforms) if p is None else p
        if len(weights) != len(transforms):
            raise ValueError(f"Length of p doesn't match the number of transforms: {len(weights)} != {len(transforms)}")
        self.p = [weight / sum(weights) for weight in weights]

    def forward(self, *inputs):
        return self.transforms[int(flambeau.multinomial(flambeau.tensor(self.p), 1))](*inputs)


class RandomOrder(_Several):
    """All transforms of a list, in any order.

    Args:
        transforms: a list of them.

    >>> flambeau.vision.transforms.v2.RandomOrder([lambda x: x + 1, lambda x: x + 2])(1)
    4
    """

    def __init__(self, transforms):
        super().__init__()
        self.transforms = _checked(transforms)

    def forward(self, *inputs):
        return self._in_row([self.transforms[i] for i in flambeau.randperm(len(self.transforms)).tolist()], inputs)


class Identity(Transform):
    """The sample as it is.

    >>> flambeau.vision.transforms.v2.Identity()(1)
    1
    """

    def transform(self, inpt, params):
        return inpt


class Lambda(Transform):
    """A function of the parts of a sample.

    Args:
        lambd: the function.
        *types: the classes of the parts (all).

    >>> flambeau.vision.transforms.v2.Lambda(lambda x: x + 1, int)([1, "a"])
    [2, 'a']
    """

    _transformed_types = (object,)

    def __init__(self, lambd, *types):
        super().__init__()
        self.lambd, self.types = lambd, types or self._transformed_types

    def transform(self, inpt, params):
        return self.lambd(inpt) if isinstance(inpt, self.types) else inpt

    def extra_repr(self):
        name = getattr(self.lambd, "__name__", "")
        return ", ".join(
            [*([name] if name and name != "<lambda>" else []), f"types={[t.__name__ for t in self.types]}"]
        )


class LinearTransformation(Transform):
    """(x - mean) @ matrix of the flattened picture, as for whitening.

    Args:
        transformation_matrix: (D, D) with D = C x H x W.
        mean_vector: (D,).

    >>> change = flambeau.vision.transforms.v2.LinearTransformation(2 * flambeau.eye(2), flambeau.zeros(2))
    >>> change(flambeau.ones(1, 1, 2))
    tensor([[[2., 2.]]])
    """

    _transformed_types = (is_pure_tensor, tv_tensors.Image, tv_tensors.Video)

    def __init__(self, transformation_matrix, mean_vector):
        super().__init__()
        self._first = V1.LinearTransformation(transformation_matrix, mean_vector)
        self.transformation_matrix, self.mean_vector = transformation_matrix, mean_vector

    def transform(self, inpt, params):
        out = self._first(inpt.as_subclass(flambeau.Tensor))
        return tv_tensors.wrap(out, like=inpt) if isinstance(inpt, tv_tensors.TVTensor) else out


class Normalize(Transform):
    """(x - mean) / std, channel by channel.

    Args:
        mean, std: a number per channel.
        inplace: write into the tensor.

    >>> flambeau.vision.transforms.v2.Normalize([0.5], [0.5])(flambeau.ones(1, 1, 2))
    tensor([[[1., 1.]]])
    """

    def __init__(self, mean, std, inplace=False):
        super().__init__()
        self.mean, self.std, self.inplace = list(mean), list(std), inplace

    def check_inputs(self, flat_inputs):
        if any(map(_is_pil_image, flat_inputs)):
            raise TypeError("Normalize() does not support PIL images.")

    def transform(self, inpt, params):
        return self._call_kernel(F.normalize, inpt, self.mean, self.std, self.inplace)


class ToDtype(Transform):
    """Pictures in another dtype; other parts too if `dtype` is a dict.

    Args:
        dtype: the dtype, or {class or "others": dtype or None}.
        scale: white stays white.

    >>> flambeau.vision.transforms.v2.ToDtype(flambeau.uint8, scale=True)(flambeau.ones(1, 1, 1)).item()
    255
    """

    _transformed_types = (flambeau.Tensor,)

    def __init__(self, dtype, scale=False):
        super().__init__()
        if not isinstance(dtype, dict | flambeau.dtype):
            raise ValueError(f"dtype must be a dict or a torch.dtype, got {type(dtype)} instead")
        self.dtype, self.scale = dtype, scale

    def _dtype_of(self, inpt, pictured):
        if isinstance(self.dtype, flambeau.dtype):
            return self.dtype if pictured else None
        if type(inpt) not in self.dtype and "others" not in self.dtype:
            raise ValueError(
                f"No dtype was specified for type {type(inpt)}: pass dtype=flambeau.float32 for pictures only, or a dict "
                'with "others", such as {tv_tensors.Mask: flambeau.int64, "others": None}'
            )
        return self.dtype.get(type(inpt), self.dtype.get("others"))

    def transform(self, inpt, params):
        pictured = is_pure_tensor(inpt) or isinstance(inpt, tv_tensors.Image | tv_tensors.Video)
        dtype = self._dtype_of(inpt, pictured)
        if dtype is None:
            if self.scale and pictured:
                warnings.warn(
                    "scale was set to True but no dtype was specified for images or videos: nothing is scaled"
                )
            return inpt
        if pictured:
            return self._call_kernel(F.to_dtype, inpt, dtype=dtype, scale=self.scale)
        return tv_tensors.wrap(inpt.as_subclass(flambeau.Tensor).to(dtype), like=inpt)


class ConvertImageDtype(Transform):
    """Pictures in another dtype, with white as their white.

    Args:
        dtype: the dtype.

    >>> flambeau.vision.transforms.v2.ConvertImageDtype()(flambeau.full((1, 1, 1), 255, dtype=flambeau.uint8)).item()
    1.0
    """

    def __init__(self, dtype=flambeau.float32):
        super().__init__()
        self.dtype = dtype

    def transform(self, inpt, params):
        return self._call_kernel(F.to_dtype, inpt, dtype=self.dtype, scale=True)


def _is_array(inpt):
    return type(inpt).__module__ == "numpy" and hasattr(inpt, "ndim")


class ToImage(Transform):
    """Pictures of any kind as tensors that know that they are pictures.

    >>> type(flambeau.vision.transforms.v2.ToImage()(np.zeros((4, 6, 3), dtype=np.uint8))).__name__
    'Image'
    """

    _transformed_types = (is_pure_tensor, _is_pil_image, _is_array)

    def transform(self, inpt, params):
        return F.to_image(inpt)


class PILToTensor(Transform):
    """Pillow's pictures as tensors, with their values as they are.

    >>> from PIL import Image
    >>> flambeau.vision.transforms.v2.PILToTensor()(Image.new("L", (2, 1), 7))
    tensor([[[7, 7]]], dtype=torch.uint8)
    """

    _transformed_types = (_is_pil_image,)

    def transform(self, inpt, params):
        return F.pil_to_tensor(inpt)


class ToPILImage(Transform):
    """Tensors and arrays as Pillow's pictures.

    Args:
        mode: Pillow's mode, if it does not follow from channels and dtype.

    >>> flambeau.vision.transforms.v2.ToPILImage()(flambeau.ones(3, 4, 5)).size
    (5, 4)
    """

    _transformed_types = (is_pure_tensor, tv_tensors.Image, _is_array)

    def __init__(self, mode=None):
        super().__init__()
        self.mode = mode

    def transform(self, inpt, params):
        plain = inpt.as_subclass(flambeau.Tensor) if isinstance(inpt, flambeau.Tensor) else inpt
        return F.to_pil_image(plain, mode=self.mode)


class ToTensor(Transform):
    """Pillow's pictures and arrays as floats in [0, 1]; Compose([ToImage(), ToDtype(float32, scale=True)]) is newer.

    >>> flambeau.vision.transforms.v2.ToTensor()(np.full((1, 2, 3), 255, dtype=np.uint8)).shape
    torch.Size([3, 1, 2])
    """

    _transformed_types = (_is_pil_image, _is_array)

    def transform(self, inpt, params):
        return F.to_tensor(inpt)


class ToPureTensor(Transform):
    """Tensors that do not know what they are.

    >>> type(flambeau.vision.transforms.v2.ToPureTensor()(flambeau.vision.tv_tensors.Mask([[1]]))).__name__
    'Tensor'
    """

    _transformed_types = (tv_tensors.TVTensor,)

    def transform(self, inpt, params):
        return inpt.as_subclass(flambeau.Tensor)


class UniformTemporalSubsample(Transform):
    """Frames of a video at equal distances.

    Args:
        num_samples: how many.

    >>> flambeau.vision.transforms.v2.UniformTemporalSubsample(2)(flambeau.zeros(5, 3, 4, 6)).shape
    torch.Size([2, 3, 4, 6])
    """

    _transformed_types = (is_pure_tensor, tv_tensors.Video)

    def __init__(self, num_samples):
        super().__init__()
        self.num_samples = num_samples

    def transform(self, inpt, params):
        return self._call_kernel(F.uniform_temporal_subsample, inpt, self.num_samples)


class ConvertBoundingBoxFormat(Transform):
    """Boxes in another format.

    Args:
        format: a BoundingBoxFormat, or its name.

    >>> boxes = flambeau.vision.tv_tensors.BoundingBoxes([[1, 2, 5, 8]], format="XYXY", canvas_size=(9, 9))
    >>> flambeau.vision.transforms.v2.ConvertBoundingBoxFormat("XYWH")(boxes).tolist()
    [[1, 2, 4, 6]]
    """

    _transformed_types = (tv_tensors.BoundingBoxes,)

    def __init__(self, format):
        super().__init__()
        self.format = format

    def transform(self, inpt, params):
        return F.convert_bounding_box_format(inpt, new_format=self.format)


class ClampBoundingBoxes(Transform):
    """Boxes cut off at the edges of the picture.

    Args:
        clamping_mode: "soft", "hard", None, or "auto", which is what the boxes say.

    >>> boxes = flambeau.vision.tv_tensors.BoundingBoxes([[1, 2, 50, 8]], format="XYXY", canvas_size=(9, 9))
    >>> flambeau.vision.transforms.v2.ClampBoundingBoxes()(boxes).tolist()
    [[1, 2, 9, 8]]
    """

    _transformed_types = (tv_tensors.BoundingBoxes,)

    def __init__(self, clamping_mode="auto"):
        super().__init__()
        self.clamping_mode = clamping_mode

    def transform(self, inpt, params):
        return F.clamp_bounding_boxes(inpt, clamping_mode=self.clamping_mode)


class ClampKeyPoints(Transform):
    """Points moved into the picture.

    >>> points = flambeau.vision.tv_tensors.KeyPoints([[50, 2]], canvas_size=(9, 9))
    >>> flambeau.vision.transforms.v2.ClampKeyPoints()(points).tolist()
    [[8, 2]]
    """

    _transformed_types = (tv_tensors.KeyPoints,)

    def transform(self, inpt, params):
        return F.clamp_keypoints(inpt)


class SetClampingMode(Transform):
    """Boxes that say how they are to be cut off.

    Args:
        clamping_mode: "soft", "hard" or None.

    >>> boxes = flambeau.vision.tv_tensors.BoundingBoxes([[1, 2, 50, 8]], format="XYXY", canvas_size=(9, 9))
    >>> flambeau.vision.transforms.v2.SetClampingMode(None)(boxes).clamping_mode is None
    True
    """

    _transformed_types = (tv_tensors.BoundingBoxes,)

    def __init__(self, clamping_mode):
        super().__init__()
        if clamping_mode not in ("soft", "hard", None):
            raise ValueError(f"clamping_mode must be soft, hard or None, got {clamping_mode}.")
        self.clamping_mode = clamping_mode

    def transform(self, inpt, params):
        return tv_tensors.wrap(inpt.clone(), like=inpt, clamping_mode=self.clamping_mode)


class _Sanitize(Transform):
    """Leaves out things, and the labels that belong to them."""

    def __init__(self, getter):
        super().__init__()
        self.labels_getter, self._find = getter, labels_getter(getter)

    def _labels(self, inputs, count):
        found = self._find(inputs)
        found = () if found is None else found if isinstance(found, tuple | list) else (found,)
        for label in found:
            if not isinstance(label, flambeau.Tensor):
                raise ValueError(f"The labels in the input must be tensors or None, got {type(label)} instead.")
            if len(label) != count:
                raise ValueError(f"{count} things, but {len(label)} labels")
        return found

    def _keep(self, inputs, things, good, kinds):
        labels = self._labels(inputs, len(things))
        flat, spec = tree_flatten(inputs)
        return tree_unflatten([self._one(x, good, labels, kinds) for x in flat], spec)

    def _one(self, x, good, labels, kinds):
        if any(x is label for label in labels):
            return x[good]
        if not isinstance(x, kinds):
            return x
        plain = x.as_subclass(flambeau.Tensor)
        return tv_tensors.wrap(plain[good], like=x) if plain.shape[:1] == good.shape else x


class SanitizeBoundingBoxes(_Sanitize):
    """Boxes that are large enough and lie within the picture, with their masks and labels.

    Args:
        min_size, min_area: least side and area.
        labels_getter: a function that finds the labels in the sample, "default", or None.

    >>> boxes = flambeau.vision.tv_tensors.BoundingBoxes([[1, 2, 1, 8], [0, 0, 5, 5]], format="XYXY", canvas_size=(9, 9))
    >>> clean = flambeau.vision.transforms.v2.SanitizeBoundingBoxes()
    >>> clean({"boxes": boxes, "labels": flambeau.tensor([3, 4])})["labels"]
    tensor([4])
    """

    def __init__(self, min_size=1.0, min_area=1.0, labels_getter="default"):
        super().__init__(labels_getter)
        if min_size < 0:
            raise ValueError(f"min_size must be >= 0, got {min_size}.")
        if min_area < 0:
            raise ValueError(f"min_area must be >= 0, got {min_area}.")
        self.min_size, self.min_area = min_size, min_area

    def forward(self, *inputs):
        inputs = inputs if len(inputs) > 1 else inputs[0]
        boxes = get_bounding_boxes(tree_flatten(inputs)[0])
        good = F.sanitize_bounding_boxes(boxes, min_size=self.min_size, min_area=self.min_area)[1]
        return self._keep(inputs, boxes, good, (tv_tensors.BoundingBoxes, tv_tensors.Mask))


class SanitizeKeyPoints(_Sanitize):
    """Points within the picture, with their labels.

    Args:
        labels_getter: a function that finds the labels in the sample, "default", or None.

    >>> points = flambeau.vision.tv_tensors.KeyPoints([[50, 2], [1, 2]], canvas_size=(9, 9))
    >>> flambeau.vision.transforms.v2.SanitizeKeyPoints()(points).tolist()
    [[1, 2]]
    """

    def __init__(self, labels_getter=None):
        super().__init__(labels_getter)

    def forward(self, *inputs):
        inputs = inputs if len(inputs) > 1 else inputs[0]
        points = get_keypoints(tree_flatten(inputs)[0])
        return self._keep(inputs, points, F.sanitize_keypoints(points)[1], (tv_tensors.KeyPoints,))
