"""ImageNet's contest of 2012 (arXiv 1409.0575)."""

import os
import shutil
import tempfile

from .folder import ImageFolder
from .utils import check_integrity, extract_archive, verify_str_arg

__all__ = ["ImageNet"]

META_FILE = "meta.bin"
ARCHIVE_META = {
    "train": ("ILSVRC2012_img_train.tar", "1d675b47d978889d74fa0da5fadfb00e"),
    "val": ("ILSVRC2012_img_val.tar", "29b22e2961454d5413ddabcf34fc5622"),
    "devkit": ("ILSVRC2012_devkit_t12.tar.gz", "fa75699e90414af021442c21a62c3abf"),
}


class ImageNet(ImageFolder):
    """Photographs of 1,000 kinds. The archives come from the makers' site, by hand; they are unpacked once.

    Args:
        root: the folder of the archives, or of the folders train and val and the file meta.bin made of them.
        split: "train" or "val".
        **kwargs: transform, target_transform, loader as in ImageFolder.

    Raises: RuntimeError where files are missing or damaged.

    >>> flambeau.vision.datasets.ImageNet("data", "test")
    Traceback (most recent call last):
    ValueError: Unknown value 'test' for argument split. Valid values are {'train', 'val'}.
    """

    def __init__(self, root, split="train", **kwargs):
        root = self.root = os.path.expanduser(root)
        self.split = verify_str_arg(split, "split", ("train", "val"))
        self.parse_archives()
        names = load_meta_file(root)[0]
        super().__init__(self.split_folder, **kwargs)
        self.root, self.wnids, self.wnid_to_idx = root, self.classes, self.class_to_idx
        missing = [wnid for wnid in self.wnids if wnid not in names]
        if missing:
            raise RuntimeError(f"{self.split_folder} has folders that are no classes of ImageNet: {missing[:3]}")
        self.classes = [names[wnid] for wnid in self.wnids]
        self.class_to_idx = {name: i for i, several in enumerate(self.classes) for name in several}

    def parse_archives(self):
        """Unpack what has not been unpacked."""
        if not check_integrity(os.path.join(self.root, META_FILE)):
            parse_devkit_archive(self.root)
        if not os.path.isdir(self.split_folder):
            {"train": parse_train_archive, "val": parse_val_archive}[self.split](self.root)

    @property
    def split_folder(self):
        """The folder of the pictures."""
        return os.path.join(self.root, self.split)

    def extra_repr(self):
        return f"Split: {self.split}"


def load_meta_file(root, file=None):
    """({number of a class: its names}, the class of each picture of "val")."""
    from flambeau.serialization import load

    path = os.path.join(root, file or META_FILE)
    if not check_integrity(path):
        raise RuntimeError(
            f"The meta file {os.path.basename(path)} is not present in the root directory or is corrupted. This file is "
            "automatically created by the ImageNet dataset."
        )
    return load(path, weights_only=True)


def _archive(root, kind, file):
    name, md5 = ARCHIVE_META[kind]
    path = os.path.join(root, file or name)
    if not check_integrity(path, None if file else md5):
        raise RuntimeError(
            f"The archive {os.path.basename(path)} is not present in the root directory or is corrupted. You need to "
            f"download it externally and place it in {root}."
        )
    return path


def parse_devkit_archive(root, file=None):
    """Make meta.bin of the archive with the names of the classes; needs SciPy."""
    from scipy import io

    from flambeau.serialization import save

    archive = _archive(root, "devkit", file)
    with tempfile.TemporaryDirectory(dir=root) as folder:
        extract_archive(archive, folder)
        data = os.path.join(folder, "ILSVRC2012_devkit_t12", "data")
        rows = io.loadmat(os.path.join(data, "meta.mat"), squeeze_me=True)["synsets"]
        leaves = [row for row in rows.tolist() if row[4] == 0]  # without the kinds that have kinds below them
        wnids = {int(row[0]): str(row[1]) for row in leaves}
        names = {str(row[1]): tuple(str(row[2]).split(", ")) for row in leaves}
        with open(os.path.join(data, "ILSVRC2012_validation_ground_truth.txt")) as lines:
            truth = [wnids[int(line)] for line in lines if line.strip()]
        partial = os.path.join(folder, META_FILE)
        save((names, truth), partial)
        os.replace(partial, os.path.join(root, META_FILE))


def parse_train_archive(root, file=None, folder="train"):
    """Unpack the archive of archives, one folder for each class, whole or not at all."""
    archive = _archive(root, "train", file)
    with tempfile.TemporaryDirectory(dir=root) as place:
        extract_archive(archive, place)
        for name in sorted(os.listdir(place)):
            path = os.path.join(place, name)
            extract_archive(path, os.path.splitext(path)[0], remove_finished=True)
        shutil.move(place, os.path.join(root, folder))
        os.mkdir(place)  # for the block's end to remove


def parse_val_archive(root, file=None, wnids=None, folder="val"):
    """Unpack the archive and sort the pictures into one folder for each class, whole or not at all."""
    archive = _archive(root, "val", file)
    wnids = load_meta_file(root)[1] if wnids is None else wnids
    with tempfile.TemporaryDirectory(dir=root) as place:
        extract_archive(archive, place)
        names = sorted(os.listdir(place))
        if len(names) != len(wnids):
            raise RuntimeError(f"{archive} has {len(names)} pictures, but the classes of {len(wnids)} are known")
        for name, wnid in zip(names, wnids):
            os.makedirs(os.path.join(place, wnid), exist_ok=True)
            os.replace(os.path.join(place, name), os.path.join(place, wnid, name))
        shutil.move(place, os.path.join(root, folder))
        os.mkdir(place)  # for the block's end to remove
