"""Small coloured pictures of ten or a hundred kinds (Krizhevsky, "Learning multiple layers of features", 2009)."""

import os

from . import _pickles
from .utils import check_integrity, download_and_extract_archive
from .vision import VisionDataset

__all__ = ["CIFAR10", "CIFAR100"]


class CIFAR10(VisionDataset):
    """Pictures of animals and vehicles, 32x32, 50,000 and 10,000 (https://www.cs.toronto.edu/~kriz/cifar.html).

    Args:
        root: folder of the folder cifar-10-batches-py.
        train: the first ones, or the others.
        transform, target_transform: functions of picture and class.
        download: fetch what is not there.

    Raises: RuntimeError where the files are missing or damaged.

    >>> flambeau.vision.datasets.CIFAR10.base_folder
    'cifar-10-batches-py'
    """

    base_folder = "cifar-10-batches-py"
    url = "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz"
    filename = "cifar-10-python.tar.gz"
    tgz_md5 = "c58f30108f718f92721af3b95e74349a"
    train_list = [
        ["data_batch_1", "c99cafc152244af753f735de768cd75f"],
        ["data_batch_2", "d4bba439e000b95fd0a9bffe97cbabec"],
        ["data_batch_3", "54ebc095f3ab1f0389bbae665268c751"],
        ["data_batch_4", "634d18415352ddfa80567beed471001a"],
        ["data_batch_5", "482c414d41f54cd18b22e5b47cb7c3cb"],
    ]
    test_list = [["test_batch", "40351d587109b95175f43aff81a1287e"]]
    meta = {"filename": "batches.meta", "key": "label_names", "md5": "5ff9c542aee3614f3951f8cda6e48888"}

    def __init__(self, root, train=True, transform=None, target_transform=None, download=False):
        import numpy as np

        super().__init__(root, transform=transform, target_transform=target_transform)
        self.train = train
        if download:
            self.download()
        if not self._check_integrity():
            raise RuntimeError(
                f"Dataset not found or corrupted in {os.path.join(self.root, self.base_folder)}. "
                "You can use download=True to download it"
            )
        batches = [self._batch(name) for name, _ in self._files()]
        self.data = np.vstack([images for images, _ in batches]).transpose((0, 2, 3, 1))  # to HWC
        self.targets = [target for _, targets in batches for target in targets]
        self.classes = _pickles.read(os.path.join(self.root, self.base_folder, self.meta["filename"]))[self.meta["key"]]
        self.class_to_idx = {name: number for number, name in enumerate(self.classes)}

    def _files(self):
        return self.train_list if self.train else self.test_list

    def _batch(self, name):
        """(pictures (N, 3, 32, 32), classes) of a file."""
        path = os.path.join(self.root, self.base_folder, name)
        found = _pickles.read(path)
        images, targets = found.get("data"), found.get("labels", found.get("fine_labels"))
        if getattr(images, "ndim", 0) != 2 or images.shape[1] != 3072 or str(images.dtype) != "uint8":
            raise RuntimeError(f"{path}: 3072 bytes a picture are expected")
        if not isinstance(targets, list) or len(targets) != len(images):
            raise RuntimeError(f"{path}: a class for each picture is expected")
        return images.reshape(-1, 3, 32, 32), targets

    def __getitem__(self, index):
        from PIL import Image

        return self._changed(Image.fromarray(self.data[index]), self.targets[index])

    def __len__(self):
        return len(self.data)

    def _check_integrity(self):
        files = [*self.train_list, *self.test_list, [self.meta["filename"], self.meta["md5"]]]
        return all(check_integrity(os.path.join(self.root, self.base_folder, name), md5) for name, md5 in files)

    def download(self):
        """Fetch and unpack what is not there."""
        if not self._check_integrity():
            download_and_extract_archive(self.url, self.root, filename=self.filename, md5=self.tgz_md5)

    def extra_repr(self):
        return f"Split: {'Train' if self.train is True else 'Test'}"


class CIFAR100(CIFAR10):
    """Pictures of a hundred kinds, 32x32, 50,000 and 10,000 (https://www.cs.toronto.edu/~kriz/cifar.html).

    Args:
        root: folder of the folder cifar-100-python.
        train, transform, target_transform, download: as in CIFAR10.

    >>> flambeau.vision.datasets.CIFAR100.base_folder
    'cifar-100-python'
    """

    base_folder = "cifar-100-python"
    url = "https://www.cs.toronto.edu/~kriz/cifar-100-python.tar.gz"
    filename = "cifar-100-python.tar.gz"
    tgz_md5 = "eb9058c3a382ffc7106e4002c42a8d85"
    train_list = [["train", "16019d7e3df5f24257cddd939b257f8d"]]
    test_list = [["test", "f0ef6b0ae62326f3e7ffdfab6717acfc"]]
    meta = {"filename": "meta", "key": "fine_label_names", "md5": "7973b15100ade9c7d40fb424638fde48"}
