"""Small pictures of written characters: Omniglot (Lake et al., 2015), Semeion's digits, and moving digits."""

import os

import flambeau

from .folder import pil_loader
from .utils import check_integrity, download_and_extract_archive, download_url, list_dir, list_files, verify_str_arg
from .vision import VisionDataset

__all__ = ["SEMEION", "MovingMNIST", "Omniglot"]


class Omniglot(VisionDataset):
    """Characters of 50 alphabets, each drawn by 20 people.

    Args:
        root: the folder in which the folder omniglot-py is.
        background: the 30 alphabets to learn from, or the 20 others.
        transform, target_transform: functions of picture and class.
        download: fetch what is not there.
        loader: reads a picture; in black and white if None.

    Raises: RuntimeError where files are missing.

    >>> flambeau.vision.datasets.Omniglot("no such folder")
    Traceback (most recent call last):
    RuntimeError: Dataset not found: there is no no such folder/omniglot-py/images_background. You can use download=True to download it
    """

    folder = "omniglot-py"
    download_url_prefix = "https://raw.githubusercontent.com/brendenlake/omniglot/master/python"
    zips_md5 = {
        "images_background": "68d2efa1b9178cc56df9314c21c6e718",
        "images_evaluation": "6b91aef0f799c5bb55b94e3f2daec811",
    }

    def __init__(self, root, background=True, transform=None, target_transform=None, download=False, loader=None):
        super().__init__(os.path.join(root, self.folder), transform=transform, target_transform=target_transform)
        self.background, self.loader = background, loader
        name = "images_background" if background else "images_evaluation"
        self.target_folder = os.path.join(self.root, name)
        if download and not os.path.isdir(self.target_folder):
            url = f"{self.download_url_prefix}/{name}.zip"
            download_and_extract_archive(url, self.root, filename=f"{name}.zip", md5=self.zips_md5[name])
        if not os.path.isdir(self.target_folder):
            raise RuntimeError(
                f"Dataset not found: there is no {self.target_folder}. You can use download=True to download it"
            )
        self._alphabets = sorted(list_dir(self.target_folder))
        self._characters = [
            os.path.join(alphabet, name)
            for alphabet in self._alphabets
            for name in sorted(list_dir(os.path.join(self.target_folder, alphabet)))
        ]
        self._flat_character_images = [
            (os.path.join(self.target_folder, character, name), label)
            for label, character in enumerate(self._characters)
            for name in sorted(list_files(os.path.join(self.target_folder, character), ".png"))
        ]

    def __getitem__(self, index):
        path, label = self._flat_character_images[index]
        return self._changed(self.loader(path) if self.loader else pil_loader(path).convert("L"), label)

    def __len__(self):
        return len(self._flat_character_images)


class SEMEION(VisionDataset):
    """Handwritten digits, 16x16, 1,593 (https://archive.ics.uci.edu/dataset/178).

    Args:
        root: the folder of the file.
        transform, target_transform: functions of picture and class.
        download: fetch what is not there.

    Raises: RuntimeError where the file is missing or damaged.

    >>> flambeau.vision.datasets.SEMEION("no such folder", download=False)
    Traceback (most recent call last):
    RuntimeError: Dataset not found or corrupted: no such folder/semeion.data. You can use download=True to download it
    """

    url = "http://archive.ics.uci.edu/ml/machine-learning-databases/semeion/semeion.data"
    filename = "semeion.data"
    md5_checksum = "cb545d371d2ce14ec121470795a77432"

    def __init__(self, root, transform=None, target_transform=None, download=True):
        super().__init__(root, transform=transform, target_transform=target_transform)
        if download:
            self.download()
        path = os.path.join(self.root, self.filename)
        if not check_integrity(path, self.md5_checksum):
            raise RuntimeError(f"Dataset not found or corrupted: {path}. You can use download=True to download it")
        import numpy as np

        rows = np.loadtxt(path, ndmin=2)
        self.data = (rows[:, :256] * 255).astype(np.uint8).reshape(-1, 16, 16)
        self.labels = rows[:, 256:].argmax(1)

    def download(self):
        """Fetch what is not there."""
        download_url(self.url, self.root, self.filename, self.md5_checksum)

    def __getitem__(self, index):
        from PIL import Image

        return self._changed(Image.fromarray(self.data[index]), int(self.labels[index]))

    def __len__(self):
        return len(self.data)


class MovingMNIST(VisionDataset):
    """10,000 videos of two digits that move, 20 frames of 64x64 (arXiv 1502.04681).

    Args:
        root: folder of the folder MovingMNIST.
        split: "train" (the first frames), "test" (the others) or None for all.
        split_ratio: how many frames are the first.
        download: fetch what is not there.
        transform: a function of a video, a tensor (frames, 1, 64, 64).

    Raises: RuntimeError where the file is missing or damaged.

    >>> flambeau.vision.datasets.MovingMNIST("data", split_ratio=20, split="train")
    Traceback (most recent call last):
    ValueError: `split_ratio` should be an integer from 1 to 19, but got 20 instead.
    """

    _URL = "http://www.cs.toronto.edu/~nitish/unsupervised_video/mnist_test_seq.npy"

    def __init__(self, root, split=None, split_ratio=10, download=False, transform=None):
        super().__init__(root, transform=transform)
        if split is not None:
            verify_str_arg(split, "split", ("train", "test"))
        if not isinstance(split_ratio, int):
            raise TypeError(f"`split_ratio` should be an integer, but got {type(split_ratio)}")
        if not 1 <= split_ratio <= 19:
            raise ValueError(f"`split_ratio` should be an integer from 1 to 19, but got {split_ratio} instead.")
        self.split, self.split_ratio = split, split_ratio
        folder = os.path.join(self.root, "MovingMNIST")
        path = os.path.join(folder, os.path.basename(self._URL))
        if download:
            download_url(self._URL, folder, md5="be083ec986bfe91a449d63653c411eb2")
        if not os.path.isfile(path):
            raise RuntimeError(f"Dataset not found: there is no {path}. You can use download=True to download it")
        self.data = self._read(path)

    def _read(self, path):
        import numpy as np

        try:
            frames = np.load(path, allow_pickle=False)
        except (ValueError, EOFError, OSError) as error:
            raise RuntimeError(f"{path} is damaged: {error}")
        first = slice(None) if self.split is None else slice(None, self.split_ratio)
        part = slice(self.split_ratio, None) if self.split == "test" else first
        return flambeau.from_numpy(np.ascontiguousarray(frames[part].swapaxes(0, 1)[:, :, None]))

    def __getitem__(self, index):
        return self.data[index] if self.transform is None else self.transform(self.data[index])

    def __len__(self):
        return len(self.data)
