"""Handwritten digits of the US postal service (Hull, 1994)."""

import os

from .utils import download_url
from .vision import VisionDataset

__all__ = ["USPS"]

_SITE = "https://www.csie.ntu.edu.tw/~cjlin/libsvmtools/datasets/multiclass/"


class USPS(VisionDataset):
    """Handwritten digits, 16x16, 7,291 and 2,007.

    Args:
        root: the folder of the files.
        train: the first ones, or the others.
        transform, target_transform: functions of picture and class.
        download: fetch what is not there.

    Raises: RuntimeError where the file is damaged.

    >>> flambeau.vision.datasets.USPS.split_list["test"][1]
    'usps.t.bz2'
    """

    split_list = {
        "train": [f"{_SITE}usps.bz2", "usps.bz2", "ec16c51db3855ca6c91edd34d0e9b197"],
        "test": [f"{_SITE}usps.t.bz2", "usps.t.bz2", "8ea070ee2aca1ac39742fdd1ef5ed118"],
    }

    def __init__(self, root, train=True, transform=None, target_transform=None, download=False):
        super().__init__(root, transform=transform, target_transform=target_transform)
        url, name, md5 = self.split_list["train" if train else "test"]
        path = os.path.join(self.root, name)
        if download and not os.path.exists(path):
            download_url(url, self.root, name, md5=md5)
        self.data, self.targets = self._read(path)

    @staticmethod
    def _read(path):
        """(pictures (N, 16, 16), classes) of lines `class 1:value 2:value ...`."""
        import bz2

        import numpy as np

        try:
            with bz2.open(path, "rt") as file:
                rows = [line.split() for line in file]
            values = np.array([[x.split(":")[-1] for x in row[1:]] for row in rows], np.float32).reshape(-1, 16, 16)
            return ((values + 1) / 2 * 255).astype(np.uint8), [int(row[0]) - 1 for row in rows]
        except FileNotFoundError:
            raise
        except (EOFError, OSError, ValueError, IndexError, UnicodeDecodeError) as error:
            raise RuntimeError(f"{path} is damaged or not a file of this data set: {error}")

    def __getitem__(self, index):
        from PIL import Image

        return self._changed(Image.fromarray(self.data[index]), int(self.targets[index]))

    def __len__(self):
        return len(self.data)
