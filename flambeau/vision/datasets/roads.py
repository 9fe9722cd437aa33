"""Streets and faces with boxes: KITTI (Geiger et al., 2012), WIDER FACE (arXiv 1511.06523)."""

import csv
import os

import flambeau

from .folder import pil_loader
from .utils import download_and_extract_archive, download_file_from_google_drive, extract_archive, verify_str_arg
from .vision import VisionDataset

__all__ = ["Kitti", "WIDERFace"]


class Kitti(VisionDataset):
    """Streets, and a list of what is seen: dicts with "type", "bbox", "dimensions" and others.

    Args:
        root: folder of the folder Kitti.
        train: the part with targets, or the other one, whose targets are None.
        transform, target_transform: functions of picture and target.
        transforms: a function of both.
        download: fetch what is not there.

    Raises: RuntimeError where files are missing or damaged.

    >>> flambeau.vision.datasets.Kitti("no such folder")
    Traceback (most recent call last):
    RuntimeError: Dataset not found: there is no no such folder/Kitti/raw/training/image_2. You may use download=True to download it.
    """

    data_url = "https://s3.eu-central-1.amazonaws.com/avg-kitti/"
    resources = ("data_object_image_2.zip", "data_object_label_2.zip")
    image_dir_name, labels_dir_name = "image_2", "label_2"

    def __init__(self, root, train=True, transform=None, target_transform=None, transforms=None, download=False):
        super().__init__(root, transforms, transform, target_transform)
        self.train, self._location = train, "training" if train else "testing"
        raw = os.path.join(self.root, "Kitti", "raw")
        folders = [os.path.join(raw, self._location, name) for name in (self.image_dir_name, self.labels_dir_name)]
        if download and not os.path.isdir(folders[0]):
            for name in self.resources:
                download_and_extract_archive(f"{self.data_url}{name}", raw, filename=name)
        for folder in folders[: 1 + train]:
            if not os.path.isdir(folder):
                raise RuntimeError(
                    f"Dataset not found: there is no {folder}. You may use download=True to download it."
                )
        names = sorted(os.listdir(folders[0]))
        self.images = [os.path.join(folders[0], name) for name in names]
        self.targets = [os.path.join(folders[1], f"{name.split('.')[0]}.txt") for name in names] if train else []

    def _parse_target(self, index):
        with open(self.targets[index], newline="") as file:
            try:
                return [self._thing(line) for line in csv.reader(file, delimiter=" ")]
            except (ValueError, IndexError) as error:
                raise RuntimeError(f"{self.targets[index]} is damaged: {error}")

    @staticmethod
    def _thing(line):
        numbers = [float(x) for x in line[4:15]]
        return {
            "type": line[0],
            "truncated": float(line[1]),
            "occluded": int(line[2]),
            "alpha": float(line[3]),
            "bbox": numbers[:4],
            "dimensions": numbers[4:7],
            "location": numbers[7:10],
            "rotation_y": numbers[10],
        }

    def __getitem__(self, index):
        image = pil_loader(self.images[index])
        target = self._parse_target(index) if self.train else None
        return (image, target) if self.transforms is None else self.transforms(image, target)

    def __len__(self):
        return len(self.images)


_FACTS = (("bbox", 0, 4), ("blur", 4, 5), ("expression", 5, 6), ("illumination", 6, 7), ("occlusion", 7, 8),
          ("pose", 8, 9), ("invalid", 9, 10))  # fmt: skip


class WIDERFace(VisionDataset):
    """Faces: a dict of tensors with "bbox" (x, y, width, height), "blur", "pose" and others for each picture.

    Args:
        root: folder of the folder widerface.
        split: "train", "val" or "test"; the last has no targets.
        transform, target_transform: functions of picture and target.
        download: fetch what is not there.

    Raises: RuntimeError where files are missing or damaged.

    >>> flambeau.vision.datasets.WIDERFace("data", "all")
    Traceback (most recent call last):
    ValueError: Unknown value 'all' for argument split. Valid values are {'train', 'val', 'test'}.
    """

    BASE_FOLDER = "widerface"
    FILE_LIST = (
        ("15hGDLhsx8bLgLcIRD5DhYt5iBxnjNF1M", "3fedf70df600953d25982bcd13d91ba2", "WIDER_train.zip"),
        ("1GUCogbp16PMGa39thoMMeWxp7Rp5oM8Q", "dfa7d7e790efa35df3788964cf0bbaea", "WIDER_val.zip"),
        ("1HIfDbVEWKmsYKJZm4lchTBDLW5N7dY5T", "e5d8f4248ed24c334bbd12f49c29dd40", "WIDER_test.zip"),
    )
    ANNOTATIONS_FILE = (
        "http://shuoyang1213.me/WIDERFACE/support/bbx_annotation/wider_face_split.zip",
        "0e3767bcf0e326556d407bf5bff5d27c",
        "wider_face_split.zip",
    )

    def __init__(self, root, split="train", transform=None, target_transform=None, download=False):
        super().__init__(os.path.join(root, self.BASE_FOLDER), transform=transform, target_transform=target_transform)
        self.split = verify_str_arg(split, "split", ("train", "val", "test"))
        if download and not self._there():
            self.download()
        if not self._there():
            raise RuntimeError(f"Dataset not found in {self.root}. You can use download=True to download it")
        names = {"test": "wider_face_test_filelist.txt"}.get(split, f"wider_face_{split}_bbx_gt.txt")
        path = os.path.join(self.root, "wider_face_split", names)
        with open(path) as file:
            lines = [line.strip() for line in file]
        try:
            self.img_info = list(self._read(lines))
        except (ValueError, IndexError, RuntimeError) as error:
            raise RuntimeError(f"{path} is damaged: {error}")

    def _there(self):
        parts = (f"WIDER_{self.split}", "wider_face_split")
        return all(os.path.isdir(os.path.join(self.root, part)) for part in parts)

    def download(self):
        """Fetch and unpack what is not there."""
        for number, md5, name in self.FILE_LIST:
            if name == f"WIDER_{self.split}.zip":
                download_file_from_google_drive(number, self.root, name, md5)
                extract_archive(os.path.join(self.root, name))
        url, md5, _ = self.ANNOTATIONS_FILE
        download_and_extract_archive(url, self.root, md5=md5)

    def _read(self, lines):
        place, images = 0, os.path.join(self.root, f"WIDER_{self.split}", "images")
        while place < len(lines) and lines[place]:
            facts = {"img_path": os.path.join(images, lines[place])}
            if self.split == "test":
                yield facts
                place += 1
                continue
            count = int(lines[place + 1])
            rows = lines[place + 2 : place + 2 + max(count, 1)]  # a line of zeros where there is no face
            table = flambeau.tensor([[int(x) for x in row.split()] for row in rows]).reshape(len(rows), 10)
            faces = {key: table[:, a:b].squeeze(1) if b - a == 1 else table[:, a:b] for key, a, b in _FACTS}
            yield {**facts, "annotations": faces}
            place += 2 + len(rows)

    def __getitem__(self, index):
        facts = self.img_info[index]
        target = None if self.split == "test" else facts["annotations"]
        image = pil_loader(facts["img_path"])
        image = image if self.transform is None else self.transform(image)
        return image, target if self.target_transform is None else self.target_transform(target)

    def __len__(self):
        return len(self.img_info)

    def extra_repr(self):
        return f"Split: {self.split}"
