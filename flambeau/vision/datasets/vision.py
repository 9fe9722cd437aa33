"""What all data sets of pictures are."""

import os

from flambeau.utils.data import Dataset

__all__ = ["StandardTransform", "VisionDataset"]


class StandardTransform:
    """One transform for the picture and one for the target.

    >>> StandardTransform(lambda x: x + 1, None)(1, 2)
    (2, 2)
    """

    def __init__(self, transform=None, target_transform=None):
        self.transform, self.target_transform = transform, target_transform

    def __call__(self, input, target):
        input = input if self.transform is None else self.transform(input)
        return input, target if self.target_transform is None else self.target_transform(target)

    def _lines(self):
        for transform, head in ((self.transform, "Transform: "), (self.target_transform, "Target transform: ")):
            if transform is not None:
                first, *rest = repr(transform).splitlines()
                yield f"{head}{first}"
                yield from (" " * len(head) + line for line in rest)

    def __repr__(self):
        return "\n".join([self.__class__.__name__, *self._lines()])


class VisionDataset(Dataset):
    """A data set of pictures; a subclass has `__getitem__` and `__len__`.

    Args:
        root: its folder.
        transforms: a function of picture and target.
        transform, target_transform: functions of each, instead.

    >>> flambeau.vision.datasets.VisionDataset("data", transform=str).transforms(1, 2)
    ('1', 2)
    """

    _repr_indent = 4

    def __init__(self, root=None, transforms=None, transform=None, target_transform=None):
        separate = transform is not None or target_transform is not None
        if transforms is not None and separate:
            raise ValueError("Only transforms or transform/target_transform can be passed as argument")
        self.root = os.path.expanduser(root) if isinstance(root, str) else root
        self.transform, self.target_transform = transform, target_transform
        self.transforms = StandardTransform(transform, target_transform) if separate else transforms

    def __getitem__(self, index):
        raise NotImplementedError

    def __len__(self):
        raise NotImplementedError

    def __repr__(self):
        body = [f"Number of datapoints: {len(self)}"]
        if self.root is not None:
            body.append(f"Root location: {self.root}")
        body += self.extra_repr().splitlines()
        if getattr(self, "transforms", None) is not None:
            body += repr(self.transforms).splitlines()
        return "\n".join([f"Dataset {self.__class__.__name__}", *(" " * self._repr_indent + line for line in body)])

    def extra_repr(self):
        """Further lines of the representation."""
        return ""

    def _changed(self, image, target):
        """Picture and target after their transforms."""
        image = image if self.transform is None else self.transform(image)
        return image, target if self.target_transform is None else self.target_transform(target)
