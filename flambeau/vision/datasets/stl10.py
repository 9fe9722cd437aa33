"""Coloured pictures of ten kinds, most of them without a class (Coates et al., 2011)."""

import os

from .utils import check_integrity, download_and_extract_archive, verify_str_arg
from .vision import VisionDataset

__all__ = ["STL10"]


class STL10(VisionDataset):
    """Pictures of animals and vehicles, 96x96 (https://cs.stanford.edu/~acoates/stl10/).

    Args:
        root: folder of the folder stl10_binary.
        split: "train", "test", "unlabeled" or "train+unlabeled"; the class is -1 where there is none.
        folds: the number of one of the ten parts of "train", or None for all.
        transform, target_transform: functions of picture and class.
        download: fetch what is not there.

    Raises: RuntimeError where the files are missing or damaged.

    >>> flambeau.vision.datasets.STL10.splits
    ('train', 'train+unlabeled', 'unlabeled', 'test')
    """

    base_folder = "stl10_binary"
    url = "http://ai.stanford.edu/~acoates/stl10/stl10_binary.tar.gz"
    filename = "stl10_binary.tar.gz"
    tgz_md5 = "91f7769df0f17e558f3565bffb0c7dfb"
    class_names_file = "class_names.txt"
    folds_list_file = "fold_indices.txt"
    train_list = [
        ["train_X.bin", "918c2871b30a85fa023e0c44e0bee87f"],
        ["train_y.bin", "5a34089d4802c674881badbb80307741"],
        ["unlabeled_X.bin", "5242ba1fed5e4be9e1e742405eb56ca4"],
    ]
    test_list = [
        ["test_X.bin", "7f263ba9f9e0b06b93213547f721ac82"],
        ["test_y.bin", "36f9794fa4beb8a2c72628de14fa638e"],
    ]
    splits = ("train", "train+unlabeled", "unlabeled", "test")

    def __init__(self, root, split="train", folds=None, transform=None, target_transform=None, download=False):
        super().__init__(root, transform=transform, target_transform=target_transform)
        self.split = verify_str_arg(split, "split", self.splits)
        if folds is not None and folds not in range(10):
            raise ValueError(f"Value for argument folds should be in the range [0, 10), but got {folds}.")
        self.folds = folds
        if download:
            self.download()
        elif not self._check_integrity():
            raise RuntimeError(
                f"Dataset not found or corrupted in {self.root}. You can use download=True to download it"
            )
        self.data, self.labels = self._parts()
        names = self._path(self.class_names_file)
        if os.path.isfile(names):
            with open(names) as file:
                self.classes = file.read().splitlines()

    def _path(self, name):
        return os.path.join(self.root, self.base_folder, name)

    def _parts(self):
        import numpy as np

        if self.split == "test":
            return self._images("test_X.bin"), self._labels("test_y.bin")
        parts = []
        if self.split.startswith("train"):
            chosen = self._fold()
            parts.append((self._images("train_X.bin")[chosen], self._labels("train_y.bin")[chosen]))
        if self.split.endswith("unlabeled"):
            images = self._images("unlabeled_X.bin")
            parts.append((images, np.full(len(images), -1)))
        return tuple(np.concatenate(side) for side in zip(*parts))

    def _images(self, name):
        import numpy as np

        return np.fromfile(self._path(name), np.uint8).reshape(-1, 3, 96, 96).transpose(0, 1, 3, 2)

    def _labels(self, name):
        import numpy as np

        return np.fromfile(self._path(name), np.uint8).astype(np.int64) - 1

    def _fold(self):
        import numpy as np

        if self.folds is None:
            return slice(None)
        with open(self._path(self.folds_list_file)) as file:
            return np.array(file.read().splitlines()[self.folds].split(), np.int64)

    def __getitem__(self, index):
        from PIL import Image

        return self._changed(Image.fromarray(self.data[index].transpose(1, 2, 0)), int(self.labels[index]))

    def __len__(self):
        return len(self.data)

    def _check_integrity(self):
        return all(check_integrity(self._path(name), md5) for name, md5 in self.train_list + self.test_list)

    def download(self):
        """Fetch and unpack what is not there."""
        if not self._check_integrity():
            download_and_extract_archive(self.url, self.root, filename=self.filename, md5=self.tgz_md5)
            if not self._check_integrity():
                raise RuntimeError(f"{self.filename} does not hold what it should")

    def extra_repr(self):
        return f"Split: {self.split}"
