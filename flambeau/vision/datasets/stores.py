"""Pictures kept in files of other packages: PatchCamelyon (arXiv 1806.03962) in HDF5, LSUN (arXiv 1506.03365) in LMDB."""

import io
import os

from .utils import download_file_from_google_drive, iterable_to_str, verify_str_arg
from .vision import VisionDataset

__all__ = ["LSUN", "PCAM", "LSUNClass"]


class PCAM(VisionDataset):
    """Tissue, 96x96, with or without a tumour; reading it needs h5py.

    Args:
        root: folder of the folder pcam.
        split: "train", "val" or "test".
        transform, target_transform: functions of picture and class.
        download: fetch what is not there.

    Raises: RuntimeError where files are missing or h5py is not installed.

    >>> flambeau.vision.datasets.PCAM("data", "all")
    Traceback (most recent call last):
    ValueError: Unknown value 'all' for argument split. Valid values are {'train', 'test', 'val'}.
    """

    # split: part: (file, number of Google Drive, md5)
    _FILES = {
        "train": {
            "x": ("1Ka0XfEMiwgCYPdTI-vv6eUElOBnKFKQ2", "1571f514728f59376b705fc836ff4b63"),
            "y": ("1269yhu3pZDP8UYFQs-NYs3FPwuK-nGSG", "35c2d7259d906cfc8143347bb8e05be7"),
        },
        "test": {
            "x": ("1qV65ZqZvWzuIVthK8eVDhIwrbnsJdbg_", "d8c2d60d490dbd479f8199bdfa0cf6ec"),
            "y": ("17BHrSrwWKjYsOgTMmoqrIjDy6Fa2o_gP", "60a7035772fbdb7f34eb86d4420cf66a"),
        },
        "val": {
            "x": ("1hgshYGWK8V-eGRy8LToWJJgDU_rXWVJ3", "d5b63470df7cfa627aeec8b9dc0c066e"),
            "y": ("1bH8ZRbhSVAhScTS0p9-ZzGnX91cHT3uO", "2b85f58b927af9964a4c15b8f7e8f179"),
        },
    }

    def __init__(self, root, split="train", transform=None, target_transform=None, download=False):
        self._split = verify_str_arg(split, "split", tuple(self._FILES))
        super().__init__(root, transform=transform, target_transform=target_transform)
        if download:
            self.download()
        missing = [path for path in map(self._path, "xy") if not os.path.isfile(path)]
        if missing:
            raise RuntimeError(f"Dataset not found: there is no {missing[0]}. You can use download=True to download it")
        with self._open("y") as file:
            self._labels = file["y"][:].reshape(-1)

    def _name(self, part):
        return f"camelyonpatch_level_2_split_{self._split.replace('val', 'valid')}_{part}.h5"

    def _path(self, part):
        return os.path.join(self.root, "pcam", self._name(part))

    def _open(self, part):
        try:
            import h5py
        except ImportError as error:
            raise RuntimeError(
                "h5py is not found. This dataset needs to have h5py installed: please run pip install h5py"
            ) from error
        try:
            return h5py.File(self._path(part))
        except OSError as error:
            raise RuntimeError(f"{self._path(part)} is damaged: {error}")

    def download(self):
        """Fetch and unpack what is not there."""
        from .utils import extract_archive

        for part, (number, md5) in self._FILES[self._split].items():
            if not os.path.isfile(self._path(part)):
                folder, name = os.path.dirname(self._path(part)), f"{self._name(part)}.gz"
                download_file_from_google_drive(number, folder, name, md5)
                extract_archive(os.path.join(folder, name))

    def __getitem__(self, index):
        from PIL import Image

        with self._open("x") as file:
            image = Image.fromarray(file["x"][index]).convert("RGB")
        return self._changed(image, int(self._labels[index]))

    def __len__(self):
        return len(self._labels)


class LSUNClass(VisionDataset):
    """Pictures of one kind, without targets; reading them needs lmdb.

    Args:
        root: the folder of the store.
        transform, target_transform: functions of picture and target.

    Raises: RuntimeError where it is missing, ImportError where lmdb is not installed.

    >>> flambeau.vision.datasets.LSUNClass("no such folder")
    Traceback (most recent call last):
    RuntimeError: Dataset not found: there is no no such folder
    """

    def __init__(self, root, transform=None, target_transform=None):
        super().__init__(root, transform=transform, target_transform=target_transform)
        if not os.path.isdir(self.root):
            raise RuntimeError(f"Dataset not found: there is no {self.root}")
        import lmdb

        self.env = lmdb.open(self.root, max_readers=1, readonly=True, lock=False, readahead=False, meminit=False)
        with self.env.begin(write=False) as store:
            self.length = store.stat()["entries"]
            self.keys = list(store.cursor().iternext(keys=True, values=False))

    def __getitem__(self, index):
        from PIL import Image

        with self.env.begin(write=False) as store:
            data = store.get(self.keys[index])
        return self._changed(Image.open(io.BytesIO(data)).convert("RGB"), None)

    def __len__(self):
        return self.length


_KINDS = ("bedroom", "bridge", "church_outdoor", "classroom", "conference_room", "dining_room", "kitchen", "living_room",
          "restaurant", "tower")  # fmt: skip


class LSUN(VisionDataset):
    """Rooms and buildings of ten kinds; reading them needs lmdb.

    Args:
        root: the folder of the stores.
        classes: "train", "val" or "test", or a list of such as "church_outdoor_train".
        transform, target_transform: functions of picture and class.

    Raises: ValueError where a class is unknown, RuntimeError where it is missing.

    >>> flambeau.vision.datasets.LSUN("data", ["moon_train"])
    Traceback (most recent call last):
    ValueError: Unknown value 'moon' for argument classes. Valid values are {'bedroom', 'bridge', 'church_outdoor', 'classroom', 'conference_room', 'dining_room', 'kitchen', 'living_room', 'restaurant', 'tower'}.
    """

    def __init__(self, root, classes="train", transform=None, target_transform=None):
        super().__init__(root, transform=transform, target_transform=target_transform)
        self.classes = self._verify_classes(classes)
        self.dbs = [LSUNClass(os.path.join(self.root, f"{name}_lmdb"), transform) for name in self.classes]
        self.indices, self.length = [], 0
        for store in self.dbs:
            self.length += len(store)
            self.indices.append(self.length)

    @staticmethod
    def _verify_classes(classes):
        if isinstance(classes, str):
            verify_str_arg(classes, "classes", ("train", "val", "test"))
            return [classes] if classes == "test" else [f"{name}_{classes}" for name in _KINDS]
        for name in classes:
            verify_str_arg(name, "classes")
            kind, _, part = name.rpartition("_")
            verify_str_arg(kind, "classes", _KINDS)
            verify_str_arg(part, "classes", ("train", "val"))
        return list(classes)

    def __getitem__(self, index):
        target = next(place for place, end in enumerate(self.indices) if index < end)
        image, _ = self.dbs[target][index - ([0, *self.indices])[target]]
        return image, target if self.target_transform is None else self.target_transform(target)

    def __len__(self):
        return self.length

    def extra_repr(self):
        return f"Classes: {iterable_to_str(self.classes)}"
