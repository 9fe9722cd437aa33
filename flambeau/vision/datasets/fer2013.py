"""Faces of seven expressions (arXiv 1307.0414)."""

import csv
import os

import flambeau

from .utils import check_integrity, verify_str_arg
from .vision import VisionDataset

__all__ = ["FER2013"]


class FER2013(VisionDataset):
    """Faces in 48x48 shades of grey; the files come from the contest's site, by hand.

    Args:
        root: folder of the folder fer2013, with train.csv and test.csv.
        split: "train" or "test"; the second has no classes.
        transform, target_transform: functions of picture and class.

    Raises: RuntimeError where the file is missing or damaged.

    >>> flambeau.vision.datasets.FER2013("data", "all")
    Traceback (most recent call last):
    ValueError: Unknown value 'all' for argument split. Valid values are {'train', 'test'}.
    """

    _RESOURCES = {
        "train": ("train.csv", "3f0dfb3d3fd99c811a1299cb947e3131"),
        "test": ("test.csv", "b02c2298636a634e8c2faabbf3ea9a23"),
    }

    def __init__(self, root, split="train", transform=None, target_transform=None):
        self._split = verify_str_arg(split, "split", tuple(self._RESOURCES))
        super().__init__(root, transform=transform, target_transform=target_transform)
        name, md5 = self._RESOURCES[split]
        path = os.path.join(self.root, "fer2013", name)
        if not check_integrity(path, md5):
            raise RuntimeError(
                f"{name} not found in {os.path.dirname(path)} or corrupted. You can download it from "
                "https://www.kaggle.com/c/challenges-in-representation-learning-facial-expression-recognition-challenge"
            )
        try:
            with open(path, newline="") as file:
                self._samples = [self._sample(row) for row in csv.DictReader(file)]
        except (KeyError, ValueError, RuntimeError, csv.Error) as error:
            raise RuntimeError(f"{path} is damaged: {error!r}")

    @staticmethod
    def _sample(row):
        shades = flambeau.tensor([int(number) for number in row["pixels"].split()], dtype=flambeau.uint8)
        return shades.reshape(48, 48), int(row["emotion"]) if "emotion" in row else None

    def __getitem__(self, index):
        from PIL import Image

        shades, target = self._samples[index]
        image = Image.fromarray(shades.numpy())
        image = image if self.transform is None else self.transform(image)
        return image, target if self.target_transform is None else self.target_transform(target)

    def __len__(self):
        return len(self._samples)

    def extra_repr(self):
        return f"split={self._split}"
