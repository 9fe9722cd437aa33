"""House numbers from photographs (Netzer et al., "Reading digits in natural images", 2011)."""

import os

from .utils import check_integrity, download_url, verify_str_arg
from .vision import VisionDataset

__all__ = ["SVHN"]

_SITE = "http://ufldl.stanford.edu/housenumbers/"


class SVHN(VisionDataset):
    """Digits of house numbers, 32x32 (http://ufldl.stanford.edu/housenumbers/); reading them needs SciPy.

    Args:
        root: the folder of the files.
        split: "train", "test" or "extra".
        transform, target_transform: functions of picture and class.
        download: fetch what is not there.

    Raises: RuntimeError where the file is missing or damaged.

    >>> sorted(flambeau.vision.datasets.SVHN.split_list)
    ['extra', 'test', 'train']
    """

    split_list = {
        "train": [f"{_SITE}train_32x32.mat", "train_32x32.mat", "e26dedcc434d2e4c54c9b2d4a06d8373"],
        "test": [f"{_SITE}test_32x32.mat", "test_32x32.mat", "eb5a983be6a315427106f1b164d9cef3"],
        "extra": [f"{_SITE}extra_32x32.mat", "extra_32x32.mat", "a93ce644f1a588dc4d68dda5feec44a7"],
    }

    def __init__(self, root, split="train", transform=None, target_transform=None, download=False):
        super().__init__(root, transform=transform, target_transform=target_transform)
        self.split = verify_str_arg(split, "split", tuple(self.split_list))
        self.url, self.filename, self.file_md5 = self.split_list[split]
        if download:
            self.download()
        if not self._check_integrity():
            raise RuntimeError(
                f"Dataset not found or corrupted in {self.root}. You can use download=True to download it"
            )
        self.data, self.labels = self._read()

    def _read(self):
        """(pictures (N, 3, 32, 32), classes)."""
        import numpy as np
        from scipy import io

        found = io.loadmat(os.path.join(self.root, self.filename))
        labels = found["y"].astype(np.int64).reshape(-1)
        labels[labels == 10] = 0  # the file has 10 for the digit 0
        return np.transpose(found["X"], (3, 2, 0, 1)), labels

    def __getitem__(self, index):
        from PIL import Image

        return self._changed(Image.fromarray(self.data[index].transpose(1, 2, 0)), int(self.labels[index]))

    def __len__(self):
        return len(self.data)

    def _check_integrity(self):
        return check_integrity(os.path.join(self.root, self.filename), self.split_list[self.split][2])

    def download(self):
        """Fetch what is not there."""
        download_url(self.url, self.root, self.filename, self.split_list[self.split][2])

    def extra_repr(self):
        return f"Split: {self.split}"
