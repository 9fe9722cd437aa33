"""Data sets whose samples are told apart by transforms v2: boxes, masks and points are marked."""

import functools

import flambeau

__all__ = ["wrap_dataset_for_transforms_v2"]

_VOC_NAMES = (
    "__background__", "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow",
    "diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor",
)  # fmt: skip


def _boxes(rows, format, image):
    from .. import tv_tensors
    from ..transforms.v2 import functional as F

    size = tuple(F.get_size(image))
    boxes = tv_tensors.BoundingBoxes(rows, format=format, canvas_size=size)
    return boxes if format == "XYXY" else F.convert_bounding_box_format(boxes, new_format="XYXY")


def _mask(picture):
    from .. import tv_tensors

    return tv_tensors.Mask(picture)


def _same(dataset, index, sample, keys):
    """Classes need no marks."""
    return sample


def _outlines(things, image):
    """A mask for each thing, from COCO's outlines; needs pycocotools."""
    try:
        from pycocotools import mask
    except ImportError as error:
        raise ImportError("masks of COCO's outlines need the package pycocotools") from error
    from ..transforms.v2 import functional as F

    height, width = F.get_size(image)
    found = []
    for thing in things:
        parts = thing["segmentation"]
        packed = mask.frPyObjects(parts, height, width)
        packed = packed if isinstance(parts, dict) else mask.merge(packed)
        found.append(flambeau.from_numpy(mask.decode(packed)))
    return _mask(flambeau.stack(found))


def _coco(dataset, index, sample, keys):
    image, things = sample
    facts: dict = {"image_id": dataset.ids[index]}
    if not things:
        return image, facts
    made = {
        "image_id": lambda: dataset.ids[index],
        "boxes": lambda: _boxes([thing["bbox"] for thing in things], "XYWH", image),
        "masks": lambda: _outlines(things, image),
        "labels": lambda: flambeau.tensor([thing["category_id"] for thing in things]),
    }
    wanted = keys or {"image_id", "boxes", "labels"}
    plain = {key: [thing.get(key) for thing in things] for key in things[0] if key in wanted and key not in made}
    return image, {**plain, **{key: make() for key, make in made.items() if key in wanted}}


def _voc_things(dataset, index, sample, keys):
    image, target = sample
    things = target["annotation"]["object"]
    sides = ("xmin", "ymin", "xmax", "ymax")
    made = {
        "boxes": lambda: _boxes([[int(thing["bndbox"][side]) for side in sides] for thing in things], "XYXY", image),
        "labels": lambda: flambeau.tensor([_VOC_NAMES.index(thing["name"]) for thing in things]),
    }
    wanted = keys or {"boxes", "labels"}
    kept = {"annotation": target["annotation"]} if "annotation" in wanted else {}
    return image, {**kept, **{key: make() for key, make in made.items() if key in wanted}}


def _areas(dataset, index, sample, keys):
    image, target = sample
    return image, _mask(target)


def _pets(dataset, index, sample, keys):
    image, target = sample
    kinds = dataset._target_types
    several = target if len(kinds) > 1 else (target,)
    marked = tuple(_mask(one) if kind == "segmentation" else one for kind, one in zip(kinds, several))
    return image, marked if len(kinds) > 1 else marked[0]


_BY_NAME = {
    "CocoDetection": _coco,
    "VOCDetection": _voc_things,
    "VOCSegmentation": _areas,
    "OxfordIIITPet": _pets,
    **dict.fromkeys(("CocoCaptions", "CIFAR10", "DatasetFolder", "FakeData", "MNIST", "STL10", "SVHN", "USPS"), _same),
    **dict.fromkeys(("Caltech256", "CLEVRClassification", "DTD", "FER2013", "FGVCAircraft", "Flowers102"), _same),
    **dict.fromkeys(("Food101", "GTSRB", "Imagenette", "RenderedSST2", "StanfordCars", "SUN397", "SEMEION"), _same),
}
_CHOOSING = ("CocoDetection", "VOCDetection")


def wrap_dataset_for_transforms_v2(dataset, target_keys=None):
    """A data set whose transforms (v2) see boxes and masks as such; targets of things are dicts.

    Args:
        dataset: one of this package.
        target_keys: the keys of a target to make, or "all"; with things in pictures (COCO and VOC) only.

    Raises: TypeError where the kind of data set is not known, ValueError where its targets have no keys.

    >>> data = flambeau.vision.datasets.FakeData(3)
    >>> wrapped = flambeau.vision.datasets.wrap_dataset_for_transforms_v2(data)
    >>> len(wrapped), isinstance(wrapped, flambeau.vision.datasets.FakeData)
    (3, True)
    """
    name = next((kind.__name__ for kind in type(dataset).__mro__ if kind.__name__ in _BY_NAME), None)
    if name is None:
        raise TypeError(f"No wrapper exists for dataset class {type(dataset).__name__}")
    if target_keys is not None and name not in _CHOOSING:
        raise ValueError(f"`target_keys` is currently only supported for {', '.join(_CHOOSING)}, not {name}")
    if target_keys == "all":
        target_keys = _all_keys(dataset, name)
    elif target_keys is not None and not isinstance(target_keys, list | tuple | set):
        raise ValueError(f"`target_keys` can be None, 'all', or a collection of strings, but got {target_keys}")
    return _wrapper(type(dataset))(dataset, _BY_NAME[name], None if target_keys is None else set(target_keys))


def _all_keys(dataset, name):
    if name == "VOCDetection":
        return {"annotation", "boxes", "labels"}
    known = (key for things in dataset._known.values() for thing in things for key in thing)
    return {"image_id", "boxes", "masks", "labels", *known}


@functools.cache
def _wrapper(kind):
    """A subclass of a data set's class that stands for an object of it."""

    class Wrapped(kind):
        def __init__(self, dataset, mark, keys):
            self._dataset, self._mark, self._keys = dataset, mark, keys
            self.transform, self.target_transform, self.transforms = (
                getattr(dataset, name, None) for name in ("transform", "target_transform", "transforms")
            )
            for name in ("transform", "target_transform", "transforms"):
                if hasattr(dataset, name):
                    setattr(dataset, name, None)  # they come after the marks

        def __getattr__(self, name):
            if name.startswith("__") or "_dataset" not in self.__dict__:
                raise AttributeError(name)
            return getattr(self._dataset, name)

        def __getitem__(self, index):
            sample = self._mark(self._dataset, index, self._dataset[index], self._keys)
            return sample if self.transforms is None else self.transforms(*sample)

        def __len__(self):
            return len(self._dataset)

        def __reduce__(self):
            return _again, (kind, self._dataset, self._mark, self._keys, self.transforms)

    Wrapped.__name__ = Wrapped.__qualname__ = f"Wrapped{kind.__name__}"
    return Wrapped


def _again(kind, dataset, mark, keys, transforms):
    made = _wrapper(kind)(dataset, mark, keys)
    made.transforms = transforms
    return made
