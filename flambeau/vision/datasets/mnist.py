"""Handwritten digits and what has their form: files of bytes with a header of sizes."""

import codecs
import os
import string
from typing import Any
from urllib.error import URLError

import flambeau

from .utils import check_integrity, download_and_extract_archive, extract_archive, verify_str_arg
from .vision import VisionDataset

__all__ = ["EMNIST", "KMNIST", "MNIST", "QMNIST", "FashionMNIST"]

_TYPES = {8: "u1", 9: "i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}


def get_int(b):
    """A number of bytes, the highest first."""
    return int(codecs.encode(b, "hex"), 16)


def read_sn3_pascalvincent_tensor(path, strict=True):
    """A tensor of a file in the form of MNIST's: 0, 0, type, number of sizes, the sizes, the numbers.

    Args:
        path: the file.
        strict: whether more may follow.

    Raises: ValueError where the file is none, or too short.
    """
    import numpy as np

    with open(path, "rb") as file:
        data = file.read()
    if len(data) < 4 or data[:2] != b"\0\0" or data[2] not in _TYPES or not 1 <= data[3] <= 3:
        raise ValueError(f"{path} does not begin as files of this kind do: found {data[:4]!r}")
    dtype, dims = np.dtype(_TYPES[data[2]]), data[3]
    shape = [get_int(data[4 * (i + 1) : 4 * (i + 2)] or b"\0") for i in range(dims)]
    start, count = 4 * (dims + 1), int(np.prod(shape, dtype=object))
    if len(data) - start < count * dtype.itemsize or (strict and len(data) - start != count * dtype.itemsize):
        raise ValueError(f"{path} says that it holds {shape} numbers, but has {len(data) - start} bytes of them")
    array = np.frombuffer(data, dtype, count, start).reshape(shape)
    return flambeau.from_numpy(array.astype(dtype.newbyteorder("=")))


def read_label_file(path):
    """The classes of a file, as int64."""
    return _checked(path, 1).long()


def read_image_file(path):
    """The pictures of a file, as uint8 (N, H, W)."""
    return _checked(path, 3)


def _checked(path, dims):
    x = read_sn3_pascalvincent_tensor(path, strict=False)
    if x.dtype != flambeau.uint8:
        raise TypeError(f"x should be of dtype torch.uint8 instead of {x.dtype}")
    if x.ndimension() != dims:
        raise ValueError(f"x should have {dims} dimension instead of {x.ndimension()}")
    return x


class MNIST(VisionDataset):
    """Handwritten digits, 28x28, 60,000 and 10,000 (http://yann.lecun.com/exdb/mnist/).

    Args:
        root: folder of the folder MNIST/raw.
        train: the first ones, or the others.
        transform, target_transform: functions of picture and class.
        download: fetch what is not there.

    Raises: RuntimeError where the files are missing.

    >>> flambeau.vision.datasets.MNIST.classes[3]
    '3 - three'
    """

    mirrors = ["https://ossci-datasets.s3.amazonaws.com/mnist/", "http://yann.lecun.com/exdb/mnist/"]
    resources: Any = [
        ("train-images-idx3-ubyte.gz", "f68b3c2dcbeaaa9fbdd348bbdeb94873"),
        ("train-labels-idx1-ubyte.gz", "d53e105ee54ea40749a09fcbcd1e9432"),
        ("t10k-images-idx3-ubyte.gz", "9fb629c4189551a2d022fa330f9573f3"),
        ("t10k-labels-idx1-ubyte.gz", "ec29112dd5afa0611ce80d1b7f02629c"),
    ]
    training_file, test_file = "training.pt", "test.pt"
    _words = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
    classes = [f"{number} - {word}" for number, word in enumerate(_words)]

    def __init__(self, root, train=True, transform=None, target_transform=None, download=False):
        super().__init__(root, transform=transform, target_transform=target_transform)
        self.train = train
        if download:
            self.download()
        if not self._check_exists():
            raise RuntimeError(f"Dataset not found in {self.raw_folder}. You can use download=True to download it")
        self.data, self.targets = self._load_data()
        if len(self.data) != len(self.targets):
            raise ValueError(f"{self.raw_folder}: {len(self.data)} pictures, but {len(self.targets)} classes")

    @property
    def train_labels(self):
        return self.targets

    @property
    def test_labels(self):
        return self.targets

    @property
    def train_data(self):
        return self.data

    @property
    def test_data(self):
        return self.data

    def _load_data(self):
        part = "train" if self.train else "t10k"
        images = read_image_file(os.path.join(self.raw_folder, f"{part}-images-idx3-ubyte"))
        return images, read_label_file(os.path.join(self.raw_folder, f"{part}-labels-idx1-ubyte"))

    def __getitem__(self, index):
        from PIL import Image

        return self._changed(Image.fromarray(self.data[index].numpy()), int(self.targets[index]))

    def __len__(self):
        return len(self.data)

    @property
    def raw_folder(self):
        return os.path.join(self.root, self.__class__.__name__, "raw")

    @property
    def processed_folder(self):
        return os.path.join(self.root, self.__class__.__name__, "processed")

    @property
    def class_to_idx(self):
        return {name: number for number, name in enumerate(self.classes)}

    def _check_exists(self):
        names = (os.path.splitext(os.path.basename(url))[0] for url, _ in self.resources)
        return all(check_integrity(os.path.join(self.raw_folder, name)) for name in names)

    def download(self):
        """Fetch and unpack what is not there, from the first mirror that has it."""
        if self._check_exists():
            return
        os.makedirs(self.raw_folder, exist_ok=True)
        for name, md5 in self.resources:
            self._from_mirrors(name, md5)

    def _from_mirrors(self, name, md5):
        errors = []
        for mirror in self.mirrors:
            try:
                return download_and_extract_archive(f"{mirror}{name}", self.raw_folder, filename=name, md5=md5)
            except (RuntimeError, URLError, OSError) as error:
                errors.append(f"Tried {mirror}, got:\n{error}\n")
        raise RuntimeError(f"Error downloading {name}:\n{''.join(errors)}")

    def extra_repr(self):
        return f"Split: {'Train' if self.train is True else 'Test'}"


class FashionMNIST(MNIST):
    """Clothes in the form of MNIST (https://github.com/zalandoresearch/fashion-mnist).

    Args:
        root: folder of the folder FashionMNIST/raw.
        train, transform, target_transform, download: as in MNIST.

    >>> flambeau.vision.datasets.FashionMNIST.classes[9]
    'Ankle boot'
    """

    mirrors = ["http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"]
    resources = [
        ("train-images-idx3-ubyte.gz", "8d4fb7e6c68d591d4c3dfef9ec88bf0d"),
        ("train-labels-idx1-ubyte.gz", "25c81989df183df01b3e8a0aad5dffbe"),
        ("t10k-images-idx3-ubyte.gz", "bef4ecab320f06d8554ea6380940ec79"),
        ("t10k-labels-idx1-ubyte.gz", "bb300cfdad3c16e7a12a480ee83cd310"),
    ]
    classes = ["T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"]


class KMNIST(MNIST):
    """Japanese letters in the form of MNIST (http://codh.rois.ac.jp/kmnist/).

    Args:
        root: folder of the folder KMNIST/raw.
        train, transform, target_transform, download: as in MNIST.

    >>> flambeau.vision.datasets.KMNIST.classes[1]
    'ki'
    """

    mirrors = ["http://codh.rois.ac.jp/kmnist/dataset/kmnist/"]
    resources = [
        ("train-images-idx3-ubyte.gz", "bdb82020997e1d708af4cf47b453dcf7"),
        ("train-labels-idx1-ubyte.gz", "e144d726b3acfaa3e44228e80efcd344"),
        ("t10k-images-idx3-ubyte.gz", "5c965bf0a639b31b8f53240b1b52f4d7"),
        ("t10k-labels-idx1-ubyte.gz", "7320c461ea6c1c855c0b718fb2a4b134"),
    ]
    classes = ["o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"]


_DIGITS, _MERGED = list(string.digits), set("cijklmopsuvwxyz")
_LETTERS = _DIGITS + list(string.ascii_uppercase + string.ascii_lowercase)


class EMNIST(MNIST):
    """Handwritten letters and digits (https://www.nist.gov/itl/products-and-services/emnist-dataset).

    Args:
        root: folder of the folder EMNIST/raw.
        split: "byclass", "bymerge", "balanced", "letters", "digits" or "mnist".
        **kwargs: train, transform, target_transform and download of MNIST.

    >>> len(flambeau.vision.datasets.EMNIST.classes_split_dict["balanced"])
    47
    """

    url = "https://biometrics.nist.gov/cs_links/EMNIST/gzip.zip"
    md5 = "58c8d27c78d21e728a6bc7b3cc06412e"
    splits = ("byclass", "bymerge", "balanced", "letters", "digits", "mnist")
    classes_split_dict = {
        "byclass": _LETTERS,
        "bymerge": [c for c in _LETTERS if c not in _MERGED],
        "balanced": [c for c in _LETTERS if c not in _MERGED],
        "letters": ["N/A", *string.ascii_lowercase],
        "digits": _DIGITS,
        "mnist": _DIGITS,
    }

    def __init__(self, root, split, **kwargs):
        self.split = verify_str_arg(split, "split", self.splits)
        self.training_file, self.test_file = f"training_{split}.pt", f"test_{split}.pt"
        super().__init__(root, **kwargs)
        self.classes = self.classes_split_dict[self.split]

    def _file(self, kind):
        name = f"emnist-{self.split}-{'train' if self.train else 'test'}-{kind}-ubyte"
        return os.path.join(self.raw_folder, name)

    @property
    def images_file(self):
        return self._file("images-idx3")

    @property
    def labels_file(self):
        return self._file("labels-idx1")

    def _load_data(self):
        return read_image_file(self.images_file), read_label_file(self.labels_file)

    def _check_exists(self):
        return all(check_integrity(file) for file in (self.images_file, self.labels_file))

    def download(self):
        """Fetch and unpack what is not there."""
        if self._check_exists():
            return
        download_and_extract_archive(self.url, self.raw_folder, md5=self.md5)
        folder = os.path.join(self.raw_folder, "gzip")
        for name in os.listdir(folder):
            if name.endswith(".gz"):
                extract_archive(os.path.join(folder, name), os.path.join(self.raw_folder, name[:-3]))


_QMNIST = "https://raw.githubusercontent.com/facebookresearch/qmnist/master/"


class QMNIST(MNIST):
    """MNIST made again, with all test digits and who wrote them (arXiv 1905.10498).

    Args:
        root: folder of the folder QMNIST/raw.
        what: "train", "test", "test10k", "test50k" or "nist".
        compat: targets are classes; else rows with the writer and where the digit is from.
        train: instead of `what`.
        **kwargs: transform, target_transform and download of MNIST.

    >>> flambeau.vision.datasets.QMNIST.subsets["test50k"]
    'test'
    """

    subsets = {"train": "train", "test": "test", "test10k": "test", "test50k": "test", "nist": "nist"}
    resources = {
        "train": [
            (f"{_QMNIST}qmnist-train-images-idx3-ubyte.gz", "ed72d4157d28c017586c42bc6afe6370"),
            (f"{_QMNIST}qmnist-train-labels-idx2-int.gz", "0058f8dd561b90ffdd0f734c6a30e5e4"),
        ],
        "test": [
            (f"{_QMNIST}qmnist-test-images-idx3-ubyte.gz", "1394631089c404de565df7b7aeaf9412"),
            (f"{_QMNIST}qmnist-test-labels-idx2-int.gz", "5b5b05890a5e13444e108efe57b788aa"),
        ],
        "nist": [
            (f"{_QMNIST}xnist-images-idx3-ubyte.xz", "7f124b3b8ab81486c9d8c2749c17f834"),
            (f"{_QMNIST}xnist-labels-idx2-int.xz", "5ed0e788978e45d4a8bd4b7caec3d79d"),
        ],
    }

    def __init__(self, root, what=None, compat=True, train=True, **kwargs):
        what = ("train" if train else "test") if what is None else what
        self.what, self.compat = verify_str_arg(what, "what", tuple(self.subsets)), compat
        self.data_file, self.training_file, self.test_file = (f"{what}.pt",) * 3
        super().__init__(root, train, **kwargs)

    def _file(self, place):
        url = self.resources[self.subsets[self.what]][place][0]
        return os.path.join(self.raw_folder, os.path.splitext(os.path.basename(url))[0])

    @property
    def images_file(self):
        return self._file(0)

    @property
    def labels_file(self):
        return self._file(1)

    def _check_exists(self):
        return all(check_integrity(file) for file in (self.images_file, self.labels_file))

    def _load_data(self):
        data, targets = (read_sn3_pascalvincent_tensor(f) for f in (self.images_file, self.labels_file))
        if data.dtype != flambeau.uint8 or data.ndimension() != 3:
            raise TypeError(f"data should be uint8 with 3 dimensions instead of {data.dtype} {tuple(data.shape)}")
        if targets.ndimension() != 2:
            raise ValueError(f"targets should have 2 dimensions instead of {targets.ndimension()}")
        part = {"test10k": slice(0, 10000), "test50k": slice(10000, None)}.get(self.what, slice(None))
        return data[part].clone(), targets.long()[part].clone()

    def download(self):
        """Fetch and unpack what is not there."""
        if not self._check_exists():
            for url, md5 in self.resources[self.subsets[self.what]]:
                download_and_extract_archive(url, self.raw_folder, md5=md5)

    def __getitem__(self, index):
        from PIL import Image

        image, target = Image.fromarray(self.data[index].numpy()), self.targets[index]
        return self._changed(image, int(target[0]) if self.compat else target)

    def extra_repr(self):
        return f"Split: {self.what}"
