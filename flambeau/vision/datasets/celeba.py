"""Faces of celebrities (arXiv 1411.7766)."""

import os

import flambeau

from .folder import pil_loader
from .utils import check_integrity, download_file_from_google_drive, extract_archive, verify_str_arg
from .vision import VisionDataset

__all__ = ["CelebA"]

_KINDS = ("attr", "identity", "bbox", "landmarks")


class CelebA(VisionDataset):
    """Faces, with 40 attributes, identity, box and five points.

    Args:
        root: folder of the folder celeba.
        split: "train", "valid", "test" or "all".
        target_type: "attr", "identity", "bbox", "landmarks" or a list of these; an empty list for none.
        transform, target_transform: functions of picture and target.
        download: fetch what is not there.

    Raises: RuntimeError where files are missing or damaged.

    >>> flambeau.vision.datasets.CelebA("data", "some")
    Traceback (most recent call last):
    ValueError: Unknown value 'some' for argument split. Valid values are {'train', 'valid', 'test', 'all'}.
    """

    base_folder = "celeba"
    file_list = [
        ("0B7EVK8r0v71pZjFTYXZWM3FlRnM", "00d2c5bc6d35e252742224ab0c1e8fcb", "img_align_celeba.zip"),
        ("0B7EVK8r0v71pblRyaVFSWGxPY0U", "75e246fa4810816ffd6ee81facbd244c", "list_attr_celeba.txt"),
        ("1_ee_0u7vcNLOfNLegJRHmolfH5ICW-XS", "32bd1bd63d3c78cd57e08160ec5ed1e2", "identity_CelebA.txt"),
        ("0B7EVK8r0v71pbThiMVRxWXZ4dU0", "00566efa6fedff7a56946cd1c10f1c16", "list_bbox_celeba.txt"),
        ("0B7EVK8r0v71pd0FJY3Blby1HUTQ", "cc24ecafdb5b50baae59b03474781f8c", "list_landmarks_align_celeba.txt"),
        ("0B7EVK8r0v71pY0NSMzRuSXJEVkk", "d32c9cbf5e040fd4025c592c306e6668", "list_eval_partition.txt"),
    ]
    _SPLITS = {"train": 0, "valid": 1, "test": 2, "all": None}

    def __init__(self, root, split="train", target_type="attr", transform=None, target_transform=None, download=False):
        super().__init__(root, transform=transform, target_transform=target_transform)
        self.split = verify_str_arg(split, "split", tuple(self._SPLITS))
        kinds = [target_type] if isinstance(target_type, str) else target_type
        self.target_type = [verify_str_arg(kind, "target_type", _KINDS) for kind in kinds]
        if not self.target_type and self.target_transform is not None:
            raise RuntimeError("target_transform is specified but target_type is empty")
        if download:
            self.download()
        if not self._check_integrity():
            raise RuntimeError(
                f"Dataset not found or corrupted in {self._path()}. You can use download=True to download it"
            )
        self._load()

    def _path(self, *names):
        return os.path.join(self.root, self.base_folder, *names)

    def _table(self, name, header=None):
        """(names of the columns, files, numbers) of a list; `header` is the line with the names."""
        try:
            with open(self._path(name)) as file:
                rows = [line.split() for line in file if line.strip()]
            columns, rows = ([], rows) if header is None else (rows[header], rows[header + 1 :])
            return columns, [row[0] for row in rows], flambeau.tensor([list(map(int, row[1:])) for row in rows])
        except (ValueError, IndexError) as error:
            raise RuntimeError(f"{self._path(name)} is damaged: {error}")

    def _load(self):
        _, files, split = self._table("list_eval_partition.txt")
        number = self._SPLITS[self.split]
        chosen = flambeau.arange(len(files)) if number is None else flambeau.where(split[:, 0] == number)[0]
        self.filename = [files[i] for i in chosen.tolist()]
        self.attr_names, _, attributes = self._table("list_attr_celeba.txt", 1)
        self.attr = flambeau.div(attributes[chosen] + 1, 2, rounding_mode="floor")
        self.identity = self._table("identity_CelebA.txt")[2][chosen]
        self.bbox = self._table("list_bbox_celeba.txt", 1)[2][chosen]
        self.landmarks_align = self._table("list_landmarks_align_celeba.txt", 1)[2][chosen]

    def _check_integrity(self):
        lists = all(check_integrity(self._path(name), md5) for _, md5, name in self.file_list[1:])
        return lists and os.path.isdir(self._path("img_align_celeba"))

    def download(self):
        """Fetch and unpack what is not there."""
        if self._check_integrity():
            return
        for number, md5, name in self.file_list:
            download_file_from_google_drive(number, self._path(), name, md5)
        extract_archive(self._path("img_align_celeba.zip"))

    def _target(self, kind, index):
        if kind == "identity":
            return self.identity[index, 0]
        return {"attr": self.attr, "bbox": self.bbox, "landmarks": self.landmarks_align}[kind][index]

    def __getitem__(self, index):
        image = pil_loader(self._path("img_align_celeba", self.filename[index]))
        targets = tuple(self._target(kind, index) for kind in self.target_type)
        image = image if self.transform is None else self.transform(image)
        if not targets:
            return image, None
        target = targets if len(targets) > 1 else targets[0]
        return image, target if self.target_transform is None else self.target_transform(target)

    def __len__(self):
        return len(self.attr)

    def extra_repr(self):
        return f"Target type: {self.target_type}\nSplit: {self.split}"
